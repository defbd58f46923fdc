"""Claims that later words of the same user end: "I don't live in Leeds any more".

A wrong retirement is worse than a missed one. So a claim ends only by a sentence that was written on a later day than
all evidence of the claim, that names all that the claim is about and is no question, and that the verifier takes for
the contrary of the claim, as surely as it must take words for showing one; and it must take the whole passage for the
contrary too. A passage that rates its item low ends nothing, since what it is against is that item. Whether a sentence
speaks of its writer and in earnest is for the verifier to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from profilegen.backends import Verdict, Verifier
from profilegen.claims.notes import passage_text
from profilegen.claims.passages import Passage
from profilegen.claims.verification import Embed
from profilegen.language.predicates import predicate
from profilegen.language.sentences import sentence_spans
from profilegen.language.words import content_stems
from profilegen.records import Claim, Evidence, PastClaim, kind_named

_LOW_STARS = 2.5
# Of a claim, so many of the later passages that are nearest to it are read, so that the cost is bounded.
_MAX_PASSAGES = 4
_QUESTION_MARKS = ("?", "？", "؟", "՞", ";")


class Read(NamedTuple):
    """The claims of a user, and the passages that were read of the user.

    :param claims: by kind.
    :param passages: of all readings.
    :param language: ISO 639-1 code of the claims.
    """

    claims: Mapping[str, Sequence[Claim]]
    passages: Sequence[Passage]
    language: str


class Retired(NamedTuple):
    """The claims of a user that stand, by kind, and those that ended, the last first."""

    claims: dict[str, tuple[Claim, ...]]
    past: tuple[PastClaim, ...]


def retire(users: Sequence[Read], verifier: Verifier, embed: Embed) -> list[Retired]:
    """Return the claims of users without those that later words ended, and these.

    :param users: whose claims are in languages that the verifier reads.
    :param verifier: is asked twice at most.
    :param embed: `Embedder.embed`, by which the later passages nearest to a claim are found.
    :raises ModelError: the verifier cannot be loaded.
    """
    doubts = [doubt for at, user in enumerate(users) for doubt in _doubts(at, user)]
    asked = list(zip(doubts, _nearest(doubts, embed), strict=True))
    wholes = _verdicts([(_text(one), doubt.words) for doubt, near in asked for one in near], verifier)
    likely = [
        (doubt, passage, start, end)
        for doubt, near in asked
        for passage in near
        if wholes[_text(passage), doubt.words].label == "contradicted"
        for start, end in doubt.later[passage]
    ]
    sentences = _verdicts(
        [(_text(passage, start, end), doubt.words) for doubt, passage, start, end in likely], verifier
    )
    ended: list[dict[tuple[str, int], PastClaim]] = [{} for _ in users]
    for doubt, passage, start, end in likely:
        sure = sentences[_text(passage, start, end), doubt.words].contradiction
        before = ended[doubt.user].get((doubt.kind, doubt.at))
        if sure >= verifier.threshold and (before is None or sure > (before.by.verdict or 0)):
            by = Evidence(document=passage.document, quote=passage.text[start:end], verdict=sure)
            past = PastClaim(kind=doubt.kind, claim=doubt.claim, ended=passage.day or "", by=by)
            ended[doubt.user][doubt.kind, doubt.at] = past
    return [_without(user, gone) for user, gone in zip(users, ended, strict=True)]


class _Doubt(NamedTuple):
    """A claim of a user, at its place among those of its kind, and later passages that may end it, with sentences."""

    user: int
    kind: str
    at: int
    claim: Claim
    words: str
    later: Mapping[Passage, Sequence[tuple[int, int]]]


class _Statement(NamedTuple):
    """A sentence that is no question, where it begins and ends, and the stems of its words."""

    start: int
    end: int
    stems: frozenset[str]


def _doubts(number: int, user: Read) -> list[_Doubt]:
    found = []
    passages = {_text(passage): passage for passage in user.passages if _may_end(passage)}.values()
    statements = {passage: _statements(passage, user.language) for passage in passages}
    for kind, claims in user.claims.items():
        for at, claim in enumerate(claims):
            later = _later(claim, statements, user.language)
            if later:
                words = predicate(claim.stance, kind_named(kind).statement(claim.text), user.language)
                found.append(_Doubt(number, kind, at, claim, words, later))
    return found


def _may_end(passage: Passage) -> bool:
    return bool(passage.text and passage.day) and (passage.rating is None or passage.rating > _LOW_STARS)


def _statements(passage: Passage, language: str) -> list[_Statement]:
    spans = [(start, end, passage.text[start:end]) for start, end in sentence_spans(passage.text)]
    return [
        _Statement(start, end, frozenset(content_stems(sentence, language)))
        for start, end, sentence in spans
        if not sentence.endswith(_QUESTION_MARKS)
    ]


def _later(
    claim: Claim, statements: Mapping[Passage, Sequence[_Statement]], language: str
) -> dict[Passage, list[tuple[int, int]]]:
    """Return the passages after all evidence of a claim, with their statements that have each of its content words."""
    about = set(content_stems(claim.text, language))
    if not claim.last or not about:
        return {}
    later = {
        passage: [(one.start, one.end) for one in of_passage if about <= one.stems]
        for passage, of_passage in statements.items()
        if (passage.day or "") > claim.last
    }
    return {passage: spans for passage, spans in later.items() if spans}


def _nearest(doubts: Sequence[_Doubt], embed: Embed) -> list[list[Passage]]:
    """Return the later passages that are nearest to each claim."""
    texts = list(dict.fromkeys(text for d in doubts for text in (d.words, *(_text(one) for one in d.later))))
    rows = dict(zip(texts, embed(texts), strict=True)) if texts else {}
    nearest = []
    for doubt in doubts:
        later = list(doubt.later)
        cosines = np.array([float(rows[doubt.words] @ rows[_text(passage)]) for passage in later])
        nearest.append([later[at] for at in np.argsort(-cosines, kind="stable")[:_MAX_PASSAGES]])
    return nearest


def _text(passage: Passage, start: int = 0, end: int | None = None) -> str:
    """Return a passage, or a part of it, as a verifier reads it, with item and stars."""
    return passage_text(passage.text[start:end], passage.item, passage.rating)


def _verdicts(pairs: Sequence[tuple[str, str]], verifier: Verifier) -> dict[tuple[str, str], Verdict]:
    asked = list(dict.fromkeys(pairs))
    return dict(zip(asked, verifier.verify(asked), strict=True)) if asked else {}


def _without(user: Read, ended: Mapping[tuple[str, int], PastClaim]) -> Retired:
    claims = {
        kind: tuple(claim for at, claim in enumerate(of_kind) if (kind, at) not in ended)
        for kind, of_kind in user.claims.items()
    }
    return Retired(claims, tuple(sorted(ended.values(), key=lambda past: (past.ended, past.claim.text), reverse=True)))
