"""Child processes that hold a model, so that an abort in native code is an error and does not end the program.

On a wrong setting or a lack of memory ggml aborts its process, which no Python handler can catch. So a model is loaded
in children, started as `python -m profilegen.llama.worker`: not forked, because OpenMP hangs after a fork, and not by
multiprocessing, so that a program that calls profilegen at its top level is not run again in each child. Parent and
child exchange length-prefixed pickles over the child's standard input and output; when the parent dies, the input ends
and so does the child.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import IO, Any, Generic, Protocol, TypeVar

from profilegen.backends import Failure, K
from profilegen.errors import ModelError
from profilegen.processes import python_command, python_environment

P = TypeVar("P")
_LENGTH = struct.Struct("<Q")
_CLOSE_TIMEOUT_S = 5.0


class Engine(Protocol):
    """What runs in the child: accepts jobs, works on them step by step, returns answers as they are finished."""

    def add(self, job: int, payload: Any) -> None:
        """Accept one job.

        :param job: its number.
        :param payload: what is to be done; each engine has its own type.
        """

    def step(self) -> list[tuple[int, Any]]:
        """Work for a moment and return (number, answer) of the jobs that are finished."""

    def has_work(self) -> bool:
        """Return whether there are jobs that are not finished."""


class JobQueue(Generic[P]):
    """The part of an engine that works on whole jobs, the oldest first: subclasses take them from `_jobs` in `step`."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[int, P]] = deque()

    def add(self, job: int, payload: P) -> None:
        """Accept a job.

        :param job: its number.
        :param payload: what is to be done.
        """
        self._jobs.append((job, payload))

    def has_work(self) -> bool:
        """Return whether there are jobs left."""
        return bool(self._jobs)


class WorkerPool(Generic[K]):
    """Child processes with the same model, which share a stream of jobs.

    :param engine: the class of the engine, as `module:Class`; it is called with `config` in the child.
    :param config: keyword arguments of the engine, picklable.
    :param workers: number of children, at most.
    :param backlog: number of jobs that a child holds at a time.
    :param wait: start all children and wait until one has loaded the model. Otherwise one is started, `start_workers`
        starts more, and the first `run` waits.
    :raises ModelError: the model cannot be loaded.
    """

    def __init__(
        self, engine: str, config: Mapping[str, Any], *, workers: int, backlog: int, wait: bool = True
    ) -> None:
        self._engine, self._config, self._workers, self._backlog = engine, dict(config), workers, backlog
        self._inbox: queue.Queue[tuple[_Worker, Any]] = queue.Queue()
        self._children: list[_Worker] = []
        self._numbers = count(1)
        try:
            self._start()
            if wait:
                self.start_workers(workers)
                self._await_first()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> WorkerPool[K]:
        """Return the pool; its children end with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the children."""
        self.close()

    @property
    def info(self) -> Any:
        """The engine's `info` attribute; waits until a child has loaded the model."""
        self._await_first()
        return self._children[0].info

    def start_workers(self, n: int) -> None:
        """Start children until there are `n`, or as many as the pool may have; a closed pool starts none.

        :param n: number of children that the work is worth.
        """
        while 0 < len(self._children) < min(n, self._workers):
            self._start()

    def run(self, jobs: Iterable[tuple[K, Any]]) -> Iterator[tuple[K, Any]]:
        """Give (key, answer) as jobs are finished, in any order; a job that cannot be done gives a Failure.

        When a child dies, another replaces it and tries the jobs that it held once more, one at a time, so that a
        job that kills its child takes no other job with it. A child that dies before it has loaded the model has begun
        no job, so that its jobs are tried as if they had not been given out. Jobs of an earlier run that was not read
        to its end are dropped.

        :param jobs: (key, payload) pairs, taken only when a child has room.
        :raises ModelError: the model cannot be loaded, a child cannot be replaced, or the pool was closed.
        """
        self._await_first()
        for child in self._children:
            child.jobs.clear()
        pending = _PendingJobs(iter(jobs), self._numbers)
        while True:
            if not self._children:
                raise ModelError("the processes that held the model have ended")
            pending.assign(self._children, self._backlog)
            if not any(child.jobs for child in self._children):
                return
            child, message = self._inbox.get()
            if child not in self._children:
                continue
            if message is None:
                self._children.remove(child)
                yield from pending.requeue(child)
                child.end()
                replacement = self._start()
                self._await_ready(replacement)
                pending.replacements.add(replacement)
            elif job := child.jobs.pop(message[0], None):
                yield job.key, message[1]

    def close(self) -> None:
        """End the children, even while they work."""
        for child in self._children:
            child.end()
        self._children.clear()

    def _start(self) -> _Worker:
        try:
            child = _Worker(self._engine, self._config, self._inbox)
        except OSError as error:
            raise ModelError(f"no process can be started for the model: {error.strerror or error}") from error
        self._children.append(child)
        return child

    def _await_first(self) -> None:
        """Wait until one child has loaded the model.

        The others get jobs whether they have loaded it yet or not; one that cannot load it counts as a dead child.
        """
        if self._children and all(child.info is None for child in self._children):
            try:
                self._await_ready(self._children[0])
            except BaseException:
                self.close()
                raise

    def _await_ready(self, child: _Worker) -> None:
        status, value = child.startup.get()
        if status != "ready":
            self._children.remove(child)
            child.end()
            raise ModelError(value)
        child.info = value


@dataclass
class _Job(Generic[K]):
    key: K
    payload: Any
    retried: bool = False


class _PendingJobs(Generic[K]):
    """The jobs that no child has: new ones, and those of dead children."""

    def __init__(self, jobs: Iterator[tuple[K, Any]], numbers: Iterator[int]) -> None:
        self._new, self._numbers = jobs, numbers
        self._retries: deque[_Job[K]] = deque()
        self.replacements: set[_Worker] = set()

    def assign(self, children: Sequence[_Worker], backlog: int) -> None:
        """Give each new job to the child that has the fewest, so that none is idle while another has a queue."""
        free = [child for child in children if self._accepts_new_jobs(child)]
        while free and len((child := min(free, key=lambda child: len(child.jobs))).jobs) < backlog:
            if (item := next(self._new, None)) is None:
                return
            self._send(child, _Job(*item))

    def _accepts_new_jobs(self, child: _Worker) -> bool:
        """Return whether a child may get new jobs; a replacement first gets jobs to be retried, one at a time.

        Only a replacement gets those: a child that idles may be dead already, and its listener not have noticed.
        """
        if any(job.retried for job in child.jobs.values()):
            return False
        if self._retries and child in self.replacements:
            if not child.jobs:
                self._send(child, self._retries.popleft())
            return False
        return True

    def requeue(self, child: _Worker) -> Iterator[tuple[K, Failure]]:
        """Queue the jobs of a dead child once more; give a Failure for one that was retried already.

        A child that died while it loaded the model has begun none of them.
        """
        reason = child.exit_reason()
        for job in child.jobs.values():
            if not child.is_loaded:
                self._retries.append(job)
            elif job.retried:
                yield job.key, Failure(reason)
            else:
                job.retried = True
                self._retries.append(job)
        child.jobs.clear()

    def _send(self, child: _Worker, job: _Job[K]) -> None:
        number = next(self._numbers)
        child.jobs[number] = job
        child.send((number, job.payload))


@dataclass(eq=False)
class _Worker:
    """A child process, the thread that receives its messages, and the jobs that it has."""

    engine: str
    config: Mapping[str, Any]
    inbox: queue.Queue[tuple[_Worker, Any]]
    jobs: dict[int, _Job[Any]] = field(default_factory=dict)
    info: Any = None
    is_loaded: bool = False

    def __post_init__(self) -> None:
        # GGML_NO_BACKTRACE: else an abort attaches a debugger and hangs.
        environment = python_environment(GGML_NO_BACKTRACE="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.startup: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child runs
        self._process = subprocess.Popen(
            python_command("profilegen.llama.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self.send((self.engine, self.config))
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self, message: Any) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # It is dead; the thread that receives reports that.
            _write(self._process.stdin, message)

    def exit_reason(self) -> str:
        """Return how the process ended, with the last line that it printed."""
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"the process that held the model ended ({how}){self._last_log_line()}"

    def end(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        if self.jobs or self.info is None:
            self._process.kill()
        try:
            self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            first = _read(stream)
            self.is_loaded = first is not None and first[0] == "ready"
            self.startup.put(("error", self.exit_reason() + _MEMORY_HINT) if first is None else first)
            while (message := _read(stream)) is not None:
                self.inbox.put((self, message))
        self.inbox.put((self, None))

    def _last_log_line(self) -> str:
        try:
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, size - 4096))
            lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        except ValueError:  # closed
            return ""
        return f": {lines[-1][:200]}" if lines else ""


_MEMORY_HINT = "; is there enough memory for it, and is the file complete?"


def _write(stream: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _read(stream: IO[bytes]) -> Any:
    """Return the next message, or None where the other end is closed."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return pickle.loads(data) if len(data) == length else None


def _run_worker() -> None:
    """Load the engine that the first message names, then work until the parent closes the standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent handles Ctrl-C.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What native code prints must not get between the answers.
    inbox: queue.Queue[Any] = queue.Queue()
    name, config = _read(sys.stdin.buffer)
    try:
        module, _, attribute = name.partition(":")
        factory: Callable[..., Any] = getattr(import_module(module), attribute)
        engine: Engine = factory(**config)
    except Exception as error:
        text = str(error) if isinstance(error, ModelError) else f"{type(error).__name__}: {error}"
        _write(answers, ("error", " ".join(text.split())))
        return
    _write(answers, ("ready", getattr(engine, "info", True)))
    threading.Thread(target=_receive_jobs, args=(inbox,), daemon=True).start()
    try:
        _work(engine, inbox, answers)
    except Exception:
        traceback.print_exc()  # The parent quotes the last line.
        os._exit(1)  # A normal exit would wait for the thread that reads.


def _work(engine: Engine, inbox: queue.Queue[Any], answers: IO[bytes]) -> None:
    while True:
        while not engine.has_work() or not inbox.empty():
            engine.add(*inbox.get())
        for answer in engine.step():
            _write(answers, answer)


def _receive_jobs(inbox: queue.Queue[Any]) -> None:
    try:
        while (message := _read(sys.stdin.buffer)) is not None:
            inbox.put(message)
    finally:
        # The parent has ended or needs no more answers, or there is no memory for its message.
        os._exit(0)


if __name__ == "__main__":
    _run_worker()
