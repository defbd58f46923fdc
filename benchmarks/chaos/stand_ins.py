"""Stand-ins for models that are as quick as a hash, and that write down each text, prompt and pair that they work on.

They are a backend of the scheme `chaos`. The writer `chaos:processes` answers in child processes of the real pool, so
that these can die as those of a real model do.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from profilegen.backends import (
    Alternatives,
    Answer,
    Choices,
    Embedder,
    Failure,
    K,
    Numbers,
    Options,
    Part,
    Parts,
    Prompt,
    Repeat,
    Verdict,
    Verifier,
    Writer,
)
from profilegen.llama.worker import JobQueue, WorkerPool
from profilegen.vectors import Vectors

WORK_FILE = "CHAOS_WORK"
"""The environment variable that names the file of the work that was done, a line each."""
DEATH = "CHAOS_DEATH"
"""The environment variable that says how the processes of the writer die: `KIND:DIRECTORY`, see `AnswerEngine`."""
POISON = "poisonous"
"""The word that kills the process which reads it, where the death is `twice`."""

on_work: Callable[[str], str] = lambda kind: ""  # noqa: E731 (replaced by what counts events)
"""Called with the kind of work before each piece of it; returns the stage of the build."""


def open_embedder(name: str, options: Options) -> Embedder:
    """Return the only embedder."""
    return _HashEmbedder()


def open_writer(name: str, options: Options) -> Writer:
    """Return a writer that answers in this process, or in others."""
    return _ProcessWriter() if name == "processes" else _WordWriter()


def open_verifier(name: str, options: Options) -> Verifier:
    """Return the only verifier."""
    return _WordVerifier()


class _HashEmbedder(Embedder):
    name = fingerprint = "chaos-words"
    source = "chaos:words"
    dimensions = 64

    def embed(
        self, texts: Sequence[str], on_done: Callable[[int], None] | None = None, *, queries: bool = False
    ) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            _note_work("embed", text)
            for word in _words(text) or [""]:  # No row may be zero.
                vector[zlib.crc32(word.encode()) % self.dimensions] += 1
            if on_done:
                on_done(1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(np.float16).astype(np.float32)


class _WordWriter(Writer):
    name = fingerprint = "chaos-notes"
    source = "chaos:notes"
    languages = ("*",)
    context = 1_000_000
    trained = True

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        for key, prompt in prompts:
            _note_work("write", repr(prompt))
            yield key, _answer(prompt)


class _ProcessWriter(_WordWriter):
    """Answers as `_WordWriter` does, and so has its fingerprint."""

    source = "chaos:processes"

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        engine = f"{__name__}:AnswerEngine"
        config = {"death": os.environ.get(DEATH, "")}
        with WorkerPool[K](engine, config, workers=2, backlog=2, wait=False) as pool:
            assert pool.info  # The first child has started, and is the first one that `AnswerEngine` counts.
            pool.start_workers(2)
            yield from pool.run(prompts)


class AnswerEngine(JobQueue[Prompt]):
    """What answers in a child process, and how that dies.

    :param death: `KIND:DIRECTORY`, where the directory is shared by the children. Of kind `loading`, the second child
        dies while it starts, and whichever child has the next job of its dies once; of kind `once`, one child dies at
        its first job; of kind `all loading`, every child after the first dies while it starts, and the first at work;
        of kind `twice`, a prompt with the word `POISON` kills every child that reads it.
    """

    def __init__(self, death: str) -> None:
        super().__init__()
        self._kind, _, directory = death.partition(":")
        self._directory = Path(directory)
        number = self._number("started") if directory else 0
        if (self._kind == "loading" and number == 1) or (self._kind == "all loading" and number >= 1):
            _die()
        self._first = number == 0
        self.info = True

    def step(self) -> list[tuple[int, Answer]]:
        """Answer the oldest prompt."""
        job, prompt = self._jobs.popleft()
        if self._kind == "once" and self._number("died") == 0:
            _die()
        if self._kind == "all loading" and self._first:
            _die()
        if self._kind == "twice" and POISON in prompt.request:
            _die()
        return [(job, _answer(prompt))]

    def _number(self, what: str) -> int:
        """Return how many children came here before."""
        for number in range(100):
            try:
                (self._directory / f"{what}-{number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return number
        return 100


class _WordVerifier(Verifier):
    name = fingerprint = "chaos-same"
    source = "chaos:same"
    threshold = 0.5

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        verdicts = []
        for text, claim in pairs:
            _note_work("verify", repr((text, claim)))
            shown = len({*_words(claim)} & {*_words(text)}) >= 2
            verdicts.append(Verdict("shown", 0.9) if shown else Verdict("not shown", 0.1))
        if on_done:
            on_done(len(pairs))
        return verdicts


def _answer(prompt: Prompt) -> Answer:
    """Return a note for each of the first passages; where anything else is asked, the first words that fit."""
    passages = re.findall(r"^\[?(\d+)[\].:)]*\s+(.*)$", prompt.request, re.MULTILINE)
    if isinstance(prompt.answer, tuple) and isinstance(prompt.answer[0], Alternatives) and passages:
        kinds = ("interest, likes", "value, wants", "lifestyle, is")
        lines = []
        for number, text in passages[:6]:
            longest = sorted({*re.findall(r"[^\W\d_]{4,}", text)}, key=lambda word: (-len(word), word))[:3]
            if len(longest) == 3:
                in_order = sorted(longest, key=text.index)
                lines.append(f"{kinds[int(number) % 3]}: {' '.join(in_order)} [{number}]")
        text = "\n".join(lines) or "none"
    else:
        parts = prompt.answer if isinstance(prompt.answer, tuple) else (prompt.answer,)
        text = "".join(_first(part, " ".join(_words(prompt.request)[:8])) for part in parts)
    return Answer(text, finished=True, prompt_tokens=0, answer_tokens=len(text))


def _first(part: Part | Parts | Any, words: str) -> str:
    match part:
        case str():
            return part
        case tuple():
            return "".join(_first(each, words) for each in part)
        case Choices() | Alternatives():
            return _first(part.options[0], words)
        case Repeat():
            return part.separator.join([_first(part.parts, words)] * part.at_least)
    return "1" if isinstance(part, Numbers) else words


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _note_work(kind: str, what: str) -> None:
    """Write down a piece of work on what users wrote, in one write, so that a kill leaves whole lines."""
    stage = on_work(kind)
    if stage != "embed" and kind == "embed":
        return  # Words of lists, which every build embeds, and claims of a batch of users.
    if path := os.environ.get(WORK_FILE):
        line = f"{kind} {hashlib.blake2b(what.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}\n"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, line.encode())
        os.close(file)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
