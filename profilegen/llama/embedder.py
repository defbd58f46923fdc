"""Texts to vectors with a GGUF embedding model in child processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import numpy as np

from profilegen.backends import Embedder, Failure
from profilegen.errors import ModelError, UnreadableTextError
from profilegen.llama.pooled_model import PooledModel
from profilegen.llama.worker import JobQueue
from profilegen.vectors import Vectors

if TYPE_CHECKING:
    from profilegen.llama.catalog import ResolvedModel

_BATCH_TOKENS = 512  # Larger batches are slower on processors (measured: 2,048 is half as fast).
_BATCH_SEQUENCES = 8
# A job is a small part of the work, so that the children finish together, and fills several batches.
_JOB_CHARS, _JOB_TEXTS = 6_000, 128
# Starting another child takes about as long as this many jobs.
_JOBS_PER_CHILD = 2


class GgufEmbedder(PooledModel, Embedder):
    """A GGUF embedding model.

    :param model: the file and how to use it.
    :param workers: number of child processes, at most; fewer are started for few texts.
    """

    def __init__(self, model: ResolvedModel, *, workers: int) -> None:
        engine = "profilegen.llama.embedder:EmbedEngine"
        config = {"context": model.context, "pooling": model.pooling}
        super().__init__(model, engine, workers=workers, backlog=2, **config)

    def start(self) -> None:
        """Start to load the model in a first child, in the background."""
        self._pool()

    @property
    def dimensions(self) -> int:
        """The length of a vector; waits until the model is loaded."""
        return int(self._pool().info)

    def embed(
        self, texts: Sequence[str], on_done: Callable[[int], None] | None = None, *, queries: bool = False
    ) -> Vectors:
        """Return (n_texts, n_dims) float32, rows L2-normalised and rounded to float16, as they are stored.

        A text longer than the model's context is split into windows, whose vectors are averaged, weighted by their
        lengths. The same texts give the same bits: the batches depend on the texts alone, not on the workers.

        :param texts: texts of any length and language; without texts the array has no rows.
        :param on_done: called with the number of texts finished since the last call.
        :param queries: the texts are search queries; they get the model's query prefix.
        :raises ModelError: the model cannot be loaded or does not embed.
        :raises UnreadableTextError: a text cannot be embedded.
        """
        if not texts:
            return np.zeros((0, 0), np.float32)
        pool = self._pool()
        # Texts of similar length together, so that batches are full; texts of one length in their order.
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        jobs = list(_jobs(order, [len(text) for text in texts]))
        pool.start_workers(len(jobs) // _JOBS_PER_CHILD)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        prefix = self.model.query_prefix if queries else self.model.prefix
        # NFKC, as in the training of the multilingual models.
        unreadable: dict[int, str] = {}
        while jobs:
            work = (
                (number, [prefix + normalize("NFKC", texts[index]) for index in job]) for number, job in enumerate(jobs)
            )
            alone: list[list[int]] = []
            for number, answer in pool.run(work):
                job = jobs[number]
                if not isinstance(answer, Failure):
                    vectors[job] = answer
                elif len(job) > 1:  # Which of them is it?
                    alone += [[index] for index in job]
                    continue
                else:
                    unreadable[job[0]] = answer.reason
                if on_done:
                    on_done(len(job))
            jobs = alone
        if unreadable:
            reason = next(iter(unreadable.values()))
            raise UnreadableTextError(f"{self.model.name} cannot embed a text: {reason}", tuple(unreadable))
        return vectors


class EmbedEngine(JobQueue[list[str]]):
    """Embeds texts in the child process: one context, batches of whole sequences.

    :param path: the GGUF file.
    :param context: number of tokens that the model reads at once.
    :param pooling: `mean`, `cls` or `last`.
    :raises ModelError: the file cannot be loaded, or the model does not embed.
    """

    def __init__(self, path: str, context: int, pooling: str) -> None:
        import llama_cpp

        from profilegen.llama import native

        self._native, self._llama = native, llama_cpp
        model = native.load_model(path)
        pooling_type = getattr(llama_cpp, f"LLAMA_POOLING_TYPE_{pooling.upper()}")
        # n_ctx, n_batch and n_ubatch are equal and a multiple of 256: else mean pooling aborts the process.
        size = _BATCH_TOKENS
        self._context = native.new_context(
            model,
            n_ctx=size,
            n_batch=size,
            n_ubatch=size,
            n_seq_max=_BATCH_SEQUENCES,
            n_threads=1,
            n_threads_batch=1,
            embeddings=True,
            pooling_type=pooling_type,
            kv_unified=True,
        )
        if llama_cpp.llama_pooling_type(self._context) == llama_cpp.LLAMA_POOLING_TYPE_NONE:
            raise ModelError(f"{path} does not embed texts: it has vectors of tokens and none of a whole text")
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._limit = min(context, size)
        self._batch = native.Batch(size)
        super().__init__()
        self.info = int(llama_cpp.llama_model_n_embd(model))

    def step(self) -> list[tuple[int, Vectors]]:
        """Embed the texts of the oldest job; return its number and the vectors, (n_texts, n_dims) float32."""
        job, texts = self._jobs.popleft()
        return [(job, self._embed(texts))]

    def _embed(self, texts: list[str]) -> Vectors:
        windows = [(row, window) for row, text in enumerate(texts) for window in self._windows(text)]
        sums = np.zeros((len(texts), self.info), dtype=np.float32)
        for batch in _packed(windows, _BATCH_TOKENS, _BATCH_SEQUENCES):
            for (row, window), vector in zip(batch, self._forward([tokens for _, tokens in batch]), strict=True):
                sums[row] += vector * len(window)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        unit = sums / np.where(norms == 0, 1, norms)
        return unit.astype(np.float16).astype(np.float32)

    def _windows(self, text: str) -> list[list[int]]:
        """Split the tokens of a text into windows, each with the special tokens at both ends."""
        native = self._native
        tokens = native.tokenize(self._vocab, text, special=True, parse_special=False)
        if len(tokens) <= self._limit:
            return [tokens] if tokens else []
        plain = native.tokenize(self._vocab, text, special=False, parse_special=False)
        extra = len(tokens) - len(plain)
        head = tokens[:1] if extra and tokens[0] != plain[0] else []
        tail = tokens[len(head) + len(plain) :]
        room = self._limit - len(head) - len(tail)
        count = -(-len(plain) // room)
        size = -(-len(plain) // count)  # windows of about the same length
        return [head + plain[start : start + size] + tail for start in range(0, len(plain), size)]

    def _forward(self, sequences: list[list[int]]) -> list[Vectors]:
        llama_cpp = self._llama
        memory = llama_cpp.llama_get_memory(self._context)
        if memory:
            llama_cpp.llama_memory_clear(memory, True)
        self._batch.clear()
        for number, tokens in enumerate(sequences):
            self._batch.add(tokens, number, start=0, logits="all")
        if (code := self._batch.decode(self._context)) != 0:
            raise RuntimeError(f"llama_decode returned {code}")
        return [self._vector(number) for number in range(len(sequences))]

    def _vector(self, sequence: int) -> Vectors:
        pointer = self._llama.llama_get_embeddings_seq(self._context, sequence)
        vector: Any = np.ctypeslib.as_array(pointer, shape=(self.info,))
        norm = float(np.linalg.norm(vector))
        return np.array(vector / (norm or 1.0), dtype=np.float32)


def _jobs(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Split the order into jobs; a job ends with the text that reaches one of the two limits."""
    job: list[int] = []
    chars = 0
    for index in order:
        job.append(index)
        chars += lengths[index]
        if chars >= _JOB_CHARS or len(job) == _JOB_TEXTS:
            yield job
            job, chars = [], 0
    if job:
        yield job


def _packed(
    windows: list[tuple[int, list[int]]], max_tokens: int, max_sequences: int
) -> Iterator[list[tuple[int, list[int]]]]:
    """Split the windows into batches in order, each within both limits or of one window."""
    batch: list[tuple[int, list[int]]] = []
    tokens = 0
    for row, window in windows:
        if batch and (tokens + len(window) > max_tokens or len(batch) == max_sequences):
            yield batch
            batch, tokens = [], 0
        batch.append((row, window))
        tokens += len(window)
    if batch:
        yield batch
