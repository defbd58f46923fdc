"""Which notes become one claim, what becomes of their evidence, and what claims of several users are called."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from profilegen.backends import Embedder, Verdict, open_embedder
from profilegen.claims.consolidation import (
    MAX_CLAIMS,
    NEARLY_SAME,
    SAME,
    Answers,
    Consolidated,
    consolidate,
    merge_questions,
)
from profilegen.claims.shared_names import Wording, shared_names
from profilegen.claims.special import SpecialSubjects, learn_special_subjects
from profilegen.claims.verification import CheckedNote
from profilegen.language.predicates import predicate
from profilegen.llama.catalog import ResolvedModel
from profilegen.records import Claim, Evidence, LeftOut, Stance
from profilegen.vectors import Vectors, unit_rows

PAIRS = [json.loads(line) for line in Path(__file__).with_name("paraphrases.jsonl").read_text("utf-8").splitlines()]
SHOWN, NOT_SHOWN, CONTRADICTED = Verdict("shown", 0.9), Verdict("not shown", 0.2), Verdict("contradicted", 0.1)


@pytest.fixture(scope="module")
def embedder(models: dict[str, ResolvedModel]) -> Iterator[Embedder]:
    with open_embedder("all-minilm-l6-v2") as opened:
        yield opened


@pytest.fixture(scope="module")
def subjects(embedder: Embedder) -> SpecialSubjects:
    return learn_special_subjects(embedder.embed)


class Consolidate:
    """The notes of one user, consolidated with the vectors of a real embedder."""

    def __init__(self, embedder: Embedder, subjects: SpecialSubjects) -> None:
        self.embedder, self.subjects = embedder, subjects

    def __call__(
        self, notes: Sequence[CheckedNote], answers: Answers | None = None, allowed: Sequence[str] = ()
    ) -> Consolidated:
        vectors = self.embedder.embed([note.claim for note in notes])
        return consolidate(notes, vectors, self.subjects, answers=answers, allowed=allowed)

    def questions(self, notes: Sequence[CheckedNote]) -> list[tuple[str, str]]:
        return merge_questions(notes, self.embedder.embed([note.claim for note in notes]), self.subjects.centre)


@pytest.fixture(scope="module")
def run(embedder: Embedder, subjects: SpecialSubjects) -> Consolidate:
    return Consolidate(embedder, subjects)


def note(
    stance: Stance,
    text: str,
    *documents: str,
    kind: str = "interest",
    probability: float = 0.9,
    days: Sequence[str] = (),
) -> CheckedNote:
    quotes = [f"what {document} says of {text}" for document in documents]
    evidence = tuple(
        Evidence(document=document, quote=quote, verdict=probability)
        for document, quote in zip(documents, quotes, strict=True)
    )
    return CheckedNote(kind, stance, text, "en", "shown", probability, evidence, tuple(quotes), tuple(days))


def only(consolidated: Consolidated) -> Claim:
    (claim,) = [claim for claims in consolidated.claims.values() for claim in claims]
    return claim


def test_notes_that_say_the_same_become_one_claim_with_the_evidence_of_all(run: Consolidate) -> None:
    notes = [
        note("likes", "slow cinema", "d1", days=["2025-03-01"]),
        note("likes", "slow films", "d2", "d3", days=["2024-01-01", "2025-01-01"]),
        note("likes", "Slow  Films", "d4"),
    ]
    claim = only(run(notes))
    assert claim.text in {"slow cinema", "slow films"}
    assert {evidence.document for evidence in claim.evidence} == {"d1", "d2", "d3", "d4"}
    assert (claim.first, claim.last) == ("2024-01-01", "2025-03-01")
    assert claim.support > 0.9


def test_notes_that_say_something_else_stay_apart(run: Consolidate) -> None:
    notes = [note("likes", text, "d1") for text in ("slow films", "hiking with children", "black coffee")]
    assert len(run(notes).claims["interest"]) == 3


def test_the_order_of_the_notes_does_not_matter(run: Consolidate) -> None:
    notes = [
        note("likes", "slow films", "d1"),
        note("likes", "slow cinema", "d2"),
        note("dislikes", "slow films", "d3", days=["2025-01-01"]),
        note("is", "keeps bees", "d1", kind="lifestyle"),
        note("is", "has beehives", "d2", kind="interest"),
        note("likes", "detective novels", "d4"),
        note("likes", "crime novels", "d5"),
    ]
    expected = run(notes)
    for seed in range(5):
        shuffled = random.Random(seed).sample(notes, len(notes))
        assert run(shuffled) == expected


def test_a_document_counts_once_and_its_best_quote_stays(run: Consolidate) -> None:
    notes = [note("likes", "jazz", "d1", probability=0.9), note("likes", "Jazz", "d1", probability=0.95)]
    claim = only(run(notes))
    assert [evidence.verdict for evidence in claim.evidence] == [0.95]
    assert claim.support == pytest.approx(0.95)


def test_evidence_is_best_first_and_five_quotes_at_most_but_all_documents_count(run: Consolidate) -> None:
    notes = [note("likes", "jazz", f"d{n}", probability=0.5 + n / 100) for n in range(9)]
    claim = only(run(notes))
    assert [evidence.document for evidence in claim.evidence] == ["d8", "d7", "d6", "d5", "d4"]
    assert claim.support > only(run(notes[4:])).support


def test_the_kind_that_most_documents_have_wins(run: Consolidate) -> None:
    notes = [note("is", "keeps bees", "d1", kind="interest"), note("is", "keeps bees", "d2", "d3", kind="lifestyle")]
    assert [claim.text for claim in run(notes).claims["lifestyle"]] == ["keeps bees"]
    assert run(notes).claims["interest"] == ()


def test_what_contradicts_itself_stays_side_by_side_the_newer_first(run: Consolidate) -> None:
    notes = [
        note("likes", "black coffee", "d1", "d2", days=["2023-01-01", "2023-05-01"]),
        note("likes", "hiking", "d5", probability=0.93),
        note("dislikes", "black coffee", "d3", days=["2025-01-01"]),
    ]
    claims = run(notes).claims["interest"]
    assert [(claim.stance, claim.text) for claim in claims] == [
        ("dislikes", "black coffee"),
        ("likes", "black coffee"),
        ("likes", "hiking"),
    ]
    assert claims[0].last == "2025-01-01"


def test_the_best_supported_come_first_and_no_more_than_fit(run: Consolidate) -> None:
    things = ["chess", "beer", "trains", "birds", "opera", "bread", "maps", "cars", "poems", "tents", "pens", "salsa"]
    notes = [note("likes", thing, "d1", probability=0.8 + n / 100) for n, thing in enumerate(things)]
    claims = run(notes).claims["interest"]
    assert [claim.text for claim in claims] == things[::-1][: MAX_CLAIMS["interest"]]


def test_what_is_not_shown_or_held_back_is_counted(run: Consolidate) -> None:
    shown = [
        note("likes", "slow films", "d1"),
        note("is", "has type 1 diabetes", "d2"),
        note("likes", "@jane_doe", "d3"),
    ]
    fallen = [
        note("likes", "jazz", "d1")._replace(label="not shown", evidence=(), texts=()),
        note("likes", "blues", "d1")._replace(label="contradicted", evidence=(), texts=()),
    ]
    consolidated = run([*fallen, *shown])
    assert only(consolidated).text == "slow films"
    assert consolidated.left_out == LeftOut(not_shown=1, contradicted=1, held_back=2)


def test_a_special_subject_that_is_asked_for_is_not_held_back(run: Consolidate) -> None:
    notes = [note("is", "has type 1 diabetes", "d2", kind="lifestyle")]
    assert run(notes).claims["lifestyle"] == ()
    assert only(run(notes, allowed=["health"])).text == "has type 1 diabetes"


def test_of_a_facet_with_choices_only_the_best_supported_stays(run: Consolidate, budget_facet: None) -> None:
    notes = [
        note("is", "low", "d1", kind="budget"),
        note("is", "high", "d2", "d3", kind="budget"),
        note("is", "has a high budget", "d4", kind="lifestyle"),
    ]
    claims = run(notes).claims
    assert [(claim.text, len(claim.evidence)) for claim in claims["budget"]] == [("high", 2)]
    assert [claim.text for claim in claims["lifestyle"]] == ["has a high budget"]


def test_nothing_comes_of_nothing(run: Consolidate) -> None:
    nothing = np.empty((0, run.embedder.dimensions), np.float32)
    consolidated = consolidate([], nothing, run.subjects)
    assert consolidated.left_out == LeftOut()
    assert set(map(len, consolidated.claims.values())) == {0}


def test_the_verifier_is_asked_about_pairs_that_may_say_the_same(run: Consolidate) -> None:
    notes = [note("is", "is a morning person", "d1"), note("is", "is not a morning person", "d2")]
    assert set(run.questions([*notes, note("likes", "jazz", "d3")])) == {
        (notes[0].texts[0], notes[1].claim),
        (notes[1].texts[0], notes[0].claim),
    }


def test_a_claim_and_its_denial_are_two_where_the_verifier_sees_the_contradiction(run: Consolidate) -> None:
    notes = [note("is", "is a morning person", "d1"), note("is", "is not a morning person", "d2")]
    claims = run(notes, dict.fromkeys(run.questions(notes), CONTRADICTED)).claims["interest"]
    assert len(claims) == 2


def test_a_pair_that_is_nearly_the_same_is_one_where_the_words_of_one_show_the_other(run: Consolidate) -> None:
    notes = [note("likes", "hiking", "d1"), note("likes", "hiking with children", "d2")]
    questions = run.questions(notes)
    assert len(questions) == 2
    assert len(run(notes, dict.fromkeys(questions, NOT_SHOWN)).claims["interest"]) == 2
    claim = only(run(notes, dict.fromkeys(questions, SHOWN)))
    assert (claim.text, len(claim.evidence)) == ("hiking", 2)


def test_evidence_that_does_not_show_the_words_that_stay_is_left_out(run: Consolidate) -> None:
    notes = [note("likes", "slow films", "d1"), note("likes", "slow cinema", "d2")]
    claim = only(run(notes, dict.fromkeys(run.questions(notes), NOT_SHOWN)))
    assert len(claim.evidence) == 1
    assert claim.text in claim.evidence[0].quote


@pytest.mark.parametrize(
    ("name", "languages"),
    [("all-minilm-l6-v2", {"en"}), ("multilingual-e5-small", {pair["language"] for pair in PAIRS})],
)
def test_one_threshold_serves_embedders_of_different_ranges(
    models: dict[str, ResolvedModel], name: str, languages: set[str]
) -> None:
    # The thresholds were chosen on these pairs, so this is no measure of how good they are elsewhere.
    pairs = [pair for pair in PAIRS if pair["language"] in languages]
    with open_embedder(name) as opened:
        centre = learn_special_subjects(opened.embed).centre
        rows: list[Vectors] = [
            unit_rows(opened.embed([pair[key] for pair in pairs]) - centre) for key in ("one", "other")
        ]
    cosines, same = (rows[0] * rows[1]).sum(axis=1), np.array([pair["same"] for pair in pairs])
    for threshold, precision, recall in ((SAME, 0.75, 0.4), (NEARLY_SAME, 0.5, 0.7)):
        taken = cosines >= threshold
        print(name, threshold, "precision", same[taken].mean().round(2), "recall", taken[same].mean().round(2))
        assert same[taken].mean() >= precision
        assert taken[same].mean() >= recall


# --- names that users share -------------------------------------------------------------------------------


def names(embedder: Embedder, subjects: SpecialSubjects, wordings: Sequence[Wording]) -> list[str]:
    claims = [predicate(wording.stance, wording.text, wording.language) for wording in wordings]
    return shared_names(wordings, embedder.embed(claims), subjects.centre)


def test_claims_that_say_the_same_are_named_after_the_most_usual_wording(
    embedder: Embedder, subjects: SpecialSubjects
) -> None:
    wordings = [
        Wording("interest", "likes", "en", "slow cinema", 2),
        Wording("interest", "likes", "en", "slow films", 9),
        Wording("interest", "likes", "en", "Slow films", 1),
        Wording("interest", "likes", "en", "jazz", 4),
    ]
    assert names(embedder, subjects, wordings) == ["slow films", "slow films", "slow films", "jazz"]


def test_a_name_is_shared_within_one_kind_stance_and_language(embedder: Embedder, subjects: SpecialSubjects) -> None:
    wordings = [
        Wording("interest", "likes", "en", "loud music", 9),
        Wording("interest", "dislikes", "en", "Loud music", 2),
        Wording("value", "likes", "en", "Loud Music", 2),
        Wording("interest", "likes", "de", "LOUD music", 2),
    ]
    assert names(embedder, subjects, wordings) == [wording.text for wording in wordings]


def test_among_wordings_of_equal_use_the_one_with_most_neighbours_is_the_name(subjects: SpecialSubjects) -> None:
    # Stand-in vectors: b is near a and c, which are not near each other.
    angles = {"aaa": 0.0, "bbb": 0.6, "ccc": 1.2, "ddd": 3.0}
    wordings = [Wording("interest", "likes", "en", text, 1) for text in angles]
    vectors = np.array([[np.cos(angle), np.sin(angle)] for angle in angles.values()], np.float32)
    assert shared_names(wordings, vectors, np.zeros(2, np.float32)) == ["bbb", "bbb", "bbb", "ddd"]


def test_each_name_is_its_own_name_and_near_to_those_it_names_with_random_vectors() -> None:
    rng = np.random.default_rng(0)
    centres = unit_rows(rng.normal(size=(40, 16)).astype(np.float32))
    vectors = unit_rows(centres[rng.integers(40, size=3_000)] + rng.normal(0, 0.1, (3_000, 16)).astype(np.float32))
    wordings = [Wording("interest", "likes", "en", f"w{n}", int(n % 7)) for n in range(3_000)]
    found = shared_names(wordings, vectors, np.zeros(16, np.float32))
    row_of = {wording.text: row for row, wording in enumerate(wordings)}
    for row, name in enumerate(found):
        assert found[row_of[name]] == name
        assert vectors[row] @ vectors[row_of[name]] >= SAME - 1e-5
    assert len(set(found)) < 120
    order = rng.permutation(3_000)
    again = shared_names([wordings[at] for at in order], vectors[order], np.zeros(16, np.float32))
    assert again == [found[at] for at in order]


def test_no_wordings_have_no_names() -> None:
    assert shared_names([], np.empty((0, 4), np.float32), np.zeros(4, np.float32)) == []
