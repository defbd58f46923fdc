"""The disasters: each is brought upon one build, then the build is run again, and what it made is compared."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos import building
from benchmarks.chaos.building import Outcome, Running, Strike, Struck
from benchmarks.chaos.stand_ins import DEATH, POISON
from benchmarks.chaos.world import Scene, World, is_whole, work_of
from profilegen.store.index import POINTER_FILE
from profilegen.store.ledger import INCOMING_FILE, LEDGER_FILE
from profilegen.store.pointer import read_pointer
from profilegen.store.store import open_store

_DISK_MB = 24


@dataclass(frozen=True)
class Trial:
    """What came of one disaster.

    :param kind: of disaster.
    :param where: the build, the stage and the event.
    :param wrong: what was wrong; empty if the build survived, None if the disaster did not come to pass.
    :param repeated: how many texts, prompts and pairs were worked on more often than in an undisturbed build.
    """

    kind: str
    where: str
    wrong: str | None
    repeated: int = 0


class Disasters:
    """Brings disasters upon builds.

    :param world: what they happen to.
    :param seed: of what is drawn.
    """

    def __init__(self, world: World, seed: int = 1) -> None:
        self._world, self._random = world, random.Random(seed)
        self._number = 0

    def trials(self, points: int) -> Iterator[Trial]:
        """Yield trials of every kind.

        :param points: how many kills; of other kinds there are fewer.
        """
        few, fewer = max(points // 4, 1), max(points // 10, 1)
        yield from self.kills(points)
        for at, (scene, number) in enumerate(self._points(few)):
            yield self._struck("torn writes", scene, number, "kill all", after=_TEARS[at % len(_TEARS)])
        for scene, number in self._points(fewer):
            yield self._struck("Ctrl-C", scene, number, "interrupt", status=130, says="stopped")
        for scene, number in self._points(fewer):
            yield self._struck("SIGTERM", scene, number, "terminate", status=143, says="stopped")
        yield from self._full_disks(few)
        for scene, number in self._points(fewer):
            yield self._struck("child processes killed", scene, number, "kill children", status=None)
        if self._world.models == building.STAND_INS:
            yield from self._deaths_of_models()
        yield self._two_at_once()
        yield self._locked_ledger()
        yield self._locked_index()

    def kills(self, points: int) -> Iterator[Trial]:
        """Yield trials in which a build is killed, alone or with its child processes.

        :param points: how many.
        """
        kinds: tuple[Strike, ...] = ("kill", "kill all")
        for at, (scene, number) in enumerate(self._points(points)):
            yield self._struck("SIGKILL", scene, number, kinds[at % 2])

    # --- where ---

    def _points(self, n: int) -> Iterator[tuple[Scene, int]]:
        """Yield about `n` events, spread over both builds and all stages, and inside of each stage."""
        places: list[tuple[Scene, list[int]]] = []
        for scene in self._world.scenes:
            stages: dict[str, list[int]] = {}
            for number, (stage, _) in enumerate(scene.events):
                stages.setdefault(stage, []).append(number)
            places += [(scene, numbers) for numbers in stages.values()]
        self._random.shuffle(places)
        for at in range(n):
            scene, numbers = places[at % len(places)]
            yield scene, self._random.choice(numbers)

    def _where(self, scene: Scene, number: int) -> str:
        stage, what = scene.events[number]
        return f"{scene.name} build, {stage}, event {number} ({what})"

    # --- kinds ---

    def _struck(
        self,
        kind: str,
        scene: Scene,
        number: int,
        strike: Strike,
        *,
        status: int | None = -9,
        says: str = "",
        after: Callable[[Path, random.Random], str] | None = None,
    ) -> Trial:
        """Strike a build at an event, do something to what is left, and build again.

        :param status: the exit status that the struck build must have; None for 0 or 1.
        """
        index = after is _cut_index or strike == "kill children" or scene.events[number][0] in ("index", "read")
        store = self._world.place(scene, self._name(), index=index)
        work, record = store.with_suffix(".work"), store.with_suffix(".events")
        outcome = self._run(scene, store, strike, number, work, record, index)
        where = f"{scene.name} build, {', '.join(record.read_text().splitlines()[-1].split(chr(9)))}"
        where += "" if index else ", without index"
        if outcome.status == 0 and status is not None:
            return Trial(kind, where, None)  # It was over before, or the event did not come.
        wrong = _wrong_end(outcome, status, says)
        if after:
            where += f", {after(store, self._random)}"
        return self._again(kind, where, scene, store, wrong, work, index)

    def _full_disks(self, n: int) -> Iterator[Trial]:
        disk = self._world.folder / "disk"
        disk.mkdir(exist_ok=True)
        with _mounted(disk) as is_mounted:
            if not is_mounted:
                yield Trial("full disk", "a small disk cannot be mounted here: it takes root on Linux", None)
                return
            for scene, number in self._points(n):
                store = self._world.place(scene, self._name(), disk)
                where = self._where(scene, number)
                build = Struck(scene.source, store, self._world.models, strike="fill", at=number, fill=disk, work=None)
                outcome = building.run(build, self._world.folder)
                building.filler(disk).unlink(missing_ok=True)
                if outcome.status == 0:  # What was left to do needed no more room.
                    yield Trial("full disk", where, is_whole(store, scene, self._world.folder))
                else:
                    wrong = _wrong_end(outcome, 1, f"the disk {disk} is full")
                    wrong = wrong or (
                        "" if "make room" in outcome.printed else f"says not what to do: {outcome.printed}"
                    )
                    yield self._again("full disk", where, scene, store, wrong, None)
                subprocess.run(["rm", "-rf", str(store)], check=True)

    def _deaths_of_models(self) -> Iterator[Trial]:
        scene = self._world.scenes[0]
        models = tuple(name.replace("chaos:notes", "chaos:processes") for name in self._world.models)
        for kind, status, says in (
            ("once", 0, ""),
            ("loading", 0, ""),
            ("all loading", 1, "the process that held the model ended (SIGKILL)"),
        ):
            store, environment = self._world.place(scene, self._name()), self._death(kind)
            build = Struck(scene.source, store, models, environment=environment)
            outcome = building.run(build, self._world.folder)
            name = {"once": "model dies at work", "loading": "model dies loading", "all loading": "model cannot load"}
            wrong = _wrong_end(outcome, status, says)
            if status == 0:
                wrong = wrong or is_whole(store, scene, self._world.folder)
                yield Trial(name[kind], "first build, notes", wrong)
            else:
                yield self._again(name[kind], "first build, notes", scene, store, wrong, None)
        yield self._poisoned(scene, models)

    def _poisoned(self, scene: Scene, models: tuple[str, ...]) -> Trial:
        """Have a text kill whichever process reads it: its user fails alone, and succeeds once that is over."""
        kind, where = "model dies twice on one job", "first build, notes"
        lines = scene.source.read_text("utf-8").splitlines()
        source = self._world.folder / "poisoned.jsonl"
        source.write_text(
            "\n".join([*lines, f'{{"user_id": "zoe", "text": "I keep {POISON} frogs at home."}}']), "utf-8"
        )
        store, reference = self._world.place(scene, self._name()), self._world.place(scene, self._name())
        building.run(Struck(source, reference, self._world.models), self._world.folder)
        outcome = building.run(Struck(source, store, models, environment=self._death("twice")), self._world.folder)
        if wrong := _wrong_end(outcome, 0, '"failed": 1'):
            return Trial(kind, where, wrong)
        with open_store(store) as opened:
            failed = [(profile.user_id, profile.reason) for profile in opened.users() if profile.status == "failed"]
        if [user for user, _ in failed] != ["zoe"] or "SIGKILL" not in (failed[0][1] or ""):
            return Trial(kind, where, f"failed: {failed}")
        outcome = building.run(Struck(source, store, models), self._world.folder)
        with open_store(store) as one, open_store(reference) as other:
            same = [*one.users()] == [*other.users()]
        return Trial(kind, where, _wrong_end(outcome, 0, '"failed": 0') or ("" if same else "other profiles"))

    def _two_at_once(self) -> Trial:
        scene = self._world.scenes[0]
        number = len(scene.events) // 2
        store = self._world.place(scene, self._name())
        marker = building.paused(store)
        build = Struck(scene.source, store, self._world.models, strike="pause", at=number)
        first = Running(build, self._world.folder)
        deadline = time.monotonic() + building.TIMEOUT_S
        while not marker.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        second = building.run(Struck(scene.source, store, self._world.models), self._world.folder)
        marker.unlink(missing_ok=True)
        wrong = _wrong_end(first.wait(), 0, "") or _wrong_end(second, 1, "another profilegen build is writing")
        wrong = wrong or is_whole(store, scene, self._world.folder)
        return Trial("two builds at once", self._where(scene, number), wrong)

    def _locked_ledger(self) -> Trial:
        scene = self._world.scenes[1]
        store = self._world.place(scene, self._name())
        with _locked(store / LEDGER_FILE, "IMMEDIATE"):
            outcome = building.run(Struck(scene.source, store, self._world.models), self._world.folder)
        wrong = _wrong_end(outcome, 1, "another program")
        return self._again("ledger locked", "second build", scene, store, wrong, None)

    def _locked_index(self) -> Trial:
        scene = self._world.scenes[1]
        store = self._world.place(scene, self._name())
        pointer = read_pointer(store)
        assert pointer is not None
        with _locked(store / pointer.directory / "chroma.sqlite3", "EXCLUSIVE"):
            outcome = building.run(Struck(scene.source, store, self._world.models), self._world.folder)
        wrong = _wrong_end(outcome, 0, "") or is_whole(store, scene, self._world.folder)
        return Trial("Chroma locked", "second build", wrong)

    # --- how ---

    def _again(
        self, kind: str, where: str, scene: Scene, store: Path, wrong: str, work: Path | None, index: bool = True
    ) -> Trial:
        """Build once more, undisturbed, and compare."""
        outcome = self._run(scene, store, "none", None, work, None, index)
        wrong = wrong or _wrong_end(outcome, 0, "") or is_whole(store, scene, self._world.folder, index=index)
        repeated = sum((work_of(work) - scene.work).values()) if work else 0
        if not wrong:
            subprocess.run(["rm", "-rf", str(store)], check=True)
        return Trial(kind, where, wrong, repeated)

    def _run(
        self,
        scene: Scene,
        store: Path,
        strike: Strike,
        at: int | None,
        work: Path | None,
        record: Path | None = None,
        index: bool = True,
    ) -> Outcome:
        build = Struck(
            scene.source, store, self._world.models, strike=strike, at=at, work=work, record=record, index=index
        )
        return building.run(build, self._world.folder)

    def _death(self, kind: str) -> dict[str, str]:
        directory = self._world.folder / f"death-{self._name()}"
        directory.mkdir()
        return {DEATH: f"{kind}:{directory}"}

    def _name(self) -> str:
        self._number += 1
        return f"store-{self._number}"


def _wrong_end(outcome: Outcome, status: int | None, says: str) -> str:
    """Return what is wrong with the end of a build; None as the status stands for 0 or 1."""
    if outcome.status is None:
        return "hangs"
    if "Traceback" in outcome.printed:
        return f"traceback: {outcome.printed.strip()[-600:]}"
    if outcome.status not in ((0, 1) if status is None else (status,)):
        return f"exit status {outcome.status}, not {status}: {outcome.printed.strip()[-300:]}"
    if says not in outcome.printed:
        return f"does not say {says!r}: {outcome.printed.strip()[-300:]}"
    return ""


# --- torn writes: what a loss of power may leave of what was being written -----------------------------------


def _cut_log(store: Path, draw: random.Random) -> str:
    """Cut the end off the write-ahead log, inside of its last frame."""
    return _cut(store / f"{LEDGER_FILE}-wal", draw.randint(1, 4_000))


def _blank_log(store: Path, draw: random.Random) -> str:
    """Have zeros where the end of the write-ahead log was."""
    path = store / f"{LEDGER_FILE}-wal"
    if not path.exists() or not (size := path.stat().st_size):
        return "no log"
    count = min(draw.randint(1, 4_000), size)
    with path.open("r+b") as file:
        file.seek(-count, os.SEEK_END)
        file.write(bytes(count))
    return f"{count} bytes of the log blank"


def _cut_incoming(store: Path, draw: random.Random) -> str:
    path = store / INCOMING_FILE
    if not path.exists():
        path.write_bytes(b"SQLite format 3\0" + bytes(draw.randint(1, 9_000)))
        return "a damaged file of new texts"
    return _cut(path, path.stat().st_size // 2)


def _cut_pointer(store: Path, draw: random.Random) -> str:
    path = store / POINTER_FILE
    (store / f"{POINTER_FILE}.new").write_text('{"directory": "ind')
    return _cut(path, draw.randint(1, 60)) if path.exists() else "half a pointer"


def _cut_index(store: Path, draw: random.Random) -> str:
    files = sorted(path for path in store.glob("index-*/**/*") if path.is_file() and path.stat().st_size)
    if not files:
        return "no index"
    path = draw.choice(files)
    return _cut(path, path.stat().st_size // 2)


def _cut(path: Path, count: int) -> str:
    if not path.exists() or not (size := path.stat().st_size):
        return f"no {path.name}"
    os.truncate(path, max(size - count, 0))
    return f"{min(count, size)} bytes cut off {path.name}"


_TEARS = (_cut_log, _cut_index, _blank_log, _cut_pointer, _cut_incoming)


@contextmanager
def _mounted(directory: Path) -> Iterator[bool]:
    """Mount a small disk; False where that may not be done."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "none", str(directory)]
    try:
        done = subprocess.run(command, capture_output=True)
    except OSError:
        yield False
        return
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(directory)], check=False)


@contextmanager
def _locked(path: Path, kind: str) -> Iterator[None]:
    """Hold a lock of SQLite on a file, as a program does that works on it."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"BEGIN {kind}")
        yield
    finally:
        connection.close()
