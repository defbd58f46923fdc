"""Prompts to text under a grammar, many at once, with a GGUF language model in child processes.

Each child holds one context with a fixed number of slots. What prompts share (instructions and examples) is read
once and copied to every slot; a slot takes the next prompt as soon as its answer is finished. A prompt is read in a
decode call of its own and answers grow by one token a sequence a call, over a split cache: so an answer is the same
whatever shares the batch (with a unified cache or with mixed calls it is not).

A grammar says which tokens may come next (llguidance, https://github.com/guidance-ai/llguidance), and often that only
one text can: such text is not generated but read like a prompt, and at the end of an answer not even read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from profilegen.backends import Answer, Failure, K, Options, Prompt, Shape, Turn, Writer
from profilegen.errors import ModelError
from profilegen.llama.chat_template import ChatTemplate
from profilegen.llama.grammar import grammar_of
from profilegen.llama.worker import Crew

if TYPE_CHECKING:
    from profilegen.llama.catalog import ResolvedModel

# To start another child takes longer than to write so many answers.
_PROMPTS_A_CHILD = 8


class GgufWriter(Writer):
    """A GGUF language model in child processes of one thread each, started when first needed.

    :param model: the file and how it is to be used.
    :param options: processes, slots and tokens.
    """

    def __init__(self, model: ResolvedModel, options: Options) -> None:
        self.model = model
        self.name, self.fingerprint, self.source = model.name, model.sha256, model.source
        self.languages = model.languages
        self.context = min(options.context_tokens, model.context)
        self._options = options
        self._started: Crew[Any] | None = None

    def start(self, shared: tuple[Turn, ...] = (), *, prompts: int = 1) -> None:
        """Begin to load the model, in as many children as the prompts are worth.

        :param shared: turns that the first prompts begin with; each child reads them before it is given any.
        :param prompts: how many there are going to be, at least.
        """
        self._crew(shared).grow(-(-prompts // _PROMPTS_A_CHILD))

    def close(self) -> None:
        """End the children."""
        if self._started:
            self._started.close()

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        """Give (key, answer) as answers finish, in any order; no child is started for no prompts.

        :param prompts: (key, prompt) pairs, taken only when there is room.
        :raises ModelError: the model cannot be loaded or is no writer.
        """
        stream = iter(prompts)
        for first in stream:
            yield from self._crew().run(chain([first], stream))

    def _crew(self, shared: tuple[Turn, ...] = ()) -> Crew[Any]:
        if self._started is None:
            config = {
                "path": str(self.model.path),
                "slots": self._options.slots,
                "context_tokens": self.context,
                "gpu_layers": self._options.gpu_layers,
                "shared": shared,
            }
            # As many again as there are slots wait in the child, so that a free slot never waits for the parent.
            backlog = 2 * self._options.slots
            engine = "profilegen.llama.writer:WriteEngine"
            self._started = Crew(engine, config, workers=self._options.workers, backlog=backlog, wait=False)
        return self._started


@dataclass
class _Slot:
    """A sequence at work: its prompt, the state of its grammar, what was written so far."""

    job: int
    matcher: Any
    max_tokens: int
    prompt_tokens: int
    position: int
    tokens: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    outcome: Literal["finished", "cut off"] | None = None


class WriteEngine:
    """Runs in the child: one context, `slots` sequences and one more that keeps the shared prefix."""

    def __init__(
        self, path: str, slots: int, context_tokens: int, gpu_layers: int, shared: tuple[Turn, ...] = ()
    ) -> None:
        import llama_cpp

        from profilegen.llama import native

        self._llama, self._native = llama_cpp, native
        self._model = native.load_model(path, gpu_layers=gpu_layers)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._room = -(-context_tokens // 256) * 256
        self._n_batch = 512
        self._context = native.new_context(
            self._model,
            n_ctx=self._room * (slots + 1),
            n_batch=self._n_batch,
            n_ubatch=self._n_batch,
            n_seq_max=slots + 1,
            n_threads=1,
            n_threads_batch=1,
            kv_unified=False,
        )
        self._memory = llama_cpp.llama_get_memory(self._context)
        if not self._memory:
            raise ModelError(f"{path} cannot write: it has no memory of what stands before a token")
        self._n_vocab = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._batch = native.Batch(max(self._n_batch, slots + 1))
        self._template = ChatTemplate.from_model(self._model, self._vocab)
        self._tokenizer = native.guidance_tokenizer(self._vocab)
        self._waiting: deque[tuple[int, Prompt]] = deque()
        self._slots: list[_Slot | None] = [None] * slots
        self._shared: tuple[Turn, ...] | None = None
        self.info = {"slots": slots, "context_tokens": self._room}
        if shared:
            self._read_beforehand(shared)

    def add(self, job: int, payload: Prompt) -> None:
        """Accept a prompt."""
        self._waiting.append((job, payload))

    def busy(self) -> bool:
        """Tell whether there are prompts or answers at work."""
        return bool(self._waiting) or any(self._slots)

    def step(self) -> list[tuple[int, Answer | Failure]]:
        """Fill free slots, then write one token in each."""
        finished: list[tuple[int, Answer | Failure]] = []
        for number, slot in enumerate(self._slots):
            if slot is None and self._waiting and not self._must_wait(self._waiting[0][1]):
                finished += self._begin(number, *self._waiting.popleft())
        return finished + self._grow()

    def _must_wait(self, prompt: Prompt) -> bool:
        """Tell whether the shared prefix has to change first, for which every slot must be free."""
        return prompt.shared != self._shared and any(self._slots)

    def _begin(self, number: int, job: int, prompt: Prompt) -> list[tuple[int, Answer | Failure]]:
        """Read a prompt into a slot and choose its first token."""
        try:
            shared, own = self._tokens(prompt)
            matcher = self._matcher(prompt.answer)
        except (ValueError, ModelError) as error:
            return [(job, Failure(str(error)))]
        common, length = len(shared), len(shared) + len(own)
        if length + prompt.max_tokens > self._room:
            needs = f"its prompt has {length} tokens and its answer may have {prompt.max_tokens}"
            return [(job, Failure(f"{needs}, more than a slot holds ({self._room})"))]
        if prompt.shared != self._shared:
            self._read_shared(prompt.shared, shared)
        sequence = number + 1
        self._llama.llama_memory_seq_rm(self._memory, sequence, common, -1)
        if common and self._llama.llama_memory_seq_pos_max(self._memory, sequence) != common - 1:
            self._llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            self._llama.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
        slot = _Slot(job, matcher, prompt.max_tokens, length, common, unread=own)
        self._force(slot)
        if answer := self._read_ahead(number, slot):
            return [(job, answer)]
        self._slots[number] = slot
        return []

    def _grow(self) -> list[tuple[int, Answer | Failure]]:
        """Read one token in each slot at work, in one call, and choose the next where none is left to read."""
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
            if answer := self._read_ahead(number, slot):
                self._slots[number] = None
                finished.append((slot.job, answer))
        return finished

    def _read_ahead(self, number: int, slot: _Slot) -> Answer | None:
        """Read long runs of tokens at once, until there are only a few to read or the answer is finished."""
        while slot.outcome is None and len(slot.unread) >= _LONG_RUN:
            self._read(slot.unread, number + 1, slot.position)
            slot.position += len(slot.unread)
            self._choose(slot, self._logits(-1))
        if slot.outcome is None:
            return None
        tokens = slot.tokens[: slot.max_tokens]
        text = b"".join(self._native.piece(self._vocab, token) for token in tokens).decode(errors="replace")
        return Answer(text.strip(), slot.outcome == "finished", slot.prompt_tokens, len(tokens))

    def _choose(self, slot: _Slot, logits: npt.NDArray[np.float32]) -> None:
        """Take the most likely token that the grammar allows, and with it what must follow."""
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
        slot.unread = [token]
        self._force(slot)

    @staticmethod
    def _force(slot: _Slot) -> None:
        """Append the tokens that the grammar leaves no choice about, and see whether the answer is at its end."""
        forced = slot.matcher.compute_ff_tokens()
        slot.matcher.consume_tokens(forced)
        slot.tokens += forced
        slot.unread += forced
        if slot.matcher.is_error() or len(slot.tokens) > slot.max_tokens:
            slot.outcome = "cut off"
        elif slot.matcher.is_stopped():
            slot.outcome = "finished"
        elif len(slot.tokens) == slot.max_tokens:
            slot.outcome = "cut off"

    def _matcher(self, answer: Shape) -> Any:
        """Return the state of an answer's grammar before the first token."""
        import llguidance

        matcher = llguidance.LLMatcher(self._tokenizer, grammar_of(answer), log_level=0)
        if matcher.is_error():
            raise ValueError(f"the form of its answer cannot be used: {matcher.get_error()[:200]}")
        return matcher

    def _read_beforehand(self, shared: tuple[Turn, ...]) -> None:
        """Read what the first prompts are going to share, unless it cannot be: then each of them says why."""
        try:
            tokens, _ = self._tokens(Prompt(shared, request="", answer=(), max_tokens=0))
        except (ValueError, ModelError):
            return
        if len(tokens) < self._room:
            self._read_shared(shared, tokens)

    def _read_shared(self, shared: tuple[Turn, ...], tokens: list[int]) -> None:
        """Read what the next prompts share into sequence 0; the slots copy it."""
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
        """Return the tokens up to the request, which prompts share, and those from there on.

        Without a request, all but the last are shared: what follows is read off that one. A request is tokenised
        apart from the template, as plain text: whatever stands in it, it has no control token and cannot end its turn.
        """
        turns = (*prompt.shared, ("user", _REQUEST)) if prompt.request else prompt.shared
        messages = [{"role": role, "content": content} for role, content in turns]
        text = self._template.render(messages)
        if not prompt.request:
            *shared, last = self._native.tokenize(self._vocab, text, special=False, parse_special=True)
            return shared, [last]
        before, request_mark, after = text.rpartition(_REQUEST)
        if not request_mark:
            raise ModelError("its chat template leaves out or changes what it is asked")
        shared, request, end = (
            self._native.tokenize(self._vocab, text, special=False, parse_special=from_template)
            for text, from_template in ((before, True), (prompt.request, False), (after, True))
        )
        return shared, request + end


_REQUEST = "\0request\0"
# A run of tokens that the grammar forces is read in a call of its own from this length on: below it, a token in the
# call that all slots share is cheaper (measured: 9.7 ms a token in runs of five, 6.4 ms in a call of sixteen slots).
_LONG_RUN = 12
