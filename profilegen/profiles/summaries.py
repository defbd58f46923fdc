"""Summaries of claims in one or two sentences: the writer chooses a verb, and a template makes the sentences.

Small writers invent facts, and most of the time of a writer goes into reading the prompt. So the prompt is the same for
all users, and the interests are fixed parts of the answer, which leave only the verb to the writer. The answer is
checked nevertheless, because users may edit the templates.
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
from profilegen.records import KINDS, Claim, Kind
from profilegen.resources import prompts_dir

Subject = Literal["user", "segment"]

# Interests in a summary; docs/performance.md has figures for users.
_MAX_INTERESTS = {"user": 3, "segment": 4}
_MAX_CLAIMS_OF_OTHER_KINDS = 2
_MAX_ANSWER_TOKENS = 220
_MAX_REPEATS = 2


@dataclass(frozen=True)
class SummaryInput:
    """The content of a summary.

    :param subject: whether it is the summary of a user or of a segment.
    :param language: ISO 639-1 code of its language.
    :param claims: texts of claims by kind, the best supported first.
    """

    subject: Subject
    language: str
    claims: Mapping[Kind, tuple[str, ...]]

    @classmethod
    def of_user(cls, language: str, claims: Mapping[Kind, Sequence[Claim]]) -> SummaryInput:
        """Return the content of a user's summary.

        :param language: ISO 639-1 code of the summary's language.
        :param claims: the user's claims by kind.
        """
        return cls(
            "user", language, {kind: tuple(claim.shared_name for claim in of_kind) for kind, of_kind in claims.items()}
        )

    def variables(self) -> dict[str, list[str]]:
        """Return the variables of the templates: the first claims of each kind, by the key of the kind."""
        first = {
            kind: [_one_line(text) for text in texts[:_MAX_CLAIMS_OF_OTHER_KINDS]]
            for kind, texts in self.claims.items()
        }
        interests = self.claims.get("interest", ())[: _MAX_INTERESTS[self.subject]]
        first["interest"] = [in_plural(_one_line(text), self.language) for text in interests]
        return {kind.key: first.get(name, []) for name, kind in KINDS.items()}


def can_write(summary_input: SummaryInput, writer_languages: Sequence[str]) -> bool:
    """Return whether a writer can take part in a summary: there is an interest, and it knows the language.

    :param summary_input: content of the summary.
    :param writer_languages: `Writer.languages`.
    """
    return bool(summary_input.claims.get("interest")) and can_write_in(summary_input.language, writer_languages)


def can_write_in(language: str, writer_languages: Sequence[str]) -> bool:
    """Return whether the writer knows a language and there is a prompt in it.

    :param language: ISO 639-1 code.
    :param writer_languages: `Writer.languages`.
    """
    known = language in writer_languages or "*" in writer_languages
    return known and (prompts_dir() / f"verb.{language}.prompt.jinja").exists()


def shared_turns(language: str) -> tuple[Turn, ...]:
    """Return `Prompt.shared` of all summaries in a language.

    :param language: ISO 639-1 code of a language that `can_write_in` accepts.
    :raises UsageError: the template cannot be rendered.
    """
    return turns_from(_render(f"verb.{language}.prompt.jinja", {}))


def prompt(summary_input: SummaryInput) -> Prompt:
    """Return the prompt for a summary. Its answer lists the interests and ends with a verb, the writer's choice.

    :param summary_input: content of the summary, which `can_write` accepts.
    :raises UsageError: the template or the list of verbs cannot be used.
    """
    return Prompt(
        shared=shared_turns(summary_input.language),
        request="",
        answer=(
            _joined(summary_input.variables()["interests"], summary_input.language),
            " -> ",
            Choices(_verbs(summary_input.language)),
        ),
        max_tokens=_MAX_ANSWER_TOKENS,
    )


def _joined(interests: Sequence[str], language: str) -> str:
    return _chain(interests, "、", "和") if language == "zh" else _chain(interests, ", ", " and ")


@cache
def _verbs(language: str) -> tuple[str, ...]:
    path = prompts_dir() / f"verb.{language}.choices.txt"
    try:
        verbs = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if not verbs:
        raise UsageError(f"{path} has no verbs; write one per line")
    return verbs


def parse_answer(answer: Answer, summary_input: SummaryInput) -> str | None:
    """Return the summary with the verb of an answer; None if the answer cannot be used.

    That is so if it is not finished, does not have the form of the prompt, or makes the summary repeat itself.

    :param answer: the answer to `prompt(summary_input)`.
    :param summary_input: content of the summary.
    :raises UsageError: the template cannot be rendered.
    """
    line = ".{1,5}".join(map(re.escape, summary_input.variables()["interests"])) + " -> (.+)"
    found = re.fullmatch(line, answer.text)
    if not found or not answer.finished:
        return None
    text = _summary(summary_input, {"verb": found[1]})
    return None if is_repetitive(text) else text


def compose(summary_input: SummaryInput) -> str:
    """Return a summary made without a writer, with the English template if the language has none.

    Interests that make it repeat itself are left out, the last one first.

    :param summary_input: content of the summary.
    :raises UsageError: the template cannot be rendered.
    """
    all_interests = summary_input.variables()["interests"]
    shorter = (all_interests[:count] for count in range(len(all_interests), -1, -1))
    texts = (_summary(summary_input, {"verb": "", "interests": interests}) for interests in shorter)
    return next((text for text in texts if not is_repetitive(text)), "")


def _summary(summary_input: SummaryInput, variables: Mapping[str, Any]) -> str:
    name = f"{summary_input.subject}.{summary_input.language}.summary.jinja"
    if not (prompts_dir() / name).exists():
        name = f"{summary_input.subject}.en.summary.jinja"
    return " ".join(_render(name, {**summary_input.variables(), **variables}).split())


def is_repetitive(text: str) -> bool:
    """Return whether a text has the same four words in a row more than twice; in Chinese, the same eight characters.

    :param text: a summary.
    """
    folded = fold(text)
    units = list(re.sub(r"\W", "", folded)) if re.search(r"[㐀-鿿]", folded) else re.findall(r"\w+", folded)
    size = 8 if re.search(r"[㐀-鿿]", folded) else 4
    counts = Counter(tuple(units[at : at + size]) for at in range(len(units) - size + 1))
    return max(counts.values(), default=0) > _MAX_REPEATS


@cache
def templates_hash() -> str:
    """Return a hash of the files in `prompts/` that profiles depend on, so that edits bring profiles up to date.

    The taxonomy is not among them, since categories are assigned to finished profiles.
    """
    digest = hashlib.sha256()
    others = ("judge.", INTERESTS_FILE)
    for path in sorted(path for path in prompts_dir().iterdir() if not path.name.startswith(others)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _render(name: str, variables: Mapping[str, Any]) -> str:
    """Render a template.

    :raises UsageError: it is missing, or an edit made it unusable.
    """
    try:
        return _environment().get_template(name).render(variables)
    except jinja2.TemplateNotFound:
        raise UsageError(f"there is no {name} in {prompts_dir()}; the folder has to hold all templates") from None
    except jinja2.TemplateError as error:
        raise UsageError(
            f"{prompts_dir() / name} cannot be used: {error.message}; docs/configuration.md describes its variables"
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
    """Return a claim on one line, so that it cannot look like a turn of the prompt."""
    return " ".join(text.split())


def _chain(items: Sequence[Any], between: str, last: str) -> str:
    texts = [str(item) for item in items]
    return last.join([between.join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
