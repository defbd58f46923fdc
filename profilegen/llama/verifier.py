"""Whether texts show claims, with a GGUF model in child processes: text and claim in, scores of three labels out.

The engine of this module is for encoders with a head; that for language models is in `causal_verifier`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from profilegen.backends import LABELS, Failure, Verdict, Verifier
from profilegen.errors import ModelError, UnreadableTextError
from profilegen.llama.pooled_model import PooledModel
from profilegen.llama.worker import JobQueue

if TYPE_CHECKING:
    from profilegen.llama.catalog import ResolvedModel

Scores = npt.NDArray[np.float32]

_BATCH_TOKENS, _BATCH_SEQUENCES = 512, 16
_MAX_TOKENS, _MAX_CLAIM_TOKENS = 256, 64  # As in training; a text that is longer loses its end.
_PAIRS_PER_JOB = 32


class GgufVerifier(PooledModel, Verifier):
    """A GGUF model that verifies: an encoder that scores labels, or a language model that answers with a word.

    :param model: the file and how to use it.
    :param workers: number of child processes, at most.
    """

    def __init__(self, model: ResolvedModel, *, workers: int) -> None:
        self.threshold, self.veto = model.threshold, model.veto
        self.languages = model.languages
        if model.answers:
            engine = "profilegen.llama.causal_verifier:CausalVerifyEngine"
            super().__init__(model, engine, workers=workers, backlog=2, answers=model.answers)
        else:
            super().__init__(model, "profilegen.llama.verifier:VerifyEngine", workers=workers, backlog=2)

    def start(self) -> None:
        """Start to load the model in a first child, in the background."""
        self._pool()

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        """Return a verdict for each pair; the same pairs give the same verdicts.

        :param pairs: (text, claim); of a text, about the first 1,000 characters are read.
        :param on_done: called with the number of pairs finished since the last call.
        :raises ModelError: the model cannot be loaded or is no verifier.
        :raises UnreadableTextError: a pair cannot be read.
        """
        # Pairs of like length together, so that batches are full, and those of one text next to each other.
        order = sorted(range(len(pairs)), key=lambda at: (-len(pairs[at][0]), *pairs[at]))
        jobs = [order[start : start + _PAIRS_PER_JOB] for start in range(0, len(order), _PAIRS_PER_JOB)]
        verdicts: dict[int, Verdict] = {}
        if not jobs:
            return []
        pool = self._pool()
        pool.start_workers(len(jobs))
        for number, scores in pool.run((number, [pairs[at] for at in job]) for number, job in enumerate(jobs)):
            if isinstance(scores, Failure):
                raise UnreadableTextError(f"{self.name} cannot verify a claim: {scores.reason}")
            for at, row in zip(jobs[number], scores, strict=True):
                verdicts[at] = self._verdict(row)
            if on_done:
                on_done(len(jobs[number]))
        return [verdicts[at] for at in range(len(pairs))]

    def _verdict(self, scores: Scores) -> Verdict:
        """Return `shown` from the threshold on; below it, the likelier of the other two labels."""
        exponentials = np.exp(scores.astype(np.float64) - scores.max())
        shown, not_shown, contradicted = exponentials / exponentials.sum()
        label = LABELS[0] if shown >= self.threshold else LABELS[2] if contradicted > not_shown else LABELS[1]
        return Verdict(label, round(float(shown), 4), round(float(contradicted), 4))


class VerifyEngine(JobQueue[list[tuple[str, str]]]):
    """Reads pairs in the child process: one context, batches of whole sequences, rank pooling.

    :param path: the GGUF file.
    :raises ModelError: the file cannot be loaded, or the model has other labels.
    """

    def __init__(self, path: str) -> None:
        import llama_cpp

        from profilegen.llama import native

        self._native, self._llama = native, llama_cpp
        model = native.load_model(path)
        self._n_labels = int(llama_cpp.llama_model_n_cls_out(model))
        if self._n_labels != len(LABELS):
            raise ModelError(f"{path} is no verifier: it has {self._n_labels} labels, not {len(LABELS)}")
        self._context = native.new_context(
            model,
            n_ctx=_BATCH_TOKENS,
            n_batch=_BATCH_TOKENS,
            n_ubatch=_BATCH_TOKENS,
            n_seq_max=_BATCH_SEQUENCES,
            n_threads=1,
            n_threads_batch=1,
            embeddings=True,
            pooling_type=llama_cpp.LLAMA_POOLING_TYPE_RANK,
            kv_unified=True,
        )
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._first = int(llama_cpp.llama_vocab_bos(self._vocab))
        self._separator = int(llama_cpp.llama_vocab_sep(self._vocab))
        self._batch = native.Batch(_BATCH_TOKENS)
        super().__init__()
        self.info = self._n_labels

    def step(self) -> list[tuple[int, Scores]]:
        """Read the pairs of the oldest job; return its number and (n_pairs, n_labels) float32 scores."""
        job, pairs = self._jobs.popleft()
        sequences = [self._tokens(text, claim) for text, claim in pairs]
        return [(job, np.concatenate([self._forward(batch) for batch in _packed(sequences)]))]

    def _tokens(self, text: str, claim: str) -> list[int]:
        stated = self._plain(claim)[:_MAX_CLAIM_TOKENS]
        read = self._plain(text)[: _MAX_TOKENS - 3 - len(stated)]
        return [self._first, *read, self._separator, *stated, self._separator]

    def _plain(self, text: str) -> list[int]:
        tokens = self._native.tokenize(self._vocab, text, special=False, parse_special=False)
        return [token for token in tokens if token not in (self._first, self._separator)]

    def _forward(self, sequences: list[list[int]]) -> Scores:
        if memory := self._llama.llama_get_memory(self._context):
            self._llama.llama_memory_clear(memory, True)
        self._batch.clear()
        for number, tokens in enumerate(sequences):
            self._batch.add(tokens, number, start=0, logits="all")
        if (code := self._batch.decode(self._context)) != 0:
            raise RuntimeError(f"llama_decode returned {code}")
        return np.stack([self._scores(number) for number in range(len(sequences))])

    def _scores(self, sequence: int) -> Scores:
        pointer = self._llama.llama_get_embeddings_seq(self._context, sequence)
        scores: Any = np.ctypeslib.as_array(pointer, shape=(self._n_labels,))
        return np.array(scores, dtype=np.float32)


def _packed(sequences: list[list[int]]) -> Iterator[list[list[int]]]:
    """Split the sequences into batches in order, each within both limits."""
    batch: list[list[int]] = []
    for tokens in sequences:
        if batch and (sum(map(len, batch)) + len(tokens) > _BATCH_TOKENS or len(batch) == _BATCH_SEQUENCES):
            yield batch
            batch = []
        batch.append(tokens)
    if batch:
        yield batch
