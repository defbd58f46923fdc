"""Checked notes of a user to claims: notes that say the same become one, with the evidence of all.

Two notes say the same if their vectors are near enough. A pair that is nearly so, or so near that one may be the denial
of the other, is a question to the verifier: whether the words that show the one show the other too. What contradicts
itself stays, the newer first, since people change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profilegen.backends import Verdict
from profilegen.claims.special import SpecialSubjects, special_subjects
from profilegen.claims.support import Calibration, support
from profilegen.claims.trend import Timeline, trend
from profilegen.claims.verification import CheckedNote
from profilegen.language.cleaning import fold
from profilegen.privacy.identifying import has_identifier
from profilegen.records import KINDS, NEGATIVE_STANCES, Claim, Evidence, LeftOut
from profilegen.records.facets import kind_named
from profilegen.vectors import Vectors, unit_rows

Answers = Mapping[tuple[str, str], Verdict]
"""The verifier's answers to `merge_questions`."""

# Cosines of claims less the mean of many claims. Of pairs that say the same or nearly so (tests/paraphrases.jsonl, six
# languages), .75 takes half of the former, and four in five that it takes are right. .6 takes four in five, but little
# more than half of what it takes is right, so the verifier decides. Both hold for MiniLM and for multilingual-e5, whose
# cosines have no range in common before the mean is taken off.
SAME, NEARLY_SAME = 0.75, 0.6
MAX_CLAIMS: Mapping[str, int] = {"interest": 8, "value": 6, "lifestyle": 6}
"""The most claims of a kind in a profile; of other kinds six, and of a facet with `one_of` one."""

_OTHER_MAX_CLAIMS = 6
_MAX_EVIDENCE = 5
_MAX_ASKED_ABOUT = 3
# How much less central than the most central a shorter wording may be.
_WORDING_TOLERANCE = 0.05

Numbers = npt.NDArray[np.int64]


class Consolidated(NamedTuple):
    """The claims of a user by kind, the best supported first, and the numbers of notes that are none."""

    claims: dict[str, tuple[Claim, ...]]
    left_out: LeftOut


class _Merged(NamedTuple):
    """A claim, the vector of its wording, and its kind."""

    kind: str
    claim: Claim
    vector: Vectors
    n_documents: int


def merge_questions(checked: Sequence[CheckedNote], vectors: Vectors, centre: Vectors) -> list[tuple[str, str]]:
    """Return the (text, claim) pairs by which a verifier helps to tell whether notes of a user say the same.

    :param checked: the user's notes.
    :param vectors: (n_notes, n_dims) float32, rows L2-normalised: vectors of `CheckedNote.claim`; rows of notes that
        are not shown are not read.
    :param centre: (n_dims,) float32, `SpecialSubjects.centre`.
    """
    shown = [at for at, note in enumerate(checked) if note.label == "shown"]
    if len(shown) < 2:
        return []
    notes, cosines = [checked[at] for at in shown], _cosines(vectors[shown], centre)
    asked: dict[tuple[str, str], None] = {}
    for row, note in enumerate(notes):
        near = [int(at) for at in np.argsort(-cosines[row], kind="stable") if cosines[row, at] >= NEARLY_SAME]
        near = [at for at in near if at != row and _is_comparable(note, notes[at])]
        asked |= dict.fromkeys((note.texts[0], notes[at].claim) for at in near[:_MAX_ASKED_ABOUT])
    return list(asked)


def consolidate(
    checked: Sequence[CheckedNote],
    vectors: Vectors,
    subjects: SpecialSubjects,
    *,
    answers: Answers | None = None,
    calibration: Calibration | None = None,
    allowed: Collection[str] = (),
    written: Timeline | None = None,
) -> Consolidated:
    """Return the claims of a user. The order of the notes does not matter.

    :param checked: the notes of all readings of the user.
    :param vectors: as in `merge_questions`.
    :param subjects: what tells special subjects, as of `learn_special_subjects` with the embedder of the vectors.
    :param answers: to `merge_questions`, those that there are; without any, vectors decide alone.
    :param calibration: of the verifier.
    :param allowed: special subjects that are not held back, such as `faith`.
    :param written: when the user wrote; without it, claims have no trend.
    """
    labels = Counter(note.label for note in checked)
    shown = [at for at, note in enumerate(checked) if note.label == "shown"]
    special = special_subjects(vectors[shown], subjects)
    kept = [
        at
        for at, subject in zip(shown, special, strict=True)
        if (subject is None or subject in allowed) and not has_identifier(checked[at].text)
    ]
    left_out = LeftOut(
        not_shown=labels["not shown"], contradicted=labels["contradicted"], held_back=len(shown) - len(kept)
    )
    if not kept:
        return Consolidated({kind: () for kind in KINDS}, left_out)
    kept.sort(key=lambda at: _rank(checked[at]))
    notes, rows = [checked[at] for at in kept], unit_rows(vectors[kept] - subjects.centre)
    merged = [
        _merge(notes, rows, group, answers or {}, calibration, written) for group in _groups(notes, rows, answers or {})
    ]
    return Consolidated(_by_kind(merged), left_out)


def _rank(note: CheckedNote) -> tuple[int, float, int, str, str, str]:
    """Sort the notes that others join, those of most documents first; nothing depends on the order of readings."""
    return -len(note.evidence), -note.probability, len(note.text), note.claim, note.kind, note.evidence[0].document


def _cosines(vectors: Vectors, centre: Vectors) -> Vectors:
    rows = unit_rows(vectors - centre)
    return np.asarray(rows @ rows.T, np.float32)


def _is_comparable(one: CheckedNote, other: CheckedNote) -> bool:
    """Tell whether notes in other words can say the same: none is a choice, nor for what the other is against."""
    choice = kind_named(one.kind).one_of or kind_named(other.kind).one_of
    return (
        not choice
        and (one.stance in NEGATIVE_STANCES) == (other.stance in NEGATIVE_STANCES)
        and not _is_same(one, other)
    )


def _is_same(one: CheckedNote, other: CheckedNote) -> bool:
    is_choice = kind_named(one.kind).one_of or kind_named(other.kind).one_of
    return fold(one.claim) == fold(other.claim) and (one.kind == other.kind or not is_choice)


def _groups(notes: Sequence[CheckedNote], rows: Vectors, answers: Answers) -> list[list[int]]:
    """Return groups of notes that say the same as the first of their group, which is the one with the best rank."""
    groups: list[list[int]] = []
    for at, note in enumerate(notes):
        likeness = [_likeness(notes[group[0]], note, float(rows[group[0]] @ rows[at]), answers) for group in groups]
        best = int(np.argmax(likeness)) if likeness else -1
        if best >= 0 and likeness[best] > 0:
            groups[best].append(at)
        else:
            groups.append([at])
    return groups


def _likeness(one: CheckedNote, other: CheckedNote, cosine: float, answers: Answers) -> float:
    """Return how alike two notes are that say the same, 0 if they do not."""
    if _is_same(one, other):
        return 2.0
    if cosine < NEARLY_SAME or not _is_comparable(one, other):
        return 0.0
    verdicts = [answers.get((one.texts[0], other.claim)), answers.get((other.texts[0], one.claim))]
    labels = [verdict.label for verdict in verdicts if verdict]
    if "contradicted" in labels:
        return 0.0
    return cosine if cosine >= SAME or "shown" in labels else 0.0


def _merge(
    notes: Sequence[CheckedNote],
    rows: Vectors,
    group: list[int],
    answers: Answers,
    calibration: Calibration | None,
    written: Timeline | None,
) -> _Merged:
    chosen = _wording(notes, rows, group)
    wording = notes[chosen]
    sources = [at for at in group if at == chosen or _shows(notes[at], wording, answers)]
    kinds = Counter[str]()
    for at in group:
        kinds[notes[at].kind] += len(notes[at].evidence)
    evidence: dict[str, Evidence] = {}
    for quote in sorted(
        (quote for at in sources for quote in notes[at].evidence),
        key=lambda quote: (-(quote.verdict or 0), len(quote.quote), quote.document),
    ):
        evidence.setdefault(quote.document, quote)
    days = sorted({day for at in sources for day in notes[at].days})
    claim = Claim(
        text=wording.text,
        stance=wording.stance,
        support=support([quote.verdict or 0 for quote in evidence.values()], calibration),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        trend=trend(tuple(evidence.values()), written, calibration) if written else None,
        evidence=tuple(evidence.values())[:_MAX_EVIDENCE],
    )
    kind = max(kinds, key=lambda name: (kinds[name], name == wording.kind, name))
    return _Merged(kind, claim, rows[chosen], len(evidence))


def _wording(notes: Sequence[CheckedNote], rows: Vectors, group: list[int]) -> int:
    """Return the note whose words stay: the shortest of those nearest to the middle of the group.

    What is short is general, so the evidence of the others is likely to show it too.
    """
    centrality = rows[group] @ unit_rows(rows[group].mean(axis=0))
    central = [
        at for at, value in zip(group, centrality, strict=True) if value >= centrality.max() - _WORDING_TOLERANCE
    ]
    return min(central, key=lambda at: (len(notes[at].text), notes[at].claim))


def _shows(note: CheckedNote, wording: CheckedNote, answers: Answers) -> bool:
    """Tell whether the evidence of a note is taken for another wording: unless the verifier said that it does not."""
    verdict = answers.get((note.texts[0], wording.claim))
    return verdict is None or verdict.label == "shown"


def _by_kind(merged: Sequence[_Merged]) -> dict[str, tuple[Claim, ...]]:
    claims: dict[str, tuple[Claim, ...]] = {}
    for kind in [*KINDS, *sorted({one.kind for one in merged} - KINDS.keys())]:
        ordered = sorted(
            (one for one in merged if one.kind == kind),
            key=lambda one: (-one.claim.support, -one.n_documents, one.claim.text, one.claim.stance),
        )
        together: list[_Merged] = []
        for one in ordered:
            if not any(one is other for other in together):
                contrary = [other for other in ordered if _is_contrary(one, other)]
                fresh = [other for other in (one, *contrary) if not any(other is placed for placed in together)]
                together += sorted(fresh, key=lambda other: other.claim.last or "", reverse=True)
        limit = 1 if kind_named(kind).one_of else MAX_CLAIMS.get(kind, _OTHER_MAX_CLAIMS)
        claims[kind] = tuple(one.claim for one in together[:limit])
    return claims


def _is_contrary(one: _Merged, other: _Merged) -> bool:
    """Tell whether a claim is against what another is for."""
    if (one.claim.stance in NEGATIVE_STANCES) == (other.claim.stance in NEGATIVE_STANCES):
        return False
    return fold(one.claim.text) == fold(other.claim.text) or float(one.vector @ other.vector) >= SAME
