"""What `profilegen inspect` says of files before anything is built, and what `--map` and `--user` do."""

import contextlib
import csv
import io
import json
import shlex
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from test_cli import COMMAND, environment, error_line, profilegen_

from profilegen.doctor import examine
from profilegen.errors import InputError, UsageError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.inspection import inspect_files
from profilegen.ingest.intake import Limits
from profilegen.pipeline.stored_report import for_store
from profilegen.publish.files import file_lines
from profilegen.publish.terminal import build_summary
from profilegen.records import (
    BadLine,
    BuildReport,
    Document,
    FieldSource,
    FileReading,
    RepeatedSentences,
    SkippedFile,
)
from profilegen.store.ledger import open_ledger, write_lock

GOOD = "user_id,text,timestamp\nana,A very good tent for two people,2021-01-02\nben,It leaks in the rain,2022-05-06\n"


def inspected(*args: str, stdin: str = "") -> dict[str, Any]:
    done = profilegen_("inspect", "--json", *args, stdin=stdin)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def read(*sources: str, user: str | None = None, **mapping: str | list[str]) -> list[Document]:
    return list(read_documents(sources, mapping=mapping, intake=Intake(), user=user))


def written(name: str, content: str | bytes) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def table(*rows: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- what it says -----------------------------------------------------------------------------------------


def test_a_stranger_learns_what_a_file_is_before_anything_is_built() -> None:
    written("reviews.csv", table(
        ("reviewerID", "reviewText", "overall", "reviewTime", "price", "helpful"),
        ("ana", "A very good tent for two people", 5, "2021-01-02", "12.99", 3),
        ("ben", "It leaks in the rain", 2, "2022-05-06", "free", 1),
        ("", "Nobody wrote this", 2, "2022-05-06", "1", 1),
        ("ana", "", 2, "2022-05-06", "1", 1),
    ))  # fmt: skip
    command = [*COMMAND, "inspect", "reviews.csv"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("reviews.csv: CSV")
    assert lines[1] == "4 rows · 2 users · 2 documents · 2021-01-02 to 2022-05-06 · en 100%"
    assert "text reviewText by its name" in lines
    assert "left out helpful" in lines
    assert "passed over: 1 no user, 1 no text" in lines
    assert "could not be read: 1 value of price, such as “free”" in lines
    assert "“It leaks in the rain” — ben: 2022-05-06, rated 2/5" in lines
    assert lines[-2:] == ["Build from it with", "profilegen build reviews.csv"]
    assert [path.name for path in Path().iterdir()] == ["reviews.csv"]


def test_json_is_one_object_for_all_that_was_named() -> None:
    first = written("a.csv", GOOD)
    second = written("b.jsonl", '{"user": "ana", "body": "Another text of mine"}\n')
    found = inspected(first, second)
    assert (found["users"], found["documents"], found["rows"]) == (2, 3, 3)
    assert found["formats"] == ["csv", "json"]
    assert found["fields"]["text"] == ["text", "body"]
    assert found["fields"]["timestamp"] == ["timestamp"]
    assert [time[:10] for time in found["times"]] == ["2021-01-02", "2022-05-06"]
    assert found["languages"] == {"en": 3}
    assert [each["user_id"] for each in found["examples"]] == ["ana", "ben"]
    assert found["command"] == "profilegen build a.csv b.jsonl"
    assert [(each["file"], each["users"], each["documents"]) for each in found["files"]] == [
        ("a.csv", 2, 2),
        ("b.jsonl", 1, 1),
    ]
    assert found["complete"] is True


def test_files_that_are_alike_are_summed_up() -> None:
    with zipfile.ZipFile("slack.zip", "w") as archive:
        for day in range(1, 29):
            message = {"type": "message", "user": f"U{day % 3}", "text": "Good morning to all", "ts": "1714550400.0001"}
            archive.writestr(f"general/2024-02-{day:02}.json", json.dumps([message]))
    done = profilegen_("inspect", "slack.zip")
    assert "28 files of a Slack export" in done.stdout
    (kind,) = inspected("slack.zip")["files"]
    assert (kind["files"], kind["rows"], kind["users"], kind["export"]) == (28, 28, 3, "Slack export")


def test_a_part_of_a_large_file_is_read_and_the_rest_only_if_asked_for() -> None:
    rows = "".join(f"u{number % 7},Some words {number}\n" for number in range(300))
    path = written("a.csv", "user_id,text\n" + rows)
    found = inspect_files([path], mapping={}, limits=Limits(rows=100, sure_rows=0, file_s=60, all_s=60))
    assert (found.rows, found.documents, found.complete) == (100, 100, False)
    assert found.files[0].complete is False
    assert inspect_files([path], mapping={}, limits=None).rows == 300
    assert inspect_files([path], mapping={}, limits=Limits(rows=300, sure_rows=0, file_s=60, all_s=60)).complete
    hurried = inspect_files([path], mapping={}, limits=Limits(rows=300, sure_rows=40, file_s=0, all_s=60))
    assert (hurried.rows, hurried.complete) == (40, False)
    hurried = inspect_files([path], mapping={}, limits=Limits(rows=300, sure_rows=40, file_s=0, all_s=0))
    assert (hurried.rows, hurried.complete) == (1, False)
    assert inspected(path, "--all")["rows"] == 300


def test_standard_input_is_inspected() -> None:
    found = inspected("-", stdin=GOOD)
    assert (found["documents"], found["files"][0]["file"], found["command"]) == (2, "stdin", "profilegen build -")


def test_items_and_texts_are_told_apart() -> None:
    items = written("items.csv", "item_id,title\nB1,Tent\n")
    texts = written("texts.csv", "user_id,text,item_id\nana,It is dry,B1\n")
    found = inspected(texts, items)
    assert {each["file"]: each["role"] for each in found["files"]} == {"items.csv": "items", "texts.csv": "texts"}
    assert found["examples"][0]["item_title"] == "Tent"


# --- what looks wrong -------------------------------------------------------------------------------------


def warnings(*rows: Sequence[object]) -> str:
    return "\n".join(inspect_files([written("a.csv", table(*rows))], mapping={}).warnings)


def many(*values: object, count: int = 20) -> list[tuple[object, ...]]:
    return [(f"u{number}", f"A text of some words, number {number}", *values) for number in range(count)]


def test_nothing_looks_wrong_with_a_usual_file() -> None:
    rows = [(*row, 1 + number % 5, "2021-01-02") for number, row in enumerate(many())]
    assert warnings(("user_id", "text", "rating", "timestamp"), *rows) == ""


@pytest.mark.parametrize(
    ("header", "rows", "warning"),
    [
        (("user_id", "text"), many(), "no column of times"),
        (("user_id", "text", "rating"), many(5), "all ratings are 5"),
        (("user_id", "text"), [("ana", text) for _, text in many()], "all texts are of one user, ana"),
        (("user_id", "text"), [(user, "Thanks for the fish") for user, _ in many()], "most texts are alike: 1 diff"),
        (("user_id", "text"), [(user, f"ok {user}") for user, _ in many()], "most texts are shorter than 15 char"),
        (("user_id", "text"), [("", text) for _, text in many()] + many(), "20 of 40 rows have no user"),
        (("user_id", "text"), [("bot", f"{t}!") for _, t in many()] + many(count=9), "one user, bot, wrote 20 of 29"),
    ],
)
def test_what_looks_wrong_is_said(header: Sequence[str], rows: Sequence[Sequence[object]], warning: str) -> None:
    assert warning in warnings(header, *rows)


def test_mapped_times_and_ratings_that_cannot_be_read_are_said() -> None:
    path = written("a.csv", table(("user_id", "text", "when", "how"), *many("whenever", "splendid")))
    found = inspect_files([path], mapping={"timestamp": "when", "rating": "how"})
    assert "no time could be read from when" in found.warnings
    assert "no rating could be read from how" in found.warnings
    assert found.unread["when"] == (20, "whenever")


def test_a_column_of_a_usual_name_that_holds_something_else_is_left_out_with_the_reason() -> None:
    path = written("a.csv", table(("user_id", "text", "time"), *many("whenever")))
    (reason,) = inspected(path)["left_out"].values()
    assert f"time {reason}" in " ".join(profilegen_("inspect", path).stdout.split())


def test_too_many_bad_lines_are_said_with_the_option_that_allows_them() -> None:
    written("a.csv", "user_id,text\nana,I walk my dog.\nben,one,too,many\n")
    found = inspected("a.csv")
    assert found["bad_lines"] == 1
    assert found["bad_examples"][0]["line"] == 3
    assert "50.0% of the rows are broken" in found["warnings"][-1]
    assert found["command"] == "profilegen build a.csv --max-bad 0.5"


# --- hostile input ----------------------------------------------------------------------------------------


def test_texts_and_names_cannot_act_on_a_terminal_or_as_markup() -> None:
    name = "a\x1b[31m$(touch x)\n.csv"
    written(name, table(("user_id", "text", "\x1b]0;x\x07"), ("\u202eana", "[bold]x[/bold] \x1b[2J {{ 7 * 7 }}", 1)))
    done = profilegen_("inspect", name)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout + done.stderr
    Path(name).write_text(table(("user_id", "text", "\x1b]0;x\x07"), ("ana", "[bold]x[/bold] \x1b[2J {{ 7 * 7 }}", 1)))
    done = profilegen_("inspect", name)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "[bold]x[/bold]" in done.stdout
    assert "\x1b" not in profilegen_("inspect", name, "--json").stdout


def test_the_command_is_quoted_for_a_shell() -> None:
    names = ["it's; rm -rf ~.csv", "-x.csv", "two words.csv"]
    for name in names:
        written(name, "who,user_id\nana,ben\n")
    command = profilegen_("inspect", "--json", "--map", "text=who", "--user", "a b", "--", *names).stdout
    words = shlex.split(json.loads(command)["command"])
    assert words == ["profilegen", "build", names[0], "./-x.csv", names[2], "--map", "text=who", "--user", "a b"]


# --- mistakes ---------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_used_is_shown_with_its_columns_and_what_to_do() -> None:
    written("a.csv", "who,said\nana,hello there\n")
    done = profilegen_("inspect", "a.csv")
    assert done.returncode == 1
    assert "cannot be read as it is: no column of" in done.stdout
    assert "--map" in done.stdout
    assert any(line.split() == ["said", "hello", "there"] for line in done.stdout.splitlines())
    found = json.loads(profilegen_("inspect", "a.csv", "--json").stdout)
    assert found["problems"][0]["columns"] == {"who": "ana", "said": "hello there"}
    assert found["command"] == ""
    assert inspected("a.csv", "--map", "user_id=who", "--map", "text=said")["documents"] == 1


@pytest.mark.parametrize(
    ("args", "status", "reason"),
    [
        (("no-such-file.csv",), 1, "no-such-file.csv: No such file"),
        (("a.csv", "--map", "text"), 2, "--map wants FIELD=COLUMN"),
        (("a.csv", "--map", "=x"), 2, "--map wants FIELD=COLUMN"),
        (("a.csv", "--map", "txt=text"), 2, "no field 'txt'"),
        (("a.csv", "--map", "text=body"), 2, "no column body"),
        (("a.csv", "--map", "text=a..b"), 2, "'a..b' is no path to a value"),
        (("-", "-"), 2, "standard input (-) can be read only once"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["inspect", "build"])
def test_a_mistake_is_an_error_of_one_line(command: str, args: Sequence[str], status: int, reason: str) -> None:
    written("a.csv", GOOD)
    assert reason in error_line(profilegen_(command, *args), status)
    assert [path.name for path in Path().iterdir()] == ["a.csv"]


def test_a_file_in_a_folder_that_cannot_be_used_is_passed_over_with_its_reason() -> None:
    written("data/good.csv", GOOD)
    written("data/other.csv", "height,width\n1,2\n")
    written("data/photo.png", b"\x89PNG")
    found = inspected("data")
    assert (found["documents"], found["skipped_files"]) == (2, 2)
    reasons = {Path(each["file"]).name: each["reason"] for each in found["skipped_examples"]}
    assert reasons["photo.png"] == "no known format"
    assert reasons["other.csv"].startswith("no column of")
    assert found["command"] == "profilegen build data"
    assert "data/photo.png: no known format" in profilegen_("inspect", "data").stdout


def test_a_folder_with_nothing_usable_says_why_of_each_kind() -> None:
    for name in ("a.png", "b.png", "c.exe"):
        written(f"data/{name}", "x")
    done = profilegen_("inspect", "data")
    assert done.returncode == 1
    assert "Passed over 3: 2 .png (no known format), 1 .exe (no known format)" in done.stderr
    written("more/a.csv", "height,width\n1,2\n")
    written("more/b.jsonl", '{"user_id": "ana", "age": 3}\n')
    for command in ("inspect", "build"):
        done = profilegen_(command, "more")
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 1
        assert "a.csv: no column of texts among height, width" in said
        assert "b.jsonl: no column of texts among user_id, age" in said
    (problem,) = json.loads(profilegen_("inspect", "--json", "more").stdout)["problems"]
    assert "a.csv: no column of texts" in problem["reason"]


# --- the mapping ------------------------------------------------------------------------------------------


def test_several_columns_for_one_field_are_read_together() -> None:
    path = written("a.csv", "user_id,likes,dislikes\nana,the garden,the stairs\nben,,the noise\n")
    assert [each.text for each in read(path, text=["likes", "dislikes"])] == ["the garden\nthe stairs", "the noise"]
    found = inspected(path, "--map", "text=likes", "--map", "text=dislikes")
    assert found["fields"]["text"] == ["likes", "dislikes"]
    assert found["command"] == "profilegen build a.csv --map text=likes --map text=dislikes"


def test_paths_lead_into_objects_and_lists() -> None:
    rows = [
        {
            "author": {"id": "ana"},
            "messages": [
                {"role": "system", "content": "You help."},
                {"role": "user", "content": "My dog is old"},
                {"role": "user", "content": "He walks slowly"},
            ],
        }
    ]
    path = written("a.json", json.dumps(rows))
    mapping = {"user_id": "author.id", "text": "messages[role=user].content", "channel": ":chat"}
    documents = read(path, **mapping)
    assert [(each.user_id, each.text, each.channel) for each in documents] == [
        ("ana", "My dog is old", "chat"),
        ("ana", "He walks slowly", "chat"),
    ]
    assert read(path, user_id="author.id", text="messages[1].content")[0].text == "My dog is old"


def test_a_list_of_texts_is_a_document_each_and_a_scale_can_be_a_constant() -> None:
    path = written("a.json", json.dumps([{"who": "ana", "answers": ["the garden", "the stairs"], "stars": 7}]))
    documents = read(path, user_id="who", text="answers", rating_scale=":10")
    assert [(each.text, each.stars) for each in documents] == [("the garden", 3.5), ("the stairs", 3.5)]
    assert [each.text for each in read(path, user_id="who", text="answers[0]")] == ["the garden"]


def test_usual_names_in_objects_are_found_without_an_option() -> None:
    rows = [{"author": {"id": "u1", "name": "Ana"}, "content": "My dog is old", "product": {"title": "A leash"}}]
    (document,) = read(written("a.json", json.dumps(rows)))
    assert (document.user_id, document.text, document.item_title) == ("u1", "My dog is old", "A leash")
    assert inspected("a.json")["fields"]["user_id"] == ["author.id"]


def test_nested_values_are_named_where_no_column_is_found() -> None:
    written("a.json", json.dumps([{"from": {"nick": "ana"}, "post": {"words": "My dog is old"}}]))
    done = profilegen_("inspect", "a.json")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "Its values are nested; there are " in said
    assert "from.nick, post.words" in said or "post.words, from.nick" in said
    assert "post.words My dog is old" in said
    assert inspected("a.json", "--map", "user_id=from.nick", "--map", "text=post.words")["documents"] == 1


def test_a_column_whose_name_is_no_path_can_be_there_or_not() -> None:
    path = written("a.jsonl", '{"user_id": "ana", "text]": "one"}\n{"user_id": "ben", "body": "two"}\n')
    assert [each.text for each in read(path)] == ["one", "two"]
    assert [each.text for each in read(path, text=["text]", "body"])] == ["one", "two"]


def test_a_table_without_users_is_of_one_user_named_by_the_file_or_by_the_option() -> None:
    path = written("diary.csv", "date,text\n2024-01-02,The dog and I walked\n")
    assert [each.user_id for each in read(path)] == ["diary"]
    assert [each.user_id for each in read(path, user="ana")] == ["ana"]
    found = inspected(path, "--user", "ana")
    assert (found["users"], found["files"][0]["owner"]) == (1, "ana")
    assert found["command"] == "profilegen build diary.csv --user ana"
    assert not any("one user" in warning for warning in found["warnings"])


def test_a_message_names_all_columns_and_the_likely_ones_first() -> None:
    header = [*(f"c{number}" for number in range(30)), "who", "remark"]
    path = written("wide.csv", table(header, [*range(30), "ana", "My dog is old and walks slowly"]))
    with pytest.raises(InputError, match=r"no column of texts among remark, .*c29, who; .*--map text="):
        read(path)


def test_a_column_that_is_mapped_and_there_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"no column author\.id to map from"):
        read(written("a.csv", GOOD), user_id="author.id")


# --- what a build prints and keeps ------------------------------------------------------------------------

READING = FileReading(
    file="a.csv",
    format="csv",
    encoding="cp1252",
    fields=(
        FieldSource(field="user_id", columns=("who",), why="named by you"),
        FieldSource(field="text", columns=("likes", "dislikes"), why="named by you"),
    ),
    unused=("age",),
    rows=4,
    documents=2,
    passed={"no user": 2},
    unread={"price": (1, "free")},
)


def report(*files: FileReading) -> BuildReport:
    counts = dict.fromkeys(("documents", "users", "ok", "insufficient", "failed", "segments", "embedded", "written"), 1)
    none = dict.fromkeys(("removed_users", "duplicates", "bad_lines"), 0)
    made = {"embedder": "e", "embedder_reason": "named by you", "writer": "w", "changed": True, "seconds": {}}
    return BuildReport.model_validate({**counts, **none, **made, "files": files})


def test_a_file_that_was_read_is_told_in_a_few_lines() -> None:
    assert file_lines(READING) == [
        "read a.csv: CSV, cp1252: 4 rows, 2 documents",
        "  who → user_id, likes, dislikes → text",
        "  left out: age",
        "  passed over: 2 no user",
        "  could not be read: 1 value of price, such as “free”",
    ]


def test_the_summary_of_a_build_says_what_was_read() -> None:
    summary = str(build_summary(report(READING), "store"))
    assert "\nread a.csv: CSV, cp1252: 4 rows, 2 documents\n  who → user_id" in summary


def test_the_doctor_shows_what_the_last_build_read() -> None:
    store = Path("store")
    with write_lock(store, create=True), open_ledger(store, create=True) as ledger:
        ledger.record_build(report(READING))
    (check,) = (check for check in examine(store) if check.name == "files")
    assert check.found.startswith("read a.csv: CSV, cp1252: 4 rows, 2 documents\n")


def test_the_summary_and_the_doctor_say_which_sentences_are_not_read() -> None:
    repeated = RepeatedSentences(sentences=2, documents=30, of_documents=40, examples=("Sent from\x1b[31m my phone",))
    line = "not read by writers, since many texts have them: 2 sentences in 30 of 40 documents, such as "
    line += "“Sent from\\x1b[31m my phone”"
    assert line in str(build_summary(report(READING).model_copy(update={"repeated": repeated}), "store"))
    store = Path("store")
    with write_lock(store, create=True), open_ledger(store, create=True) as ledger:
        ledger.set_meta("common", {"repeated": repeated.model_dump(mode="json")})
        ledger.record_build(report(READING))
    (check,) = (check for check in examine(store) if check.name == "repeated")
    assert check.found == line


def test_a_store_keeps_no_name_of_a_file_or_of_a_column_of_ones_own() -> None:
    made = report(READING.model_copy(update={"file": "Chat with Ana.txt", "owner": "Ana", "left_out": {"of ana": "x"}}))
    bad = BadLine(file="Chat with Ana.txt", line=3, reason="Ana is no number")
    skipped = SkippedFile(file="Ana.png", reason="no known format")
    repeated = RepeatedSentences(sentences=1, documents=3, of_documents=4, examples=("Yours, Ana",))
    kept = for_store(
        made.model_copy(
            update={"bad_lines": 1, "bad_examples": (bad,), "skipped_files": 1, "skipped_examples": (skipped,)}
            | {"repeated": repeated}
        )
    )
    assert "ana" not in kept.model_dump_json().casefold()
    assert (kept.bad_lines, kept.skipped_files) == (1, 1)
    assert file_lines(kept.files[0]) == [
        "read a file: CSV, cp1252: 4 rows, 2 documents",
        "  named by you → user_id, named by you → text",
        "  passed over: 2 no user",
        "  could not be read: 1 value of other columns",
    ]


# --- files that people have -------------------------------------------------------------------------------


def test_a_library_of_goodreads_is_of_one_reader_whose_items_are_books() -> None:
    header = ["Book Id", "Title", "Author", "Author l-f", "Additional Authors", "ISBN", "ISBN13", "My Rating"]
    header += ["Average Rating", "Publisher", "Binding", "Number of Pages", "Year Published"]
    header += ["Original Publication Year", "Date Read", "Date Added", "Bookshelves", "Bookshelves with positions"]
    header += ["Exclusive Shelf", "My Review", "Spoiler", "Private Notes", "Read Count", "Owned Copies"]
    first = [1, "The Long Field", "A. Writer", "Writer, A.", "", '="0"', '="0"', 4, 3.9, "House", "Paperback", 300]
    first += [2001, 1999, "2021/03/04", "2021/01/01", "", "", "read", "I walked every path in it.", "", "", 1, 0]
    second = [2, "Rain", "B. Writer", "Writer, B.", "", '="0"', '="0"', 2, 3.1, "House", "Paperback", 200]
    second += [2011, 2011, "2022/03/04", "2022/01/01", "", "", "read", "Too long for me.", "", "", 1, 0]
    path = written("goodreads_library_export.csv", table(header, first, second))
    one, other = read(path)
    assert one.user_id == other.user_id
    assert (one.item_title, one.text, one.rating) == ("The Long Field", "I walked every path in it.", 4)
    assert one.timestamp is not None
    assert one.timestamp.date().isoformat() == "2021-03-04"


def test_rows_of_kaggle_s_books_without_user_do_not_stop_a_build_and_the_title_is_the_item() -> None:
    header = ["Id", "Title", "Price", "User_id", "profileName", "review/helpfulness", "review/score", "review/time"]
    header += ["review/summary", "review/text"]
    rows = [
        [
            "1882931173",
            "A Book of Birds",
            "",
            user,
            "A name",
            "7/7",
            "4.0",
            "940636800",
            "Nice",
            f"Read {n} times.",
        ]
        for n, user in enumerate(["A1", "A2", "", "A3", "A4"])
    ]
    found = inspected(written("Books_rating.csv", table(header, *rows)))
    assert (found["documents"], found["users"], found["bad_lines"], found["passed"]) == (4, 4, 0, {"no user": 1})
    example = found["examples"][0]
    assert (example["item_title"], example["title"], example["rating"]) == ("A Book of Birds", "Nice", 4.0)
    assert example["text"] == "Read 0 times."
    assert example["timestamp"].startswith("1999-10-23")


def test_the_votes_of_a_post_are_no_rating_and_nobody_is_no_user() -> None:
    post: dict[str, Any] = {
        "title": "My old dog",
        "selftext": "He walks slowly now",
        "score": 1543,
        "created_utc": 1714550400,
    }
    post |= {"subreddit": "dogs", "id": "1abc", "num_comments": 3, "permalink": "/r/dogs/1abc"}
    authors = ("ana", "[deleted]", "AutoModerator", "nan")
    rows = [json.dumps({"author": author, **post}) for author in authors]
    documents = read(written("posts.jsonl", "\n".join(rows)))
    (document,) = documents
    assert (document.user_id, document.rating, document.channel) == ("ana", None, "dogs")
    assert document.timestamp is not None
    assert document.text.endswith("He walks slowly now")
    assert sum(inspected("posts.jsonl")["passed"].values()) == 3


def test_an_archive_of_x_and_an_outbox_of_mastodon_are_read() -> None:
    tweet: dict[str, Any] = {
        "id_str": "1",
        "full_text": "My dog is old",
        "created_at": "Wed May 01 08:00:00 +0000 2024",
    }
    tweet |= {
        "retweet_count": "0",
        "favorite_count": "2",
        "retweeted": False,
        "entities": {"hashtags": [], "user_mentions": [], "urls": []},
        "lang": "en",
    }
    written("x/data/tweets.js", "window.YTD.tweets.part0 = " + json.dumps([{"tweet": tweet}]))
    account = {"email": "a@example.org", "username": "ana", "accountId": "7", "accountDisplayName": "Ana"}
    written("x/data/account.js", "window.YTD.account.part0 = " + json.dumps([{"account": account}]))
    assert [(each.user_id, each.text) for each in read("x")] == [("ana", "My dog is old")]
    note = {"type": "Note", "content": "<p>My dog is old</p>", "published": "2024-05-01T08:00:00Z"}
    create: dict[str, Any] = {
        "type": "Create",
        "actor": "https://example.org/users/ana",
        "published": "2024-05-01T08:00:00Z",
    }
    create |= {"object": {"id": "https://example.org/1", "attributedTo": create["actor"], **note}}
    outbox: dict[str, Any] = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": "outbox.json",
        "type": "OrderedCollection",
    }
    outbox |= {"totalItems": 1, "orderedItems": [create]}
    assert [each.text for each in read(written("outbox.json", json.dumps(outbox)))] == ["My dog is old"]


def test_chats_are_read_without_an_option() -> None:
    slack = [{"type": "message", "user": "U1", "text": "Good morning", "ts": "1714550400.0001"}]
    written("slack/general/2024-05-01.json", json.dumps(slack))
    assert [each.channel for each in read("slack")] == ["general"]
    discord = {
        "guild": {"id": "1", "name": "Dogs"},
        "channel": {"id": "2", "type": "GuildTextChat", "name": "walks"},
        "messages": [
            {
                "id": "3",
                "type": "Default",
                "timestamp": "2024-05-01T08:00:00+00:00",
                "content": "My dog is old",
                "author": {"id": "4", "name": "ana", "isBot": False},
            }
        ],
    }
    assert [each.text for each in read(written("discord.json", json.dumps(discord)))] == ["My dog is old"]
    telegram = {
        "name": "Dogs",
        "type": "private_group",
        "id": 1,
        "messages": [
            {
                "id": 1,
                "type": "message",
                "date": "2024-05-01T08:00:00",
                "date_unixtime": "1714550400",
                "from": "Ana",
                "from_id": "user1",
                "text": ["My dog ", {"type": "bold", "text": "is old"}],
            }
        ],
    }
    assert [each.text for each in read(written("result.json", json.dumps(telegram)))] == ["My dog is old"]
    whatsapp = "01/05/2024, 08:00 - Ana: My dog is old\n01/05/2024, 08:01 - Ben: He walks\nslowly\n"
    whatsapp += "13/05/2024, 08:02 - Ana: So he does\n"
    (path,) = (written("WhatsApp Chat with Ben.txt", whatsapp),)
    assert [(each.user_id, each.text) for each in read(path)] == [
        ("Ana", "My dog is old"),
        ("Ben", "He walks\nslowly"),
        ("Ana", "So he does"),
    ]


def test_a_list_inside_an_object_is_a_table() -> None:
    rows = {"messages": [{"user": "ana", "text": "My dog is old"}], "count": 1}
    assert [each.user_id for each in read(written("a.json", json.dumps(rows)))] == ["ana"]


def test_conversations_with_an_assistant_are_of_the_person_alone() -> None:
    def message(role: str, text: str) -> dict[str, Any]:
        return {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, "create_time": 1.7e9}

    mapping = {
        "a": {"id": "a", "message": message("user", "My dog is old"), "parent": None, "children": ["b"]},
        "b": {"id": "b", "message": message("assistant", "I am sorry."), "parent": "a", "children": []},
    }
    talk = {"title": "Dog", "create_time": 1.7e9, "update_time": 1.7e9, "mapping": mapping, "current_node": "b"}
    path = written("conversations.json", json.dumps([{**talk, "conversation_id": "c"}]))
    assert [each.text for each in read(path)] == ["My dog is old"]


def test_ratings_of_movielens_get_their_titles() -> None:
    written("ml/ratings.csv", "userId,movieId,rating,timestamp\n1,31,4.5,1260759144\n")
    written("ml/movies.csv", "movieId,title,genres\n31,A Quiet Field (1995),Drama\n")
    (document,) = read("ml")
    assert (document.user_id, document.text, document.rating) == ("1", "A Quiet Field (1995)", 4.5)
    written("old/ratings.dat", "1::31::4::978300760\n1::32::5::978300761\n")
    written("old/movies.dat", "31::A Quiet Field (1995)::Drama\n32::Rain (1999)::Drama\n")
    assert [each.text for each in read("old")] == ["A Quiet Field (1995)", "Rain (1999)"]


def test_atomic_files_of_recbole_are_read_with_their_items() -> None:
    inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu1\ti1\t4\t978300760\n"
    written("set/set.inter", inter)
    written("set/set.item", "item_id:token\ttitle:token_seq\ni1\tA quiet field\n")
    assert [(each.user_id, each.text) for each in read("set")] == [("u1", "A quiet field")]


def test_mind_without_a_header_is_read() -> None:
    written("mind/behaviors.tsv", "1\tU1\t11/11/2019 9:05:58 AM\tN1\tN2-1 N3-0\n")
    line = "{0}\tsports\tsoccer\tA title of {0}\tAn abstract\thttps://example.org/{0}\t[]\t[]\n"
    written("mind/news.tsv", "".join(line.format(name) for name in ("N1", "N2", "N3")))
    assert {each.text for each in read("mind")} >= {"A title of N2"}


def test_encodings_other_than_utf8_are_read_and_named() -> None:
    rows = [("用户", "内容"), *((f"用户{number}", "这本书很好看，我很喜欢，下次再买") for number in range(9))]
    assert len(read(written("a.csv", table(*rows).encode("gb18030")))) == 9
    found = inspected("a.csv")
    assert [each.lower().replace("-", "") for each in found["encodings"]] != ["utf8"]
    assert found["encodings"][0] in profilegen_("inspect", "a.csv").stdout
    text = "user_id,text\n" + "".join(f"ana{n},Das Café war schön – “gemütlich”\n" for n in range(9))
    assert read(written("b.csv", text.encode("cp1252")))[0].text.startswith("Das Café war schön –")


def test_archives_and_compressions_are_read() -> None:
    import bz2
    import lzma

    for name, data in (("a.csv.bz2", bz2.compress(GOOD.encode())), ("a.csv.xz", lzma.compress(GOOD.encode()))):
        assert len(read(written(name, data))) == 2
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("in/a.csv", GOOD)
    assert len(read("a.zip")) == 2


def test_a_database_is_read() -> None:
    import sqlite3

    with contextlib.closing(sqlite3.connect("a.sqlite")) as database:
        database.execute("CREATE TABLE reviews (user_id TEXT, text TEXT)")
        database.execute("INSERT INTO reviews VALUES ('ana', 'My dog is old')")
        database.commit()
    assert [each.user_id for each in read("a.sqlite")] == ["ana"]


@pytest.mark.parametrize("stars", ["4 stars", "4/5", "★★★★☆", "4.0 out of 5", "4.0 out of 5 stars"])
def test_stars_in_words_and_signs_are_ratings(stars: str) -> None:
    (document,) = read(written("a.csv", table(("user_id", "text", "rating"), ("ana", "It is dry", stars))))
    assert (document.rating, document.rating_scale) == (4, 5)


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("Wed, 12 Mar 2014 08:00:00 +0000", "2014-03-12"),
        ("03 12, 2014", "2014-03-12"),
        ("Dec 12, 2023", "2023-12-12"),
        ("13.05.2021", "2021-05-13"),
        ("44197", "2021-01-01"),
    ],
)
def test_times_in_usual_forms_are_read(time: str, day: str) -> None:
    (document,) = read(written("a.csv", table(("user_id", "text", "date"), ("ana", "It is dry", time))))
    assert document.timestamp is not None
    assert document.timestamp.date().isoformat() == day


def test_chinese_numbers_are_read() -> None:
    assert read(written("a.csv", "user_id,text,price\nana,好,1.5万\n"))[0].price == 15_000


def test_a_build_of_the_same_files_says_the_same_of_columns() -> None:
    written("a.csv", GOOD)
    intake = Intake()
    list(read_documents(["a.csv"], mapping={}, intake=intake))
    built = "\n".join(file_lines(intake.files[0]))
    assert "user_id → user_id, text → text, timestamp → timestamp" in built
