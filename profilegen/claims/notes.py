"""Notes: what a writer states of a user after it has read some passages, with the numbers of the passages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import jinja2

from profilegen.backends import Alternatives, Choices, Numbers, Parts, Prompt, Repeat, Text, Turn, turns_from
from profilegen.errors import UsageError
from profilegen.language.cleaning import fold
from profilegen.language.registry import language_of
from profilegen.records import KINDS, STANCES, Facet, Stance
from profilegen.records.facets import SHIPPED, UNKNOWN
from profilegen.resources import prompts_dir

NOTES_TURN = "Note what the passages show of the person who wrote them."
"""The instructions of a writer that was trained for them; other writers read `prompts/notes.jinja`."""
NOTHING = "none"

_TEMPLATE = "notes.jinja"
_NUMBERS, _STATEMENT = r"\[(?P<numbers>\d+(?:,\d+)*)\]", r"(?P<kind>\w+), (?P<stance>\w+): (?P<text>.+?)"
# A trained writer names the passages first. A general one that has to goes through them one after another and finds
# nothing in common, so it names them last.
_LINES = (re.compile(f"{_NUMBERS} {_STATEMENT}"), re.compile(rf"{_STATEMENT}[.。]? ?{_NUMBERS}"))
# Of notes that persons wrote for training, all are shorter; a character of these languages says as much as a syllable.
_MAX_CHARS, _MAX_CHARS_OF_SYLLABLES = 90, 40
_SYLLABIC = ("zh", "ja", "ko")
# A reading has about ten passages. More notes come from a writer that repeats itself.
_MAX_NOTES, _MAX_CITED, _MAX_TOKENS = 8, 6, 320
# A small general model stops after one note where it may, though there is more to note.
_MIN_NOTES = 3
# A model ends what it writes as it is used to, with a period or the line; then the numbers begin.
_ENDS = ("[", "\n[", ".\n[", ". [", "。\n[", "。[")
_NUMBERS_BELOW = re.compile(r"\n(\[[\d,]+\])(?=\n|\Z)")
_MAX_SHARED_WORDS = 4
# "a cheap, cheap mug"; without a comma it may be a name, such as Duran Duran.
_REPEATED = re.compile(r"\b(\w+)(?:, \1\b)+", re.IGNORECASE)
# A small model that may put a comma lists what it read and does not come to an end.
_BETWEEN = ",;()，；、（）،"
_STANCES_OF: Mapping[str, tuple[Stance, ...]] = {
    "interest": ("likes", "dislikes", "wants"),
    "value": ("likes", "dislikes", "wants", "avoids"),
}
"""The stances of the facets that ship; other claims say what the person is or does."""


class Note(NamedTuple):
    """A statement of the writer: kind, stance, text, and the numbers of the passages that show it, from 1.

    `sureness` is the probability that the writer gave to its least likely token, None where that is not known.
    """

    kind: str
    stance: Stance
    text: str
    passages: tuple[int, ...]
    sureness: float | None = None


class Readable(Protocol):
    """What a writer reads of a document."""

    @property
    def text(self) -> str:
        """Part of the document's text; empty where only the title of an item is known."""
        ...

    @property
    def item(self) -> str | None:
        """What the text is about."""
        ...

    @property
    def rating(self) -> float | None:
        """Stars of five."""
        ...


def passage_text(text: str, item: str | None = None, rating: float | None = None) -> str:
    """Return a passage as writers and verifiers read it: what it is about and the stars go before the text.

    :param text: what the user wrote, perhaps nothing.
    :param item: what it is about.
    :param rating: stars of five.
    """
    stars = f"({rating:g}/5)" if rating is not None else ""
    before = " ".join(part for part in (item, stars) if part)
    return f"{before}: {text}".strip() if before else text


def numbered(passages: Sequence[str]) -> str:
    """Return passages as a writer reads them: one a line, with their numbers from 1.

    :param passages: texts with what they are about; line breaks become blanks.
    """
    return "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(passages, 1))


def notes_prompt(
    reading: Sequence[Readable], language: str, facets: Sequence[Facet] | None = None, *, trained: bool
) -> Prompt:
    """Return the prompt for the notes on some passages of a user.

    :param reading: the passages, at least one.
    :param language: ISO 639-1 code of the notes.
    :param facets: what to look for; by default all of `KINDS`. A trained writer knows those that ship, and no others.
    :param trained: whether the writer was trained for this prompt, as in `Writer.trained`.
    :raises UsageError: the template of the instructions cannot be rendered.
    """
    wanted = tuple(KINDS.values()) if facets is None else tuple(facets)
    if trained:
        wanted = tuple(facet for facet in wanted if facet.name in SHIPPED)
        kinds, text = Choices(tuple(facet.name for facet in wanted)), Text(_max_chars(language))
        line: Parts = (kinds, ", ", Choices(STANCES), ": ", text, *_numbers(reading))
        return _prompt((("system", NOTES_TURN),), reading, "", Repeat(line, _MAX_NOTES, "\n"))
    *shared, (_, question) = _instructions(language, wanted)
    note = Alternatives(tuple(_statement(facet, language) for facet in wanted))
    lines = Repeat((note, Choices(_ENDS), *_numbers(reading)[1:]), _MAX_NOTES, "\n", at_least=_MIN_NOTES)
    return _prompt(tuple(shared), reading, question, lines)


def facet_prompt(reading: Sequence[Readable], language: str, facets: Sequence[Facet] | None = None) -> Prompt | None:
    """Return the prompt for the facets that a trained writer was not trained for, None where there are none.

    :param reading: the passages, at least one.
    :param language: ISO 639-1 code of the notes.
    :param facets: what to look for; by default all of `KINDS`, of which those that ship are left out.
    :raises UsageError: the template of the instructions cannot be rendered.
    """
    wanted = tuple(facet for facet in facets or KINDS.values() if facet.name not in SHIPPED)
    return notes_prompt(reading, language, wanted, trained=False) if wanted else None


def format_notes(notes: Sequence[Note]) -> str:
    """Return notes as a writer writes them: a note a line, `none` without notes.

    :param notes: in the order of their first passages.
    """
    lines = [
        f"{note.kind}, {note.stance}: {' '.join(note.text.split())} [{','.join(map(str, note.passages))}]"
        for note in notes
    ]
    return "\n".join(lines) or NOTHING


def parse_notes(
    answer: str,
    n_passages: int,
    facets: Sequence[Facet] | None = None,
    *,
    language: str = "und",
    finished: bool = True,
    prompt: Prompt | None = None,
    sureness: Sequence[float] = (),
) -> list[Note]:
    """Return the notes of an answer. Notes that say the same become one.

    Left out are lines of another form, kinds and choices that no facet has, numbers without a passage, texts that were
    cut off at their maximum length, and texts that are copied from the instructions.

    :param answer: of a writer.
    :param n_passages: number of passages that it read.
    :param facets: what it was asked for; by default all of `KINDS`.
    :param language: ISO 639-1 code that the prompt was made for.
    :param finished: whether the answer is whole, as in `Answer.finished`; else its last line is left out.
    :param prompt: what the writer was asked; without it, copies from the instructions stay.
    :param sureness: of each line, as in `Answer.sureness`.
    """
    known = {facet.name: facet for facet in (KINDS.values() if facets is None else facets)}
    notes: dict[tuple[str, str, str], Note] = {}
    lines = _NUMBERS_BELOW.sub(r" \1", answer).split("\n")
    # A general writer may have put numbers on lines of their own; then the lines of the two are not the same.
    of_lines: Sequence[float | None] = sureness if len(sureness) == len(lines) else [None] * len(lines)
    for line, sure in list(zip(lines, of_lines, strict=True))[: None if finished else -1]:
        note = _parsed(line, n_passages)
        if note is None or not _is_valid(note, known.get(note.kind), language):
            continue
        if prompt and not known[note.kind].one_of and _is_copied(note.text, prompt):
            continue
        key = (note.kind, note.stance, note.text)
        same = notes.get(key)
        cited = tuple(sorted({*note.passages, *(same.passages if same else ())}))
        surest = max((each for each in (sure, same and same.sureness) if each is not None), default=None)
        notes[key] = note._replace(passages=cited, sureness=surest)
    return list(notes.values())


# --- the prompt -------------------------------------------------------------------------------------------


def _prompt(shared: tuple[Turn, ...], reading: Sequence[Readable], question: str, lines: Repeat) -> Prompt:
    passages = numbered([passage_text(passage.text, passage.item, passage.rating) for passage in reading])
    request = f"{passages}\n\n{question}" if question else passages
    answer = (Alternatives(((NOTHING,), (lines,))),)
    return Prompt(shared, request, answer, _MAX_TOKENS)


def _instructions(language: str, facets: Sequence[Facet]) -> tuple[Turn, ...]:
    """Return the turns of the template; the last one is what is asked after the passages."""
    try:
        text = _template(prompts_dir()).render(
            facets=facets, language=language_of(language).name if language != "und" else "", unknown=UNKNOWN
        )
    except jinja2.TemplateNotFound:
        raise UsageError(f"there is no {_TEMPLATE} in {prompts_dir()}; the folder has to hold all templates") from None
    except jinja2.TemplateError as error:
        raise UsageError(f"{prompts_dir() / _TEMPLATE} cannot be used: {error.message}") from None
    turns = turns_from(text)
    if not turns or turns[-1][0] != "user":
        raise UsageError(f"{prompts_dir() / _TEMPLATE} cannot be used: it has no [user] turn at its end")
    return turns


@cache
def _template(folder: Path) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(folder)
    # The output is a prompt, never HTML.
    return jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    ).get_template(_TEMPLATE)


def _numbers(reading: Sequence[Readable]) -> Parts:
    return "[", Numbers(len(reading), _MAX_CITED), "]"


def _statement(facet: Facet, language: str) -> Parts:
    """Return the form of a note of a general writer, without the numbers of passages."""
    if facet.one_of:
        return f"{facet.name}, is: ", Choices((*facet.one_of, UNKNOWN))
    stances = _STANCES_OF.get(facet.name, ("is",))
    return f"{facet.name}, ", Choices(stances), ": ", Text(_max_chars(language), without=_BETWEEN)


def _max_chars(language: str) -> int:
    return _MAX_CHARS_OF_SYLLABLES if language in _SYLLABIC else _MAX_CHARS


# --- the answer -------------------------------------------------------------------------------------------


def _parsed(line: str, n_passages: int) -> Note | None:
    match = next(filter(None, (form.fullmatch(line.strip()) for form in _LINES)), None)
    if match is None or match["stance"] not in STANCES:
        return None
    numbers = sorted({int(number) for number in match["numbers"].split(",") if len(number) < 4})
    cited = tuple(number for number in numbers if 0 < number <= n_passages)
    text = _REPEATED.sub(r"\1", " ".join(match["text"].split()))
    return Note(match["kind"], cast("Stance", match["stance"]), text, cited) if cited and text else None


def _is_valid(note: Note, facet: Facet | None, language: str) -> bool:
    if facet is None or not any(character.isalpha() for character in note.text):
        return False
    # Before the numbers of passages the last character is a blank.
    return note.text in facet.one_of if facet.one_of else len(note.text) < _max_chars(language) - 1


def _is_copied(text: str, prompt: Prompt) -> bool:
    """Return whether a text repeats the instructions, and not the passages, word for word, as small models do.

    That is four words in a row, or all of a shorter text.
    """
    passages, _, question = prompt.request.partition("\n\n")
    read, instructions = fold(passages), fold("\n".join([*(turn for _, turn in prompt.shared), question]))
    words = fold(text).split()
    size = min(len(words), _MAX_SHARED_WORDS)
    runs = (" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
    return any(run in instructions and run not in read for run in runs)
