"""Notes against the passages that they cite: what a verifier takes for shown stands, with the words that show it.

A note stands if a cited passage, a sentence of one, two neighbouring sentences, or all cited passages together show it.
Where none does, the passages of the reading that are nearest to the note are tried, since a writer states more truly
than it cites; they must show it more surely. Whether a claim is the writer's own,
meant, and true now is for the verifier to tell; there is no rule.

Where it is known how sure the writer was, that counts too: what a writer makes up, it hesitates over (Kadavath et al.
2022, arXiv 2207.05221). Some text must then show the note at least half as surely as the verifier asks alone, and a
logistic function of both log-odds says how likely it holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from profilegen.backends import Label, Verdict, Verifier
from profilegen.claims.notes import Note
from profilegen.claims.notes import passage_text as passage_text
from profilegen.claims.passages import Passage
from profilegen.claims.support import log_odds
from profilegen.language.cleaning import fold
from profilegen.language.predicates import predicate
from profilegen.language.sentences import sentence_spans
from profilegen.records import Evidence, Stance, kind_named
from profilegen.vectors import Vectors

Reading = Sequence[Passage]
Embed = Callable[[Sequence[str]], Vectors]

# The cost of a note: a verifier reads some 150 short texts a second a core, and a user has about ten notes.
_MAX_QUESTIONS = 8
_MAX_CITED = 3
_MAX_REPAIRS = 2
_MAX_QUOTE_CHARS = 300
# Weights of the log-odds of the writer's least sure token and of the verifier's probability, what is added, and what is
# added for a kind, since of the values that small models note few hold: fitted on notes of our writers, English and
# Chinese, that were judged by reading (`python -m training.gate VERIFIER --judged judged-f judged-g`).
_OF_SURENESS, _OF_VERDICT, _OF_NEITHER = 1.3, 0.2, 1.0
_OF_KIND = {"interest": 0.8, "value": -1.2}


class Case(NamedTuple):
    """The notes of one reading; the notes number its passages from 1. `reserve` is that of the writer."""

    notes: Sequence[Note]
    reading: Reading
    language: str
    reserve: float = 0.0


class Bar(NamedTuple):
    """What a note has to reach.

    `shown` is the verifier's probability that a text shows it, `likely` the probability that it holds.
    """

    shown: float
    likely: float = 0.0

    def raised(self) -> Bar:
        """Return the bar half of the way to 1, for what is less likely to be true from the start."""
        return Bar((1 + self.shown) / 2, (1 + self.likely) / 2 if self.likely else 0.0)


# Chosen with the weights; from .3 to .5 of the verifier's probability, hardly another note stands.
_LIKELY, _OF_THRESHOLD = 0.45, 0.5


class CheckedNote(NamedTuple):
    """A note with the verifier's judgement.

    `probability` is the highest that something shows it, as of `probability_of`; `evidence` one quote a document, the
    best first, without any unless `label` is `shown`; `texts` are the quotes as the verifier read them, with item and
    stars; `days` are those of the evidence, in order, each once.
    """

    kind: str
    stance: Stance
    text: str
    language: str
    label: Label
    probability: float
    evidence: tuple[Evidence, ...] = ()
    texts: tuple[str, ...] = ()
    days: tuple[str, ...] = ()

    @property
    def claim(self) -> str:
        """The note as a predicate without subject."""
        return claim_of(self, self.language)


def claim_of(note: Note | CheckedNote, language: str) -> str:
    """Return a note as a predicate without subject, as verifiers read it; a choice is put as its facet has it.

    :param note: the note.
    :param language: ISO 639-1 code of its text.
    """
    return predicate(note.stance, kind_named(note.kind).statement(note.text), language)


class Question(NamedTuple):
    """A text that may show a note.

    `passages` are the numbers of those that it is made of, `quote` a verbatim part of the document, or the title of its
    item; it is empty where several passages are joined. `whole` tells whether the passage is whole.
    """

    passages: tuple[int, ...]
    quote: str
    text: str
    whole: bool


def probability_of(note: Note, shown: float, reserve: float = 0.0) -> float:
    """Return the probability that a note holds.

    :param note: where the writer's sureness is not known, the verifier's word is taken.
    :param shown: the verifier's probability that a text shows the note.
    :param reserve: of the writer, as in `Writer.reserve`.
    """
    if note.sureness is None:
        return shown
    of_sureness, of_verdict = log_odds((note.sureness, shown))
    odds = _OF_SURENESS * of_sureness + _OF_VERDICT * of_verdict + _OF_NEITHER + _OF_KIND.get(note.kind, 0.0) + reserve
    return 1 / (1 + math.exp(-odds))


def check_notes(
    notes: Sequence[Note], reading: Reading, language: str, verifier: Verifier, embed: Embed | None = None
) -> list[CheckedNote]:
    """Return the notes of one reading with the verifier's judgement, in their order.

    :param notes: as a writer wrote them.
    :param reading: the passages that it read.
    :param language: ISO 639-1 code of the notes.
    :param verifier: the judge.
    :param embed: as in `check`.
    :raises ModelError: the verifier cannot be loaded.
    """
    return check([Case(notes, reading, language)], verifier, embed)[0]


def check(cases: Sequence[Case], verifier: Verifier, embed: Embed | None = None) -> list[list[CheckedNote]]:
    """Return the notes of many readings with the verifier's judgement, in their order; it is asked twice at most.

    :param cases: the readings, of any number of users.
    :param verifier: the judge.
    :param embed: `Embedder.embed`, by which the passages nearest to a note are found; without it, shared words tell.
    :raises ModelError: the verifier cannot be loaded.
    """
    flat = [(note, case) for case in cases for note in case.notes]
    asked = [questions_of(note, case) for note, case in flat]
    checked = [
        judge(note, case, questions, verdicts, _bar(note, verifier))
        for (note, case), questions, verdicts in zip(flat, asked, _ask(flat, asked, verifier), strict=True)
    ]
    failed = [at for at, note in enumerate(checked) if note.label != "shown"]
    nearest = _nearest(failed, flat, embed)
    moved = [(flat[at][0]._replace(passages=numbers), flat[at][1]) for at, numbers in zip(failed, nearest, strict=True)]
    asked = [questions_of(note, case, joined=False) for note, case in moved]
    for at, (note, case), questions, verdicts in zip(failed, moved, asked, _ask(moved, asked, verifier), strict=True):
        second = judge(note, case, questions, verdicts, _bar(note, verifier).raised())
        if second.label == "shown":
            checked[at] = second
    results = iter(checked)
    return [[next(results) for _ in case.notes] for case in cases]


def questions_of(note: Note, case: Case, *, joined: bool = True) -> list[Question]:
    """Return the texts to be read for a note, about eight: cited passages, these joined, and their likeliest spans.

    :param note: a note of the case.
    :param case: the reading.
    :param joined: whether to ask for all cited passages together too: three at most, or any number of titles, which
        show what they have in common; never for a strict facet.
    """
    claim = claim_of(note, case.language)
    cited = [number for number in note.passages if 0 < number <= len(case.reading)]
    likely = sorted(cited, key=lambda number: -_shared(claim, _whole(number, case.reading).text))[:_MAX_CITED]
    wholes = [_whole(number, case.reading) for number in likely]
    few = len(cited) <= _MAX_CITED or not any(case.reading[number - 1].text for number in cited)
    if joined and few and len(cited) > 1 and not kind_named(note.kind).strict:
        together = "\n".join(_whole(number, case.reading).text for number in cited)
        wholes.append(Question(tuple(cited), "", together, whole=True))
    spans = [span for number in likely for span in _spans(number, case.reading)]
    spans.sort(key=lambda span: -_shared(claim, span.quote))
    return [*wholes, *spans[: _MAX_QUESTIONS - len(wholes)]]


def judge(note: Note, case: Case, questions: Sequence[Question], verdicts: Sequence[Verdict], bar: Bar) -> CheckedNote:
    """Return a note with its label and evidence.

    :param note: a note of the case.
    :param case: the reading.
    :param questions: as of `questions_of`.
    :param verdicts: one for each question.
    :param bar: what the note has to reach; for a strict facet, half of the way from it to 1.
    """
    if kind_named(note.kind).strict:
        bar = bar.raised()
    answers = [(question, verdict.probability) for question, verdict in zip(questions, verdicts, strict=True)]
    best = max((probability for _, probability in answers), default=0.0)
    likely = probability_of(note, best, case.reserve)
    unjudged = CheckedNote(note.kind, note.stance, note.text, case.language, "not shown", likely)
    if best < bar.shown or likely < bar.likely:
        contrary = any(
            question.whole and verdict.label == "contradicted"
            for question, verdict in zip(questions, verdicts, strict=True)
        )
        return unjudged._replace(label="contradicted" if contrary else "not shown")
    shown = [answer for answer in answers if answer[1] >= bar.shown]
    single = [answer for answer in shown if len(answer[0].passages) == 1]
    if not single:  # Only together do the cited passages show it.
        joined, probability = max(shown, key=lambda answer: answer[1])
        own = {answer[0].passages[0]: answer[1] for answer in answers if len(answer[0].passages) == 1}
        first, *rest = sorted(joined.passages, key=lambda number: -own.get(number, 0.0))
        single = [(_longest_quote(first, answers, case.reading), probability)]
        # Each of the others adds what it shows by itself.
        single += [(_longest_quote(number, answers, case.reading), own.get(number, 0.0)) for number in rest]
    best_of: dict[str, tuple[Question, float]] = {}
    for answer in sorted(single, key=_preference):
        best_of.setdefault(case.reading[answer[0].passages[0] - 1].document, answer)
    passages = [case.reading[question.passages[0] - 1] for question, _ in best_of.values()]
    return unjudged._replace(
        label="shown",
        evidence=tuple(
            # What does not show the note by itself adds no more than the verifier says.
            Evidence(
                document=document,
                quote=question.quote,
                verdict=probability_of(note, shown_by, case.reserve) if shown_by >= bar.shown else shown_by,
            )
            for document, (question, shown_by) in best_of.items()
        ),
        texts=tuple(question.text for question, _ in best_of.values()),
        days=tuple(sorted({passage.day for passage in passages if passage.day})),
    )


def _bar(note: Note, verifier: Verifier) -> Bar:
    """Return what a note has to reach, by the verifier alone where the writer's sureness is not known."""
    if note.sureness is None:
        return Bar(verifier.threshold)
    return Bar(_OF_THRESHOLD * verifier.threshold, _LIKELY)


def _ask(
    flat: Sequence[tuple[Note, Case]], asked: Sequence[Sequence[Question]], verifier: Verifier
) -> Iterator[list[Verdict]]:
    """Yield the verdicts on the questions of each note, after one call of the verifier."""
    claims = [claim_of(note, case.language) for note, case in flat]
    pairs = [(question.text, claim) for claim, questions in zip(claims, asked, strict=True) for question in questions]
    distinct = list(dict.fromkeys(pairs))
    verdicts = dict(zip(distinct, verifier.verify(distinct), strict=True)) if distinct else {}
    for claim, questions in zip(claims, asked, strict=True):
        yield [verdicts[question.text, claim] for question in questions]


def _whole(number: int, reading: Reading) -> Question:
    passage = reading[number - 1]
    text = passage_text(passage.text, passage.item, passage.rating)
    return Question((number,), passage.text or passage.item or "", text, whole=True)


def _spans(number: int, reading: Reading) -> list[Question]:
    """Return the sentences of a passage and its pairs of neighbouring ones, less what is the whole passage."""
    passage = reading[number - 1]
    sentences = sentence_spans(passage.text)
    pairs = [(first[0], second[1]) for first, second in pairwise(sentences)]
    quotes = [
        passage.text[start:end]
        for start, end in (*sentences, *pairs)
        if end - start <= _MAX_QUOTE_CHARS and end - start < len(passage.text.strip())
    ]
    return [
        Question((number,), quote, passage_text(quote, passage.item, passage.rating), whole=False) for quote in quotes
    ]


def _preference(answer: tuple[Question, float]) -> tuple[bool, float, int]:
    """Sort by whether a quote is short enough to be read, then by probability in steps of .01, then by length."""
    question, probability = answer
    return len(question.quote) > _MAX_QUOTE_CHARS, -round(probability, 2), len(question.quote)


def _longest_quote(number: int, answers: Sequence[tuple[Question, float]], reading: Reading) -> Question:
    """Return a passage that does not show a note alone: whole where it is short, else its likeliest span."""
    own = [answer for answer in answers if answer[0].passages == (number,)]
    readable = [answer for answer in own if len(answer[0].quote) <= _MAX_QUOTE_CHARS]
    return max(readable, key=lambda answer: (answer[0].whole, answer[1]))[0] if readable else _whole(number, reading)


def _nearest(failed: Sequence[int], flat: Sequence[tuple[Note, Case]], embed: Embed | None) -> list[tuple[int, ...]]:
    """Return, for each note that nothing cited shows, the numbers of the nearest passages that it does not cite."""
    claims = [claim_of(note, case.language) for note, case in (flat[at] for at in failed)]
    texts = [
        [_whole(number, flat[at][1].reading).text for number in range(1, len(flat[at][1].reading) + 1)] for at in failed
    ]
    if embed is None:
        scores = [np.array([_shared(claim, text) for text in row]) for claim, row in zip(claims, texts, strict=True)]
    else:
        distinct = list(dict.fromkeys([*claims, *(text for row in texts for text in row)]))
        rows = dict(zip(distinct, embed(distinct), strict=True)) if distinct else {}
        scores = [
            np.array([rows[claim] @ rows[text] for text in row]) for claim, row in zip(claims, texts, strict=True)
        ]
    nearest = []
    for at, row in zip(failed, scores, strict=True):
        others = [int(place) + 1 for place in np.argsort(-row, kind="stable") if row[place] > 0]
        nearest.append(tuple(number for number in others if number not in flat[at][0].passages)[:_MAX_REPAIRS])
    return nearest


def _shared(claim: str, text: str) -> float:
    """Return the share of a claim's letters in threes that a text has too; in twos where words have no spaces."""
    wanted = _pieces(claim)
    return len(wanted & _pieces(text)) / max(len(wanted), 1)


@lru_cache(maxsize=10_000)
def _pieces(text: str) -> frozenset[str]:
    runs = _RUN.findall(fold(text))
    return frozenset(
        run[start : start + size]
        for run in runs
        for size in [2 if run[0] >= _FIRST_IDEOGRAM else 3]
        for start in range(max(len(run) - size + 1, 1))
    )


_FIRST_IDEOGRAM = "\u2e80"
_RUN = re.compile(rf"[{_FIRST_IDEOGRAM}-\uffff]+|[^\W{_FIRST_IDEOGRAM}-\uffff]+")
