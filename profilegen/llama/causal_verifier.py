"""Whether texts show claims, by the likelihood of a language model's answer; runs in the child process.

The model reads the text, then `Claim: …` and `Shown:`. The scores of the labels are the logits of the words that the
file names for them. Claims on one text are read together, and the text once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from profilegen.errors import ModelError
from profilegen.llama.worker import JobQueue

Scores = npt.NDArray[np.float32]

_TEXT_TOKENS, _QUESTION_TOKENS = 220, 72  # As in training; a text that is longer loses its end.
_SLOTS = 8
_SLOT_TOKENS = 512


class CausalVerifyEngine(JobQueue[list[tuple[str, str]]]):
    """Reads pairs with a language model: one context, a sequence for the text and one for each of its claims.

    :param path: the GGUF file.
    :param answers: the words for the labels, in the order of the labels.
    :raises ModelError: the file cannot be loaded, or its words begin with the same token.
    """

    def __init__(self, path: str, answers: Sequence[str]) -> None:
        import llama_cpp

        from profilegen.llama import native

        self._native, self._llama = native, llama_cpp
        model = native.load_model(path)
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._answers = [self._plain(answer)[0] for answer in answers]
        if len(set(self._answers)) != len(answers):
            raise ModelError(f"{path} is no verifier: its answers {', '.join(answers)} begin with the same token")
        # A split cache: with one for all sequences, a verdict depends on the others in the batch.
        self._context = native.new_context(
            model,
            n_ctx=_SLOT_TOKENS * (_SLOTS + 1),
            n_batch=_SLOTS * _QUESTION_TOKENS,
            n_ubatch=_SLOTS * _QUESTION_TOKENS,
            n_seq_max=_SLOTS + 1,
            n_threads=1,
            n_threads_batch=1,
            kv_unified=False,
        )
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._n_vocab = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self._batch = native.Batch(_SLOTS * _QUESTION_TOKENS)
        super().__init__()

    def step(self) -> list[tuple[int, Scores]]:
        """Read the pairs of the oldest job; return its number and (n_pairs, n_labels) float32 scores."""
        job, pairs = self._jobs.popleft()
        by_text = groupby(pairs, key=lambda pair: pair[0])
        return [(job, np.stack([scores for text, of_text in by_text for scores in self._read_text(text, of_text)]))]

    def _read_text(self, text: str, pairs: Iterator[tuple[str, str]]) -> Iterator[Scores]:
        """Read a text and then its claims, a number of them at a time; give the scores of each."""
        read = self._plain(text)[:_TEXT_TOKENS]
        questions = [self._question(claim) for _, claim in pairs]
        self._llama.llama_memory_clear(self._memory, True)
        if read:
            self._batch.clear()
            self._batch.add(read, 0, start=0, logits="last")
            self._decode()
        for start in range(0, len(questions), _SLOTS):
            chunk = questions[start : start + _SLOTS]
            self._batch.clear()
            last: list[int] = []
            for sequence, question in enumerate(chunk, 1):
                self._llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
                if read:
                    self._llama.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
                self._batch.add(question, sequence, start=len(read), logits="last")
                last.append((last[-1] if last else -1) + len(question))
            self._decode()
            yield from (self._scores(row) for row in last)

    def _question(self, claim: str) -> list[int]:
        """Return the tokens of the question; a claim that is too long loses its end, the question does not."""
        head, tail = self._plain(f"\n\nClaim: {' '.join(claim.split())}"), self._plain("\nShown:")
        whole = self._plain(f"\n\nClaim: {' '.join(claim.split())}\nShown:")
        return whole if len(whole) <= _QUESTION_TOKENS else [*head[: _QUESTION_TOKENS - len(tail)], *tail]

    def _plain(self, text: str) -> list[int]:
        tokens: list[int] = self._native.tokenize(self._vocab, text, special=False, parse_special=False)
        return tokens

    def _decode(self) -> None:
        if (code := self._batch.decode(self._context)) != 0:
            raise RuntimeError(f"llama_decode returned {code}")

    def _scores(self, row: int) -> Scores:
        pointer = self._llama.llama_get_logits_ith(self._context, row)
        return np.array(np.ctypeslib.as_array(pointer, shape=(self._n_vocab,))[self._answers], np.float32)
