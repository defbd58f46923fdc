"""Damaged stores: each is recognised in words, and after a repair and the same build it is as it was."""

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import profilegen
from benchmarks.chaos.world import contents
from profilegen import doctor
from profilegen.backends import BACKENDS
from profilegen.errors import StoreError
from profilegen.records import Decision
from profilegen.resources import resource
from profilegen.store import index
from profilegen.store.files import LEDGER_FILE
from profilegen.store.ledger import Audience, open_ledger
from profilegen.store.ledger.salvage import DAMAGED_FILE
from profilegen.store.pointer import POINTER_FILE, Pointer, read_pointer, write_pointer

Damage = Callable[[Path], None]
USERS = ("maya_t", "oldboy_walter", "espresso_elias", "tomato_tony")


@pytest.fixture(scope="module", autouse=True)
def stand_ins() -> Iterator[None]:
    """Let builds name the stand-ins for models, which hash words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, "chaos", "benchmarks.chaos.stand_ins")
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "four.jsonl"
    lines = resource("examples/sample.jsonl").read_text("utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if json.loads(line)["user_id"] in USERS), "utf-8")
    return path


def build(source: Path, store: Path, *, with_index: bool = False) -> None:
    """Build; the index only where a test is about it, since it takes longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        if not with_index:
            patch.setattr("profilegen.pipeline.build._index", lambda *_: False)
        _build(source, store)


def _build(source: Path, store: Path) -> None:
    profilegen.build(
        source, store=store, embedder="chaos:words", writer="chaos:notes", verifier="chaos:same", workers=1
    )


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("whole") / "store"
    build(source, store)
    return store


@pytest.fixture(scope="module")
def indexed(whole: Path, source: Path) -> Path:
    store = Path(shutil.copytree(whole, whole.with_name("indexed")))
    build(source, store, with_index=True)
    return store


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "store"))


def found(store: Path) -> dict[str, str]:
    """Give what the doctor finds wrong, by name."""
    return {check.name: check.found for check in doctor.examine(store) if check.ok is False}


def sql(*statements: str) -> Damage:
    def damage(store: Path) -> None:
        connection = sqlite3.connect(store / LEDGER_FILE, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return damage


def cut(share: float) -> Damage:
    def damage(store: Path) -> None:
        path = store / LEDGER_FILE
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return damage


def no_last_page(store: Path) -> None:
    path = store / LEDGER_FILE
    path.write_bytes(path.read_bytes()[:-4096])


def flip(seed: int) -> Damage:
    """Flip bytes all over the file but its first page."""

    def damage(store: Path) -> None:
        draw = random.Random(seed)
        path = store / LEDGER_FILE
        content = bytearray(path.read_bytes())
        for _ in range(60):
            content[draw.randrange(4096, len(content))] ^= 0xFF
        path.write_bytes(content)

    return damage


def blank(seed: int) -> Damage:
    """Have zeros on some pages, as a disk leaves them that lost what was written."""

    def damage(store: Path) -> None:
        draw = random.Random(seed)
        path = store / LEDGER_FILE
        content = bytearray(path.read_bytes())
        for page in draw.sample(range(2, len(content) // 4096), 4):
            content[page * 4096 : (page + 1) * 4096] = bytes(4096)
        path.write_bytes(content)

    return damage


DAMAGES: dict[str, Damage] = {
    "half of it is missing": cut(0.5),
    "its end is missing": cut(0.9),
    "its last page is missing": no_last_page,
    "flipped bytes": flip(1),
    "other flipped bytes": flip(2),
    "blank pages": blank(1),
    "other blank pages": blank(2),
    "no table of documents": sql("DROP TABLE documents"),
    "no table of profiles": sql("DROP TABLE profiles"),
    "no table of users": sql("PRAGMA foreign_keys = OFF", "DROP TABLE users"),
    "no table of segments": sql("DROP TABLE segments"),
    "no table of claims": sql("DROP TABLE claims"),
    "no facts": sql("DELETE FROM meta WHERE key <> 'revision'", "INSERT INTO meta VALUES ('embedder', '{')"),
    "garbage for a document": sql("UPDATE documents SET record = '{\"id\"' WHERE rowid = 1"),
    "another text in a document": sql("UPDATE documents SET record = replace(record, ' the ', ' teh ')"),
    "garbage for profiles": sql("UPDATE profiles SET record = '[]'"),
    "garbage for readings": sql("UPDATE readings SET record = 'x'"),
    "garbage for segments": sql("UPDATE segments SET record = 'null'"),
    "garbage for memberships": sql("UPDATE memberships SET confidence = 'high'"),
    "half a vector": sql("UPDATE users SET vector = substr(vector, 1, 60) WHERE rowid = 1"),
    "a vector of no numbers": sql("UPDATE documents SET text_vector = x'ff7f' WHERE rowid = 1"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_ledger_is_recognised_repaired_and_made_whole_by_the_same_build(
    damage: Damage, whole: Path, store: Path, source: Path, tmp_path: Path
) -> None:
    damage(store)
    wrong = found(store)
    assert "damaged" in wrong["store"] or "newer" in wrong["store"], wrong
    assert "Traceback" not in str(wrong)
    done = {check.name: check.found for check in doctor.repair(store)}
    assert "the sound rows were kept" in done["repair"]
    assert (store / DAMAGED_FILE).exists()
    build(source, store)
    assert not (store / DAMAGED_FILE).exists()
    assert "index is missing" in found(store)["store"]
    # Readings that are lost are not needed while the profiles made of them are there; what builds changed is lost.
    assert differing(store, whole, tmp_path) <= {"table readings", "table history"}


def differing(store: Path, other: Path, folder: Path) -> set[str]:
    one, two = contents(store, folder), contents(other, folder)
    return {name for name in one if one[name] != two[name]}


def test_what_a_person_decided_stays_where_its_rows_are_sound_and_else_is_said_to_be_lost(store: Path) -> None:
    with open_ledger(store) as ledger:
        ledger.import_decisions([Decision(by="b", action="flag", user_id=user, words="ask") for user in USERS])
        audience = Audience.model_validate({"name": "l", "found_by": "f", "by": "b", "at": "2025-01-01T00:00:00Z"})
        ledger.save_audience(audience, USERS[:2])
    sql("UPDATE documents SET record = 'x'", "UPDATE decisions SET record = '{' WHERE rowid = 1")(store)
    assert found(store)["decisions"] == (
        "rows that can be read: 3; rows that cannot: 1, lost unless you have a copy of the store"
    )
    doctor.repair(store)
    with open_ledger(store, read_only=True) as ledger:
        assert len([*ledger.iter_decisions()]) == 3
        assert ledger.audience_users("l") == list(USERS[:2])


def test_of_a_ledger_whose_end_is_missing_the_rows_before_it_are_kept(store: Path) -> None:
    with open_ledger(store) as ledger:
        ledger.import_decisions([Decision(by="b", action="flag", user_id=user, words="ask") for user in USERS])
    sql("CREATE TABLE unused (content)", "INSERT INTO unused VALUES (zeroblob(500000))")(store)
    cut(0.7)(store)
    doctor.repair(store)
    with open_ledger(store, read_only=True) as ledger:
        assert len([*ledger.iter_decisions()]) == len(USERS)
        assert {document.user_id for document in ledger.iter_documents()} == {*USERS}


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"not a database, but text " * 400, "not a database")],
    ids=["empty", "text"],
)
def test_a_file_that_is_no_ledger_any_more_is_put_aside_and_built_again(
    content: bytes, says: str, whole: Path, store: Path, source: Path, tmp_path: Path
) -> None:
    (store / LEDGER_FILE).write_bytes(content)
    assert says in found(store)["store"]
    with pytest.raises(StoreError, match=says) as refused, profilegen.open_store(store):
        pass
    assert "\n" not in str(refused.value)
    (check,) = doctor.repair(store)
    assert check.ok is False
    build(source, store)
    assert contents(store, tmp_path) == contents(whole, tmp_path)


@pytest.mark.parametrize(
    "damage",
    [sql("PRAGMA user_version = 7"), sql("UPDATE profiles SET record = json_insert(record, '$.mood', 'fine')")],
    ids=["schema", "field"],
)
def test_a_ledger_of_a_newer_version_is_said_to_be_one_and_left_as_it_is(damage: Damage, store: Path) -> None:
    damage(store)
    before = (store / LEDGER_FILE).read_bytes()
    assert "was made by a newer profilegen" in found(store)["store"]
    with pytest.raises(StoreError, match="newer profilegen"):
        doctor.repair(store)
    with pytest.raises(StoreError, match="newer profilegen") as refused, profilegen.open_store(store) as opened:
        list(opened.users())
    assert "\n" not in str(refused.value)
    assert (store / LEDGER_FILE).read_bytes() == before


def test_a_sound_ledger_is_not_touched_by_a_repair(store: Path) -> None:
    before = (store / LEDGER_FILE).read_bytes()
    (check,) = doctor.repair(store)
    assert check.ok
    assert (store / LEDGER_FILE).read_bytes() == before


def test_a_repair_of_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("none", "empty"):
        with pytest.raises(StoreError, match="no store"):
            doctor.repair(tmp_path / name)
    assert not (tmp_path / "none").exists()
    assert not [*(tmp_path / "empty").iterdir()]


def test_a_store_that_may_only_be_read_is_not_called_damaged(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    assert "store" not in found(indexed)
    assert "read-only" in {check.name: check.found for check in doctor.examine(indexed)}["store"]


# --- the index --------------------------------------------------------------------------------------------


def _no_pointer(store: Path) -> None:
    (store / POINTER_FILE).unlink()


def _pointer_to_nothing(store: Path) -> None:
    pointer = read_pointer(store)
    assert pointer
    write_pointer(store, pointer._replace(directory="index-gone"))


def _garbage_pointer(store: Path) -> None:
    (store / POINTER_FILE).write_bytes(b"\x00[")


def _no_files(store: Path) -> None:
    for path in store.glob("index-*/*/*"):
        path.unlink()


def _no_database(store: Path) -> None:
    (path,) = store.glob("index-*/chroma.sqlite3")
    path.unlink()


def _other_dimensions(store: Path) -> None:
    """Put the index of another store there, under the revision of this one."""
    other = store.with_name("other")
    from handmade_store import hostile_store

    hostile_store(other)
    with open_ledger(other) as ledger:
        index.build_index(ledger, other)
    with open_ledger(store, read_only=True) as ledger:
        revision = ledger.revision()
    made = read_pointer(other)
    assert made
    shutil.copytree(other / made.directory, store / made.directory)
    write_pointer(store, Pointer(made.directory, revision, ""))


@pytest.mark.parametrize(
    "damage", [_no_pointer, _pointer_to_nothing, _garbage_pointer, _no_files, _no_database, _other_dimensions]
)
def test_a_damaged_index_is_recognised_and_made_again_by_the_next_build(
    damage: Damage, indexed: Path, source: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(indexed, tmp_path / "store"))
    damage(store)
    assert "the next build makes it again" in found(store)["store"]
    build(source, store, with_index=True)
    assert "store" not in found(store)
