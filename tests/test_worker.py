import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from profilegen.backends import Failure
from profilegen.errors import ModelError
from profilegen.llama.worker import WorkerPool


class StandInEngine:
    """Not a model: does what each job asks for. A job is (what to do, value); an answer is the value."""

    def __init__(self, fails: str = "", only: str = "", slow: float = 0, deaths: str = "") -> None:
        if deaths and _number(deaths, "started") == 1:  # the second child, which has jobs already
            time.sleep(0.5)
            os.abort()
        if fails == "dies":
            os.abort()
        if only:  # One alone can load, as where memory is short.
            try:
                os.close(os.open(only, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                raise ValueError("no room for another") from None
        time.sleep(slow)
        if fails:
            raise ValueError(fails)
        self.info = os.getpid()
        self._jobs: list[tuple[int, tuple[str, Any]]] = []

    def add(self, job: int, payload: tuple[str, Any]) -> None:
        self._jobs.append((job, payload))

    def has_work(self) -> bool:
        return bool(self._jobs)

    def step(self) -> list[tuple[int, Any]]:
        job, (action, value) = self._jobs.pop(0)
        match action:
            case "sleep":
                time.sleep(value)
            case "abort":
                os.abort()
            case "await":
                while not Path(value).exists():
                    time.sleep(0.05)
            case "abort once" if _number(value, "aborted") == 0:
                os.abort()
            case "raise":
                raise ValueError(value)
            case "print":
                print(value, flush=True)
                ctypes.CDLL(None).puts(value.encode())
                os.write(1, value.encode())
        return [(job, value)]


def _number(folder: str, what: str) -> int:
    """Return how many processes came here before."""
    for number in range(100):
        try:
            Path(folder, f"{what}-{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return number
    raise AssertionError("too many")


ENGINE = f"{__name__}:StandInEngine"


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool[int]]:
    with WorkerPool[int](ENGINE, {}, workers=2, backlog=3) as pool:
        yield pool


def children(parent: int | None = None) -> set[int]:
    """Return the processes whose parent is the one given or this one, zombies included."""
    wanted = str(parent or os.getpid())
    pids = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            ppid = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it ended meanwhile
            continue
        if ppid == wanted:
            pids.add(int(stat.parent.name))
    return pids


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until_gone(pids: set[int]) -> set[int]:
    """Return those that are still there after a good while."""
    deadline = time.monotonic() + 20
    while (left := {pid for pid in pids if is_running(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


def test_every_job_is_answered_under_its_key(pool: WorkerPool[int]) -> None:
    assert dict(pool.run((n, ("echo", n * n)) for n in range(50))) == {n: n * n for n in range(50)}


def test_no_jobs_are_no_answers(pool: WorkerPool[int]) -> None:
    assert list(pool.run([])) == []


def test_jobs_are_taken_only_when_there_is_room_for_them(pool: WorkerPool[int]) -> None:
    taken = []

    def jobs() -> Iterator[tuple[int, Any]]:
        for n in range(100):
            taken.append(n)
            yield n, ("echo", n)

    next(pool.run(jobs()))
    assert len(taken) == 2 * 3


def test_the_jobs_of_killed_children_are_done_all_the_same(pool: WorkerPool[int]) -> None:
    run = pool.run((n, ("sleep", 0.01)) for n in range(30))
    answers = dict([next(run)])
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    assert dict(run) | answers == dict.fromkeys(range(30), 0.01)


def test_children_killed_while_idle_are_replaced(pool: WorkerPool[int]) -> None:
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    assert dict(pool.run([(1, ("echo", "a")), (2, ("echo", "b"))])) == {1: "a", 2: "b"}


def test_a_job_that_always_kills_its_child_fails_alone_and_says_how(pool: WorkerPool[int]) -> None:
    answers = dict(pool.run((n, ("abort" if n == 4 else "echo", n)) for n in range(10)))
    failure = answers.pop(4)
    assert isinstance(failure, Failure)
    assert "SIGABRT" in failure.reason
    assert answers == {n: n for n in range(10) if n != 4}


def test_several_jobs_that_kill_take_no_other_with_them(pool: WorkerPool[int]) -> None:
    answers = dict(pool.run((n, ("abort" if n < 3 else "echo", n)) for n in range(8)))
    assert {n for n, answer in answers.items() if isinstance(answer, Failure)} == {0, 1, 2}


def test_an_exception_in_the_engine_is_the_failure_of_its_job(pool: WorkerPool[int]) -> None:
    answers = dict(pool.run([(1, ("raise", "no such thing")), (2, ("echo", "b"))]))
    assert "ValueError: no such thing" in answers[1].reason
    assert answers[2] == "b"


def test_replaced_children_leave_no_zombies(pool: WorkerPool[int]) -> None:
    list(pool.run((n, ("abort", n)) for n in range(2)))
    assert len(children()) == 2


def test_what_native_code_prints_does_not_disturb_the_answers(pool: WorkerPool[int]) -> None:
    text = "\x01\x00\x00 printed\n" * 100
    assert dict(pool.run((n, ("print", text)) for n in range(5))) == dict.fromkeys(range(5), text)


def test_large_jobs_and_answers_pass_in_both_directions_at_once(pool: WorkerPool[int]) -> None:
    text = "x" * 2_000_000
    assert all(answer == text for _, answer in pool.run((n, ("echo", text)) for n in range(12)))


def test_hostile_text_passes_unchanged(pool: WorkerPool[int]) -> None:
    text = "\0\x1b[2J\ud800\r\n\u2028<|im_end|>"
    assert dict(pool.run([(1, ("echo", text))])) == {1: text}


def test_a_run_that_was_left_early_does_not_answer_in_the_next(pool: WorkerPool[int]) -> None:
    left = pool.run((n, ("sleep", 0.05)) for n in range(20))
    next(left)
    assert dict(pool.run((n, ("echo", "new")) for n in range(20))) == dict.fromkeys(range(20), "new")


def test_children_end_when_the_pool_is_closed() -> None:
    before = children()
    with WorkerPool[int](ENGINE, {}, workers=2, backlog=1) as pool:
        next(pool.run([(1, ("echo", 1)), (2, ("sleep", 60)), (3, ("sleep", 60))]))
        assert len(children() - before) == 2
    assert children() == before


def test_a_closed_pool_raises_and_does_not_give_an_empty_run() -> None:
    pool = WorkerPool[int](ENGINE, {}, workers=1, backlog=1)
    pool.close()
    with pytest.raises(ModelError):
        list(pool.run([(1, ("echo", 1))]))


def test_an_engine_that_cannot_start_is_one_line_and_leaves_no_children() -> None:
    before = children()
    with pytest.raises(ModelError) as raised:
        WorkerPool(ENGINE, {"fails": "first line\nsecond line"}, workers=2, backlog=1)
    assert str(raised.value) == "ValueError: first line second line"
    assert children() == before


def test_an_engine_that_aborts_at_its_start_is_one_line_and_leaves_no_children() -> None:
    before = children()
    with pytest.raises(ModelError, match="SIGABRT") as raised:
        WorkerPool(ENGINE, {"fails": "dies"}, workers=2, backlog=1)
    assert "\n" not in str(raised.value)
    assert children() == before


def test_a_child_that_cannot_load_beside_another_is_an_error_and_no_wait_without_end(tmp_path: Path) -> None:
    before = children()
    with (
        pytest.raises(ModelError, match="no room for another"),
        WorkerPool[int](ENGINE, {"only": str(tmp_path / "taken")}, workers=2, backlog=1) as pool,
    ):
        list(pool.run((n, ("sleep", 0.5)) for n in range(4)))
    assert children() == before


def test_a_job_is_not_blamed_for_a_child_that_died_before_it_had_loaded_the_model(tmp_path: Path) -> None:
    # The second job goes to a child that dies while it loads, and then kills a child once.
    jobs = [(0, ("await", str(tmp_path / "started-1"))), (1, ("abort once", str(tmp_path)))]
    with WorkerPool[int](ENGINE, {"deaths": str(tmp_path)}, workers=2, backlog=1, wait=False) as pool:
        assert pool.info  # The first child has loaded.
        pool.start_workers(2)
        assert dict(pool.run(jobs)) == {key: value for key, (_, value) in jobs}


def test_a_pool_that_does_not_wait_starts_in_the_background_and_ends_at_once() -> None:
    before = children()
    with WorkerPool[int](ENGINE, {"slow": 60}, workers=2, backlog=1, wait=False) as pool:
        assert len(children() - before) == 1
        pool.start_workers(5)
        assert len(children() - before) == 2
    assert children() == before


def test_a_pool_has_no_more_children_than_jobs_and_a_closed_one_starts_none() -> None:
    before = children()
    pool = WorkerPool[int](ENGINE, {}, workers=3, backlog=1, wait=False)
    pool.start_workers(2)
    assert len(children() - before) == 2
    assert dict(pool.run((n, ("echo", n)) for n in range(4))) == {n: n for n in range(4)}
    pool.close()
    pool.start_workers(2)
    assert children() == before


def test_a_pool_that_did_not_wait_raises_at_its_first_run_where_the_model_cannot_be_loaded() -> None:
    before = children()
    with (
        WorkerPool[int](ENGINE, {"fails": "no model"}, workers=2, backlog=1, wait=False) as pool,
        pytest.raises(ModelError, match="no model"),
    ):
        list(pool.run([(1, ("echo", 1))]))
    assert children() == before


def test_a_program_without_an_import_guard_is_not_run_again_in_the_children(tmp_path: Path) -> None:
    program = _start(tmp_path, "print('pids', *PIDS)", "dict(pool.run([(1, ('echo', 1))]))")
    assert program.communicate(timeout=60)[0].count("pids") == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_when_their_parent_is_ended_by_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    program, pids = _at_work(tmp_path)
    program.send_signal(number)
    program.communicate(timeout=60)
    assert wait_until_gone(pids) == set()


def test_ctrl_c_ends_the_children_and_leaves_no_zombie(tmp_path: Path) -> None:
    program, pids = _at_work(tmp_path)
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=60)
    assert (out.strip(), err) == ("interrupted set()", "")
    assert wait_until_gone(pids) == set()


def _at_work(tmp_path: Path) -> tuple[subprocess.Popen[str], set[int]]:
    """Start a program whose two children are at work for a minute, in a process group of its own."""
    program = _start(tmp_path, "print(*PIDS, flush=True)", "list(pool.run((n, ('sleep', 60)) for n in range(4)))")
    assert program.stdout is not None
    pids = {int(pid) for pid in program.stdout.readline().split()}
    assert len(pids) == 2
    return program, pids


def _start(tmp_path: Path, *lines: str) -> subprocess.Popen[str]:
    body = "\n".join(f"        {line}" for line in lines)
    path = tmp_path / "program.py"
    path.write_text(
        f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_worker import ENGINE, WorkerPool, children
try:
    with WorkerPool(ENGINE, {{}}, workers=2, backlog=2) as pool:
        PIDS = children()
{body}
except KeyboardInterrupt:
    print("interrupted", children())
""",
        encoding="utf-8",
    )
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
