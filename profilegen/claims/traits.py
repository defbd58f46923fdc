"""The traits (values, lifestyle and other listed kinds) that a profile may claim, and the sentences with their cues."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from profilegen.errors import UsageError
from profilegen.language.registry import language_of
from profilegen.language.sentences import sentence_spans
from profilegen.records import KINDS, Kind, Record
from profilegen.resources import prompts_dir


class Trait(Record):
    """A statement of a kind that is chosen from a list, such as a value or a lifestyle trait.

    :param id: unique among all traits.
    :param kind: kind of the claim.
    :param names: text of the claim by ISO 639-1 language; it completes "cares about …" for a value, "This person …" for
        others.
    :param cues: by language, words of sentences that may show the trait.
    :param exceptions: by language, words of sentences that do not show it in spite of a cue.
    :param examples: by language, sentences that show it.
    """

    id: str
    kind: Kind
    names: dict[str, str]
    cues: dict[str, tuple[str, ...]]
    exceptions: dict[str, tuple[str, ...]]
    examples: dict[str, tuple[str, ...]]


def load_traits(path: Path | None = None) -> tuple[Trait, ...]:
    """Read the traits of a TOML file, in its order.

    :param path: the file; without one, the file in `prompts/` of each kind of claims that has traits.
    :raises UsageError: a file cannot be read, or an entry in it is wrong; the message names the entry.
    """
    if path is None:
        return _traits_of_all_kinds()
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the traits in {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    try:
        return tuple(_traits(content))
    except _BrokenEntryError as error:
        raise UsageError(f"{path}: {error}") from None


def _traits_of_all_kinds() -> tuple[Trait, ...]:
    files = [prompts_dir() / kind.traits for kind in KINDS.values() if kind.traits]
    file_of: dict[str, Path] = {}
    traits: list[Trait] = []
    for file in files:
        for trait in load_traits(file):
            if trait.id in file_of:
                raise UsageError(f"{file}: the id {trait.id!r} is taken by an entry in {file_of[trait.id].name}")
            file_of[trait.id] = file
            traits.append(trait)
    return tuple(traits)


def find_cued(text: str, language: str, traits: Iterable[Trait]) -> Iterator[tuple[Trait, int, int]]:
    """Give each trait with each sentence `text[start:end]` that holds one of its cues in that language.

    In the order of the text, then of `traits`. A language in which no trait has cues gives nothing.

    :param text: text of a document.
    :param language: ISO 639-1 code of the user's language.
    :param traits: traits to look for.
    :return: traits, each with the start and the end of a sentence.
    """
    cued = tuple(trait for trait in traits if language in trait.cues)
    cues = tuple(trait.cues[language] for trait in cued)
    for start, end in sentence_spans(text) if cued else ():
        sentence = _comparable(text[start:end])
        for number in _possible(sentence, cues, language):
            trait = cued[number]
            exceptions = trait.exceptions.get(language, ())
            if _pattern(cues[number], language).search(sentence) and not (
                exceptions and _pattern(exceptions, language).search(sentence)
            ):
                yield trait, start, end


# --- the file ---------------------------------------------------------------------------------------------


class _BrokenEntryError(Exception):
    """What is wrong with which entry; `load_traits` adds the file."""


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Words(Record):
    """A trait in one language, as a person writes it."""

    name: _Text
    cues: tuple[_Text, ...] = Field(min_length=1)
    exceptions: tuple[_Text, ...] = Field(default=(), alias="not")
    examples: tuple[_Text, ...] = Field(min_length=1)


class _Entry(Record):
    """A trait as a person writes it: its id, and a table for each language."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    languages: dict[Annotated[str, StringConstraints(pattern="^[a-z]{2}$")], _Words] = Field(min_length=1)


def _traits(content: dict[str, Any]) -> Iterator[Trait]:
    kinds = [kind.name for kind in KINDS.values() if kind.traits]
    if unknown := content.keys() - set(kinds):
        tables = " and ".join(f"[[{kind}]]" for kind in kinds)
        raise _BrokenEntryError(f"{min(unknown)!r} is not known; entries are {tables}")
    seen: set[str] = set()
    for kind in kinds:
        entries = content.get(kind, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise _BrokenEntryError(f"write [[{kind}]], with two brackets, above each {kind}")
        for number, entry in enumerate(entries, 1):
            name = entry.get("id")
            where = f"{kind} {name!r}" if isinstance(name, str) else f"{kind} number {number}"
            trait = _trait(kind, entry, where)
            if trait.id in seen:
                raise _BrokenEntryError(f"{where}: the id is taken by an entry above")
            seen.add(trait.id)
            yield trait


def _trait(kind: Kind, written: dict[str, Any], where: str) -> Trait:
    tables = {key: value for key, value in written.items() if key != "id"}
    try:
        entry = _Entry.model_validate({"id": written.get("id"), "languages": tables})
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"] if step not in ("languages", "[key]"))
        what = "a language has two letters, such as en" if "[key]" in fault["loc"] else fault["msg"]
        raise _BrokenEntryError(f"{where}, {place or 'languages'}: {what}") from None
    for language, words in entry.languages.items():
        for cue in words.cues + words.exceptions:
            if wrong := _fault(cue, language):
                raise _BrokenEntryError(f"{where}, {language}, {cue!r}: {wrong}")
    return Trait(
        id=entry.id,
        kind=kind,
        names={language: words.name for language, words in entry.languages.items()},
        cues={language: words.cues for language, words in entry.languages.items()},
        exceptions={language: words.exceptions for language, words in entry.languages.items()},
        examples={language: words.examples for language, words in entry.languages.items()},
    )


# --- cues -------------------------------------------------------------------------------------------------

_WORD = re.compile(r"\w+")
_GAP = "..."
# Words that do not describe: "my ... son" is in "my 4 year old son", not in "my friend has a son".
_NO_GAP = (
    r"a|an|the|his|her|their|its|your|and|or|but|is|are|was|were|has|had|have|for|of|to|in|on|at|with|from|by"
    r"|who|that|this|it|he|she|they|we|i|as|if|when|because|loves|love|said|says|uses|\w+'s?"
)
_SPACED_GAP = rf"(?:(?:\s+|-)(?!(?:{_NO_GAP})(?![\w']))[\w']+){{0,3}}"
_UNSPACED_GAP = r"[^\s，。！？、；：,.!?;:]{0,5}?"
# As many letters as `_index` looks at, so that it finds a cue that ends with a star.
_KEY_CHARS = 4
_FORM = rf"\w(?:[\w'’]*|[\w'’]{{{_KEY_CHARS - 1},}}\*)"
_FORMS = re.compile(f"{_FORM}(?:/{_FORM})*")


def _fault(cue: str, language: str) -> str | None:
    """Return what is wrong with a cue, None if nothing."""
    if cue.startswith(_GAP) or cue.endswith(_GAP):
        return f"{_GAP} stands between words"
    if not language_of(language).is_spaced:  # A cue may stand anywhere.
        return None
    for word in cue.split():
        if word != _GAP and not _FORMS.fullmatch(word):
            return f"{word!r} is none of: a word, four or more letters and *, this/that, a lone {_GAP}"
    return None


def _comparable(sentence: str) -> str:
    return sentence.lower().replace("’", "'")


def _possible(sentence: str, cues: tuple[tuple[str, ...], ...], language: str) -> Iterable[int]:
    """Return which of the traits' cues can stand in the sentence, in order, told by single words.

    To try every pattern on every sentence takes four times as long.
    """
    if not language_of(language).is_spaced:
        return range(len(cues))
    index = _index(cues)
    keys = {word[:_KEY_CHARS] for word in _WORD.findall(sentence)}
    return sorted({number for key in keys for number in index.get(key, ())})


@functools.cache
def _index(cues: tuple[tuple[str, ...], ...]) -> dict[str, frozenset[int]]:
    """Return by the first letters of a word which of the traits have a cue that needs such a word."""
    index: dict[str, set[int]] = {}
    for number, of_trait in enumerate(cues):
        for cue in of_trait:
            words = (word.split("/") for word in reversed(_comparable(cue).split()) if word != _GAP)
            # The longest word is the rarest, the last of equals: "daughter" and not "my", "car" of "the car".
            for form in max(words, key=lambda forms: min(map(len, forms))):
                key = max(_WORD.findall(form), key=len)[:_KEY_CHARS]
                index.setdefault(key, set()).add(number)
    return {key: frozenset(numbers) for key, numbers in index.items()}


@functools.cache
def _pattern(cues: tuple[str, ...], language: str) -> re.Pattern[str]:
    """Return what finds any of the cues."""
    if not language_of(language).is_spaced:
        return re.compile("|".join(map(_unspaced, cues)))
    return re.compile(rf"\b(?:{'|'.join(map(_spaced, cues))})(?!\w)")


def _unspaced(cue: str) -> str:
    return _UNSPACED_GAP.join(re.escape(part) for part in _comparable(cue).split(_GAP))


def _spaced(cue: str) -> str:
    pattern = ""
    for word in _comparable(cue).split():
        if word == _GAP:
            pattern += _SPACED_GAP
            continue
        forms = (re.escape(form).replace(r"\*", r"\w*") for form in word.split("/"))
        pattern += (r"[\s-]+" if pattern else "") + f"(?:{'|'.join(forms)})"
    return pattern
