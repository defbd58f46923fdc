"""What a judge says of claims, of the sentences of summaries, and of the criteria of segments.

Each is asked three times: of the store, with users exchanged, which is chance, and of a plain method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profilegen.claims.verification import passage_text
from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.evaluation.inputs import Judgement
from profilegen.evaluation.judge import Judge, Probabilities
from profilegen.evaluation.statements import Statements
from profilegen.language.predicates import predicate
from profilegen.language.sentences import sentence_spans
from profilegen.records import Claim, Document, Segment, UserProfile

_CLAIMS, _SENTENCES, _JUDGEMENTS = 50, 30, 100
_SEGMENTS, _USERS_A_SIDE = 6, 3
_QUOTES = 3
_TEXT_CHARS = 600
_CRITERION = "belongs who "
JUDGED = ("claims.shown", "summary.faithful", "segments.judge")


class JudgedClaim(NamedTuple):
    """A claim that was judged: row of its user, support, and whether its quotes show it."""

    row: int
    support: float
    shown: bool


def measure_claims(dataset: Dataset, judge: Judge, plain: Statements) -> tuple[Measured, list[JudgedClaim]]:
    """Return the share of claims whose quotes show them, and the answers.

    :param dataset: the store.
    :param judge: the judge.
    :param plain: key phrases of the same users; each is judged as something that the user likes.
    """
    sample = _sampled_claims(dataset)
    texts = [quoted(claim, dataset.documents[row]) for row, claim in sample]
    claims = [claim_text(claim, dataset.users[row]) for row, claim in sample]
    answers = judge.ask(list(zip(texts, claims, strict=True)))
    exchanged = judge.ask(list(zip(_exchanged(texts), claims, strict=True)))
    of_plain = judge.ask(list(_plain_pairs(dataset, plain, [row for row, _ in sample])))
    figure = _share("claims.shown", judge, answers, exchanged, of_plain, "claims", "there are no claims")
    return figure, [
        JudgedClaim(row, claim.support, bool(answer >= judge.threshold))
        for (row, claim), answer in zip(sample, answers, strict=True)
        if not np.isnan(answer)
    ]


def measure_summaries(dataset: Dataset, judge: Judge) -> Measured:
    """Return the share of sentences of summaries that the claims which they name show.

    :param dataset: the store.
    :param judge: the judge.
    """
    pairs = _sampled_sentences(dataset)
    texts = [text for text, _ in pairs]
    answers = judge.ask(pairs)
    exchanged = judge.ask([(text, sentence) for text, (_, sentence) in zip(_exchanged(texts), pairs, strict=True)])
    return _share(
        "summary.faithful", judge, answers, exchanged, np.zeros(0), "sentences", "no summary names its claims"
    )


def measure_segments(dataset: Dataset, judge: Judge) -> Measured:
    """Return how well the criteria of segments tell members from users of other segments (as in ProxAnn).

    The area under the ROC curve within each segment, for its most typical members and those of the other segments,
    averaged over segments (Hoyle et al. 2025, arXiv 2507.00828). The plain method is the cosine of the criterion.

    :param dataset: the store.
    :param judge: the judge.
    """
    segments = sorted(dataset.segments, key=lambda segment: (-segment.size, segment.id))
    if len(segments) < 2:
        return LeftOut(name="segments.judge", reason="needs two segments or more")
    row_of = {user.user_id: row for row, user in enumerate(dataset.users)}
    values, plain_values = [], []
    for segment in segments[:_SEGMENTS]:
        members = [row_of[user] for user in segment.members if user in row_of][:_USERS_A_SIDE]
        others = list(_others(segments, segment, row_of))[: len(members)]
        criterion = (segment.criterion or segment.name).removeprefix(_CRITERION)
        rows = [*members, *others]
        answers = np.nan_to_num(judge.ask([(_texts(dataset.documents[row]), criterion) for row in rows]), nan=0.5)
        cosines = dataset.user_vectors[rows] @ dataset.embed([criterion])[0]
        if members and others:
            values.append(area(answers[: len(members)], answers[len(members) :]))
            plain_values.append(area(cosines[: len(members)], cosines[len(members) :]))
    return share(
        "segments.judge",
        values,
        np.ones(len(values)),
        reason="no segment has members to judge",
        unit="segments",
        chance=0.5,  # Users exchanged: a member is as likely to fit as another.
        plain=float(np.mean(plain_values)) if plain_values else None,
    )


def measure_judge(judge: Judge, judgements: Sequence[Judgement]) -> list[Measured]:
    """Return how often the judge answers as a person does, and how many false claims it takes for shown.

    :param judge: the judge.
    :param judgements: what a person found.
    """
    some = judgements[:_JUDGEMENTS]
    answers = judge.ask([(row.text, row.claim) for row in some]) >= judge.threshold
    holds = np.array([row.holds for row in some], np.bool_)
    true = float(holds.mean()) if len(holds) else 0.0
    yes = float(answers.mean()) if len(answers) else 0.0
    reason = "needs --judgements"
    return [
        share(
            "judge.right",
            answers == holds,
            np.ones(len(some)),
            reason=reason,
            unit="claims",
            chance=true * yes + (1 - true) * (1 - yes),
            plain=max(true, 1 - true),  # Always the commoner answer.
        ),
        share("judge.false_passed", answers & ~holds, ~holds, reason=reason, unit="claims", chance=yes),
    ]


def area(positive: npt.ArrayLike, negative: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: how often a positive has the higher score, ties counted half.

    :param positive: scores of those that should be high.
    :param negative: scores of those that should be low.
    """
    high, low = np.asarray(positive, np.float64)[:, None], np.asarray(negative, np.float64)[None]
    return float(((high > low) + (high == low) / 2).mean())


def claim_text(claim: Claim, user: UserProfile) -> str:
    """Return a claim as a predicate, as verifiers and judges read it.

    :param claim: the claim.
    :param user: the user.
    """
    return predicate(claim.stance, claim.text, user.language)


def quoted(claim: Claim, documents: Sequence[Document]) -> str:
    """Return the words that a claim cites, each with the item that they are about, as judges read them.

    :param claim: the claim.
    :param documents: of the user.
    """
    by_id = {document.id: document for document in documents}
    return "\n".join(
        passage_text(row.quote, by_id[row.document].item_title, by_id[row.document].stars)
        for row in claim.evidence[:_QUOTES]
        if row.document in by_id
    )


def _sampled_claims(dataset: Dataset) -> list[tuple[int, Claim]]:
    """Return claims of as many users as possible: the first of each, in order of a hash, then the second of each."""
    claims_of = [(row, [claim for _, claim in dataset.users[row].iter_claims()]) for row in dataset.rows_by_hash()]
    deepest = max((len(claims) for _, claims in claims_of), default=0)
    rounds = ((row, claims[at]) for at in range(deepest) for row, claims in claims_of if at < len(claims))
    return [pair for _, pair in zip(range(_CLAIMS), rounds, strict=False)]


def _sampled_sentences(dataset: Dataset) -> list[tuple[str, str]]:
    """Return sentences of summaries, with the claims that each names: one of each user first."""
    pairs_of = []
    for row in dataset.rows_by_hash():
        user = dataset.users[row]
        claims = [claim_text(claim, user) for _, claim in user.iter_claims()]
        pairs_of.append(
            [
                (". ".join(claims[at] for at in sentence.claims if at < len(claims)), sentence.text)
                for sentence in user.sentences
                if sentence.claims
            ]
        )
    deepest = max(map(len, pairs_of), default=0)
    rounds = (pairs[at] for at in range(deepest) for pairs in pairs_of if at < len(pairs))
    return [pair for _, pair in zip(range(_SENTENCES), rounds, strict=False)]


def _plain_pairs(dataset: Dataset, plain: Statements, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Yield a key phrase of each user as something that he likes, with the first sentence that has its words."""
    next_of: dict[int, int] = {}
    for row in rows:
        start, end = np.searchsorted(plain.owners, [row, row + 1])
        place = int(start) + next_of.get(row, 0)
        next_of[row] = next_of.get(row, 0) + 1
        if place < end:
            phrase = plain.texts[place]
            yield (
                _sentence_with(phrase, dataset.documents[row]),
                predicate("likes", phrase, dataset.users[row].language),
            )


def _sentence_with(phrase: str, documents: Sequence[Document]) -> str:
    words = phrase.split()
    for document in documents:
        for start, end in sentence_spans(document.text):
            sentence = document.text[start:end]
            if all(word in sentence.lower() for word in words):
                return passage_text(sentence, document.item_title)
    return _texts(documents)


def _texts(documents: Sequence[Document]) -> str:
    """Return the latest texts of a user, cut to equal parts."""
    latest = documents[::-1][:_QUOTES]
    return "\n".join(
        passage_text(document.text, document.item_title)[: _TEXT_CHARS // len(latest)] for document in latest
    )


def _others(segments: Sequence[Segment], own: Segment, row_of: dict[str, int]) -> Iterator[int]:
    """Yield the most typical members of the other segments, one of each in turn."""
    others = [[row_of[user] for user in segment.members if user in row_of] for segment in segments if segment != own]
    for at in range(max(map(len, others), default=0)):
        yield from (members[at] for members in others if at < len(members))


def _exchanged(texts: Sequence[str]) -> list[str]:
    """Return the texts of the next user each; neighbours in a sample are of different users, if there are two."""
    return [*texts[1:], *texts[:1]]


def _share(
    name: str,
    judge: Judge,
    answers: Probabilities,
    exchanged: Probabilities,
    plain: Probabilities,
    unit: str,
    reason: str,
) -> Measured:
    answered = ~np.isnan(answers)
    return share(
        name,
        np.nan_to_num(answers) >= judge.threshold,
        answered,
        reason="the judge answered nothing" if len(answers) else reason,
        unit=unit,
        chance=_affirmed(judge, exchanged),
        plain=_affirmed(judge, plain),
    )


def _affirmed(judge: Judge, answers: Probabilities) -> float | None:
    answered = answers[~np.isnan(answers)]
    return float((answered >= judge.threshold).mean()) if len(answered) else None
