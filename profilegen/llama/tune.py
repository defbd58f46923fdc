"""Finds the weight type in which a model is fastest on this processor and still as good as its original file.

Which type is fastest depends on the instructions of the processor, so it is measured, the types in turn: a writer
reads prompts and writes many answers at once, an embedder embeds texts. Quality is measured on texts of the sample that
ships: of a writer, its perplexity, and how often its most likely next token is that of the original file (agreement);
of an embedder, the cosine between its vectors and those of the original file.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from profilegen.backends import Failure, Progress
from profilegen.errors import ModelError
from profilegen.language.detection import detect_language
from profilegen.llama.catalog import Trial, Tuned, processor_name
from profilegen.llama.convert import requantize
from profilegen.llama.digest import file_sha256
from profilegen.llama.embedder import EmbedEngine
from profilegen.llama.worker import WorkerPool
from profilegen.resources import resource
from profilegen.vectors import Vectors

if TYPE_CHECKING:
    from profilegen.llama.catalog import Model

AS_SHIPPED = "as shipped"
# Without F16: it is faster and as good, but its products depend on the batch, and so would one answer in fifty.
WEIGHT_TYPES = ("Q4_0", "IQ4_NL", "Q8_0")
# Batches of an embedder depend on the texts alone, so half precision gives the same bits in every run.
EMBEDDER_TYPES = ("F16", "BF16", "Q8_0")

# A type is as good as the original where its perplexity is at most this many times as high and it agrees this often.
# The same weights computed by other kernels differ by far less; weights of half the bits differ by more.
_MAX_PERPLEXITY_RATIO, _MIN_AGREEMENT = 1.03, 0.9
_MIN_COSINE = 0.999
# A smaller gain in speed is not worth a second file.
_MIN_GAIN = 1.1
_ROUNDS = 3
_EMBEDDED_TEXTS = 16
# Tokens read for each token written, as in the summary of a user.
_READ_SHARE = 1.5
_N_SEQUENCES, _N_READ, _N_WRITTEN = 16, 32, 4
_WINDOW_TOKENS, _N_WINDOWS = 128, 8


def tune(model: Model, shipped: Path, work: Path, progress: Progress) -> tuple[Path | None, Tuned]:
    """Measure the weight types; return the file to use, None for the original one, and the measurements.

    :param model: the model.
    :param shipped: its original GGUF file.
    :param work: folder for the requantised files; the file returned is in it.
    :param progress: called as the work proceeds.
    :raises ModelError: the model cannot be measured.
    """
    files = {AS_SHIPPED: shipped}
    types, trials_of = (EMBEDDER_TYPES, _embedder_trials) if model.job == "embedder" else (WEIGHT_TYPES, _writer_trials)
    for number, weight_type in enumerate(types):
        progress(f"trying weight types for {model.name}", number, len(types) + 1)
        target = work / f"{weight_type}.gguf"
        requantize(shipped, target, weight_type)
        files[weight_type] = target
    progress(f"trying weight types for {model.name}", len(types), len(types) + 1)
    trials = trials_of(model, files, _sample(model.languages))
    best = _best(trials)
    if best == AS_SHIPPED:
        return None, Tuned(weight_type=best, processor=processor_name(), trials=trials)
    size, digest = files[best].stat().st_size, file_sha256(files[best])
    return files[best], Tuned(weight_type=best, processor=processor_name(), trials=trials, sha256=digest, bytes=size)


def measure_speed(path: Path, languages: Sequence[str]) -> tuple[float, float]:
    """Return the milliseconds of one core for a token that a writer reads, and for one that it writes.

    :param path: the GGUF file.
    :param languages: ISO 639-1 codes of the texts to read, `*` for all.
    :raises ModelError: the file cannot be loaded, or the model does not write.
    """
    with _pool(path) as pool:
        speed: _Speed = _answer(pool, ("speed", _sample(languages)))
    return speed.read_ms, speed.write_ms


def _best(trials: Sequence[Trial]) -> str:
    shipped = next(trial for trial in trials if trial.weight_type == AS_SHIPPED)
    good = [trial for trial in trials if _is_as_good(trial, shipped)]
    fastest = min(good, key=_cost, default=shipped)
    return fastest.weight_type if _cost(shipped) > _MIN_GAIN * _cost(fastest) else AS_SHIPPED


def _is_as_good(trial: Trial, shipped: Trial) -> bool:
    if trial.perplexity is None or shipped.perplexity is None:
        return trial.agreement >= _MIN_COSINE
    return trial.agreement >= _MIN_AGREEMENT and trial.perplexity <= _MAX_PERPLEXITY_RATIO * shipped.perplexity


def _cost(trial: Trial) -> float:
    """Return milliseconds per written token with the tokens read for it, or per embedded token."""
    return trial.read_ms if trial.write_ms is None else _READ_SHARE * trial.read_ms + trial.write_ms


def _embedder_trials(model: Model, files: dict[str, Path], texts: Sequence[str]) -> tuple[Trial, ...]:
    rounds: dict[str, list[_Embedded]] = {name: [] for name in files}
    with ExitStack() as stack:
        config = {"context": model.context, "pooling": model.pooling}
        engine = "profilegen.llama.tune:EmbedTrialEngine"
        pools = {
            name: stack.enter_context(WorkerPool[str](engine, {"path": str(path), **config}, workers=1, backlog=1))
            for name, path in files.items()
        }
        prefixed = [model.prefix + text for text in texts[:_EMBEDDED_TEXTS]]
        for _ in range(_ROUNDS):
            for name, pool in pools.items():
                rounds[name].append(_answer(pool, prefixed))
    reference = rounds[AS_SHIPPED][0].vectors
    return tuple(
        Trial(
            weight_type=name,
            read_ms=round(float(np.median([one.token_ms for one in embedded])), 3),
            agreement=round(float((embedded[0].vectors * reference).sum(axis=1).mean()), 4),
        )
        for name, embedded in rounds.items()
    )


def _writer_trials(model: Model, files: dict[str, Path], texts: Sequence[str]) -> tuple[Trial, ...]:
    with ExitStack() as stack:
        # All are open at once and measured in turn, so that other load on the machine slows them all.
        pools = {name: stack.enter_context(_pool(path)) for name, path in files.items()}
        speeds: dict[str, list[_Speed]] = {name: [] for name in pools}
        for _ in range(_ROUNDS):
            for name, pool in pools.items():
                speeds[name].append(_answer(pool, ("speed", list(texts))))
        qualities: dict[str, _Quality] = {name: _answer(pool, ("quality", list(texts))) for name, pool in pools.items()}
    reference = qualities[AS_SHIPPED].best
    return tuple(
        Trial(
            weight_type=name,
            read_ms=round(float(np.median([speed.read_ms for speed in speeds[name]])), 3),
            write_ms=round(float(np.median([speed.write_ms for speed in speeds[name]])), 3),
            perplexity=round(math.exp(quality.loss), 3),
            agreement=round(float(np.mean(quality.best == reference)), 4),
        )
        for name, quality in qualities.items()
    )


@contextmanager
def _pool(path: Path) -> Iterator[WorkerPool[str]]:
    with WorkerPool[str]("profilegen.llama.tune:TrialEngine", {"path": str(path)}, workers=1, backlog=1) as pool:
        yield pool


def _answer(pool: WorkerPool[str], question: Any) -> Any:
    (_, answer), *_ = pool.run([("question", question)])
    if isinstance(answer, Failure):
        raise ModelError(f"a weight type could not be measured: {answer.reason}")
    return answer


def _sample(languages: Sequence[str]) -> list[str]:
    """Return texts of the sample in languages that the model knows."""
    texts = (orjson.loads(line)["text"] for line in resource("examples/sample.jsonl").read_bytes().splitlines())
    return list(islice((text for text in texts if "*" in languages or detect_language(text) in languages), 80))


class _Speed(NamedTuple):
    """Processor milliseconds a token."""

    read_ms: float
    write_ms: float


class _Quality(NamedTuple):
    """Mean loss of the next token in nats, and the most likely next token at each place."""

    loss: float
    best: npt.NDArray[np.int32]


class _Embedded(NamedTuple):
    """Vectors (n_texts, n_dims), and processor milliseconds a token."""

    vectors: Vectors
    token_ms: float


class EmbedTrialEngine(EmbedEngine):
    """Embeds texts in the child process and measures the time; parameters as of `EmbedEngine`."""

    def step(self) -> list[tuple[int, Any]]:
        """Embed the texts of the oldest job; return its number, and the vectors with the time."""
        job, texts = self._jobs.popleft()
        n_tokens = sum(len(window) for text in texts for window in self._windows(text))
        start = time.process_time()
        vectors = self._embed(texts)
        return [(job, _Embedded(vectors, 1e3 * (time.process_time() - start) / max(n_tokens, 1)))]


class TrialEngine:
    """Measures the speed and the quality of a writer in the child process.

    :param path: the GGUF file.
    :raises ModelError: the file cannot be loaded, or the model does not write.
    """

    def __init__(self, path: str) -> None:
        import llama_cpp

        from profilegen.llama import native

        self._llama, self._native = llama_cpp, native
        model = native.load_model(path)
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._n_vocab = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._context = native.new_context(
            model,
            n_ctx=256 * _N_SEQUENCES,
            n_batch=256,
            n_ubatch=256,
            n_seq_max=_N_SEQUENCES,
            n_threads=1,
            n_threads_batch=1,
            kv_unified=False,
        )
        self._memory = llama_cpp.llama_get_memory(self._context)
        if not self._memory:
            raise ModelError(f"{path} cannot write: it does not generate text")
        self._batch = native.Batch(256)
        self._jobs: list[tuple[int, tuple[str, list[str]]]] = []

    def add(self, job: int, payload: tuple[str, list[str]]) -> None:
        """Accept a question.

        :param job: number of the job.
        :param payload: `speed` or `quality`, and the texts to measure it on.
        """
        self._jobs.append((job, payload))

    def has_work(self) -> bool:
        """Return whether there are questions without an answer."""
        return bool(self._jobs)

    def step(self) -> list[tuple[int, Any]]:
        """Answer the oldest question; return the number of its job and the measurement."""
        job, (what, texts) = self._jobs.pop(0)
        tokens = self._native.tokenize(self._vocab, "\n\n".join(texts), special=False, parse_special=False)
        return [(job, self._speed(tokens) if what == "speed" else self._quality(tokens))]

    def _speed(self, tokens: list[int]) -> _Speed:
        self._llama.llama_memory_clear(self._memory, True)
        start = time.process_time()
        for sequence in range(_N_SEQUENCES):
            at = sequence * _N_READ % max(1, len(tokens) - _N_READ)
            self._read(tokens[at : at + _N_READ], sequence)
        read = time.process_time() - start
        start = time.process_time()
        for step in range(_N_WRITTEN):
            self._batch.clear()
            for sequence in range(_N_SEQUENCES):
                self._batch.add([tokens[sequence + step]], sequence, start=_N_READ + step, logits="last")
            self._decode()
        wrote = time.process_time() - start
        return _Speed(1e3 * read / (_N_SEQUENCES * _N_READ), 1e3 * wrote / (_N_SEQUENCES * _N_WRITTEN))

    def _quality(self, tokens: list[int]) -> _Quality:
        losses: list[npt.NDArray[np.float32]] = []
        best: list[npt.NDArray[np.int32]] = []
        for at in range(0, min(len(tokens) - 1, _N_WINDOWS * _WINDOW_TOKENS), _WINDOW_TOKENS):
            window = tokens[at : at + _WINDOW_TOKENS]
            self._llama.llama_memory_clear(self._memory, True)
            self._read(window, 0, logits="all")
            rows = np.stack([self._logits(row) for row in range(len(window))])
            rows -= rows.max(axis=1, keepdims=True)
            log_probabilities = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
            losses.append(-log_probabilities[np.arange(len(window) - 1), window[1:]])
            best.append(rows.argmax(axis=1).astype(np.int32))
        return _Quality(float(np.concatenate(losses).mean()), np.concatenate(best))

    def _read(self, tokens: list[int], sequence: int, logits: str = "last") -> None:
        self._batch.clear()
        self._batch.add(tokens, sequence, start=0, logits=logits)
        self._decode()

    def _decode(self) -> None:
        if (code := self._batch.decode(self._context)) != 0:
            raise RuntimeError(f"llama_decode returned {code}")
        self._llama.llama_synchronize(self._context)

    def _logits(self, row: int) -> npt.NDArray[np.float32]:
        pointer = self._llama.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self._n_vocab,)).copy()
