"""Claims to a sentence or two: the writer chooses a verb, a template puts them together.

A weak writer invents, and reading is most of what a writer costs. So the interests stand in its answer alone, where the
grammar puts them, and the prompt is the same for everybody. What comes back is checked all the same, because a person
may edit the templates.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import jinja2

from profilegen.backends import Answer, Choices, Prompt, Turn, turns_from
from profilegen.claims.phrases import in_plural
from profilegen.claims.taxonomy import INTERESTS_FILE
from profilegen.errors import UsageError
from profilegen.language.cleaning import fold
from profilegen.records import KINDS, Kind
from profilegen.resources import prompts_dir

Subject = Literal["user", "segment"]

# Interests that a summary names; of users docs/performance.md has the curve.
_MAX_TOLD = {"user": 3, "segment": 4}
_MAX_OTHERS = 2
_MAX_ANSWER_TOKENS = 220
_MAX_REPEATS = 2


@dataclass(frozen=True)
class SummaryInput:
    """What a summary is to tell, the best supported first."""

    subject: Subject
    language: str
    claims: Mapping[Kind, tuple[str, ...]]

    def variables(self) -> dict[str, list[str]]:
        """Return what a template sees: the first claims of each kind, under its key."""
        first = {kind: [_one_line(text) for text in texts[:_MAX_OTHERS]] for kind, texts in self.claims.items()}
        interests = self.claims.get("interest", ())[: _MAX_TOLD[self.subject]]
        first["interest"] = [in_plural(_one_line(text), self.language) for text in interests]
        return {kind.key: first.get(name, []) for name, kind in KINDS.items()}


def can_write(summary_input: SummaryInput, writer_languages: Sequence[str]) -> bool:
    """Tell whether there is something to choose, in a language that can be written in."""
    return bool(summary_input.claims.get("interest")) and can_write_in(summary_input.language, writer_languages)


def can_write_in(language: str, writer_languages: Sequence[str]) -> bool:
    """Tell whether the writer knows a language, and there is a prompt in it."""
    known = language in writer_languages or "*" in writer_languages
    return known and (prompts_dir() / f"verb.{language}.prompt.jinja").exists()


def shared_turns(language: str) -> tuple[Turn, ...]:
    """Return what the writer is asked for every summary in a language."""
    return turns_from(_render(f"verb.{language}.prompt.jinja", {}))


def prompt(summary_input: SummaryInput) -> Prompt:
    """Return what the writer is asked for a summary."""
    return Prompt(
        shared=shared_turns(summary_input.language),
        request="",
        answer=(
            _listed(summary_input.variables()["interests"], summary_input.language),
            " -> ",
            Choices(_verbs(summary_input.language)),
        ),
        max_tokens=_MAX_ANSWER_TOKENS,
    )


def _listed(interests: Sequence[str], language: str) -> str:
    return _chain(interests, "、", "和") if language == "zh" else _chain(interests, ", ", " and ")


@cache
def _verbs(language: str) -> tuple[str, ...]:
    path = prompts_dir() / f"verb.{language}.choices.txt"
    try:
        verbs = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if not verbs:
        raise UsageError(f"{path} holds no verb; write one a line")
    return verbs


def parse_answer(answer: Answer, summary_input: SummaryInput) -> str | None:
    """Return the summary with what the writer chose.

    None where the answer may not stand: it was cut off, does not name just the interests, or makes the summary
    repeat itself.
    """
    line = ".{1,5}".join(map(re.escape, summary_input.variables()["interests"])) + " -> (.+)"
    found = re.fullmatch(line, answer.text)
    if not found or not answer.finished:
        return None
    text = _summary(summary_input, {"verb": found[1]})
    return None if is_repetitive(text) else text


def compose(summary_input: SummaryInput) -> str:
    """Return the summary without a writer; in a language that has no template, by the English one.

    Interests that make it repeat itself are left out, the last first.
    """
    told = summary_input.variables()["interests"]
    texts = (_summary(summary_input, {"verb": "", "interests": told[:count]}) for count in range(len(told), -1, -1))
    return next((text for text in texts if not is_repetitive(text)), "")


def _summary(summary_input: SummaryInput, chosen: Mapping[str, Any]) -> str:
    name = f"{summary_input.subject}.{summary_input.language}.summary.jinja"
    if not (prompts_dir() / name).exists():
        name = f"{summary_input.subject}.en.summary.jinja"
    return " ".join(_render(name, {**summary_input.variables(), **chosen}).split())


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


def _render(name: str, variables: Mapping[str, Any]) -> str:
    """Return a template with its variables in it.

    :raises UsageError: a person has edited it so that it cannot be used.
    """
    try:
        return _environment().get_template(name).render(variables)
    except jinja2.TemplateNotFound:
        raise UsageError(f"there is no {name} in {prompts_dir()}; a copy of that folder has to be whole") from None
    except jinja2.TemplateError as error:
        raise UsageError(
            f"{prompts_dir() / name} cannot be used: {error.message}; docs/configuration.md says what it may hold"
        ) from None


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(prompts_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the output is a prompt or plain text, never HTML
        keep_trailing_newline=False,
    )
    environment.filters |= {"chain": _chain, "upper_first": _upper_first}
    return environment


def _one_line(text: str) -> str:
    """Keep a claim on its line, so that it cannot look like a turn of the prompt."""
    return " ".join(text.split())


def _chain(items: Sequence[Any], between: str, last: str) -> str:
    texts = [str(item) for item in items]
    return last.join([between.join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
