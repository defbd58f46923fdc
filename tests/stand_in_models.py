"""Stand-ins for a writer and a verifier: no model, so that a test says itself what is noted and what is shown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from profilegen.backends import Answer, Failure, K, Prompt, Verdict, Verifier, Writer


class StandInWriter(Writer):
    """Answers every prompt as a function does, and keeps the prompts."""

    name = fingerprint = source = "stand-in"
    languages = ("en",)
    context = 2_048
    trained = True

    def __init__(self, answer: Callable[[Prompt], str | Failure]) -> None:
        self.answer, self.prompts = answer, list[Prompt]()

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        for key, prompt in prompts:
            self.prompts.append(prompt)
            answer = self.answer(prompt)
            yield key, answer if isinstance(answer, Failure) else Answer(answer, True, 1, 1)


class StandInVerifier(Verifier):
    """Takes every claim for shown."""

    name = fingerprint = source = "stand-in"
    threshold = 0.5

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        return [Verdict("shown", 0.9)] * len(pairs)


@contextmanager
def stand_ins(answer: Callable[[Prompt], str | Failure] = lambda _: "none") -> Iterator[StandInWriter]:
    """Have the builds of this process use stand-ins, and give the writer; by default it notes nothing."""
    writer = StandInWriter(answer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("profilegen.pipeline.model_choice.open_writer", lambda *_: writer)
        patch.setattr("profilegen.pipeline.model_choice.open_verifier", lambda *_: StandInVerifier())
        yield writer
