"""What a person types and what comes back."""

import contextlib
import csv
import io
import json
import os
import pty
import re
import resource as limits
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, build_opener

import pyarrow.parquet as pq
import pytest

import profilegen
from profilegen.cli import main
from profilegen.errors import StoreError, UsageError
from profilegen.publish.export import export
from profilegen.publish.terminal import build_summary
from profilegen.records import BuildReport, Document, SkippedFile
from profilegen.resources import resource
from profilegen.store.ledger import open_ledger

COMMAND = [sys.executable, "-m", "profilegen"]

Done = subprocess.CompletedProcess[str]


def environment(**more: str) -> dict[str, str]:
    """Give the environment without what a developer may have set, so that each test sees the defaults."""
    return {name: value for name, value in os.environ.items() if name != "PROFILEGEN_STORE"} | more


def profilegen_(*args: str | Path, cwd: Path | None = None, stdin: str = "", **env: str) -> Done:
    """Run the command line in this process, which is quicker to start than another."""
    command = ["profilegen", *map(str, args)]
    out, err, given = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True) for _ in "123")
    given.write(stdin)
    given.seek(0)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.delenv("PROFILEGEN_STORE", raising=False)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", command)
        patch.setattr(sys, "stdin", given)
        with pytest.raises(SystemExit) as ended:
            main()
    printed = (stream.buffer.getvalue().decode() for stream in (out, err))
    return Done(command, int(ended.value.code or 0), *printed)


def in_a_process(*args: str | Path, cwd: Path | None = None) -> Done:
    return subprocess.run(
        [*COMMAND, *map(str, args)], cwd=cwd, capture_output=True, text=True, env=environment(), check=False
    )


def error_line(done: Done, status: int) -> str:
    """Give the one line on standard error that says what went wrong; nothing else was printed."""
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


# --- commands that read -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ("search", "people with dogs", "-n", "3"),
        ("similar", "maya_t", "-n", "3"),
        ("show", "maya_t"),
        ("show", "just_jo"),
        ("segments",),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_with_json_a_command_prints_json_and_nothing_else(args: tuple[str, ...], sample_store: Path) -> None:
    done = profilegen_(*args, "--json", "--store", sample_store)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)


def test_models_list_prints_json() -> None:
    names = {model["name"] for model in json.loads(in_a_process("models", "list", "--json").stdout)}
    assert {"all-minilm-l6-v2", "profilegen-writer-135m", "profilegen-verifier-22m"} <= names


def test_show_prints_each_claim_with_its_support_and_a_quote(sample_store: Path) -> None:
    with profilegen.open_store(sample_store) as opened:
        profile = max(opened.users(), key=lambda user: len(list(user.iter_claims())))
    page = profilegen_("show", profile.user_id, "--store", sample_store).stdout
    assert any(profile.iter_claims())
    for _, claim in profile.iter_claims():
        assert f"{claim.support:.2f} {claim.words}" in page
        assert f"“{' '.join(claim.evidence[0].quote.split())}”" in page
    assert profile.summary in page


def test_show_says_why_there_is_no_profile(sample_store: Path) -> None:
    assert "No profile: one document of" in profilegen_("show", "just_jo", "--store", sample_store).stdout


def test_a_segment_is_shown_by_id_and_by_name(sample_store: Path) -> None:
    with profilegen.open_store(sample_store) as opened:
        segment = opened.segments()[0]
    by_id, by_name = (profilegen_("show", word, "--store", sample_store) for word in (segment.id, segment.name))
    assert segment.summary in by_id.stdout
    assert by_id.stdout == by_name.stdout


def test_search_gives_a_reason_for_each_user(sample_store: Path) -> None:
    lines = profilegen_("search", "people with dogs", "-n", "3", "--store", sample_store).stdout.splitlines()
    assert sum(line.strip().startswith("why: ") for line in lines) == 3


def test_search_keeps_to_a_segment_and_a_language(sample_store: Path) -> None:
    with profilegen.open_store(sample_store) as opened:
        users = {user.user_id: user for user in opened.users()}
        segment_id = next(user.segment for user in users.values() if user.language == "zh")
        segment = next(segment for segment in opened.segments() if segment.id == segment_id)
    done = profilegen_(
        "search", "dogs", "--segment", segment.name, "--language", "zh", "--json", "--store", sample_store
    )
    found = [users[row["user_id"]] for row in json.loads(done.stdout)]
    assert found
    assert {(user.segment, user.language) for user in found} == {(segment.id, "zh")}


def test_in_a_pipe_lines_are_whole_and_on_a_terminal_they_fit(sample_store: Path) -> None:
    piped = profilegen_("segments", "--store", sample_store).stdout.splitlines()
    with profilegen.open_store(sample_store) as opened:
        assert len(piped) == len(opened.segments()) + 1
    assert [line for line in piped if line != line.rstrip()] == []
    terminal = on_terminal("segments", "--store", str(sample_store), columns=80)
    assert max(map(len, terminal.splitlines())) <= 80


def on_terminal(*args: str, columns: int, raw: bool = False) -> str:
    """Return what a command prints on a terminal, without the terminal's control sequences unless it is wanted raw."""
    main, other = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *args], stdout=other, stderr=other, env=environment(COLUMNS=str(columns), TERM="xterm")
    ):
        os.close(other)
        printed = b""
        try:
            while part := os.read(main, 65536):
                printed += part
        except OSError:  # how a terminal ends on Linux
            pass
    os.close(main)
    return printed.decode() if raw else re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", printed.decode())


# --- export -----------------------------------------------------------------------------------------------


def unfolded(row: dict[str, Any]) -> dict[str, Any]:
    """Give a row of CSV or Parquet with its lists and records as they stand in JSON."""
    return {
        name: json.loads(value) if isinstance(value, str) and value.startswith(("[", "{")) else value
        for name, value in row.items()
    }


def in_csv(value: Any) -> Any:
    if isinstance(value, list | dict):
        return value
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@")) else text


@pytest.mark.parametrize("what", ["users", "segments", "documents"])
def test_the_three_formats_of_an_export_agree(what: str, sample_store: Path, tmp_path: Path) -> None:
    files = {format: tmp_path / f"all.{format}" for format in ("jsonl", "csv", "parquet")}
    for format, file in files.items():
        done = profilegen_("export", what, "--format", format, "--output", file, "--store", sample_store)
        assert (done.returncode, done.stdout) == (0, "")
    rows = [json.loads(line) for line in files["jsonl"].read_text("utf-8").splitlines()]
    assert [unfolded(row) for row in pq.read_table(files["parquet"]).to_pylist()] == rows
    with files["csv"].open(encoding="utf-8", newline="") as stream:
        table = [unfolded(row) for row in csv.DictReader(stream)]
    assert table == [{name: in_csv(value) for name, value in row.items()} for row in rows]


def test_no_text_in_a_csv_export_is_a_formula_and_numbers_stay_numbers(tmp_path: Path) -> None:
    texts = ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "plain = text"]
    documents = [
        Document(id=f"d{at}", user_id=f"-u{at}", text=text, item_title=text, rating=-1.5)
        for at, text in enumerate(texts)
    ]
    write_documents(tmp_path / "store", documents)
    done = profilegen_("export", "documents", "--format", "csv", "--store", tmp_path / "store")
    rows = sorted(csv.DictReader(io.StringIO(done.stdout, newline="")), key=lambda row: row["id"])
    assert [row["text"] for row in rows] == [*(f"'{text}" for text in texts[:-1]), texts[-1]]
    assert [row["item_title"] for row in rows] == [row["text"] for row in rows]
    assert [row["user_id"] for row in rows] == [f"'-u{at}" for at in range(len(texts))]
    assert {row["rating"] for row in rows} == {"-1.5"}


def write_documents(store: Path, documents: list[Document]) -> None:
    """Make a store that holds these documents and nothing that is made from them."""
    with open_ledger(store, create=True) as ledger:
        ledger.stage(documents)
        ledger.apply_staged(add=False)
        ledger.set_meta("embedder", {"name": "e", "sha256": "0", "source": "e"})


def test_an_export_names_every_user_once(sample_store: Path) -> None:
    lines = profilegen_("export", "users", "--store", sample_store).stdout.splitlines()
    assert len({json.loads(line)["user_id"] for line in lines}) == len(lines) == 68


def test_the_fields_of_users_and_segments_stand_in_an_order_that_a_person_reads(sample_store: Path) -> None:
    with profilegen.open_store(sample_store) as opened:
        user, segment = next(opened.users()).model_dump(), opened.segments()[0].model_dump()
    assert " ".join(user) == (
        "user_id status reason language segment segment_confidence segment_assigned near_segments interests values "
        "lifestyle behaviour summary sentences past_claims left_out reviewed built_with"
    )
    assert " ".join(segment) == (
        "id name criterion groups size language interests values lifestyle summary keyphrases categories members "
        "exemplars withheld built_with"
    )


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_an_export_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(
    format: str, sample_store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "users"
    file.write_text("from before")
    with profilegen.open_store(sample_store) as opened:
        at_most, ever = limits.getrlimit(limits.RLIMIT_FSIZE)
        limits.setrlimit(limits.RLIMIT_FSIZE, (5_000, ever))  # as a disk that is full then
        try:
            with pytest.raises(UsageError, match=r"cannot write .*users: File too large"):
                export(opened, "users", format, file)  # type: ignore[arg-type]
        finally:
            limits.setrlimit(limits.RLIMIT_FSIZE, (at_most, ever))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"users": "from before"}


@pytest.mark.parametrize("args", [("export", "documents"), ("segments",), ("show", "maya_t", "--json")], ids=" ".join)
def test_a_reader_that_leaves_early_is_no_error(args: tuple[str, ...], sample_store: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, *args, "--store", str(sample_store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("args", [("export", "users"), ("segments",), ("segments", "--json")], ids=" ".join)
def test_a_full_disk_is_an_error_of_one_line(args: tuple[str, ...], sample_store: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [*COMMAND, *args, "--store", str(sample_store)]
        buffered = environment() | {"PYTHONUNBUFFERED": ""}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=buffered, check=False)
    assert done.returncode in (1, 2)
    assert re.fullmatch("error: .*No space left on device\n", done.stderr)


# --- build ------------------------------------------------------------------------------------------------


def test_build_reads_standard_input_with_mapped_columns_and_prints_its_report_as_json(tmp_path: Path) -> None:
    table = "who,what,when\nada,My dog loves the long walk and the dog treats. My dog sleeps now.,2025-01-02\n"
    args = ("build", "-", "--map", "user_id=who", "--map", "text=what", "--workers", "1", "--json")
    done = profilegen_(*args, cwd=tmp_path, stdin=table)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["users"], report["ok"] + report["insufficient"], report["changed"]) == (1, 1, True)
    again = profilegen_(*args[:-1], cwd=tmp_path, stdin=table)
    assert "nothing has changed" in again.stdout
    assert "ada" in profilegen_("show", "ada", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("embedded", "written", "line"),
    [
        (2, 1, "embedded 2 documents, made 1 profile in 3 s"),
        (0, 1, "made 1 profile in 3 s"),
        (0, 0, "updated segments and index in 3 s"),
    ],
)
def test_the_summary_of_a_build_names_only_what_it_did(embedded: int, written: int, line: str) -> None:
    report = build_report(embedded=embedded, written=written, seconds={"index": 3.0})
    assert f"\n{line} (index 3.0 s)" in str(build_summary(report, "store"))


def test_a_build_names_the_files_it_passed_over() -> None:
    pipe = SkippedFile(file="data/pipe.csv", reason="a named pipe")
    summary = str(build_summary(build_report(skipped_files=3, skipped_examples=(pipe,)), "store"))
    assert "\npassed over 3 files, such as\n  data/pipe.csv: a named pipe" in summary
    assert "passed over" not in str(build_summary(build_report(), "store"))


def build_report(**fields: object) -> BuildReport:
    counts = dict.fromkeys(("documents", "users", "ok", "insufficient", "failed", "segments"), 1)
    none = dict.fromkeys(("removed_users", "duplicates", "bad_lines"), 0)
    made_by = {"embedder": "e", "embedder_reason": "named by you", "writer": "w"}
    done: dict[str, object] = {"embedded": 0, "written": 0, "changed": True, "seconds": {}}
    return BuildReport.model_validate({**counts, **none, **made_by, **done, **fields})


# --- mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "status", "reason"),
    [
        (("show", "nobody"), 1, "no user or segment 'nobody'"),
        (("show", "\x1b[31m[bold]"), 1, r"no user or segment '\\x1b\[31m\[bold\]'"),
        (("similar", "nobody"), 2, "no user 'nobody'"),
        (("search", " "), 2, "the question is empty"),
        (("search", "dogs", "--segment", "nowhere"), 2, "no segment 'nowhere'; `profilegen segments`"),
        (("export", "users", "--output", "/no/such/folder/x"), 2, "cannot write /no/such/folder/x"),
    ],
    ids=str,
)
def test_a_mistake_in_a_question_is_an_error_of_one_line(
    args: tuple[str, ...], status: int, reason: str, sample_store: Path
) -> None:
    assert re.search(reason, error_line(profilegen_(*args, "--store", sample_store), status))


def test_an_argument_that_is_not_utf_8_is_an_error_of_one_line(sample_store: Path) -> None:
    assert "not valid UTF-8" in error_line(in_a_process("show", os.fsdecode(b"\xff"), "--store", sample_store), 2)


@pytest.mark.parametrize("args", [("search", "dogs", "-n", "0"), ("export", "everything"), ("build",), ("nonsense",)])
def test_misuse_prints_the_usage_and_no_traceback(args: tuple[str, ...], tmp_path: Path) -> None:
    done = profilegen_(*args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [("show", "u"), ("search", "dogs"), ("segments",), ("export", "users")], ids=" ".join)
def test_without_a_store_the_error_says_how_to_make_one(args: tuple[str, ...], tmp_path: Path) -> None:
    assert "profilegen build FILES --store store" in error_line(profilegen_(*args, cwd=tmp_path), 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("args", [("show", "u"), ("search", "dogs"), ("segments",), ("export", "users")], ids=" ".join)
def test_on_an_empty_store_the_error_says_how_to_fill_it(args: tuple[str, ...], tmp_path: Path) -> None:
    open_ledger(tmp_path / "store", create=True).close()
    line = error_line(profilegen_(*args, cwd=tmp_path), 1)
    assert "nothing is in store yet; fill it with `profilegen build FILES --store store`" in line


@pytest.mark.parametrize(
    ("args", "status", "reason"),
    [
        (("no-such-file.csv",), 1, "no-such-file.csv: No such file"),
        (("in.csv", "--map", "text"), 2, "--map wants FIELD=COLUMN"),
        (("in.csv", "--map", "txt=text"), 2, "no field 'txt'"),
        (("in.csv", "--map", "text=body"), 2, "no column body"),
        (("in.csv", "--store", "in.csv"), 1, "cannot make a store at in.csv"),
        (("in.csv", "--store", "/proc/store"), 1, "cannot make a store at /proc/store"),
        (("in.csv", "--max-bad", "2"), 2, "'max_bad' is wrong"),
        (("in.csv", "--embedder", "in.csv"), 1, "in.csv is not a usable GGUF file"),
        (("in.csv", "--embedder", "smollm2-135m-instruct"), 1, "does not embed"),
        (("in.csv", "--writer", "all-minilm-l6-v2"), 1, "cannot write"),
        (("in.csv", "--verifier", "all-minilm-l6-v2"), 1, "name another model as the verifier"),
        (("empty.csv",), 1, "empty.csv: no rows in it"),
    ],
    ids=str,
)
def test_a_mistake_in_a_build_is_an_error_of_one_line_and_leaves_nothing(
    args: tuple[str, ...], status: int, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("user_id,text\nada,I walk my dog.\n")
    (tmp_path / "empty.csv").write_text("")
    assert reason in error_line(profilegen_("build", *args, cwd=tmp_path), status)
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "empty.csv"}


def test_too_many_bad_lines_are_named_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"user_id,text\nada,I walk my dog.\n{'u' * 513},words\n")
    done = profilegen_("build", "in.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert "in.csv:3: the user id has 513 characters" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_directory_that_may_not_be_written_to_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("user_id,text\nada,I walk my dog.\n")
    (tmp_path / "store").mkdir(mode=0o500)
    assert "cannot write to store: Permission denied" in error_line(profilegen_("build", "in.csv", cwd=tmp_path), 1)


# --- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("store = [", "profilegen.toml is not valid TOML"),
        ("\xff\xfe", "profilegen.toml is not valid TOML"),
        ("stoer = 'x'", "there is no setting 'stoer'; the settings are store, "),
        ("seed = 'x'", "the setting 'seed' is wrong"),
    ],
)
def test_a_settings_file_that_is_wrong_is_an_error_of_one_line(toml: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "profilegen.toml").write_bytes(toml.encode("latin-1"))
    assert reason in error_line(profilegen_("segments", cwd=tmp_path), 2)


def test_a_flag_is_stronger_than_the_environment_and_that_than_the_file(tmp_path: Path) -> None:
    (tmp_path / "profilegen.toml").write_text("store = 'from-file'")
    assert "no store at from-file" in error_line(profilegen_("segments", cwd=tmp_path), 1)
    assert "no store at from-env" in error_line(profilegen_("segments", cwd=tmp_path, PROFILEGEN_STORE="from-env"), 1)
    done = profilegen_("segments", "--store", "from-flag", cwd=tmp_path, PROFILEGEN_STORE="from-env")
    assert "no store at from-flag" in error_line(done, 1)


def test_an_environment_variable_that_is_wrong_is_an_error_of_one_line(tmp_path: Path) -> None:
    assert "the setting 'seed' is wrong" in error_line(profilegen_("segments", cwd=tmp_path, PROFILEGEN_SEED="x"), 2)


# --- the end of a process ---------------------------------------------------------------------------------


def children(pid: int) -> set[int]:
    """Return the process ids of the children of a process."""
    return {int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()}


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system has no /proc")
def test_sigterm_ends_a_build_as_ctrl_c_does_and_its_processes_and_loses_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    command = [*COMMAND, "build", str(resource("examples/sample.jsonl")), "--store", str(store), "--workers", "1"]
    slow = environment(PROFILEGEN_SLOTS="1")
    with subprocess.Popen(command, env=slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (before := readings_in(store)):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        workers = children(process.pid)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, out) == (143, "")
    estimate, line = err.splitlines()
    assert re.fullmatch(r"reading \d+ users with profilegen-writer-135m takes about .+", estimate)
    assert line == "error: stopped; a build goes on from where it was with the same command"
    assert workers
    assert [pid for pid in workers if is_running(pid)] == []
    assert before <= readings_in(store)
    with open_ledger(store, read_only=True) as ledger:
        assert ledger.profile_hashes() == {}


def readings_in(store: Path) -> set[tuple[str, str]]:
    try:
        with open_ledger(store, read_only=True) as ledger:
            return {(user, hash_) for user in ledger.user_ids() for hash_ in ledger.reading_hashes(user)}
    except StoreError:
        return set()


def test_sigterm_ends_the_review_page(sample_store: Path) -> None:
    with reviewing([*COMMAND], "--store", str(sample_store), env=environment()) as process:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "error: stopped\n")


@contextlib.contextmanager
def reviewing(command: list[str], *options: str, **where: Any) -> Iterator[subprocess.Popen[str]]:
    """Run `review`, wait until its page has answered, so that it listens to signals too; end it at the end."""
    process = subprocess.Popen(
        [*command, "review", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **where,
    )
    with process:
        try:
            assert process.stdout
            link = re.search(r"http://\S+", process.stdout.readline())
            assert link
            with build_opener(HTTPCookieProcessor()).open(link[0]) as page:
                assert page.status == 200
            yield process
        finally:
            process.kill()
