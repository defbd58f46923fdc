"""Child processes that hold a model, so that a native abort is an error and not the end.

ggml answers a wrong setting or a lack of memory by aborting its process, which no Python handler sees. So a model
lives in children, started as `python -m profilegen.llama.worker`: spawned, because OpenMP hangs after a fork, and by
module name rather than by multiprocessing, so that a program that calls profilegen at its top level is not run again
in each child. They speak length-prefixed pickles over their standard input and output.
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
from typing import IO, Any, Generic, Protocol

from profilegen.backends import Failure, K
from profilegen.errors import ModelError
from profilegen.processes import python_command, python_environment

_LENGTH = struct.Struct("<Q")
_CLOSE_TIMEOUT_S = 5.0


class Engine(Protocol):
    """What runs in the child: takes jobs, works on them a step at a time, gives answers as they finish."""

    def add(self, job: int, payload: Any) -> None:
        """Accept one job."""

    def step(self) -> list[tuple[int, Any]]:
        """Work for a moment and return the jobs that finished with their answers."""

    def busy(self) -> bool:
        """Tell whether there is work left."""


class Crew(Generic[K]):
    """A number of children with the same model; jobs go to whichever has room.

    :param engine: where the engine's class is, as `module:Class`; it is called with `config` in the child.
    :param config: keyword arguments of the engine, picklable.
    :param workers: how many children, at most.
    :param backlog: how many jobs a child holds at a time.
    :param wait: until the model is loaded, in all children; else one is started, `grow` starts more, and the first
        run waits.
    :raises ModelError: the model cannot be loaded.
    """

    def __init__(
        self, engine: str, config: Mapping[str, Any], *, workers: int, backlog: int, wait: bool = True
    ) -> None:
        self._engine, self._config, self._workers, self._backlog = engine, dict(config), workers, backlog
        self._inbox: queue.Queue[tuple[_Child, Any]] = queue.Queue()
        self._children: list[_Child] = []
        self._numbers = count(1)
        try:
            self._start()
            if wait:
                self.grow(workers)
                self._await_first()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Crew[K]:
        """Return the crew; its children end with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the children."""
        self.close()

    @property
    def info(self) -> Any:
        """What the engine said of itself when it was ready, which is waited for."""
        self._await_first()
        return self._children[0].info

    def grow(self, jobs: int) -> None:
        """Start more children, so that there is one for each of so many jobs, or as many as there may be."""
        while 0 < len(self._children) < min(jobs, self._workers):
            self._start()

    def run(self, jobs: Iterable[tuple[K, Any]]) -> Iterator[tuple[K, Any]]:
        """Give (key, answer) as jobs finish, in any order; the answer of a job that cannot be done is a Failure.

        When a child dies, another takes its place and tries the jobs it held once more, each alone, so that the
        one that kills takes no other with it. What a run that was left early still had at work is dropped.

        :raises ModelError: the model or a child's successor cannot be loaded, or the crew was closed.
        """
        self._await_first()
        for child in self._children:
            child.jobs.clear()
        work = _Work(iter(jobs), self._numbers)
        while True:
            if not self._children:
                raise ModelError("no process holds the model any more")
            work.fill(self._children, self._backlog)
            if not any(child.jobs for child in self._children):
                return
            child, message = self._inbox.get()
            if child not in self._children:
                continue
            if message is None:
                self._children.remove(child)
                yield from work.lost(child)
                child.end()
                successor = self._start()
                self._await_ready(successor)
                work.successors.add(successor)
            elif job := child.jobs.pop(message[0], None):
                yield job.key, message[1]

    def close(self) -> None:
        """End the children, at once if they are at work."""
        for child in self._children:
            child.end()
        self._children.clear()

    def _start(self) -> _Child:
        try:
            child = _Child(self._engine, self._config, self._inbox)
        except OSError as error:
            raise ModelError(f"no process can be started for the model: {error.strerror or error}") from error
        self._children.append(child)
        return child

    def _await_first(self) -> None:
        """Wait until one child is ready, whose error is told if it cannot be.

        The others are given jobs whether they are ready yet or not; one that does not get ready is a child that died.
        """
        if self._children and all(child.info is None for child in self._children):
            try:
                self._await_ready(self._children[0])
            except BaseException:
                self.close()
                raise

    def _await_ready(self, child: _Child) -> None:
        kind, value = child.hello.get()
        if kind != "ready":
            self._children.remove(child)
            child.end()
            raise ModelError(value)
        child.info = value


@dataclass
class _Job(Generic[K]):
    key: K
    payload: Any
    tries: int = 0


class _Work(Generic[K]):
    """The jobs that are still to be given out, new ones and those of dead children."""

    def __init__(self, jobs: Iterator[tuple[K, Any]], numbers: Iterator[int]) -> None:
        self._new, self._numbers = jobs, numbers
        self._again: deque[_Job[K]] = deque()
        self.successors: set[_Child] = set()

    def fill(self, children: Sequence[_Child], backlog: int) -> None:
        """Give jobs out, each to the child that has the fewest, so that none is idle while another has a queue."""
        ready = [child for child in children if self._takes_new(child)]
        while ready and len((child := min(ready, key=lambda child: len(child.jobs))).jobs) < backlog:
            if (item := next(self._new, None)) is None:
                return
            self._give(child, _Job(*item))

    def _takes_new(self, child: _Child) -> bool:
        """Tell whether a child is free for new jobs; a new child gets one of those that are tried again first.

        Only a new one does: one that idles may be dead too, and not known to be.
        """
        if any(job.tries for job in child.jobs.values()):
            return False
        if self._again and child in self.successors:
            if not child.jobs:
                self._give(child, self._again.popleft())
            return False
        return True

    def lost(self, child: _Child) -> Iterator[tuple[K, Failure]]:
        reason = child.epitaph()
        for job in child.jobs.values():
            if job.tries:
                yield job.key, Failure(reason)
            else:
                job.tries = 1
                self._again.append(job)
        child.jobs.clear()

    def _give(self, child: _Child, job: _Job[K]) -> None:
        number = next(self._numbers)
        child.jobs[number] = job
        child.send((number, job.payload))


@dataclass(eq=False)
class _Child:
    """One process, the thread that listens to it, and the jobs it has."""

    engine: str
    config: Mapping[str, Any]
    inbox: queue.Queue[tuple[_Child, Any]]
    jobs: dict[int, _Job[Any]] = field(default_factory=dict)
    info: Any = None

    def __post_init__(self) -> None:
        # GGML_NO_BACKTRACE: else an abort attaches a debugger and hangs.
        environment = python_environment(GGML_NO_BACKTRACE="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.hello: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            python_command("profilegen.llama.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self.send((self.engine, self.config))
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: Any) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # It is dead; the listener says so.
            _write(self._process.stdin, message)

    def epitaph(self) -> str:
        """Say how the process ended, with the last thing it printed."""
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"the process that held the model ended ({how}){self._last_words()}"

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

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            first = _read(stream)
            self.hello.put(("error", self.epitaph() + _MEMORY_HINT) if first is None else first)
            while (message := _read(stream)) is not None:
                self.inbox.put((self, message))
        self.inbox.put((self, None))

    def _last_words(self) -> str:
        try:
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, size - 4096))
            lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        except ValueError:  # closed
            return ""
        return f": {lines[-1][:200]}" if lines else ""


_MEMORY_HINT = "; is there enough memory for it, and is the file whole?"


def _write(stream: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _read(stream: IO[bytes]) -> Any:
    """Return the next message, or None where the other end is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return pickle.loads(data) if len(data) == length else None


def _serve() -> None:
    """Be a child: load the engine named in the first message, then work until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Whatever native code prints must not land among the answers.
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
    threading.Thread(target=_receive, args=(inbox,), daemon=True).start()
    try:
        _work(engine, inbox, answers)
    except Exception:
        traceback.print_exc()  # the parent quotes its last line
        os._exit(1)  # An orderly end would wait for the thread that reads.


def _work(engine: Engine, inbox: queue.Queue[Any], answers: IO[bytes]) -> None:
    while True:
        while not engine.busy() or not inbox.empty():
            engine.add(*inbox.get())
        for answer in engine.step():
            _write(answers, answer)


def _receive(inbox: queue.Queue[Any]) -> None:
    try:
        while (message := _read(sys.stdin.buffer)) is not None:
            inbox.put(message)
    finally:
        # The parent is gone or done, or there is no memory left for its message.
        os._exit(0)


if __name__ == "__main__":
    _serve()
