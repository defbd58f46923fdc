"""Which notes stand, and on which words. The verifier is a stand-in that looks for words: no trained one ships yet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from profilegen.backends import Verdict, Verifier
from profilegen.claims.notes import Note
from profilegen.claims.passages import Passage
from profilegen.claims.verification import (
    Bar,
    Case,
    CheckedNote,
    check,
    check_notes,
    claim_of,
    judge,
    probability_of,
    questions_of,
)
from profilegen.resources import prompts_dir
from profilegen.vectors import Vectors


class WordVerifier(Verifier):
    """A stand-in: a text shows a claim if it has all words of it; it contradicts one if it has `not` beside some."""

    name, fingerprint, source, threshold = "words", "words", "words", 0.8

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, str]]] = []

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        self.calls.append(list(pairs))
        return [self._verdict(text.lower(), claim.split()) for text, claim in pairs]

    def _verdict(self, text: str, words: list[str]) -> Verdict:
        share = sum(word in text for word in words) / len(words)
        if " not " in text and share:
            return Verdict("contradicted", 0.05)
        # The longer a text, the less sure.
        return Verdict("shown", 0.99 - min(len(text) / 10_000, 0.1)) if share == 1 else Verdict("not shown", share / 2)


def one(text: str, passages: Sequence[Passage], cited: Sequence[int] = (1,), language: str = "en") -> CheckedNote:
    note = Note("lifestyle", "is", text, tuple(cited))
    return check_notes([note], passages, language, WordVerifier())[0]


def test_the_quote_is_the_sentence_that_shows_the_note() -> None:
    text = "Came on a Monday.  The lid is fine. My old dog sleeps in it, and snores. Would buy again."
    checked = one("old dog", [Passage("d1", text)])
    assert (checked.label, [evidence.quote for evidence in checked.evidence]) == (
        "shown",
        ["My old dog sleeps in it, and snores."],
    )
    assert checked.evidence[0].verdict == checked.probability > 0.9


def test_two_sentences_are_quoted_where_one_is_not_enough() -> None:
    text = "Fine lid. I have an old friend here. A dog, to be plain. It snores a lot. Good price, too."
    assert one("old dog", [Passage("d1", text)]).evidence[0].quote == "I have an old friend here. A dog, to be plain."


def test_a_long_passage_is_quoted_whole_where_nothing_shorter_shows_the_note() -> None:
    text = f"Old I am. {'Nothing of note happened on that day. ' * 12}And so is my dog."
    assert one("old dog", [Passage("d1", text)]).evidence[0].quote == text


def test_passages_that_show_a_note_only_together_are_all_evidence() -> None:
    passages = [Passage("d1", "An old one.", day="2025-03-02"), Passage("d2", "It is a dog.", day="2025-01-01")]
    checked = one("old dog", passages, (1, 2))
    assert {evidence.document: evidence.quote for evidence in checked.evidence} == {
        "d1": "An old one.",
        "d2": "It is a dog.",
    }
    assert sorted(evidence.verdict or 0 for evidence in checked.evidence) == [0.25, checked.probability]
    assert checked.days == ("2025-01-01", "2025-03-02")


def test_a_cited_document_that_does_not_show_the_note_is_no_evidence() -> None:
    passages = [Passage("d1", "My old dog."), Passage("d2", "Nice weather.", day="2025-01-01")]
    checked = one("old dog", passages, (1, 2))
    assert [evidence.document for evidence in checked.evidence] == ["d1"]
    assert checked.days == ()


def test_a_document_is_quoted_once() -> None:
    passages = [Passage("d1", "My old dog again, as every year."), Passage("d1", "My old dog.")]
    assert [evidence.quote for evidence in one("old dog", passages, (1, 2)).evidence] == ["My old dog."]


def test_a_title_alone_is_quoted_as_it_is() -> None:
    checked = one("old dog", [Passage("d1", "", item="Songs of an Old Dog", rating=5)])
    assert checked.evidence[0].quote == "Songs of an Old Dog"


def test_item_and_stars_are_read_with_each_sentence() -> None:
    verifier = WordVerifier()
    passage = Passage("d1", "It broke. I am angry.", "Kettle", 1)
    check_notes([Note("value", "is", "careful", (1,))], [passage], "en", verifier)
    assert {text for text, _ in verifier.calls[0]} == {
        "Kettle (1/5): It broke. I am angry.",
        "Kettle (1/5): It broke.",
        "Kettle (1/5): I am angry.",
    }


@pytest.mark.parametrize(
    ("texts", "note", "language"),
    [
        (["Nice weather.", "Trains are late.", "My old dog snores."], "old dog", "en"),
        (["今天下雨。", "火车晚点了。", "我家的老狗打呼噜。"], "老狗", "zh"),
    ],
)
def test_a_wrong_citation_is_repaired(texts: list[str], note: str, language: str) -> None:
    checked = one(note, [Passage(f"d{n}", text) for n, text in enumerate(texts, 1)], (1,), language)
    assert [evidence.document for evidence in checked.evidence] == ["d3"]


def test_the_passage_nearest_by_vectors_is_tried_where_no_word_is_shared() -> None:
    def embed(texts: Sequence[str]) -> Vectors:
        return np.array([[1, 0] if "DOG" in text or "dog" in text else [0.6, 0.8] for text in texts], np.float32)

    passages = [
        Passage("d1", "Nice weather."),
        *(Passage("d2", "Rain.") for _ in range(5)),
        Passage("d3", "My OLD DOG."),
    ]
    note = Note("lifestyle", "is", "old dog", (1,))
    assert check_notes([note], passages, "en", WordVerifier(), embed)[0].evidence[0].document == "d3"


def test_what_nothing_shows_is_told_apart_from_what_is_contradicted() -> None:
    assert one("old dog", [Passage("d1", "Nice weather.")]).label == "not shown"
    denied = one("old dog", [Passage("d1", "I do not have a dog.")])
    assert (denied.label, denied.evidence) == ("contradicted", ())


def test_the_verifier_is_asked_twice_for_any_number_of_readings() -> None:
    verifier = WordVerifier()
    notes = [Note("lifestyle", "is", "old dog", (1,)), Note("lifestyle", "is", "young cat", (1,))]
    cases = [Case(notes, [Passage("d1", "My old dog."), Passage("d2", "No young cow.")], "en") for _ in range(20)]
    results = check(cases, verifier)
    assert [[note.label for note in checked] for checked in results] == [["shown", "not shown"]] * 20
    assert len(verifier.calls) == 2
    assert all(len(call) == len(set(call)) for call in verifier.calls)


def test_a_note_is_read_against_eight_texts_at_most() -> None:
    verifier = WordVerifier()
    passages = [Passage(f"d{n}", "Nice weather. It rained. Then sun. We ate. We slept.") for n in range(9)]
    check_notes([Note("lifestyle", "is", "zzz", tuple(range(1, 10)))], passages, "en", verifier)
    assert len(verifier.calls[0]) <= 8


@pytest.mark.parametrize("text", ["", " ", "\0", "。" * 500, "a" * 5_000, "🤯" * 400, "[1] interest, likes: x\n" * 50])
def test_hostile_passages_and_numbers_give_no_claim(text: str) -> None:
    assert one("old dog", [Passage("d1", text), Passage("d2", text)], (1, 2, 7)).label == "not shown"


def test_nothing_is_asked_without_notes() -> None:
    verifier = WordVerifier()
    assert check([Case([], [Passage("d1", "My dog.")], "en"), Case([], [], "en")], verifier) == [[], []]
    assert sum(map(len, verifier.calls)) == 0


def test_a_choice_is_read_as_its_facet_puts_it_and_a_strict_one_must_be_surer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(prompts_dir(), tmp_path / "prompts")
    for strict in ("false", "true"):
        with (folder / "facets.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'\n[[facet]]\nname = "strict_{strict}"\nabout = "Money."\none_of = ["low", "high"]\n'
                f'claim = "has a {{}} budget"\nstrict = {strict}\n'
            )
    monkeypatch.setenv("PROFILEGEN_PROMPTS", str(folder))
    case = Case([], [Passage("d", "A low budget it is.")], "en")
    labels = []
    for kind in ("strict_false", "strict_true"):
        note = Note(kind, "is", "low", (1,))
        assert claim_of(note, "en") == "has a low budget"
        verdicts = [Verdict("shown", 0.7)]
        labels.append(judge(note, case, questions_of(note, case)[:1], verdicts, Bar(0.5)).label)
    assert labels == ["shown", "not shown"]


def test_a_choice_of_a_facet_is_read_as_what_it_says_of_the_user(budget_facet: None) -> None:
    verifier = WordVerifier()
    note = Note("budget", "is", "low", (1,))
    checked = check_notes([note], [Passage("d1", "I have a low budget.")], "en", verifier)
    assert verifier.calls[0] == [("I have a low budget.", "has a low budget")]
    assert checked[0].claim == "has a low budget"


def test_passages_that_show_a_strict_facet_only_together_are_not_enough(budget_facet: None) -> None:
    passages = [Passage("d1", "An old one."), Passage("d2", "It is a dog.")]
    labels = [
        check_notes([Note(kind, "is", "old dog", (1, 2))], passages, "en", WordVerifier())[0].label
        for kind in ("lifestyle", "budget")
    ]
    assert labels == ["shown", "not shown"]


def test_a_note_that_the_writer_hesitated_over_does_not_stand_on_the_same_words() -> None:
    passages = [Passage("d1", "My old dog.")]
    notes = [Note("lifestyle", "is", "old dog", (1,), sureness) for sureness in (0.05, 0.5)]
    assert [note.label for note in check_notes(notes, passages, "en", WordVerifier())] == ["not shown", "shown"]


def test_however_sure_the_writer_was_a_note_needs_words_that_show_it() -> None:
    passages = [Passage("d1", "My old dog."), Passage("d2", "Rain again."), Passage("d3", "Late for the bus.")]
    sure = Note("lifestyle", "is", "young cat", (1, 2), 0.99)
    assert check_notes([sure], passages, "en", WordVerifier())[0].label == "not shown"
    (checked,) = check_notes([sure._replace(text="old dog")], passages, "en", WordVerifier())
    assert [(each.document, each.quote) for each in checked.evidence] == [("d1", "My old dog.")]


def test_where_the_sureness_of_a_writer_is_not_known_the_verifier_decides() -> None:
    assert probability_of(Note("lifestyle", "is", "old dog", (1,)), 0.37) == 0.37
