"""The embedder and the writer of a piece of work, each started when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from profilegen.llama.catalog import ResolvedModel
from profilegen.llama.embedder import Embedder
from profilegen.llama.worker import Failure
from profilegen.llama.writer import Answer, Prompt, Turn, Writer, WriterSettings

Vectors = npt.NDArray[np.float32]


class Models:
    """Holds both models; what was started ends with the `with` block."""

    def __init__(self, embedder: ResolvedModel, writer: ResolvedModel, settings: WriterSettings) -> None:
        self.embedder, self.writer = embedder, writer
        self._settings = settings
        self._open = ExitStack()
        self._started_embedder: Embedder | None = None
        self._started_writer: Writer | None = None

    def __enter__(self) -> Self:
        """Return itself; nothing is started yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """End what was started."""
        self._open.close()

    def embed(self, texts: Sequence[str], on_done: Callable[[int], None] | None = None) -> Vectors:
        """Return (n_texts, n_dims) float32, rows L2-normalised; nothing is started for no texts."""
        return self.start_embedder().embed(texts, on_done) if texts else np.zeros((0, 0), np.float32)

    def write(self, prompts: Iterable[tuple[Any, Prompt]]) -> Iterator[tuple[Any, Answer | Failure]]:
        """Give (key, answer) as answers finish; nothing is started for no prompts."""
        stream = iter(prompts)
        first = next(stream, None)
        if first is not None:
            yield from self.start_writer().write(_with_first(first, stream))

    def start_embedder(self) -> Embedder:
        """Begin to load the embedder, beside whatever is done before its first text; once it is started, it stays."""
        if self._started_embedder is None:
            embedder = Embedder(self.embedder, workers=self._settings.workers, wait=False)
            self._started_embedder = self._open.enter_context(embedder)
        return self._started_embedder

    def start_writer(self, shared: tuple[Turn, ...] = (), *, prompts: int = 1) -> Writer:
        """Begin to load the writer, beside whatever is done before its first prompt; once it is started, it stays.

        :param shared: turns that the first prompts are going to consist of, read at once.
        :param prompts: how many there are going to be, at least.
        """
        if self._started_writer is None:
            self._started_writer = self._open.enter_context(Writer(self.writer, self._settings, shared, wait=False))
        self._started_writer.expect(prompts)
        return self._started_writer


def _with_first(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
