"""What profilegen asks of models: an embedder, a writer, prompts and answers; and the backends that provide them.

A backend is a module with two functions, `open_embedder` and `open_writer`, and one line in `BACKENDS`. Its models are
named `scheme:name`, as in `--writer toy:shout`; a name without a scheme is the default backend's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar, cast

from profilegen.errors import ModelError
from profilegen.vectors import Vectors

Turn = tuple[Literal["system", "user", "assistant"], str]
K = TypeVar("K")
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is, 0 where that is not known."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Show no progress.

    :param stage: what is being done.
    :param done: how much of it is done.
    :param total: how much there is.
    """


DEFAULT_BACKEND = "gguf"
BACKENDS: dict[str, str] = {
    "gguf": "profilegen.llama.backend",
}
"""The module of each backend, by the scheme that its models are named with. A new backend is one line here."""


# --- what a writer is asked, and what it answers -------------------------------------------------------------


@dataclass(frozen=True)
class Choices:
    """One of several texts, word for word."""

    options: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """Free text on one line. It ends before the first character of what follows it in its sequence.

    :param max_chars: how long it may be.
    """

    max_chars: int


@dataclass(frozen=True)
class JsonSchema:
    """A JSON value that follows a JSON Schema."""

    schema: Mapping[str, Any]


Shape = JsonSchema | Choices | tuple["str | Choices | Text", ...]
"""The form of an answer: JSON, one of several texts, or a sequence of literals, choices and free texts.

Each backend translates it into its own grammar language, so that no prompt depends on a backend.
"""


@dataclass(frozen=True)
class Prompt:
    """What a writer is asked.

    :param shared: turns that many prompts begin with; a backend may read them once for all.
    :param request: the last turn, the user's; empty where the shared turns end with it.
    :param answer: the form that the answer must have.
    :param max_tokens: budget of the answer; an answer that needs more comes back as not finished.
    """

    shared: tuple[Turn, ...]
    request: str
    answer: Shape
    max_tokens: int


@dataclass(frozen=True)
class Answer:
    """What the writer wrote. `finished` is False where the token budget cut it off."""

    text: str
    finished: bool
    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True)
class Failure:
    """A job without an answer, and why."""

    reason: str


# --- the models -------------------------------------------------------------------------------------------


class Model(Protocol):
    """What embedders and writers have in common; use one in a `with` block or close it."""

    name: str
    """How a person calls the model."""
    fingerprint: str
    """Changes whenever the model may give other results: of a file, its SHA-256."""
    source: str
    """What `--embedder` or `--writer` opens this model by again, from any directory."""

    def close(self) -> None:
        """Release what the model holds; by default nothing."""
        return

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the model."""
        self.close()


class Embedder(Model, Protocol):
    """Texts to vectors."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    def start(self) -> None:
        """Begin to load the model beside other work; by default nothing."""
        return

    def embed(
        self, texts: Sequence[str], on_done: Callable[[int], None] | None = None, *, queries: bool = False
    ) -> Vectors:
        """Return (n_texts, n_dims) float32, rows L2-normalised; the same texts give the same bits.

        :param texts: of any length and language; none gives an array without rows.
        :param on_done: called with the number of texts finished since the last call.
        :param queries: the texts are search queries, which some models want marked as such.
        :raises ModelError: the model cannot be loaded, or a text cannot be embedded.
        """
        ...


class Writer(Model, Protocol):
    """Prompts to text."""

    languages: tuple[str, ...]
    """ISO 639-1 codes of the languages that it writes well, or `*` for all."""
    context: int
    """Tokens of prompt and answer together, at most."""

    def start(self, shared: tuple[Turn, ...] = (), *, prompts: int = 1) -> None:
        """Begin to load the model beside other work; by default nothing.

        :param shared: the turns that the first prompts are going to begin with.
        :param prompts: how many prompts there are going to be, at least.
        """
        return

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        """Give (key, answer) as answers finish, in any order; a prompt that cannot be answered gives a Failure.

        :param prompts: (key, prompt) pairs, taken only when there is room, so that there may be any number.
        :raises ModelError: the model cannot be loaded.
        """
        ...


# --- the backends -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """How a backend is to work; each backend takes what concerns it.

    :param workers: processes that hold the model, each of one thread.
    :param slots: answers that one process works on at a time.
    :param context_tokens: tokens of prompt and answer together, a slot.
    :param gpu_layers: layers of the writer on a GPU; -1 for all.
    :param progress: called with what is fetched, bytes done, and bytes in all or 0.
    """

    workers: int = 1
    slots: int = 16
    context_tokens: int = 1024
    gpu_layers: int = 0
    progress: Progress | None = None


class Backend(Protocol):
    """A module that opens models; nothing is loaded before it is needed."""

    def open_embedder(self, name: str, options: Options) -> Embedder:
        """Return the embedder of that name.

        :param name: what a person wrote after the scheme.
        :param options: how it is to work.
        :raises ModelError: there is no such embedder, or it cannot be had.
        """
        ...

    def open_writer(self, name: str, options: Options) -> Writer:
        """Return the writer of that name; parameters and errors as of `open_embedder`."""
        ...


def open_embedder(source: str, options: Options | None = None) -> Embedder:
    """Return an embedder.

    :param source: `scheme:name`, or a name or path of the default backend.
    :param options: how it is to work.
    :raises ModelError: there is no such embedder, or it cannot be had.
    """
    backend, name = _backend(source)
    return backend.open_embedder(name, options or Options())


def open_writer(source: str, options: Options | None = None) -> Writer:
    """Return a writer.

    :param source: `scheme:name`, or a name or path of the default backend.
    :param options: how it is to work.
    :raises ModelError: there is no such writer, or it cannot be had.
    """
    backend, name = _backend(source)
    return backend.open_writer(name, options or Options())


def turns_from(text: str) -> tuple[Turn, ...]:
    """Cut a rendered prompt at its lines `[system]`, `[user]` and `[assistant]` into turns.

    :param text: what stands before the first such line is left out.
    """
    turns: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.strip() in ("[system]", "[user]", "[assistant]"):
            turns.append((line.strip()[1:-1], []))
        elif turns:
            turns[-1][1].append(line)
    return tuple((cast("Any", role), "\n".join(lines).strip()) for role, lines in turns)


def _backend(source: str) -> tuple[Backend, str]:
    """Return the backend that a source names, and the name without the scheme."""
    scheme, colon, name = source.partition(":")
    if not colon or "/" in scheme or Path(source).exists():
        scheme, name = DEFAULT_BACKEND, source
    elif scheme not in BACKENDS:
        known = ", ".join(f"{scheme}:NAME" for scheme in BACKENDS)
        raise ModelError(
            f"there is no file {source} and no backend {scheme!r}; models are written {known}, or NAME alone"
        )
    if not name:
        raise ModelError(f"{source!r} names no model; write {scheme}:NAME")
    return cast("Backend", import_module(BACKENDS[scheme])), name
