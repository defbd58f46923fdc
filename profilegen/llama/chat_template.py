"""The chat template of a GGUF file, rendered within bounds of time and memory: whoever made the file wrote the program.

llama-cpp-python's `Jinja2ChatFormatter` renders it, in the sandbox of Jinja2 and with what templates of Hugging Face
expect (`raise_exception`, `strftime_now`, `tojson`, loop controls, `tools`). Runs in the child process only.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from profilegen.errors import ModelError

MAX_TEMPLATE_CHARS = 200_000
MAX_PROMPT_CHARS = 4_000_000
_MAX_SECONDS = 5.0
# A signal handler runs between two steps of Python and cannot interrupt a long call into C. The kernel ends the process
# after this much processor time; the parent reports that as a failure.
_MAX_PROCESSOR_SECONDS = 15.0
_MAX_MEMORY_BYTES = 512 << 20

_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class ChatTemplate:
    """Turns messages into the text of a prompt.

    :param source: the template, in Jinja2.
    :param bos: text of the token that begins a prompt.
    :param eos: text of the token that ends an answer.
    :raises ModelError: the template is invalid, too long, or exceeds the bounds already while it is compiled.
    """

    def __init__(self, source: str, bos: str = "", eos: str = "") -> None:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        if len(source) > MAX_TEMPLATE_CHARS:
            raise ModelError(f"the model's chat template has {len(source):,} characters, over {MAX_TEMPLATE_CHARS:,}")
        self._exceeded = False
        with self._bounds():
            self._formatter = Jinja2ChatFormatter(source, eos_token=eos, bos_token=bos)

    @classmethod
    def from_model(cls, model: Any, vocab: Any) -> ChatTemplate:
        """Return the template in the file of a loaded model, or ChatML where the file has none.

        :param model: llama.cpp's model.
        :param vocab: its vocabulary.
        :raises ModelError: the template cannot be used.
        """
        import llama_cpp

        def text(token: int) -> str:
            return str(llama_cpp.llama_vocab_get_text(vocab, token).decode()) if token >= 0 else ""

        source = llama_cpp.llama_model_chat_template(model, None)
        bos, eos = llama_cpp.llama_vocab_bos(vocab), llama_cpp.llama_vocab_eos(vocab)
        return cls(source.decode(errors="replace") if source else _CHATML, text(bos), text(eos))

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the prompt up to the point where the answer begins.

        A template that exceeded its bounds once is not run again.

        :param messages: each with `role` and `content`.
        :raises ModelError: the template fails, or takes more time, memory or room than a prompt may.
        """
        arguments: Any = {"messages": list(messages), "documents": None}
        with self._bounds():
            prompt: str = self._formatter(**arguments).prompt
        if len(prompt) > MAX_PROMPT_CHARS:
            raise ModelError(f"the model's chat template makes a prompt of {len(prompt):,} characters")
        return prompt

    @contextmanager
    def _bounds(self) -> Iterator[None]:
        """Bound what runs in the block, and turn whatever the template raises into a ModelError."""
        try:
            if self._exceeded:
                raise _TimeoutError
            with _bounded_memory(), _bounded_time():
                yield
        except (MemoryError, _TimeoutError) as error:
            self._exceeded = True
            raise ModelError("the model's chat template takes too much time or memory") from error
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(f"the model's chat template fails: {reason[:200]}") from error


class _TimeoutError(BaseException):
    """The time is up; no `except Exception` of Jinja2 catches it."""


@contextmanager
def _bounded_time() -> Iterator[None]:
    """Raise _TimeoutError in the block after so many seconds; needs the main thread, which alone handles signals."""

    def expired(*_: object) -> NoReturn:
        raise _TimeoutError

    handler = signal.signal(signal.SIGALRM, expired)
    # Again every second, in case that a finalizer or a callback was interrupted, where exceptions are ignored.
    timer = signal.setitimer(signal.ITIMER_REAL, _MAX_SECONDS, 1)
    signal.setitimer(signal.ITIMER_VIRTUAL, _MAX_PROCESSOR_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGALRM, handler)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Let this process take only so much more address space (setrlimit(2), RLIMIT_AS; the present size: proc(5))."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(OSError, ValueError):  # Not every system has /proc, or lets the limit be set.
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + _MAX_MEMORY_BYTES
        limits = [each for each in (limit, soft, hard) if each != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
