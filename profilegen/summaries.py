"""Claims to a sentence or two: asked of the writer under a grammar, checked, or composed by a template.

A weak writer invents. So the grammar lets it choose verbs, number and order of words, while the claims stand as
they are; and what comes back is checked all the same, because a person may edit the templates.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import jinja2

from profilegen.llama.writer import Answer, Prompt, turns_from
from profilegen.phrases import keys
from profilegen.resources import prompts_dir
from profilegen.taxonomy import INTERESTS_FILE
from profilegen.text import fold

Subject = Literal["user", "segment"]

# Interests that a summary names; of users docs/performance.md has the curve.
_MAX_TOLD = {"user": 3, "segment": 4}
_MAX_ANSWER_TOKENS = 220
_MAX_REPEATS = 2


@dataclass(frozen=True)
class Telling:
    """What a summary is to tell, the best supported first."""

    subject: Subject
    language: str
    interests: tuple[str, ...]
    values: tuple[str, ...] = ()
    lifestyle: tuple[str, ...] = ()

    def told(self) -> dict[str, list[str]]:
        """Return what a template sees: a summary names the first of each kind only."""
        return {
            "interests": [_one_line(text) for text in self.interests[: _MAX_TOLD[self.subject]]],
            "values": [_one_line(text) for text in self.values[:2]],
            "lifestyle": [_one_line(text) for text in self.lifestyle[:2]],
        }


def can_write(subject: Subject, language: str, writer_languages: Sequence[str]) -> bool:
    """Tell whether the writer knows the language and there is a prompt for it."""
    known = language in writer_languages or "*" in writer_languages
    return known and (prompts_dir() / f"{subject}.{language}.prompt.jinja").exists()


def prompt(telling: Telling) -> Prompt:
    """Return what the writer is asked for a summary."""
    name = f"{telling.subject}.{telling.language}"
    turns = turns_from(_render(f"{name}.prompt.jinja", telling))
    return Prompt(
        shared=turns[:-1],
        request=turns[-1][1],
        grammar=_render(f"{name}.grammar.jinja", telling),
        max_tokens=_MAX_ANSWER_TOKENS,
    )


def accepted(answer: Answer, telling: Telling) -> bool:
    """Tell whether an answer may stand: whole, without repetition, and naming each claim that it was given."""
    if not answer.finished or not answer.text or is_repetitive(answer.text):
        return False
    said = keys(answer.text, telling.language)
    return all(keys(claim, telling.language) <= said for claims in telling.told().values() for claim in claims)


def compose(telling: Telling) -> str:
    """Return the summary by the template of the language; of a language without one, by the English template."""
    name = f"{telling.subject}.{telling.language}.summary.jinja"
    if not (prompts_dir() / name).exists():
        name = f"{telling.subject}.en.summary.jinja"
    return " ".join(_render(name, telling).split())


def is_repetitive(text: str) -> bool:
    """Tell whether a phrase of four words stands in the text more than twice (of Chinese, eight characters)."""
    folded = fold(text)
    units = list(re.sub(r"\W", "", folded)) if re.search(r"[㐀-鿿]", folded) else re.findall(r"\w+", folded)
    size = 8 if re.search(r"[㐀-鿿]", folded) else 4
    counts = Counter(tuple(units[at : at + size]) for at in range(len(units) - size + 1))
    return max(counts.values(), default=0) > _MAX_REPEATS


@cache
def templates_hash() -> str:
    """Return a hash of all templates and lists that profiles are made with, which changes when one is edited.

    Not of the list of categories, which are given to the interests of a profile that is written.
    """
    digest = hashlib.sha256()
    others = ("judge.", INTERESTS_FILE)
    for path in sorted(path for path in prompts_dir().iterdir() if not path.name.startswith(others)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _render(name: str, telling: Telling) -> str:
    return _environment().get_template(name).render(telling.told())


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(prompts_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the output is a prompt or plain text, never HTML
        keep_trailing_newline=False,
    )
    environment.filters |= {"literal": _literal, "forms": _forms, "chain": _chain, "upper_first": _upper_first}
    return environment


def _one_line(text: str) -> str:
    """Keep a claim on its line, so that it cannot look like a turn of the prompt."""
    return " ".join(text.split())


def _literal(text: str) -> str:
    """Return a text as a literal of a Lark grammar, which is one of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _forms(text: str) -> str:
    """Return the alternatives of an English noun phrase, as it is and in the plural."""
    plural = _plural(text)
    return f"({_literal(text)} | {_literal(plural)})" if plural else _literal(text)


def _plural(text: str) -> str | None:
    if not text[-1:].isalpha() or not text.isascii() or text.endswith("s") or text[-1].isupper():
        return None
    if re.search(r"[^aeiou]y$", text):
        return text[:-1] + "ies"
    return text + ("es" if re.search(r"(x|z|ch|sh)$", text) else "s")


def _chain(items: Sequence[Any], between: str, last: str) -> str:
    texts = [str(item) for item in items]
    return last.join([between.join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
