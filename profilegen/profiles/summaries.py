"""Summaries that a writer writes from claims, sentence by sentence, as prompts and answers of any number of users.

A draft is started for each user (`start_draft`). Then, `ROUNDS` times, the writer answers its prompts (`next_prompts`,
`with_answers`), and the sentences of all drafts are checked together (`check_drafts`). `finished` gives the summary.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Literal, NamedTuple

import jinja2

from profilegen.backends import Answer, Failure, Prompt, Text, Turn, Verifier, turns_from
from profilegen.errors import UsageError
from profilegen.language.cleaning import fold
from profilegen.language.detection import count_letters
from profilegen.language.first_person import count_first_person
from profilegen.language.predicates import predicate
from profilegen.language.registry import language_of
from profilegen.language.sentences import sentence_spans
from profilegen.profiles.grounding import Embed, Ground, Unchecked, check_sentences
from profilegen.records import KINDS, Claim, Kind, Sentence
from profilegen.records.facets import kind_named
from profilegen.resources import prompts_dir

SUMMARY_TURN = "Sum up the person from these notes."
"""The system turn that writers of our own were trained with."""
ROUNDS = 2
"""How often a writer is asked at most: for a summary, and once more for what failed."""

Subject = Literal["user", "segment"]
Made = Literal["writer", "mixed", "template", "none"]

_MAX_CLAIMS = 8
# Claims that a general writer makes one sentence of. Of more, small ones make a list.
_MAX_JOINED = 3
_MAX_JOINED_AGAIN = 2
_MAX_SENTENCES = 4
_MAX_ANSWER_CHARS = 600
_MAX_ANSWER_TOKENS = 200
# A verifier reads 64 tokens of a sentence, about this many letters; one of an East Asian script counts as three.
_MAX_SENTENCE_LETTERS = 180
_MAX_LISTED = 4
_MAX_REPEATS = 2
_TEMPLATE, _HEADINGS = "summary.jinja", "headings.toml"
# What a summary says first: who somebody is. Other kinds follow in their own order.
_FIRST_KINDS = ("lifestyle",)


class Summary(NamedTuple):
    """Sentences with the claims that they tell, and how they were made."""

    sentences: tuple[Sentence, ...]
    made: Made


class ClaimLine(NamedTuple):
    """A claim with its kind, as a predicate, and with its position among all claims of the profile."""

    kind: Kind
    claim: Claim
    predicate: str
    position: int


@dataclass(frozen=True)
class Draft:
    """A summary that is being written.

    :param lines: the claims that it may tell.
    :param language: ISO 639-1 code of its language.
    :param subject: whether it is about a user or a segment.
    :param trained: whether the writer was trained for this task, and needs no instructions.
    :param pending: sentences that are not checked yet.
    :param sentences: sentences that stood, with positions among all claims.
    :param asked: the positions of the claims of each prompt so far.
    :param failed: number of sentences that were rejected.
    :param rounds: how often the writer was asked.
    """

    lines: tuple[ClaimLine, ...]
    language: str
    subject: Subject = "user"
    trained: bool = False
    pending: tuple[str, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    asked: frozenset[tuple[int, ...]] = frozenset()
    failed: int = 0
    rounds: int = 0


def start_draft(
    claims: Mapping[Kind, Sequence[Claim]], language: str, subject: Subject = "user", *, trained: bool = False
) -> Draft:
    """Return a draft of a summary of the best supported claims, at most eight, some of each kind.

    :param claims: claims by kind, the best supported first.
    :param language: ISO 639-1 code of the summary's language.
    :param subject: what the claims are about.
    :param trained: `Writer.trained`: whether the writer was trained for this task, and needs no instructions.
    """
    return Draft(_selected(claim_lines(claims, language)), language, subject, trained)


def claim_lines(claims: Mapping[Kind, Sequence[Claim]], language: str) -> list[ClaimLine]:
    """Return all claims of a profile in their order.

    :param claims: claims by kind.
    :param language: ISO 639-1 code of the claims.
    """
    in_order = [(kind, claim) for kind in dict.fromkeys([*KINDS, *claims]) for claim in claims.get(kind, ())]
    return [
        ClaimLine(kind, claim, _predicate(kind, claim, language), position)
        for position, (kind, claim) in enumerate(in_order)
    ]


def _predicate(kind: Kind, claim: Claim, language: str) -> str:
    return " ".join(predicate(claim.stance, kind_named(kind).statement(claim.text), language).split())


def _selected(lines: Sequence[ClaimLine]) -> tuple[ClaimLine, ...]:
    """Return the first claims of each kind in turn, in the order in which a summary tells them."""
    ranks: Counter[Kind] = Counter()
    rank_of: dict[int, int] = {}
    for line in lines:
        rank_of[line.position] = ranks[line.kind]
        ranks[line.kind] += 1
    chosen = sorted(lines, key=lambda line: (rank_of[line.position], line.position))[:_MAX_CLAIMS]
    return tuple(sorted(chosen, key=_telling_order))


def _telling_order(line: ClaimLine) -> tuple[bool, bool, int]:
    return line.claim.polarity == "negative", line.kind not in _FIRST_KINDS, line.position


# --- prompts and answers ----------------------------------------------------------------------------------


def summary_prompt(lines: Sequence[ClaimLine], language: str, subject: Subject = "user", *, trained: bool) -> Prompt:
    """Return a prompt: of a writer of our own for a summary, of a general one for one sentence of it.

    :param lines: the claims to tell.
    :param language: ISO 639-1 code of the claims and the summary.
    :param subject: what the claims are about.
    :param trained: whether the writer was trained for this task, and needs no instructions.
    :raises UsageError: the template cannot be rendered.
    """
    predicates = [line.predicate for line in lines]
    answer: tuple[str | Text, ...] = (Text(_MAX_ANSWER_CHARS),)
    if trained:
        turns: tuple[Turn, ...] = (("system", SUMMARY_TURN), ("user", "\n".join(predicates)))
    else:
        name = language_of(language).name
        claims = [_verb_last(line, language) for line in lines]
        turns = turns_from(_template().render(claims=claims, subject=subject, language=name))
        if beginning := _beginning(lines, language):
            answer = (beginning, *answer)
    return Prompt(shared=turns[:-1], request=turns[-1][1], answer=answer, max_tokens=_MAX_ANSWER_TOKENS)


def _verb_last(line: ClaimLine, language: str) -> str:
    """Return the predicate of a claim; where it would be a word with a colon and the text, the text and the word."""
    appended = _appended(line, language)
    text = line.predicate.removeprefix(_stance_words(line, language)).strip()
    return f"{text} {appended}" if appended else line.predicate


def _appended(line: ClaimLine, language: str) -> str:
    words = _stance_words(line, language)
    return f"({words[:-1]})" if _has_colon(words) else ""


def _stance_words(line: ClaimLine, language: str) -> str:
    return predicate(line.claim.stance, "", language).strip()


def _has_colon(words: str) -> bool:
    return words.endswith((":", "："))


def _beginning(lines: Sequence[ClaimLine], language: str) -> str:
    """Return the first claim as the beginning of a sentence, so that no subject is invented; "" where it is none.

    It is none in languages whose verbs stand at the end. After a whole predicate comes a comma, if others follow: small
    writers say "lives with a brother who works nights" of two claims about a person.
    """
    words = _stance_words(lines[0], language)
    if language in _VERBS_LAST or _has_colon(words):
        return ""
    comma = _COMMAS.get(language, ",") if len(lines) > 1 and not words else ""
    return _upper_first(lines[0].predicate.rstrip(_STOPS)) + comma


def next_prompts(draft: Draft) -> list[Prompt]:
    """Return what to ask the writer next: a summary at first, then once more for claims of which no sentence stood.

    A writer of our own is asked for the whole summary, a general one for each sentence of it. What is for something
    and what is against something are not in one prompt then, since small writers mix them up.

    :param draft: a draft without pending sentences.
    :return: no prompts if there is nothing to ask.
    :raises UsageError: the template cannot be rendered.
    """
    return [summary_prompt(lines, draft.language, draft.subject, trained=draft.trained) for lines in _next_lines(draft)]


def _next_lines(draft: Draft) -> list[tuple[ClaimLine, ...]]:
    """Return the claims of each of the next prompts."""
    if draft.rounds == 0:
        return [draft.lines] if draft.trained and draft.lines else _joined(draft.lines, _MAX_JOINED)
    if draft.rounds >= ROUNDS or not draft.failed:
        return []
    told = {position for sentence in draft.sentences for position in sentence.claims}
    groups = _joined([line for line in draft.lines if line.position not in told], _MAX_JOINED_AGAIN)
    # The same prompt would get the same answer, so what was asked already is asked for without its last claim.
    again = [group[:-1] if _positions(group) in draft.asked else group for group in groups]
    return [group for group in again if group][: _MAX_SENTENCES - len(draft.sentences)]


def _joined(lines: Sequence[ClaimLine], limit: int) -> list[tuple[ClaimLine, ...]]:
    """Return claims in groups of about the same size, those of another polarity apart.

    :param limit: maximum number of claims in a group.
    """
    groups = []
    for _, of_polarity in groupby(lines, key=lambda line: line.claim.polarity):
        rest = list(of_polarity)
        while rest:
            size = math.ceil(len(rest) / math.ceil(len(rest) / limit))
            groups.append(tuple(rest[:size]))
            rest = rest[size:]
    return groups


def _positions(lines: Sequence[ClaimLine]) -> tuple[int, ...]:
    return tuple(line.position for line in lines)


def with_answers(draft: Draft, answers: Sequence[Answer | Failure]) -> Draft:
    """Return a draft with the sentences of the writer's answers, which are to be checked.

    :param draft: the draft.
    :param answers: the answers to `next_prompts(draft)`, in their order.
    """
    sentences = [sentence.text for sentence in draft.sentences]
    pending: list[str] = []
    failed = draft.failed
    asked = _next_lines(draft)
    for lines, answer in zip(asked, answers, strict=True):
        claims = [line.predicate for line in lines]
        parsed = [] if isinstance(answer, Failure) else parse_sentences(answer, draft.language, claims)
        # Small writers copy the word in parentheses that stands after a claim in languages with the verb at the end.
        copied = tuple(_appended(line, draft.language) for line in lines)
        fresh = [
            sentence
            for sentence in parsed
            if sentence not in (*sentences, *pending) and not any(word and word in sentence for word in copied)
        ]
        pending += fresh
        failed += not fresh
    return replace(
        draft,
        rounds=draft.rounds + 1,
        pending=tuple(pending),
        asked=draft.asked | {_positions(lines) for lines in asked},
        failed=failed,
    )


def parse_sentences(answer: Answer, language: str, claims: Sequence[str]) -> list[str]:
    """Return the sentences of an answer that can stand in a summary.

    Left out are half sentences, long ones, claims in a row without a mark between them, sentences with control
    characters, markup or addresses, those in the first person, and what repeats itself.

    :param answer: the answer to a prompt for a summary.
    :param language: ISO 639-1 code.
    :param claims: the predicates that it was written from.
    """
    if is_repetitive(answer.text):
        return []
    is_impersonal = count_first_person("\n".join(claims), language) == 0
    sentences: list[str] = []
    spans = sentence_spans(answer.text)
    is_whole = True
    for number, (start, end) in enumerate(spans, 1):
        sentence = " ".join(answer.text[start:end].lstrip(_BULLETS).split())
        if sentence.endswith(_SEMICOLONS):
            sentence = sentence[:-1] + _full_stop(language)
        sentence = sentence[1:-1] if _QUOTED.fullmatch(sentence) else sentence
        was_whole = is_whole  # What follows the first part of a sentence that was cut is its second part.
        is_whole = bool(_END.search(sentence)) or (number == len(spans) and _is_finished(answer))
        if (
            was_whole
            and is_whole
            and not _MARKUP.search(sentence)
            and all(unicodedata.category(character) not in _HIDDEN or character in _JOINERS for character in sentence)
            and count_letters(sentence) <= _MAX_SENTENCE_LETTERS
            and not (_full_stop(language) and _has_run_on(sentence, claims))  # In Thai a blank is a mark.
            and not (is_impersonal and count_first_person(sentence, language))
            and fold(sentence).rstrip(_STOPS) not in (fold(other).rstrip(_STOPS) for other in sentences)
        ):
            whole = sentence if _END.search(sentence) else sentence + _full_stop(language)
            sentences.append(_upper_first(whole))
    return sentences[:_MAX_SENTENCES]


_END = re.compile("[.!?。！？؟۔।…][\"'”’»)）」』]*$")
_SEMICOLONS = ("；", "؛")  # They end sentences as `sentence_spans` has them.
_MARKUP = re.compile(r"[<>{}\[\]|\\*`#_]|https?:|www\.")
_BULLETS = "-–—•·*→ "
_QUOTED = re.compile('「[^」]*」|“[^”]*”|"[^"]*"|«[^»]*»')
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = "\u200c\u200d"


def _has_run_on(sentence: str, claims: Sequence[str]) -> bool:
    folded = fold(sentence).replace(" ", "")
    starts = [(folded.find(claim), len(claim)) for claim in (fold(claim).replace(" ", "") for claim in claims)]
    begins = {start for start, _ in starts if start > 0}
    return any(start + length in begins for start, length in starts if start >= 0)


def _is_finished(answer: Answer) -> bool:
    return answer.finished and len(answer.text) < _MAX_ANSWER_CHARS


def is_repetitive(text: str) -> bool:
    """Return whether a text has the same four words in a row more than twice; in Chinese, the same eight characters.

    :param text: a summary.
    """
    folded = fold(text)
    is_chinese = re.search(r"[㐀-鿿]", folded)
    units = list(re.sub(r"\W", "", folded)) if is_chinese else re.findall(r"\w+", folded)
    size = 8 if is_chinese else 4
    counts = Counter(tuple(units[at : at + size]) for at in range(len(units) - size + 1))
    return max(counts.values(), default=0) > _MAX_REPEATS


# --- checks and results -----------------------------------------------------------------------------------


def check_drafts(drafts: Sequence[Draft], verifier: Verifier, embed: Embed) -> list[Draft]:
    """Return drafts with those of their pending sentences that the claims show and that tell a claim not told yet.

    :param drafts: drafts of any number of users.
    :param verifier: the verifier, called once.
    :param embed: the embedder, called once.
    """
    cases = [
        Unchecked(draft.pending, tuple(_ground(line, draft) for line in draft.lines), draft.language)
        for draft in drafts
    ]
    checked = check_sentences(cases, verifier, embed)
    return [_with_checked(draft, sentences) for draft, sentences in zip(drafts, checked, strict=True)]


def _ground(line: ClaimLine, draft: Draft) -> Ground:
    needs_word = line.claim.polarity == "negative" and not draft.trained
    against = _stance_words(line, draft.language) if needs_word else ""
    return Ground(line.predicate, line.claim.text, against)


def _with_checked(draft: Draft, checked: Sequence[Sentence | None]) -> Draft:
    standing = list(draft.sentences)
    told = {position for sentence in standing for position in sentence.claims}
    for sentence in checked:
        if sentence is None or len(standing) == _MAX_SENTENCES:
            continue
        positions = tuple(sorted(draft.lines[at].position for at in sentence.claims))
        if not told.issuperset(positions):
            standing.append(Sentence(text=sentence.text, claims=positions))
            told.update(positions)
    failed = draft.failed + sum(sentence is None for sentence in checked)
    return replace(draft, pending=(), sentences=tuple(standing), failed=failed)


def finished(draft: Draft) -> Summary:
    """Return the summary of a draft: the sentences that stood, or lists of its claims where none did.

    Sentences are in the order of the claims that they tell, since those of a second round would be last otherwise.

    :param draft: a draft without pending sentences.
    """
    if draft.sentences:
        rank = {line.position: number for number, line in enumerate(draft.lines)}
        in_order = sorted(draft.sentences, key=lambda sentence: min(rank[position] for position in sentence.claims))
        return Summary(tuple(in_order), "writer")
    listed = listed_claims(draft.lines, draft.language)
    return Summary(listed, "template" if listed else "none")


def listed_claims(lines: Sequence[ClaimLine], language: str) -> tuple[Sentence, ...]:
    """Return claims as sentences that list them by kind, such as "Interests: hiking, sourdough", or by themselves.

    :param lines: the claims.
    :param language: ISO 639-1 code of the claims.
    """
    record = language_of(language)
    headings = _headings().get(language, {})
    groups: dict[str, list[ClaimLine]] = {}
    for line in lines:
        group = "against" if line.claim.polarity == "negative" else line.kind
        heading = headings.get(group, "")
        groups.setdefault(heading, []).append(line)
    sentences = []
    for heading, of_group in groups.items():
        shown = of_group[:_MAX_LISTED]
        items = record.comma.join(line.claim.text if heading else line.predicate for line in shown)
        text = f"{heading}{record.colon}{items}" if heading else _upper_first(items)
        positions = tuple(line.position for line in shown)
        sentences.append(Sentence(text=text.rstrip(_STOPS) + _full_stop(language), claims=positions))
    return tuple(sentences)


def with_claims_changed(
    summary: Summary,
    before: Mapping[Kind, Sequence[Claim]],
    after: Mapping[Kind, Sequence[Claim]],
    language: str,
) -> Summary:
    """Return a summary after its claims changed.

    Sentences that tell a claim that is gone or has other words are left out. Claims that are new, and those whose
    sentence was left out, are listed.

    :param summary: the summary of the claims before.
    :param before: the claims that it was made from, by kind.
    :param after: the claims now.
    :param language: ISO 639-1 code of the claims.
    """
    lines = claim_lines(after, language)
    position_now = {_identity(line): line.position for line in lines}
    old_lines = claim_lines(before, language)
    moved = {line.position: position_now[_identity(line)] for line in old_lines if _identity(line) in position_now}
    # Lists are made again.
    written = summary.sentences if summary.made in ("writer", "mixed") else ()
    whole = [sentence for sentence in written if moved.keys() >= set(sentence.claims)]
    standing = tuple(
        Sentence(text=sentence.text, claims=tuple(sorted(moved[position] for position in sentence.claims)))
        for sentence in whole
    )
    if not standing:
        listed = listed_claims(_selected(lines), language)
        return Summary(listed, "template" if listed else "none")
    told = {position for sentence in standing for position in sentence.claims}
    orphans = {moved.get(at) for sentence in summary.sentences if sentence not in whole for at in sentence.claims}
    known = set(moved.values())
    untold = [line for line in lines if line.position not in told and line.position not in known - orphans]
    return Summary((*standing, *listed_claims(untold, language)), "mixed" if untold else summary.made)


def _identity(line: ClaimLine) -> tuple[Kind, str, str]:
    return line.kind, line.claim.stance, line.claim.text


def summary_text(sentences: Sequence[Sentence], language: str) -> str:
    """Return a summary as one text.

    :param sentences: its sentences.
    :param language: ISO 639-1 code.
    """
    return ("" if language in _WITHOUT_BLANKS else " ").join(sentence.text for sentence in sentences)


_FULL_STOPS = {"zh": "。", "ja": "。", "hi": "।", "th": ""}
_COMMAS = {"zh": "，", "ar": "،", "fa": "،", "ur": "،", "th": ""}  # Between clauses.
_STOPS = "".join(dict.fromkeys([".", *_FULL_STOPS.values()]))
_WITHOUT_BLANKS = frozenset({"zh", "ja"})  # Between sentences.
_VERBS_LAST = frozenset({"ja", "ko", "tr", "hi"})


def _full_stop(language: str) -> str:
    return _FULL_STOPS.get(language, ".")


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def _headings() -> Mapping[str, Mapping[str, str]]:
    path = prompts_dir() / _HEADINGS
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(prompts_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # The output is a prompt, never HTML.
    )
    try:
        return environment.get_template(_TEMPLATE)
    except jinja2.TemplateNotFound:
        raise UsageError(f"there is no {_TEMPLATE} in {prompts_dir()}; the folder has to hold all templates") from None
    except jinja2.TemplateError as error:
        raise UsageError(f"{prompts_dir() / _TEMPLATE} cannot be used: {error.message}") from None
