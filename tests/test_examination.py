"""The examination of a writer. Writers and verifiers here are stand-ins that write and judge by rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
from typer.testing import CliRunner

from profilegen.backends import Answer, Failure, K, Prompt, Verdict, Verifier, Writer
from profilegen.claims.passages import Passage
from profilegen.cli import app
from profilegen.evaluation.examination import examine_writer, sample_passages
from profilegen.llama.catalog import ResolvedModel


class _StandInWriter(Writer):
    """Gives the same answer to each prompt, or one made of it."""

    name = source = fingerprint = "stand-in"
    languages = ("en",)
    context = 2_048
    trained = True

    def __init__(self, answer: Callable[[Prompt], str], *, finished: bool = True) -> None:
        self._answer, self._finished = answer, finished

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        for key, prompt in prompts:
            yield key, Answer(self._answer(prompt), self._finished, 10, 10)


class _StandInVerifier(Verifier):
    """Takes for shown what has its last word in the text."""

    name = source = fingerprint = "stand-in"
    threshold = 0.5

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        return [
            Verdict("shown", 0.9) if claim.split()[-1] in text else Verdict("not shown", 0.1) for text, claim in pairs
        ]


READ = {
    user: [Passage(document=user, text=f"Every weekend there is {thing} for me.", language="en")]
    for user, thing in (("a", "archery"), ("b", "baking"), ("c", "chess"), ("d", "dancing"))
}


def _thing(prompt: Prompt) -> str:
    return prompt.request.split(" for me")[0].split()[-1]


def test_a_writer_whose_notes_are_shown_by_what_it_read_holds_the_task() -> None:
    writer = _StandInWriter(lambda prompt: f"[1] interest, likes: {_thing(prompt)}")
    result = examine_writer(writer, _StandInVerifier(), READ)
    assert (result.users, result.whole, result.notes) == (4, 1, 1)
    assert (result.shown, result.shown_by_chance) == (1, 0)
    assert result.faults == []
    assert [sample.shown for sample in result.samples] == [(0,)] * 4


def test_a_writer_that_notes_the_same_of_everybody_cannot_hold_the_task() -> None:
    writer = _StandInWriter(lambda _: "[1] lifestyle, is: free every weekend")
    result = examine_writer(writer, _StandInVerifier(), READ)
    assert (result.shown, result.shown_by_chance) == (1, 1)
    assert result.faults == ["100% of its notes are shown by what it read, and 100% by what somebody else wrote"]


def test_a_writer_that_finishes_nothing_or_writes_nothing_cannot_hold_the_task() -> None:
    unfinished = _StandInWriter(lambda _: "[1] interest, likes: arch", finished=False)
    assert examine_writer(unfinished, None, READ).faults == [
        "100% of its answers are not finished",
        "it writes 0.0 notes a user",
    ]
    silent = examine_writer(_StandInWriter(lambda _: "none"), _StandInVerifier(), READ)
    assert silent.faults == ["it writes 0.0 notes a user"]
    assert silent.shown is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_sample_has_ten_users_in_a_language_that_the_writer_knows(language: str) -> None:
    read = sample_passages((language,))
    assert len(read) == 10
    assert {passage.language for passages in read.values() for passage in passages} == {language}
    assert read == sample_passages((language,))


def test_the_command_ends_with_status_1_for_a_writer_that_cannot_hold_the_task(
    models: dict[str, ResolvedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = {
        "good": examine_writer(_StandInWriter(lambda prompt: f"[1] interest, likes: {_thing(prompt)}"), None, READ),
        "bad": examine_writer(_StandInWriter(lambda _: "none"), None, READ),
    }
    for name, status in (("good", 0), ("bad", 1)):
        monkeypatch.setattr("profilegen.evaluation.examination.examine_writer", lambda *_, name=name: results[name])
        done = CliRunner().invoke(app, ["models", "try", "smollm2-135m-instruct"])
        assert done.exit_code == status
        assert ("cannot hold the task: it writes 0.0 notes a user" in done.output) == bool(status)
        printed = json.loads(CliRunner().invoke(app, ["models", "try", "smollm2-135m-instruct", "--json"]).stdout)
        assert printed[0]["faults"] == list(results[name].faults)
