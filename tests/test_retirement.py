"""Claims that later words end; the verifier is a stand-in but for the cases that are measured with the real ones."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.retirement import CASES, retired
from profilegen.backends import Verdict, Verifier
from profilegen.claims.passages import Passage
from profilegen.claims.retirement import Read, Retired, retire
from profilegen.llama.catalog import ResolvedModel
from profilegen.records import Claim, Evidence

LEEDS = Claim(
    text="lives in Leeds",
    support=0.9,
    first="2023-01-01",
    last="2024-01-01",
    evidence=(Evidence(document="d0", quote="Leeds", verdict=0.9),),
)
CONTRARY, UNSURE = Verdict("contradicted", 0.1, 0.8), Verdict("contradicted", 0.3, 0.4)
MOVED = "We packed all day. I don't live in Leeds any more."


class StandIn(Verifier):
    """Says the same of every text that has some words, and of no other."""

    name = fingerprint = source = "stand-in"
    threshold = 0.5

    def __init__(self, verdict: Verdict, words: str = "Leeds") -> None:
        self.verdict, self.words = verdict, words

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        return [self.verdict if self.words in text else Verdict("not shown", 0.1, 0.1) for text, _ in pairs]


def embed(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.ones((len(texts), 2), np.float32)


def ended(passage: Passage, verifier: Verifier | None = None, claim: Claim = LEEDS) -> Retired:
    (found,) = retire([Read({"lifestyle": (claim,)}, [passage], "en")], verifier or StandIn(CONTRARY), embed)
    return found


def test_a_claim_ends_by_a_later_sentence_that_the_verifier_takes_for_the_contrary() -> None:
    found = ended(Passage("d1", MOVED, day="2024-02-01"))
    (past,) = found.past
    assert found.claims == {"lifestyle": ()}
    assert (past.claim, past.ended, past.kind) == (LEEDS, "2024-02-01", "lifestyle")
    assert past.by == Evidence(document="d1", quote="I don't live in Leeds any more.", verdict=0.8)


@pytest.mark.parametrize(
    "passage",
    [
        Passage("d1", MOVED, day="2024-01-01"),
        Passage("d1", MOVED),
        Passage("d1", "I don't live in Leeds any more?", day="2024-02-01"),
        Passage("d1", "I don't go to Leeds any more.", day="2024-02-01"),
        Passage("d1", MOVED, item="Moving boxes", rating=1.0, day="2024-02-01"),
    ],
    ids=["the same day", "no day", "a question", "another thing", "a low rating"],
)
def test_a_claim_does_not_end_by(passage: Passage) -> None:
    assert ended(passage) == Retired({"lifestyle": (LEEDS,)}, ())


def test_a_claim_does_not_end_where_the_verifier_is_not_sure_of_the_sentence() -> None:
    assert not ended(Passage("d1", MOVED, day="2024-02-01"), StandIn(UNSURE)).past


def test_a_claim_does_not_end_where_the_whole_passage_takes_the_sentence_back() -> None:
    class Joke(StandIn):
        def verify(
            self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None
        ) -> list[Verdict]:
            return [CONTRARY if "kidding" not in text else Verdict("not shown", 0.4, 0.2) for text, _ in pairs]

    joke = Passage("d1", "I don't live in Leeds any more. Just kidding!", day="2024-02-01")
    assert not ended(joke, Joke(CONTRARY)).past


def test_the_cases_are_of_several_kinds_of_text_and_both_answers() -> None:
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    assert len(cases) >= 100
    assert len({case["source"] for case in cases}) >= 5
    assert min(sum(case["retired"] is answer for case in cases) for answer in (True, False)) >= 40
    assert len({json.dumps(case, sort_keys=True) for case in cases}) == len(cases)


def test_with_the_real_verifiers_hardly_any_case_ends_that_should_not_and_some_do_that_should(
    models: dict[str, ResolvedModel], tmp_path: Path
) -> None:
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    english = [case for case in cases if case["language"] == "en"]
    outcomes = retired(english)
    wrong = [case for case, ended in zip(english, outcomes, strict=True) if ended and not case["retired"]]
    assert len(wrong) <= 2, wrong
    assert sum(outcomes) >= 3
