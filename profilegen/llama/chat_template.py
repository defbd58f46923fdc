"""The chat template of a GGUF file, rendered within bounds: the file is somebody else's, and so is the template."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_TEMPLATE_CHARS = 200_000
_MAX_PROMPT_CHARS = 4_000_000
_MAX_SECONDS = 5.0
_MAX_MEMORY_BYTES = 512 << 20

_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class ChatTemplate:
    """Turns messages into the text of a prompt.

    :param source: the template, in Jinja2.
    :param bos: the text of the token that begins a prompt.
    :param eos: the text of the token that ends one.
    :raises jinja2.TemplateError: the template is none, or too long.
    """

    def __init__(self, source: str, bos: str = "", eos: str = "") -> None:
        if len(source) > MAX_TEMPLATE_CHARS:
            raise jinja2.TemplateError(
                f"the chat template has {len(source):,} characters; {MAX_TEMPLATE_CHARS:,} at most"
            )
        self._bos, self._eos = bos, eos
        self._template = _Sandbox(trim_blocks=True, lstrip_blocks=True).from_string(source)

    @classmethod
    def of(cls, model: Any, vocab: Any) -> ChatTemplate:
        """Return a loaded model's own template, or ChatML where its file has none.

        :param model: llama.cpp's model.
        :param vocab: its vocabulary.
        """
        import llama_cpp

        def text(token: int) -> str:
            return str(llama_cpp.llama_vocab_get_text(vocab, token).decode()) if token >= 0 else ""

        raw = llama_cpp.llama_model_chat_template(model, None)
        bos, eos = llama_cpp.llama_vocab_bos(vocab), llama_cpp.llama_vocab_eos(vocab)
        return cls(raw.decode() if raw else _CHATML, text(bos), text(eos))

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the prompt up to where the answer begins.

        :param messages: with `role` and `content`.
        :raises jinja2.TemplateError: the template fails, or takes more time, memory or room than a prompt may.
        """
        try:
            with _bounded_time(), _bounded_memory():
                return "".join(self._pieces(messages))
        except (MemoryError, _TooLongError) as error:
            raise jinja2.TemplateError("the chat template takes too much time or memory") from error

    def _pieces(self, messages: Sequence[Mapping[str, str]]) -> Iterator[str]:
        left = _MAX_PROMPT_CHARS
        for piece in self._template.generate(
            messages=messages,
            bos_token=self._bos,
            eos_token=self._eos,
            add_generation_prompt=True,
            raise_exception=_raise_exception,
        ):
            left -= len(piece)
            if left < 0:
                raise _TooLongError
            yield piece


class _TooLongError(Exception):
    """A bound was met."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Without powers, which a single step may make of any size and no signal interrupts."""

    intercepted_binops = frozenset(["**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        raise jinja2.TemplateError("a chat template has no need of powers")


def _raise_exception(message: str) -> NoReturn:
    """Fail as templates ask for where messages are not as they want them."""
    raise jinja2.TemplateError(message)


@contextmanager
def _bounded_time() -> Iterator[None]:
    def expired(*_: object) -> NoReturn:
        raise _TooLongError

    try:
        before: Callable[..., Any] | int | None = signal.signal(signal.SIGALRM, expired)
    except ValueError:  # Only the main thread gets signals; the engine runs there.
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, _MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Let this process take only so much more address space (setrlimit(2), RLIMIT_AS; the present size: proc(5))."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = None
    with suppress(OSError, ValueError):  # Not every system has /proc, or lets the limit be set.
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + _MAX_MEMORY_BYTES
        hard = before[1]
        soft = [value for value in (limit, before[0], hard) if value != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(soft), hard))
    try:
        yield
    finally:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, before)
