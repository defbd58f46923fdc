import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from handmade_store import build_report, remove_users

from profilegen.errors import InputError, StoreError
from profilegen.records import (
    Behaviour,
    BuildReport,
    BuiltWith,
    Claim,
    Decision,
    Document,
    Evidence,
    NearSegment,
    Segment,
    UserProfile,
)
from profilegen.store.index import POINTER_FILE, build_index
from profilegen.store.ledger import (
    INCOMING_FILE,
    LEDGER_FILE,
    Audience,
    Changes,
    ClaimVector,
    Filters,
    Ledger,
    Membership,
    Staged,
    open_ledger,
    write_lock,
)
from profilegen.vectors import Vectors

ROOT = Path(__file__).parents[1]
BUILT_WITH = BuiltWith(embedder="e", writer="w", prompt="p", summary="template")
HOSTILE_IDS = [
    'it\'s "quoted"; DROP TABLE users; --',
    "表情 😀👩‍👩‍👧",
    "x" * 512,
    "new\nline",
    "nul\x00in",
    "%_*?[",
    " ",
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def ledger(store: Path) -> Iterator[Ledger]:
    with open_ledger(store, create=True) as ledger:
        yield ledger


def unit(*values: float) -> Vectors:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def document(id_: str, user_id: str, text: str = "a text", **rest: object) -> Document:
    return Document.model_validate({"id": id_, "user_id": user_id, "text": text, **rest})


def claim(text: str, *document_ids: str) -> Claim:
    return Claim(text=text, support=0.5, evidence=tuple(Evidence(document=d, quote="a") for d in document_ids))


def profile(user_id: str, summary: str = "likes tea", **rest: object) -> UserProfile:
    base = {"user_id": user_id, "status": "ok", "language": "en", "summary": summary}
    return UserProfile.model_validate({**base, "behaviour": Behaviour(documents=1), "built_with": BUILT_WITH, **rest})


def segment(id_: str, *members: str, **rest: object) -> Segment:
    base = {"id": id_, "name": id_, "size": len(members), "language": "en", "members": members}
    return Segment.model_validate({**base, "built_with": BUILT_WITH, **rest})


def load(ledger: Ledger, *documents: Document, add: bool = False) -> Changes:
    ledger.stage(documents)
    return ledger.apply_staged(add=add)


def finish(ledger: Ledger, user_id: str, summary: str = "likes tea") -> None:
    ledger.put_users([(user_id, "en", "h", unit(1, 2))])
    ledger.put_profiles([(profile(user_id, summary), "h", [ClaimVector("summary", 0, summary, 1.0, unit(1, 2))])])


def in_another_process(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start Python code and wait for the first line that it prints."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline()
    return child


def kill(child: subprocess.Popen[str]) -> None:
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert child.stdout is not None
    child.stdout.close()


# Opening


def test_a_missing_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no store at .*; make one with `profilegen build FILES --store .*my store'`"):
        open_ledger(tmp_path / "my store")
    assert not (tmp_path / "my store").exists()


def test_a_store_that_cannot_be_made_there_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make a store at"):
        open_ledger(tmp_path / "file", create=True)


def test_a_file_that_is_no_database_is_a_store_error(store: Path) -> None:
    store.mkdir()
    (store / LEDGER_FILE).write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StoreError, match="damaged"):
        open_ledger(store)


def test_an_overwritten_ledger_is_a_store_error_when_read(store: Path) -> None:
    with open_ledger(store, create=True) as ledger:
        load(ledger, *(document(f"d{i}", "u1", "long " * 200) for i in range(500)))
    with (store / LEDGER_FILE).open("r+b") as file:
        file.seek(50_000)
        file.write(os.urandom(300_000))
    with pytest.raises(StoreError, match="damaged"), open_ledger(store) as ledger:
        list(ledger.iter_documents())


def test_a_ledger_of_a_newer_version_is_refused(store: Path) -> None:
    open_ledger(store, create=True).close()
    with sqlite3.connect(store / LEDGER_FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer profilegen"):
        open_ledger(store, create=True)


def test_a_database_of_something_else_is_refused_and_left_alone(store: Path) -> None:
    store.mkdir()
    with sqlite3.connect(store / LEDGER_FILE) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    with pytest.raises(StoreError, match="not a ledger"):
        open_ledger(store, create=True)


def test_opening_with_create_keeps_what_is_there(store: Path) -> None:
    with open_ledger(store, create=True) as ledger:
        load(ledger, document("d1", "u1"))
    with open_ledger(store, create=True) as ledger:
        assert ledger.counts().documents == 1


def test_a_reader_sees_what_is_committed_while_the_writer_is_open_and_cannot_write(ledger: Ledger, store: Path) -> None:
    load(ledger, document("d1", "u1"))
    with open_ledger(store, read_only=True) as reader:
        assert reader.document("d1") == document("d1", "u1")
        with pytest.raises(StoreError, match="readonly"):
            reader.set_meta("a", 1)


def as_someone_else(code: str, store: Path) -> str:
    """Run code in a process without the rights of this one, and return what it prints."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become someone else")
    code = f"""
import os, pathlib
from profilegen.errors import StoreError
from profilegen.store.ledger import open_ledger
store = pathlib.Path({str(store)!r})
os.setuid(65534)
{code}
"""
    child = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert child.returncode == 0
    return child.stdout.strip()


def make_read_only(store: Path) -> None:
    """Let everybody read a store and nobody but root write to it."""
    for path in store.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    store.chmod(0o555)


COUNT_DOCUMENTS = """
try:
    print(open_ledger(store, read_only=True).counts().documents)
except StoreError as error:
    print(error)
"""


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Give the place of a store in a directory that others may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "store"


@pytest.mark.parametrize("writer_is_open", [False, True])
def test_a_store_that_one_may_only_read_is_read(open_to_all: Path, writer_is_open: bool) -> None:
    with open_ledger(open_to_all, create=True) as ledger:
        load(ledger, document("d1", "u1"))
    with open_ledger(open_to_all) if writer_is_open else nullcontext() as writer:
        if writer is not None:
            writer.set_meta("a", 1)
        make_read_only(open_to_all)
        assert (open_to_all / f"{LEDGER_FILE}-wal").exists() == writer_is_open
        assert as_someone_else(COUNT_DOCUMENTS, open_to_all) == "1"


def test_a_store_that_one_may_only_read_is_read_after_its_writer_was_killed(open_to_all: Path) -> None:
    code = """
import sys, time, pathlib
from profilegen.store.ledger import open_ledger
from profilegen.records import Document
ledger = open_ledger(pathlib.Path(sys.argv[1]), create=True)
ledger.stage([Document(id="d1", user_id="u1", text="text")])
ledger.apply_staged(add=False)
print("written", flush=True)
time.sleep(60)
"""
    kill(in_another_process(code, open_to_all))
    make_read_only(open_to_all)
    assert as_someone_else(COUNT_DOCUMENTS, open_to_all) == "1"
    (open_to_all / f"{LEDGER_FILE}-shm").unlink()
    assert "was left by a killed build" in as_someone_else(COUNT_DOCUMENTS, open_to_all)


def test_a_store_that_one_may_not_read_is_a_store_error(open_to_all: Path) -> None:
    open_ledger(open_to_all, create=True).close()
    assert "Permission denied" in as_someone_else(COUNT_DOCUMENTS, open_to_all)
    open_to_all.chmod(0o755)
    assert "Permission denied" in as_someone_else(COUNT_DOCUMENTS, open_to_all)


# Private files


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(store: Path) -> dict[str, str]:
    """Return the permissions of a store and of all that is in it."""
    return {path.name: oct(path.stat().st_mode & 0o777) for path in (store, *store.rglob("*"))}


def private(store: Path) -> dict[str, str]:
    """Return the permissions that all of it should have."""
    return {path.name: oct(0o700 if path.is_dir() else 0o600) for path in (store, *store.rglob("*"))}


def test_whatever_the_umask_only_the_owner_can_read_a_store(store: Path, no_umask: None) -> None:
    with write_lock(store, create=True), open_ledger(store, create=True) as ledger:

        def documents() -> Iterator[Document]:
            yield from (document(f"d{at}", "u1") for at in range(2_000))
            assert {"write.lock", "write.pid", INCOMING_FILE, f"{LEDGER_FILE}-wal"} <= set(modes(store))
            assert modes(store) == private(store)

        ledger.stage(documents())
        ledger.apply_staged(add=False)
        build_index(ledger, store)
        assert {POINTER_FILE, "chroma.sqlite3", "fingerprints.npz"} <= set(modes(store))
        assert modes(store) == private(store)


def test_a_store_that_others_could_read_is_private_after_the_next_build(store: Path, no_umask: None) -> None:
    with open_ledger(store, create=True) as ledger:
        build_index(ledger, store)
        (store / "evaluation").mkdir()
        (store / "evaluation" / "report.md").touch()
        for path in (store, *store.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
    with write_lock(store, create=True):
        assert modes(store) == private(store)


def test_a_directory_that_holds_more_than_a_store_stays_open_to_others(store: Path, no_umask: None) -> None:
    store.mkdir(mode=0o755)
    (store / "letter.txt").touch(mode=0o644)
    for _ in range(2):
        with write_lock(store, create=True), open_ledger(store, create=True):
            pass
    expected = {"store": "0o755", "letter.txt": "0o644", LEDGER_FILE: "0o600"}
    assert {name: mode for name, mode in modes(store).items() if name in expected} == expected


# Damage


READ = {
    "a document": lambda ledger: ledger.document("d1"),
    "the documents": lambda ledger: list(ledger.iter_documents()),
    "documents of a user": lambda ledger: ledger.user_documents("u1"),
    "users": lambda ledger: list(ledger.iter_users()),
    "user vectors": Ledger.user_matrix,
    "a user vector": lambda ledger: ledger.user_vectors(["u1", "u2"]),
    "a profile": lambda ledger: ledger.profile("u1"),
    "profiles": lambda ledger: list(ledger.iter_profiles()),
    "profiles with vectors": lambda ledger: list(ledger.iter_profile_vectors()),
    "claims": lambda ledger: ledger.claims_of(["u1", "u2"]),
    "claim vectors": lambda ledger: ledger.claim_matrix(["u1", "u2"]),
    "not categorised": lambda ledger: ledger.not_categorised("t"),
    "traits": Ledger.trait_counts,
    "found users": lambda ledger: ledger.find_users(Filters(language="en"), 0, 10),
    "memberships": Ledger.memberships,
    "segments": Ledger.segments,
    "a segment": lambda ledger: ledger.segment("s"),
    "segment vectors": Ledger.segment_matrix,
    "points": Ledger.points,
    "decisions": lambda ledger: list(ledger.iter_decisions()),
    "decisions on a user": lambda ledger: ledger.decisions_of("u1"),
    "segment names": Ledger.segment_names,
    "lists": Ledger.audiences,
    "the last build": Ledger.last_build,
    "a fact": lambda ledger: ledger.get_meta("embedder"),
    "forgetting": lambda ledger: remove_users(ledger, "u2"),
    "a decision": lambda ledger: ledger.decide([Decision(by="b", action="flag", user_id="u1", words="x")], {}),
}


@pytest.mark.parametrize(
    "value", ["", "{", "[1]", '{"id": 1}', "text", 12, -1.5, b"", b"\x00\x01\x02", b"\xff\xfe\xfd\xfc"], ids=repr
)
@pytest.mark.parametrize(
    "column",
    [
        "meta.value",
        "documents.record",
        "documents.text_vector",
        "documents.item_vector",
        "users.vector",
        "profiles.record",
        "claims.support",
        "claims.vector",
        "memberships.confidence",
        "segments.record",
        "segments.vector",
        "builds.finished",
        "builds.report",
        "decisions.at",
        "decisions.record",
        "audiences.record",
        "points.x",
    ],
)
def test_a_damaged_record_is_a_store_error_that_names_the_file(damageable: Path, column: str, value: object) -> None:
    table, _, name = column.partition(".")
    connection = sqlite3.connect(damageable / LEDGER_FILE)
    connection.execute(f"UPDATE {table} SET {name} = ?", (value,))
    connection.commit()
    connection.close()
    with open_ledger(damageable) as ledger:
        errors = []
        for read in READ.values():
            try:
                read(ledger)  # type: ignore[operator]
            except StoreError as error:
                errors.append(str(error))
    assert all(str(damageable / LEDGER_FILE) in error and "is damaged" in error for error in errors)
    assert errors or value not in ("{", b"\x00\x01\x02")  # Other values can be what the column holds.


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store with something in every table."""
    store = tmp_path_factory.mktemp("whole") / "store"
    with open_ledger(store, create=True) as ledger:
        load(ledger, document("d1", "u1", item_title="t"), document("d2", "u2", item_title="t"))
        ledger.put_document_vectors((f"d{at}", unit(1, 2, 3, 4), unit(1, 2, 3, 4)) for at in (1, 2))
        for user in ("u1", "u2"):
            finish(ledger, user)
        ledger.put_memberships(Membership(user, "s", 1.0, False) for user in ("u1", "u2"))
        ledger.put_segments([(segment("s", "u1", "u2"), "h", unit(1, 2))])
        ledger.put_points(["u1", "u2"], np.zeros((2, 2), np.float32))
        ledger.import_decisions([Decision(by="b", action="flag", user_id=user, words="x") for user in ("u1", "u2")])
        ledger.save_audience(Audience(name="l", found_by="f", by="b", at=datetime.now(UTC)), ["u1"])
        ledger.set_meta("embedder", {"name": "e"})
        ledger.record_build(build_report(2, 1))
    return store


@pytest.fixture
def damageable(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "damaged"))


def test_a_store_without_damage_is_read(whole: Path) -> None:
    with open_ledger(whole) as ledger:
        for name, read in READ.items():
            if name not in ("forgetting", "a decision"):
                assert read(ledger) is not None  # type: ignore[operator]


# Writing one at a time


def test_a_second_writer_is_refused_and_told_who_writes(store: Path) -> None:
    code = """
import sys, time, pathlib
from profilegen.store.ledger import write_lock
with write_lock(pathlib.Path(sys.argv[1]), create=True):
    print("locked", flush=True)
    time.sleep(60)
"""
    child = in_another_process(code, store)
    try:
        with (
            pytest.raises(StoreError, match=f"another profilegen build is writing to .* \\(pid {child.pid}\\)"),
            write_lock(store),
        ):
            pass
    finally:
        kill(child)
    with write_lock(store):  # a kill leaves no lock behind
        pass


def test_a_second_writer_in_the_same_process_is_refused(store: Path) -> None:
    with write_lock(store, create=True), pytest.raises(StoreError, match=str(os.getpid())), write_lock(store):
        pass


def test_the_lock_of_a_missing_store_makes_no_directory(store: Path) -> None:
    with pytest.raises(StoreError, match="no store"), write_lock(store):
        pass
    assert not store.exists()


# Staging


def test_documents_come_back_as_they_were_put(ledger: Ledger) -> None:
    full = document(
        "d1",
        "u1",
        'He said "你好"\u0000\n😀' * 50,
        language="zh",
        title="t",
        item_id="i",
        item_title="it",
        brand="b",
        rating=4.5,
        price=0.1,
        timestamp=datetime(2024, 5, 1, 12, tzinfo=UTC),
        event="view",
        channel="web",
        image="x.png",
    )
    bare = document("d2", "u1", "")
    load(ledger, full, bare)
    assert list(ledger.iter_documents()) == [full, bare]


def test_the_first_document_of_an_id_is_kept_and_the_rest_are_counted(ledger: Ledger) -> None:
    documents = [document("d1", "u1", "first"), document("d1", "u2", "second"), document("d2", "u2")]
    assert ledger.stage(documents) == Staged(documents=2, users=2, duplicates=1)
    ledger.apply_staged(add=False)
    assert ledger.documents(["d2", "none", "d1"]) == {"d2": documents[2], "d1": documents[0]}


def test_staged_documents_are_not_the_truth_until_applied(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    revision = ledger.revision()
    ledger.stage([document("d2", "u2")])
    assert [d.id for d in ledger.iter_documents()] == ["d1"]
    assert ledger.revision() == revision


def test_input_that_fails_half_way_changes_nothing_and_leaves_no_file(ledger: Ledger, store: Path) -> None:
    load(ledger, document("d1", "u1"))

    def bad_input() -> Iterator[Document]:
        yield from (document(f"new{i}", "u2") for i in range(2_500))
        raise InputError("line 2501 is no document")

    with pytest.raises(InputError, match="line 2501"):
        ledger.stage(bad_input())
    assert [d.id for d in ledger.iter_documents()] == ["d1"]
    assert not list(store.glob(f"{INCOMING_FILE}*"))


def test_a_kill_while_staging_leaves_the_truth_and_the_next_writer_clears_up(store: Path) -> None:
    with open_ledger(store, create=True) as ledger:
        load(ledger, document("d1", "u1"))
    code = """
import sys, time, pathlib
from profilegen.store.ledger import open_ledger, write_lock
from profilegen.records import Document
def documents():
    for i in range(5_500):
        yield Document(id=f"new{i}", user_id="u2", text="text")
    print("staging", flush=True)
    time.sleep(60)
store = pathlib.Path(sys.argv[1])
with write_lock(store), open_ledger(store) as ledger:
    ledger.stage(documents())
"""
    kill(in_another_process(code, store))
    assert (store / INCOMING_FILE).exists()
    with write_lock(store), open_ledger(store) as ledger:
        assert not list(store.glob(f"{INCOMING_FILE}*"))
        assert list(ledger.iter_documents()) == [document("d1", "u1")]
        assert load(ledger, document("d2", "u1"), add=True) == Changes(1, 0, 0, 0)


def test_a_kill_between_transactions_keeps_every_finished_one(store: Path) -> None:
    code = """
import sys, time, pathlib
import numpy as np
from profilegen.store.ledger import open_ledger
from profilegen.records import Document
ledger = open_ledger(pathlib.Path(sys.argv[1]), create=True)
ledger.stage([Document(id=f"d{i:05}", user_id="u", text="t") for i in range(3_000)])
ledger.apply_staged(add=False)
def rows():
    for i in range(3_000):
        if i == 2_500:
            print("writing", flush=True)
            time.sleep(60)
        yield f"d{i:05}", np.ones(4, np.float32), None
ledger.put_document_vectors(rows())
"""
    kill(in_another_process(code, store))
    with open_ledger(store) as ledger:
        assert [d.id for d in ledger.documents_missing_vectors()] == [f"d{i:05}" for i in range(2_000, 3_000)]


def test_a_document_that_breaks_the_rules_applies_nothing(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    with pytest.raises(sqlite3.IntegrityError):
        load(ledger, document("d2", "u1"), document("", "u2"))
    assert [d.id for d in ledger.iter_documents()] == ["d1"]
    assert load(ledger, document("d1", "u1"), document("d2", "u1")) == Changes(1, 0, 0, 0)


def test_applying_the_same_documents_again_changes_nothing(ledger: Ledger) -> None:
    documents = [document("d1", "u1", timestamp=datetime(2024, 1, 1)), document("d2", "u2", price=0.1)]
    load(ledger, *documents)
    revision = ledger.revision()
    assert load(ledger, *documents) == Changes(0, 0, 0, 0)
    assert ledger.revision() == revision


def test_staging_says_once_and_at_once_that_there_is_a_document_that_is_not_known(ledger: Ledger) -> None:
    known = document("d1", "u1")
    load(ledger, known)
    told: list[int] = []
    given: list[int] = []

    def documents() -> Iterator[Document]:
        for number, found in enumerate([known, document("d2", "u1"), document("d3", "u2"), known]):
            given.append(number)
            yield found

    ledger.stage([known, document("d1", "u1", title="another")], lambda: told.append(-1))
    assert told == []
    ledger.stage(documents(), lambda: told.append(given[-1]))
    assert len(told) == 1
    assert told[0] < 3


def test_the_removal_token_changes_when_a_text_is_gone_or_has_changed(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"), document("d2", "u1"))
    first = ledger.removal_token()
    load(ledger, document("d1", "u1", rating=3), document("d2", "u1"), document("d3", "u2"))
    assert ledger.removal_token() == first
    load(ledger, document("d1", "u1", title="another"), document("d2", "u1"), document("d3", "u2"))
    second = ledger.removal_token()
    assert second != first
    load(ledger, document("d1", "u1", title="another"), document("d2", "u1"))
    assert ledger.removal_token() not in (first, second)


def test_without_add_what_is_absent_from_the_input_goes_with_its_users(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"), document("d2", "u1"), document("d3", "u2"))
    for user in ("u1", "u2"):
        finish(ledger, user)
    assert load(ledger, document("d1", "u1"), document("d4", "u3")) == Changes(1, 0, 2, 1)
    assert list(ledger.user_ids()) == ["u1", "u3"]
    assert list(ledger.profile_hashes()) == ["u1"]


def test_with_add_what_is_absent_from_the_input_stays(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    assert load(ledger, document("d2", "u2"), add=True) == Changes(1, 0, 0, 0)
    assert list(ledger.user_ids()) == ["u1", "u2"]


@pytest.mark.parametrize("add", [True, False])
def test_a_user_whose_only_document_became_anothers_is_gone(ledger: Ledger, add: bool) -> None:
    load(ledger, document("d1", "u1"))
    finish(ledger, "u1")
    assert load(ledger, document("d1", "u2"), add=add) == Changes(0, 1, 0, 1)
    assert ledger.profile("u1") is None
    assert ledger.user_hashes() == {}


def test_vectors_stay_while_the_embedded_words_stay(ledger: Ledger) -> None:
    load(ledger, *(document(f"d{i}", "u1", item_title="a mug") for i in range(4)))
    ledger.put_document_vectors((f"d{i}", unit(1, 2), unit(2, 1)) for i in range(4))
    changed = [
        document("d0", "u1", item_title="a mug", rating=5),
        document("d1", "u1", "another text", item_title="a mug"),
        document("d2", "u1", item_title="a cup"),
        document("d3", "u1", title="new", item_title="a mug"),
    ]
    assert load(ledger, *changed) == Changes(0, 4, 0, 0)
    assert list(ledger.documents_missing_vectors()) == changed[1:]


# Documents and vectors


def test_hostile_ids_are_only_names(ledger: Ledger) -> None:
    load(ledger, *(document(f"{name} doc", name) for name in HOSTILE_IDS))
    for name in HOSTILE_IDS:
        finish(ledger, name)
    ledger.put_memberships(Membership(name, name, 1.0, False) for name in HOSTILE_IDS)
    assert list(ledger.user_ids()) == sorted(HOSTILE_IDS)
    for name in HOSTILE_IDS:
        found = ledger.profile(name)
        assert [d.id for d in ledger.user_documents(name)] == [f"{name} doc"]
        assert found is not None
        assert (found.user_id, found.segment) == (name, name)
    assert remove_users(ledger, *HOSTILE_IDS).removed_users == len(HOSTILE_IDS)
    assert ledger.counts() == (0, 0, 0, 0, 0, 0, 0)


def test_vectors_come_back_normalised_and_within_float16(ledger: Ledger) -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    load(ledger, *(document(f"d{i:02}", f"u{i:02}") for i in range(20)))
    ledger.put_users((f"u{i:02}", "en", "h", vectors[i]) for i in range(20))
    users, matrix = ledger.user_matrix()
    assert users == [f"u{i:02}" for i in range(20)]
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, vectors, atol=2e-4)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-6)


def test_a_vector_that_is_no_number_is_refused(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    with pytest.raises(ValueError, match="NaN"):
        ledger.put_document_vectors([("d1", np.array([1, np.nan], dtype=np.float32), None)])


def test_missing_vectors_can_be_put_while_they_are_listed(ledger: Ledger) -> None:
    load(ledger, *(document(f"d{i:04}", "u1") for i in range(1_000)))
    ledger.put_document_vectors((d.id, unit(1, 1), None) for d in ledger.documents_missing_vectors())
    assert not list(ledger.documents_missing_vectors())


def test_a_document_with_only_an_item_vector_is_not_missing(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1", ""))
    ledger.put_document_vectors([("d1", None, unit(0, 1))])
    assert not list(ledger.documents_missing_vectors())
    ((_, _, text_vectors, item_vectors),) = ledger.iter_users()
    np.testing.assert_array_equal(text_vectors, [[0, 0]])
    np.testing.assert_array_equal(item_vectors, [[0, 1]])


@pytest.mark.parametrize(("add", "languages"), [(False, {"en": 1, "de": 1}), (True, {"en": 1, "de": 1, "zh": 1})])
def test_staged_languages_are_of_the_documents_that_will_be_there(
    ledger: Ledger, add: bool, languages: dict[str, int]
) -> None:
    load(ledger, document("a", "u1", language="en"), document("b", "u1", language="zh"))
    ledger.stage([document("a", "u1", language="en"), document("c", "u2", language="de")])
    assert ledger.staged_languages(add=add) == languages


def test_a_user_s_documents_come_undated_first_then_by_time_then_as_they_came(ledger: Ledger) -> None:
    load(
        ledger,
        document("a", "u1", timestamp="2024-01-02T00:00:00+02:00"),
        document("b", "u1", timestamp="2024-01-01T23:00:00"),
        document("d", "u1", timestamp="2023-01-01"),
        document("c", "u1", timestamp="2023-01-01"),
        document("e", "u1"),
    )
    assert [d.id for d in ledger.user_documents("u1")] == ["e", "d", "c", "a", "b"]
    assert [d.id for d in next(ledger.iter_users()).documents] == ["e", "d", "c", "a", "b"]
    assert ledger.user_documents("nobody") == []


def test_users_are_streamed_in_order_with_their_vectors(ledger: Ledger) -> None:
    load(ledger, *(document(f"d{i:04}", f"u{i % 700:03}") for i in range(1_400)))
    ledger.put_document_vectors((f"d{i:04}", unit(i + 1, 1), None) for i in range(1_400))
    users = list(ledger.iter_users())
    assert [user.user_id for user in users] == [f"u{i:03}" for i in range(700)]
    assert [d.id for d in users[3].documents] == ["d0003", "d0703"]
    np.testing.assert_allclose(users[3].text_vectors, [unit(4, 1), unit(704, 1)], atol=1e-3)
    assert users[3].item_vectors.shape == (2, 2)


def test_only_the_users_named_are_streamed(ledger: Ledger) -> None:
    load(ledger, *(document(f"d{i}", f"u{i}") for i in range(5)))
    users = list(ledger.iter_users(["u3", "u1", "u3", "nobody"], with_vectors=False))
    assert [user.user_id for user in users] == ["u1", "u3"]
    assert users[0].text_vectors.shape == (1, 0)


def test_streaming_many_documents_keeps_memory_bounded(store: Path) -> None:
    with open_ledger(store, create=True) as ledger:
        tracemalloc.start()
        ledger.stage(document(f"d{i}", f"u{i % 1000}", "word " * 200) for i in range(20_000))
        ledger.apply_staged(add=False)
        assert sum(len(user.documents) for user in ledger.iter_users()) == 20_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 12 * 2**20  # the texts alone are 20 MB


def test_clearing_vectors_leaves_documents_to_be_embedded_again(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    ledger.put_document_vectors([("d1", unit(1, 2), unit(1, 2))])
    finish(ledger, "u1")
    ledger.clear_vectors()
    assert list(ledger.documents_missing_vectors()) == [document("d1", "u1")]
    assert ledger.profile("u1") is None


# Profiles and segments


def test_a_profile_comes_back_with_the_segment_that_memberships_say(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"), document("d2", "u2"))
    full = profile("u1", interests=(claim("tea", "d1"),), segment="old", segment_confidence=0.1)
    ledger.put_users([("u1", "en", "h1", unit(1, 2)), ("u2", "und", "h2", None)])
    ledger.put_profiles([(full, "p1", []), (profile("u2", "", status="insufficient"), "p2", [])])
    ledger.put_memberships([Membership("u1", "seg-1", 0.75, True)])
    expected = full.model_copy(update={"segment": "seg-1", "segment_confidence": 0.75, "segment_assigned": True})
    assert ledger.profile("u1") == expected
    assert list(ledger.iter_profiles()) == [expected, profile("u2", "", status="insufficient")]
    assert ledger.profile("nobody") is None
    assert ledger.profile_hashes() == {"u1": "p1", "u2": "p2"}
    assert ledger.user_hashes() == {"u1": "h1", "u2": "h2"}


def test_the_segments_that_a_user_is_near_to_come_back_with_memberships_and_profiles(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    finish(ledger, "u1")
    near = Membership("u1", "seg-1", 0.75, False, (("seg-2", 0.4), ("seg-3", 0.25)))
    ledger.put_memberships([near])
    assert ledger.memberships() == [near]
    (found,) = ledger.iter_profiles()
    assert found.near_segments == (NearSegment(id="seg-2", weight=0.4), NearSegment(id="seg-3", weight=0.25))
    ledger.put_memberships([Membership("u1", "seg-1", 0.75, False)])
    assert ledger.profile("u1") == found.model_copy(update={"near_segments": ()})


def test_profiles_of_a_store_from_before_near_segments_can_be_read(ledger: Ledger, store: Path) -> None:
    load(ledger, document("d1", "u1"))
    finish(ledger, "u1")
    ledger.put_memberships([Membership("u1", "seg-1", 0.75, False)])
    with sqlite3.connect(store / LEDGER_FILE) as connection:
        connection.execute("DROP TABLE near_segments")
    with open_ledger(store, read_only=True) as older:
        found = older.profile("u1")
        assert older.memberships() == [Membership("u1", "seg-1", 0.75, False)]
    assert found is not None
    assert (found.segment, found.near_segments) == ("seg-1", ())


def test_users_whom_hdbscan_left_out_are_counted(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"), document("d2", "u2"))
    ledger.put_users([("u1", "en", "h", None), ("u2", "en", "h", None)])
    ledger.put_memberships([Membership("u1", "s", 1.0, False), Membership("u2", "s", 0.5, True)])
    assert ledger.count_unclustered() == 1


def test_a_profile_put_again_replaces_its_claims(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    finish(ledger, "u1", "likes tea")
    finish(ledger, "u1", "likes coffee")
    ((user_id, (found,)),) = ledger.claims_of(["u1"]).items()
    assert (user_id, found.kind, found.text) == ("u1", "summary", "likes coffee")


def test_putting_a_user_again_keeps_the_profile(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"))
    finish(ledger, "u1")
    ledger.put_users([("u1", "zh", "new", unit(2, 1))])
    assert ledger.profile("u1") is not None
    assert ledger.user_hashes() == {"u1": "new"}


def test_segments_come_back_in_the_order_put(ledger: Ledger) -> None:
    first, second = segment("seg-z", "u1", "u2"), segment("seg-a", "u3")
    ledger.put_segments([(first, "h1", unit(1, 0)), (second, "h2", None)])
    assert ledger.segments() == [first, second]
    assert ledger.segment("seg-a") == second
    assert ledger.segment("none") is None
    assert ledger.segment_hashes() == {"seg-z": "h1", "seg-a": "h2"}
    ids, matrix = ledger.segment_matrix()
    assert ids == ["seg-z"]
    np.testing.assert_array_equal(matrix, [[1, 0]])


def test_what_is_put_in_place_of_all_removes_the_rest(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"), document("d2", "u2"))
    ledger.put_users([("u1", "en", "h", None), ("u2", "en", "h", None)])
    ledger.put_memberships([Membership("u1", "s", 1.0, False), Membership("u2", "s", 1.0, False)])
    ledger.put_memberships([Membership("u2", "t", 0.5, True)])
    assert ledger.memberships() == [Membership("u2", "t", 0.5, True)]
    ledger.put_segments([(segment("s", "u1"), "h", None)])
    ledger.put_segments([(segment("t", "u2"), "h", None)])
    assert [s.id for s in ledger.segments()] == ["t"]


def test_a_removed_user_is_struck_from_segments_and_those_are_out_of_date(ledger: Ledger) -> None:
    load(ledger, document("d1", "u1"), document("d2", "u2"), document("d3", "u3"))
    shared = segment(
        "s", "u1", "u2", interests=(claim("tea", "d1", "d2"), claim("coffee", "d2")), exemplars=("d2", "d1")
    )
    ledger.put_segments([(shared, "h", None), (segment("alone", "u2"), "h", None), (segment("t", "u3"), "h", None)])
    assert remove_users(ledger, "u2", "nobody").removed_users == 1
    assert ledger.segments() == [
        segment("s", "u1", interests=(claim("tea", "d1"),), exemplars=("d1",)),
        segment("t", "u3"),
    ]
    assert ledger.segment_hashes() == {"s": "", "t": "h"}


def test_no_byte_of_a_removed_user_is_left_in_the_ledger(ledger: Ledger, store: Path) -> None:
    secret = "unforgettable-" * 3
    load(ledger, document("d1", "u1"), *(document(f"{secret}{i}", secret, f"{secret} text") for i in range(50)))
    ledger.put_users([("u1", "en", "h", unit(1, 2))])
    finish(ledger, secret, f"{secret} likes tea")
    ledger.put_memberships([Membership("u1", "s", 1.0, False), Membership(secret, "s", 1.0, False)])
    ledger.put_segments([(segment("s", "u1", secret, exemplars=(f"{secret}0",)), "h", None)])
    assert any(secret.encode() in path.read_bytes() for path in store.iterdir())
    remove_users(ledger, secret)
    assert not [path.name for path in store.iterdir() if secret.encode() in path.read_bytes()]


# Facts about the store


def test_meta_comes_back_and_is_no_change_of_revision(ledger: Ledger) -> None:
    revision = ledger.revision()
    ledger.set_meta("embedder", {"name": "e5", "dims": 384})
    ledger.set_meta("embedder", {"name": "bge", "dims": 512})
    assert ledger.get_meta("embedder") == {"name": "bge", "dims": 512}
    assert ledger.get_meta("none") is None
    assert ledger.revision() == revision


def test_every_change_that_the_index_shows_is_a_new_revision_and_no_other(ledger: Ledger) -> None:
    document_1, member, seg = document("d1", "u1"), Membership("u1", "s", 0.3, False), segment("s", "u1")
    steps: list[Callable[[], object]] = [
        lambda: load(ledger, document_1),
        lambda: ledger.put_users([("u1", "en", "h", unit(1, 2))]),
        lambda: ledger.put_memberships([member]),
        lambda: ledger.put_segments([(seg, "h", unit(1, 2))]),
    ]
    revisions = {ledger.revision()}
    for step in steps:
        step()
        assert ledger.revision() not in revisions
        revisions.add(ledger.revision())
    last = ledger.revision()
    for step in steps:
        step()
    ledger.put_document_vectors([])
    ledger.put_profiles([])
    remove_users(ledger, "nobody")
    assert ledger.revision() == last
    ledger.put_document_vectors([("d1", unit(1, 2), None)])
    finish(ledger, "u1")
    assert ledger.revision() != last


def test_the_last_build_and_the_counts_are_told(ledger: Ledger) -> None:
    assert ledger.last_build() is None
    load(ledger, document("d1", "u1"), document("d2", "u2"))
    finish(ledger, "u1")
    ledger.put_segments([(segment("s", "u1"), "h", None)])
    report = BuildReport(
        documents=2,
        users=2,
        ok=1,
        insufficient=0,
        failed=0,
        segments=1,
        embedded=2,
        written=1,
        removed_users=0,
        duplicates=0,
        bad_lines=0,
        embedder="e",
        embedder_reason="r",
        writer="w",
        changed=True,
        seconds={"embed": 1.5},
    )
    ledger.record_build(report.model_copy(update={"ok": 0}))
    ledger.record_build(report)
    last = ledger.last_build()
    assert last is not None
    assert last.report == report
    assert last.finished.tzinfo is not None
    assert ledger.counts() == (2, 2, 1, 0, 0, 1, 1)


def test_a_store_of_an_earlier_version_says_how_it_is_brought_up_to_date(ledger: Ledger, store: Path) -> None:
    with sqlite3.connect(store / LEDGER_FILE) as connection:
        connection.execute("DROP TABLE interest_categories")
    with pytest.raises(StoreError, match="run the same build again"):
        list(ledger.categories())


def test_an_error_in_the_middle_of_a_query_is_not_replaced_by_one_of_closing_the_ledger(store: Path) -> None:
    with open_ledger(store, create=True) as ledger:
        load(ledger, *(document(f"d{at}", f"u{at}") for at in range(400)))

    def interrupted() -> None:
        with open_ledger(store, create=True) as ledger:
            remove_users(ledger, "u1")
            open_query = ledger._rows("SELECT id FROM documents")
            next(open_query)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with open_ledger(store, read_only=True) as ledger:
        assert ledger.is_erasure_pending()
