"""Names and criteria of segments by a writer: the prompt, the answer, and what of it the claims show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import jinja2
import numpy as np

from profilegen.backends import Answer, Choices, Prompt, Text, Verifier, turns_from
from profilegen.errors import UsageError
from profilegen.language.registry import language_of
from profilegen.resources import prompts_dir
from profilegen.segments.composed import MAX_NAME_WORDS, MOST, phrases_in
from profilegen.segments.group_claims import GroupClaims, SharedClaim
from profilegen.segments.likeness import Scale, content_words, stems, words
from profilegen.vectors import Vectors

Embed = Callable[[Sequence[str]], Vectors]

_TEMPLATE = "segment.jinja"
_MAX_CLAIMS = 6
_MAX_CRITERION_CHARS, _MAX_NAME_CHARS = 120, 50
_MAX_TOKENS = 80
_NAME = "Name: "
# A criterion ends with its first sentence; a Chinese one with its first clause, since small writers do not stop there.
_ENDS = (".", "。", "，")
_UNFIT = re.compile(r"[<>{}\[\]|\\*`#_;:；：@]|https?|www\.")


@dataclass(frozen=True)
class Wording:
    """What a writer wrote of a group; an empty part is to be composed.

    :param name: the name.
    :param criterion: who belongs to the group, as a predicate.
    """

    name: str = ""
    criterion: str = ""


def can_write(group: GroupClaims, languages: Sequence[str]) -> bool:
    """Return whether there is something to write of a group, and the writer knows its language.

    :param group: what its members have in common.
    :param languages: `Writer.languages`.
    """
    return bool(group.distinctive) and (group.language in languages or "*" in languages)


def segment_prompt(group: GroupClaims, taken: Sequence[str] = ()) -> Prompt:
    """Return the prompt of a general writer for the criterion and the name of a group.

    There is none for writers of our own, which were not trained for it.

    :param group: what its members have in common, at least one claim.
    :param taken: names that the group must not have.
    :raises UsageError: the template cannot be rendered.
    """
    claims = group.distinctive[:_MAX_CLAIMS]
    text = _render(
        language=language_of(group.language).name,
        most=[_one_line(claim) for claim in claims if claim.share >= MOST],
        many=[_one_line(claim) for claim in claims if claim.share < MOST],
        taken=taken,
    )
    turns = turns_from(text)
    criterion = _criterion_start(group.language)
    answer = (_NAME, Text(_MAX_NAME_CHARS), criterion, Text(_MAX_CRITERION_CHARS), Choices(_ENDS))
    return Prompt(turns[:-1], turns[-1][1], answer, _MAX_TOKENS)


def parse_wording(answer: Answer, group: GroupClaims) -> Wording:
    """Return the parts of an answer that have the form that was asked for.

    :param answer: the answer to `segment_prompt(group)`.
    :param group: what its members have in common.
    """
    before, separator, criterion = answer.text.partition(_criterion_start(group.language))
    criterion = criterion.strip().rstrip("".join(_ENDS))
    name = before.removeprefix(_NAME).strip().rstrip("".join(_ENDS))
    fits = separator and 0 < _n_words(name, group.language) <= MAX_NAME_WORDS and len(name) < _MAX_NAME_CHARS
    return Wording(
        name=name[:1].upper() + name[1:] if fits and _is_plain(name) else "",
        criterion=criterion if separator and _is_plain(criterion) and len(criterion) < _MAX_CRITERION_CHARS else "",
    )


def check_wordings(
    cases: Sequence[tuple[Wording, GroupClaims]],
    verifier: Verifier | None,
    embed: Embed,
    scales: Mapping[str, Scale],
) -> list[Wording]:
    """Return wordings without the parts that the claims of their groups do not show.

    Every word of meaning in a name or a criterion is a word of the claims, or near to one; and a verifier that reads
    the claims takes the criterion for shown.

    :param cases: wordings with the claims that they were written from.
    :param verifier: called once.
    :param embed: texts to (n_texts, n_dims) float32, rows L2-normalised; called once.
    :param scales: of the embedder, for the languages of the groups.
    """
    texts = sorted({text for wording, group in cases for text in _unknown_words(wording, group)})
    texts += sorted({text for _, group in cases for text in _known_texts(group)} - set(texts))
    vectors = dict(zip(texts, embed(texts), strict=True)) if texts else {}
    traced = [_traced(wording, group, vectors, scales[group.language]) for wording, group in cases]
    asked = [at for at, wording in enumerate(traced) if wording.criterion and verifier]
    pairs = [("\n".join(claim.predicate for claim in cases[at][1].shared), traced[at].criterion) for at in asked]
    verdicts = verifier.verify(pairs) if verifier and pairs else []
    rejected = {at for at, verdict in zip(asked, verdicts, strict=True) if verdict.label != "shown"}
    return [replace(wording, criterion="") if at in rejected else wording for at, wording in enumerate(traced)]


def _criterion_start(language: str) -> str:
    return f"\n{phrases_in(language)['each']}"


def _traced(wording: Wording, group: GroupClaims, vectors: Mapping[str, Vectors], scale: Scale) -> Wording:
    """Return a wording without the parts that have a word far from all words of the claims."""
    known = scale.centred(np.stack([vectors[text] for text in _known_texts(group)]))

    def is_traced(text: str) -> bool:
        unknown = _unknown_words(Wording(text), group)
        return all(bool((known @ scale.centred(vectors[word]) >= scale.same).any()) for word in unknown)

    return Wording(
        wording.name if is_traced(wording.name) else "", wording.criterion if is_traced(wording.criterion) else ""
    )


def _unknown_words(wording: Wording, group: GroupClaims) -> list[str]:
    """Return the words of meaning that are no words of the claims and none for people who like something."""
    texts = [phrases_in(group.language)["people"], *(claim.predicate for claim in group.shared)]
    known = {stem for text in texts for stem in stems(text, group.language)}
    written = [*content_words(wording.name, group.language), *content_words(wording.criterion, group.language)]
    return [word for word in written if not known.issuperset(stems(word, group.language))]


def _known_texts(group: GroupClaims) -> list[str]:
    """Return the claims and their words of meaning."""
    texts = [claim.text for claim in group.shared]
    return [*texts, *(word for text in texts for word in content_words(text, group.language))]


def _is_plain(text: str) -> bool:
    """Return whether a text has no markup, no addresses and no characters that do not show."""
    return bool(text) and not _UNFIT.search(text) and not any(unicodedata.category(char)[0] == "C" for char in text)


def _n_words(text: str, language: str) -> int:
    return len(words(text, language))


def _one_line(claim: SharedClaim) -> str:
    """Return a claim on one line, so that it cannot look like a turn of the prompt."""
    return " ".join(claim.predicate.split())


def _render(**variables: object) -> str:
    try:
        return _environment().get_template(_TEMPLATE).render(variables)
    except jinja2.TemplateNotFound:
        raise UsageError(f"there is no {_TEMPLATE} in {prompts_dir()}; the folder has to hold all templates") from None
    except jinja2.TemplateError as error:
        path = prompts_dir() / _TEMPLATE
        raise UsageError(f"{path} cannot be used: {error.message}; its first lines describe its variables") from None


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(prompts_dir())
    # The output is a prompt, never HTML.
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)
