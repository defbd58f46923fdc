"""Prompts to text under a grammar, many at once, with a GGUF language model in child processes.

Each child has one context with a fixed number of slots. The turns that prompts share (instructions and examples) are
read once and copied to every slot; a slot takes the next prompt as soon as its answer is finished. A prompt is read in
a decode call of its own, and a further call adds one token to each answer; the cache is split by slot. So an answer
does not depend on the others in the batch (with a unified cache or with mixed calls it does).

A grammar determines which tokens may follow (llguidance, https://github.com/guidance-ai/llguidance). Where only one
text may follow, it is not generated but read like a prompt, and at the end of an answer not even read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from profilegen.backends import Answer, Failure, K, Options, Prompt, Shape, Turn, Writer
from profilegen.errors import ModelError
from profilegen.llama.chat_template import ChatTemplate
from profilegen.llama.grammar import grammar_of
from profilegen.llama.pooled_model import PooledModel

if TYPE_CHECKING:
    from profilegen.llama.catalog import ResolvedModel

# Starting another child takes longer than writing this many answers.
_PROMPTS_PER_CHILD = 8


class GgufWriter(PooledModel, Writer):
    """A GGUF language model that writes.

    :param model: the file and how to use it.
    :param options: `workers`, `slots`, `context_tokens` and `gpu_layers` are used.
    """

    def __init__(self, model: ResolvedModel, options: Options) -> None:
        self.languages, self.trained, self.reserve = model.languages, model.trained, model.reserve
        self.context = min(options.context_tokens, model.context)
        super().__init__(
            model,
            "profilegen.llama.writer:WriteEngine",
            workers=options.workers,
            # As many prompts as there are slots wait in the child, so that a free slot never waits for the parent.
            backlog=2 * options.slots,
            slots=options.slots,
            context_tokens=self.context,
            gpu_layers=options.gpu_layers,
        )

    def start(self, shared: tuple[Turn, ...] = (), *, prompts: int = 1) -> None:
        """Start to load the model in the background, in more children for more prompts.

        :param shared: turns that the first prompts begin with; each child reads them as soon as it has the model.
        :param prompts: number of prompts to expect, at least.
        """
        self._pool(shared=shared).start_workers(-(-prompts // _PROMPTS_PER_CHILD))

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        """Give (key, answer) as answers are finished, in any order; without prompts, no child is started.

        :param prompts: (key, prompt) pairs, taken only when there is room.
        :raises ModelError: the model cannot be loaded or does not write.
        """
        stream = iter(prompts)
        for first in stream:
            yield from self._pool().run(chain([first], stream))


@dataclass
class _Slot:
    """An answer that is being written: the state of its grammar, its tokens, and those that the model has not read.

    `probabilities` are those of the tokens, 1 where the grammar left no choice.
    """

    job: int
    matcher: Any
    max_tokens: int
    prompt_tokens: int
    position: int
    tokens: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    outcome: Literal["finished", "cut off"] | None = None


class WriteEngine:
    """Writes answers in the child process: one context, a sequence for each slot, and one for the shared prefix.

    :param path: the GGUF file.
    :param slots: number of answers that are written at the same time.
    :param context_tokens: tokens of prompt and answer together, in each slot.
    :param gpu_layers: number of layers on the GPU; -1 for all.
    :param shared: turns that the first prompts begin with.
    :raises ModelError: the file cannot be loaded, or the model does not write.
    """

    def __init__(
        self, path: str, slots: int, context_tokens: int, gpu_layers: int, shared: tuple[Turn, ...] = ()
    ) -> None:
        import llama_cpp

        from profilegen.llama import native

        self._llama, self._native = llama_cpp, native
        self._model = native.load_model(path, gpu_layers=gpu_layers)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._slot_tokens = -(-context_tokens // 256) * 256
        self._n_batch = 512
        self._context = native.new_context(
            self._model,
            n_ctx=self._slot_tokens * (slots + 1),
            n_batch=self._n_batch,
            n_ubatch=self._n_batch,
            n_seq_max=slots + 1,
            n_threads=1,
            n_threads_batch=1,
            kv_unified=False,
        )
        self._memory = llama_cpp.llama_get_memory(self._context)
        if not self._memory:
            raise ModelError(f"{path} cannot write: it does not generate text")
        self._n_vocab = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._batch = native.Batch(max(self._n_batch, slots + 1))
        self._template = ChatTemplate.from_model(self._model, self._vocab)
        self._tokenizer = native.llguidance_tokenizer(self._vocab)
        self._waiting: deque[tuple[int, Prompt]] = deque()
        self._slots: list[_Slot | None] = [None] * slots
        self._shared: tuple[Turn, ...] | None = None
        self.info = {"slots": slots, "context_tokens": self._slot_tokens}
        if shared:
            self._preload_shared(shared)

    def add(self, job: int, payload: Prompt) -> None:
        """Accept a prompt.

        :param job: number of the job.
        :param payload: the prompt.
        """
        self._waiting.append((job, payload))

    def has_work(self) -> bool:
        """Return whether there are prompts or answers that are not finished."""
        return bool(self._waiting) or any(self._slots)

    def step(self) -> list[tuple[int, Answer | Failure]]:
        """Fill free slots, then add one token in each; return (number, answer) of the jobs that are finished."""
        finished: list[tuple[int, Answer | Failure]] = []
        for number, slot in enumerate(self._slots):
            if slot is None and self._waiting and not self._must_wait(self._waiting[0][1]):
                finished += self._start(number, *self._waiting.popleft())
        return finished + self._advance()

    def _must_wait(self, prompt: Prompt) -> bool:
        """Return whether the shared prefix has to change first, for which every slot must be free."""
        return prompt.shared != self._shared and any(self._slots)

    def _start(self, number: int, job: int, prompt: Prompt) -> list[tuple[int, Answer | Failure]]:
        """Read a prompt into a slot and choose its first token."""
        try:
            shared, request = self._tokens(prompt)
            matcher = self._matcher(prompt.answer)
        except (ValueError, ModelError) as error:
            return [(job, Failure(str(error)))]
        common, length = len(shared), len(shared) + len(request)
        if length + prompt.max_tokens > self._slot_tokens:
            needs = f"its prompt has {length} tokens and its answer may have {prompt.max_tokens}"
            return [(job, Failure(f"{needs}, more than a slot holds ({self._slot_tokens})"))]
        if prompt.shared != self._shared:
            self._read_shared(prompt.shared, shared)
        sequence = number + 1
        self._llama.llama_memory_seq_rm(self._memory, sequence, common, -1)
        if common and self._llama.llama_memory_seq_pos_max(self._memory, sequence) != common - 1:
            self._llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            self._llama.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
        slot = _Slot(job, matcher, prompt.max_tokens, length, common, unread=request)
        self._append_forced(slot)
        if answer := self._read_long_run(number, slot):
            return [(job, answer)]
        self._slots[number] = slot
        return []

    def _advance(self) -> list[tuple[int, Answer | Failure]]:
        """Read one token of each slot in one call, and choose the next token where none is left to read."""
        active = [(number, slot) for number, slot in enumerate(self._slots) if slot is not None]
        if not active:
            return []
        self._batch.clear()
        for number, slot in active:
            wanted = "last" if len(slot.unread) == 1 else "none"
            self._batch.add(slot.unread[:1], number + 1, start=slot.position, logits=wanted)
            slot.position += 1
            del slot.unread[0]
        self._decode()
        for row, (_, slot) in enumerate(active):
            if not slot.unread:
                self._choose(slot, self._logits(row))
        finished: list[tuple[int, Answer | Failure]] = []
        for number, slot in active:
            if answer := self._read_long_run(number, slot):
                self._slots[number] = None
                finished.append((slot.job, answer))
        return finished

    def _read_long_run(self, number: int, slot: _Slot) -> Answer | None:
        """Read long runs of tokens in a call of their own; return the answer if it is finished."""
        while slot.outcome is None and len(slot.unread) >= _LONG_RUN:
            self._read(slot.unread, number + 1, slot.position)
            slot.position += len(slot.unread)
            self._choose(slot, self._logits(-1))
        if slot.outcome is None:
            return None
        parts = [self._native.token_bytes(self._vocab, token) for token in slot.tokens[: slot.max_tokens]]
        text = b"".join(parts).decode(errors="replace").strip()
        sureness = _sureness_of_lines(parts, slot.probabilities)
        return Answer(text, slot.outcome == "finished", slot.prompt_tokens, len(parts), sureness)

    def _choose(self, slot: _Slot, logits: npt.NDArray[np.float32]) -> None:
        """Choose the most likely token that the grammar allows, and append the tokens that must follow it."""
        allowed = np.frombuffer(slot.matcher.compute_bitmask(), np.uint8)
        tokens = np.flatnonzero(np.unpackbits(allowed, count=self._n_vocab, bitorder="little"))
        if not len(tokens):
            slot.outcome = "cut off"
            return
        token = int(tokens[np.argmax(logits[tokens])])
        if self._llama.llama_vocab_is_eog(self._vocab, token):
            slot.outcome = "finished"
            return
        slot.matcher.consume_token(token)
        slot.tokens.append(token)
        slot.probabilities.append(1 / float(np.exp(logits - logits[token]).sum()))
        slot.unread = [token]
        self._append_forced(slot)

    @staticmethod
    def _append_forced(slot: _Slot) -> None:
        """Append the tokens for which the grammar has one choice, and set the outcome if the answer ends there."""
        forced = slot.matcher.compute_ff_tokens()
        slot.matcher.consume_tokens(forced)
        slot.tokens += forced
        slot.probabilities += [1.0] * len(forced)
        slot.unread += forced
        if slot.matcher.is_error() or len(slot.tokens) > slot.max_tokens:
            slot.outcome = "cut off"
        elif slot.matcher.is_stopped():
            slot.outcome = "finished"
        elif len(slot.tokens) == slot.max_tokens:
            slot.outcome = "cut off"

    def _matcher(self, answer: Shape) -> Any:
        """Return the state of the grammar of an answer before its first token."""
        import llguidance

        matcher = llguidance.LLMatcher(self._tokenizer, grammar_of(answer), log_level=0)
        if matcher.is_error():
            raise ValueError(f"the form of its answer cannot be used: {matcher.get_error()[:200]}")
        return matcher

    def _preload_shared(self, shared: tuple[Turn, ...]) -> None:
        """Read the turns that the first prompts share. If that fails, so does each prompt, with the reason."""
        try:
            tokens, _ = self._tokens(Prompt(shared, request="", answer=(), max_tokens=0))
        except (ValueError, ModelError):
            return
        if len(tokens) < self._slot_tokens:
            self._read_shared(shared, tokens)

    def _read_shared(self, shared: tuple[Turn, ...], tokens: list[int]) -> None:
        """Read the shared turns of the next prompts into sequence 0, from which the slots copy them."""
        self._llama.llama_memory_clear(self._memory, True)
        self._shared = shared
        self._read(tokens, 0, 0)

    def _read(self, tokens: list[int], sequence: int, start: int) -> None:
        for at in range(0, len(tokens), self._n_batch):
            self._batch.clear()
            self._batch.add(tokens[at : at + self._n_batch], sequence, start=start + at, logits="last")
            self._decode()

    def _decode(self) -> None:
        if (code := self._batch.decode(self._context)) != 0:
            raise RuntimeError(f"llama_decode returned {code}")

    def _logits(self, row: int) -> npt.NDArray[np.float32]:
        pointer = self._llama.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self._n_vocab,))

    def _tokens(self, prompt: Prompt) -> tuple[list[int], list[int]]:
        """Return the tokens before the request, which prompts share, and those from the request on.

        Without a request, all tokens but the last are shared; the first token of the answer follows from that one. A
        request is tokenised apart from the template, as plain text, so that no text in it becomes a control token or
        ends its turn.
        """
        turns = (*prompt.shared, ("user", _REQUEST)) if prompt.request else prompt.shared
        messages = [{"role": role, "content": content} for role, content in turns]
        text = self._template.render(messages)
        if not prompt.request:
            *shared, last = self._native.tokenize(self._vocab, text, special=False, parse_special=True)
            return shared, [last]
        before, request_mark, after = text.rpartition(_REQUEST)
        if not request_mark:
            raise ModelError("the model's chat template leaves out or changes what it is asked")
        shared, request, end = (
            self._native.tokenize(self._vocab, text, special=False, parse_special=from_template)
            for text, from_template in ((before, True), (prompt.request, False), (after, True))
        )
        return shared, request + end


def _sureness_of_lines(tokens: Sequence[bytes], probabilities: Sequence[float]) -> tuple[float, ...]:
    """Return the lowest probability of a token for each line that is not blank; a line's end belongs to it."""
    lines: list[float] = []
    lowest, is_blank = 1.0, True
    for token, probability in zip(tokens, probabilities, strict=False):
        lowest, is_blank = min(lowest, probability), is_blank and not token.strip()
        if b"\n" in token and not is_blank:
            lines.append(lowest)
            lowest, is_blank = 1.0, True
    return (*lines, lowest) if not is_blank else tuple(lines)


_REQUEST = "\0request\0"
# From this length on, a run of forced tokens is read in a call of its own. Shorter runs are cheaper in the calls that
# all slots share (measured: 9.7 ms a token in runs of five, 6.4 ms in a call of sixteen slots).
_LONG_RUN = 12
