"""Embedders, writers and verifiers: their protocols, prompts and answers, and the backends that provide them.

A backend is a module with the functions `open_embedder` and `open_writer`, perhaps `open_verifier`, and one line in
`BACKENDS`. Its models are named `scheme:name`, as in `--writer gguf:qwen3-4b-instruct`; a name without a scheme is the
default backend's. CONTRIBUTING.md shows how to add one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar, cast

from profilegen.errors import ModelError, UsageError
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
"""The module of each backend by its scheme. To add a backend, add a line."""


# --- prompts and answers ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choices:
    """One of several texts, word for word.

    :param options: the texts, at least one.
    """

    options: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """Free text on one line. It ends before the first character of the next part of its sequence.

    :param max_chars: maximum length in characters.
    :param without: characters that it does not have.
    """

    max_chars: int
    without: str = ""


@dataclass(frozen=True)
class JsonSchema:
    """A JSON value that is valid under a JSON Schema.

    :param schema: the schema.
    """

    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Numbers:
    """Whole numbers from 1, ascending, each once, with commas between them, such as `1,3`.

    :param last: the largest number.
    :param at_most: how many there may be; there is at least one.
    """

    last: int
    at_most: int


@dataclass(frozen=True)
class Alternatives:
    """One of several sequences.

    :param options: the sequences, at least one.
    """

    options: tuple[Parts, ...]


@dataclass(frozen=True)
class Repeat:
    """A sequence once or several times.

    :param parts: the sequence.
    :param at_most: how many times.
    :param separator: what stands between one and the next.
    :param at_least: how many times it must stand.
    """

    parts: Parts
    at_most: int
    separator: str
    at_least: int = 1


Part = str | Choices | Text | Numbers | Alternatives | Repeat
Parts = tuple["Part", ...]
Shape = JsonSchema | Choices | Parts
"""The form of an answer: JSON, one of several texts, or a sequence of parts.

Each backend translates it into its own grammar language, so prompts do not depend on a backend.
"""


@dataclass(frozen=True)
class Prompt:
    """A request to a writer.

    :param shared: first turns, the same in many prompts; a backend may process them once for all.
    :param request: last turn, by the user; empty if `shared` ends with it.
    :param answer: form of the answer.
    :param max_tokens: maximum length of the answer in tokens; a longer one is returned as not finished.
    """

    shared: tuple[Turn, ...]
    request: str
    answer: Shape
    max_tokens: int


@dataclass(frozen=True)
class Answer:
    """A writer's answer to a prompt.

    :param text: the answer.
    :param finished: False if it reached `max_tokens` and is incomplete.
    :param prompt_tokens: length of the prompt in tokens.
    :param answer_tokens: length of the answer in tokens.
    :param sureness: for each line of the answer, the probability that the writer gave to its least likely token; empty
        where it is not known.
    """

    text: str
    finished: bool
    prompt_tokens: int
    answer_tokens: int
    sureness: tuple[float, ...] = ()


@dataclass(frozen=True)
class Failure:
    """The lack of an answer to a prompt.

    :param reason: why there is none.
    """

    reason: str


# --- the models -------------------------------------------------------------------------------------------


class Model(Protocol):
    """What embedders, writers and verifiers have in common. Close a model after use, or open it in a `with` block."""

    name: str
    """Name for reports, such as `qwen3-4b-instruct`."""
    fingerprint: str
    """Identifies the results: it differs whenever they may differ. Of a file, its SHA-256."""
    source: str
    """Value of `--embedder` or `--writer` that opens this model again, from any directory."""

    def close(self) -> None:
        """Free the memory and processes of the model; by default there are none."""
        return

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the model.

        :param error: ignored.
        """
        self.close()


class Embedder(Model, Protocol):
    """A model that turns texts into vectors."""

    @property
    def dimensions(self) -> int:
        """Number of dimensions of the vectors."""
        ...

    def start(self) -> None:
        """Start to load the model in the background; by default nothing happens."""
        return

    def embed(
        self, texts: Sequence[str], on_done: Callable[[int], None] | None = None, *, queries: bool = False
    ) -> Vectors:
        """Return the vectors of texts. The same list of texts gives the same bits.

        :param texts: texts of any length and language.
        :param on_done: called with the number of texts finished since the last call.
        :param queries: whether the texts are search queries, for which some models need a prefix.
        :return: (n_texts, n_dims) float32, rows L2-normalised.
        :raises ModelError: the model cannot be loaded.
        :raises UnreadableTextError: a text cannot be embedded; it says which.
        """
        ...


class Writer(Model, Protocol):
    """A model that answers prompts."""

    languages: tuple[str, ...]
    """ISO 639-1 codes of the languages that it writes well; `*` stands for all."""
    context: int
    """Maximum length of prompt and answer together, in tokens."""
    trained: bool = False
    """Whether the model was trained on profilegen's own short prompts; other models need instructions."""
    reserve: float = 0.0
    """What is added to the log-odds that its notes hold: a reserved writer is right more often than it is sure."""

    def start(self, shared: tuple[Turn, ...] = (), *, prompts: int = 1) -> None:
        """Start to load the model in the background; by default nothing happens.

        :param shared: `Prompt.shared` of the first prompts, to be processed in advance.
        :param prompts: minimum number of prompts that will follow.
        """
        return

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        """Yield (key, answer) pairs as answers finish, in any order; a `Failure` for a prompt without an answer.

        :param prompts: (key, prompt) pairs in any number, consumed only as fast as they are answered.
        :raises ModelError: the model cannot be loaded.
        """
        ...


# --- the backends -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """Settings of a model. A backend ignores those that do not apply to it.

    :param workers: number of processes with a copy of the model, each with one thread.
    :param slots: number of answers that a process generates at the same time.
    :param context_tokens: maximum length of prompt and answer together, in tokens.
    :param gpu_layers: number of the writer's layers on a GPU; -1 for all.
    :param progress: called during a download with the name of the model, bytes done, and total bytes or 0.
    """

    workers: int = 1
    slots: int = 16
    context_tokens: int = 1024
    gpu_layers: int = 0
    progress: Progress | None = None


Label = Literal["shown", "not shown", "contradicted"]
LABELS: tuple[Label, ...] = ("shown", "not shown", "contradicted")
"""The labels of a verdict, in the order in which a verifier scores them."""


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of a text and a claim.

    :param label: shown, not shown or contradicted.
    :param probability: that the text shows the claim.
    :param contradiction: the probability that the text says the contrary; 0 of a verifier that does not tell.
    """

    label: Label
    probability: float
    contradiction: float = 0.0


class Verifier(Model, Protocol):
    """Texts and claims about who wrote them, to verdicts."""

    threshold: float
    """The probability from which a claim counts as shown."""
    languages: tuple[str, ...] = ("*",)
    """ISO 639-1 codes of the languages that it reads; `*` stands for all."""
    veto: float = 0.05
    """The probability below which a claim is dropped without asking a larger verifier."""

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        """Return a verdict for each pair; the same pairs give the same verdicts.

        :param pairs: (text, claim); the claim is a predicate without subject, such as `has a dog`.
        :param on_done: called with the number of pairs finished since the last call.
        :raises ModelError: the model cannot be loaded.
        :raises UnreadableTextError: a pair cannot be read.
        """
        ...


def knows(model: Writer | Verifier, language: str) -> bool:
    """Return whether a model knows a language.

    :param model: the model.
    :param language: ISO 639-1 code, or `*` for all languages.
    """
    return language in model.languages or "*" in model.languages


class Cascade(Verifier):
    """Verifiers that are asked in turn: what one gives less than its `veto` is not asked of the next, larger one.

    A verdict is that of the last verifier that was asked.

    :param verifiers: from small to large; closed with this one.
    """

    def __init__(self, verifiers: Sequence[Verifier]) -> None:
        self._verifiers = verifiers
        self.name = ",".join(verifier.name for verifier in verifiers)
        self.source = ",".join(verifier.source for verifier in verifiers)
        parts = [f"{verifier.fingerprint}:{verifier.veto}" for verifier in verifiers]
        self.fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        self.threshold, self.veto = verifiers[-1].threshold, verifiers[-1].veto
        known = {code for verifier in verifiers for code in verifier.languages}
        self.languages = tuple(sorted(code for code in known if all(knows(each, code) for each in verifiers)))

    def close(self) -> None:
        """Close the verifiers."""
        with ExitStack() as stack:
            for verifier in self._verifiers:
                stack.callback(verifier.close)

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        """Return a verdict for each pair.

        :param pairs: (text, claim).
        :param on_done: called with the number of pairs finished since the last call.
        :raises ModelError: a model cannot be loaded, or a pair cannot be read.
        """
        verdicts: dict[int, Verdict] = {}
        left = list(range(len(pairs)))
        for verifier in self._verifiers:
            is_last = verifier is self._verifiers[-1]
            answers = verifier.verify([pairs[at] for at in left], on_done if is_last else None)
            verdicts |= dict(zip(left, answers, strict=True))
            asked, left = left, [at for at in left if verdicts[at].probability >= verifier.veto]
            if on_done and not is_last:
                on_done(len(asked) - len(left))
        return [verdicts[at] for at in range(len(pairs))]


class Backend(Protocol):
    """A module that opens models. Opening is quick: a model is loaded on first use."""

    def open_embedder(self, name: str, options: Options) -> Embedder:
        """Return an embedder.

        :param name: name without the scheme.
        :param options: settings.
        :raises ModelError: there is no such embedder, or it cannot be fetched.
        """
        ...

    def open_writer(self, name: str, options: Options) -> Writer:
        """Return a writer.

        :param name: name without the scheme.
        :param options: settings.
        :raises ModelError: there is no such writer, or it cannot be fetched.
        """
        ...


def open_embedder(source: str, options: Options | None = None) -> Embedder:
    """Return an embedder.

    :param source: `scheme:name`, or a name or path of the default backend.
    :param options: settings; by default those of `Options()`.
    :raises ModelError: there is no such backend or embedder, or it cannot be fetched.
    """
    backend, name = _backend(source)
    return backend.open_embedder(name, options or Options())


def open_writer(source: str, options: Options | None = None) -> Writer:
    """Return a writer.

    :param source: `scheme:name`, or a name or path of the default backend.
    :param options: settings; by default those of `Options()`.
    :raises ModelError: there is no such backend or writer, or it cannot be fetched.
    """
    backend, name = _backend(source)
    return backend.open_writer(name, options or Options())


def open_verifier(source: str, options: Options | None = None) -> Verifier:
    """Return a verifier.

    :param source: `scheme:name`, or a name or path of the default backend; several, joined by commas, are a cascade.
    :param options: settings.
    :raises ModelError: there is no such verifier, or it cannot be fetched.
    """
    if "," in source and not Path(source).exists():
        return Cascade([open_verifier(part.strip(), options) for part in source.split(",")])
    backend, name = _backend(source)
    if not hasattr(backend, "open_verifier"):
        raise UsageError(f"{source!r} cannot be opened: its backend has no verifiers")
    return cast("Verifier", backend.open_verifier(name, options or Options()))


def turns_from(text: str) -> tuple[Turn, ...]:
    """Split a rendered prompt into turns, which begin after lines `[system]`, `[user]` and `[assistant]`.

    :param text: the prompt; text before the first such line is ignored.
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
