import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade_store import remove_users

from profilegen.errors import StoreError
from profilegen.records import Behaviour, BuiltWith, Document, Segment, UserProfile
from profilegen.store.index import (
    COLLECTIONS,
    POINTER_FILE,
    CollectionName,
    Index,
    UserFilter,
    build_index,
    current_revision,
    probe,
)
from profilegen.store.ledger import ClaimVector, Ledger, Membership, open_ledger
from profilegen.store.pointer import read_pointer
from profilegen.vectors import Vectors

ROOT = Path(__file__).parents[1]
BUILT_WITH = BuiltWith(embedder="e", writer="w", prompt="p", summary="template")
HOSTILE_IDS = [
    'it\'s "quoted"; DROP TABLE users; --',
    "表情 😀👩‍👩‍👧",
    "x" * 512,
    "new\nline",
    "nul\x00in",
    "$and",
    "../../etc",
    " ",
]
DIMS = 8
N_USERS = 300


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def ledger(store: Path) -> Iterator[Ledger]:
    with open_ledger(store, create=True) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def indexed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("indexed") / "store"
    users = [f"u{i}" for i in range(N_USERS)]
    with open_ledger(store, create=True) as ledger:
        add_users(ledger, users, units(N_USERS))
        build_index(ledger, store)
    return store


@pytest.fixture
def indexed(indexed_store: Path, store: Path) -> Iterator[Ledger]:
    """Give the ledger of a store of 300 users with its index, to be changed."""
    shutil.copytree(indexed_store, store)
    with open_ledger(store) as ledger:
        yield ledger


def unit(*values: float) -> Vectors:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def units(n: int) -> Vectors:
    vectors = np.random.default_rng(0).normal(size=(n, DIMS)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def add_users(ledger: Ledger, user_ids: list[str], vectors: Vectors, text: str = "a text") -> None:
    """Give each user named a document and a profile with the vector of its row."""
    documents = [Document(id=f"d-{user}", user_id=user, text=text, language="en") for user in user_ids]
    ledger.stage(documents)
    ledger.apply_staged(add=True)
    ledger.put_document_vectors((d.id, vector, None) for d, vector in zip(documents, vectors, strict=True))
    add_profiles(ledger, user_ids, vectors)


def add_profiles(ledger: Ledger, user_ids: list[str], vectors: Vectors, summary: str = "likes tea") -> None:
    """Give each user named a profile that is found by its summary."""
    ledger.put_users((user, "en", "h", vector) for user, vector in zip(user_ids, vectors, strict=True))
    ledger.put_profiles(
        (
            UserProfile(
                user_id=user,
                status="ok",
                language="en",
                summary=f"{user} {summary}",
                behaviour=Behaviour(documents=3),
                built_with=BUILT_WITH,
            ),
            "h",
            [ClaimVector("summary", 0, f"{user} {summary}", 1.0, vector)],
        )
        for user, vector in zip(user_ids, vectors, strict=True)
    )


def segment(id_: str, *members: str) -> Segment:
    return Segment(
        id=id_,
        name=f"name of {id_}",
        size=len(members),
        language="en",
        members=members,
        summary=f"about {id_}",
        built_with=BUILT_WITH,
    )


def index_directory(store: Path) -> Path:
    return store / str(json.loads((store / POINTER_FILE).read_text())["directory"])


def stored(index: Index, name: CollectionName, id_: str) -> tuple[dict[str, Any], str]:
    """Return the metadata and the document of a row."""
    found = index.ask(name, lambda rows: rows.get(ids=[id_], include=["metadatas", "documents"]))
    return dict((found["metadatas"] or [])[0] or {}), (found["documents"] or [])[0]


# What can be found


def test_each_collection_is_found_by_its_vectors_with_its_metadata(ledger: Ledger, store: Path) -> None:
    add_users(ledger, ["u1", "u2"], units(2))
    ledger.put_profiles(
        [
            (
                UserProfile(
                    user_id="u1",
                    status="ok",
                    language="en",
                    summary="likes tea",
                    behaviour=Behaviour(documents=3),
                    built_with=BUILT_WITH,
                ),
                "h",
                [ClaimVector("interest", 0, "green tea", 0.5, units(2)[0])],
            )
        ]
    )
    ledger.put_memberships([Membership("u1", "s", 0.75, False)])
    ledger.put_segments([(segment("s", "u1"), "h", units(2)[0]), (segment("no vector", "u2"), "h", None)])
    build_index(ledger, store)
    expected = {
        "users": (
            "u1",
            {"language": "en", "segment": "s"},
            "likes tea",
        ),
        "segments": ("s", {}, "about s"),
    }
    with Index(store) as index:
        for name in COLLECTIONS:
            ((id_, cosine),) = index.nearest(name, units(2)[0], 1).items()
            assert (id_, *stored(index, name, id_)) == expected[name]
            assert 1 - 1e-3 < cosine <= 1
        assert [index.count(name) for name in COLLECTIONS] == [2, 1]
        assert stored(index, "users", "u2")[0] == {"language": "en"}


def test_more_rows_than_chroma_takes_at_once_are_all_found(ledger: Ledger, store: Path) -> None:
    n = 6_000
    add_users(ledger, [f"u{i}" for i in range(n)], units(n))
    told: list[tuple[int, int]] = []
    build_index(ledger, store, lambda done, total: told.append((done, total)))
    with Index(store) as index:
        assert index.count("users") == n
        found = index.nearest("users", units(n)[17], n + 1_000)
    assert next(iter(found)) == "u17"
    assert len(found) == n
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert told[0] == (5_000, n)
    assert told[-1] == (n, n)


def test_every_row_is_written_out_so_that_no_reader_has_to_add_it_again(ledger: Ledger, store: Path) -> None:
    n = 1_500
    add_users(ledger, [f"u{i}" for i in range(n)], units(n))
    build_index(ledger, store)
    lengths = [path.stat().st_size for path in index_directory(store).glob("*/length.bin")]
    assert n * 4 in lengths  # four bytes a row


def test_all_conditions_must_be_met(indexed: Ledger, store: Path) -> None:
    indexed.put_memberships([Membership("u2", "s", 0.75, False)])
    build_index(indexed, store)
    with Index(store) as index:
        assert list(index.nearest("users", units(3)[0], 3, UserFilter(language="en", segment="s"))) == ["u2"]
        assert index.nearest("users", units(3)[0], 3, UserFilter(language="zh")) == {}


def test_empty_collections_answer_with_nothing(ledger: Ledger, store: Path) -> None:
    build_index(ledger, store)
    with Index(store) as index:
        for name in COLLECTIONS:
            assert index.count(name) == 0
            assert index.nearest(name, units(1)[0], 5) == {}
    assert probe(store)


def test_hostile_ids_are_only_names(ledger: Ledger, store: Path) -> None:
    n = len(HOSTILE_IDS)
    add_users(ledger, HOSTILE_IDS, units(n))
    ledger.put_segments((segment(name, name), "h", vector) for name, vector in zip(HOSTILE_IDS, units(n), strict=True))
    build_index(ledger, store)
    with Index(store) as index:
        for name, vector in zip(HOSTILE_IDS, units(n), strict=True):
            assert list(index.nearest("users", vector, 1)) == [name]
            assert list(index.nearest("segments", vector, 1)) == [name]
    assert sorted(path.name for path in store.parent.iterdir()) == ["store"]


def test_vectors_of_another_model_are_a_store_error(indexed: Ledger, store: Path) -> None:
    with Index(store) as index, pytest.raises(StoreError, match="another embedding model"):
        index.nearest("users", np.ones(DIMS + 1, dtype=np.float32), 1)


# One index after another


def test_the_revision_is_that_of_the_ledger_it_was_built_from(ledger: Ledger, store: Path) -> None:
    assert current_revision(store) is None
    build_index(ledger, store)
    assert current_revision(store) == ledger.revision()
    add_users(ledger, ["u1"], units(1))
    assert current_revision(store) != ledger.revision()


def test_an_open_index_follows_to_the_new_one_and_the_old_one_is_removed(ledger: Ledger, store: Path) -> None:
    add_users(ledger, ["u1"], units(1))
    build_index(ledger, store)
    old = index_directory(store)
    with Index(store) as index:
        assert list(index.nearest("users", units(1)[0], 1)) == ["u1"]
        add_users(ledger, ["u2"], units(1))
        remove_users(ledger, "u1")
        build_index(ledger, store)
        assert list(index.nearest("users", units(1)[0], 1)) == ["u2"]
    assert not old.exists()
    assert [path.name for path in store.glob("index-*")] == [index_directory(store).name]


def test_an_index_removed_under_an_open_one_is_an_error_and_no_crash(indexed: Ledger, store: Path) -> None:
    indexed.put_segments((segment(f"s{at}", "u1"), "h", vector) for at, vector in enumerate(units(9)))
    build_index(indexed, store)
    with Index(store) as index:
        assert index.nearest("users", units(1)[0], 1)
        shutil.rmtree(index_directory(store))
        # What was read already may still answer, as its files live on while they are open; Chroma decides.
        with suppress(StoreError):
            assert index.nearest("users", units(1)[0], 1)
        with pytest.raises(StoreError, match="damaged"):
            index.nearest("segments", units(1)[0], 1)


def test_a_closed_index_opens_again_when_asked(indexed: Ledger, store: Path) -> None:
    index = Index(store)
    index.close()
    assert index.count("users") == N_USERS
    index.close()


def test_a_build_that_fails_leaves_the_old_index_and_no_directory(ledger: Ledger, store: Path) -> None:
    add_users(ledger, ["u1"], units(1))
    build_index(ledger, store)
    before = sorted(path.name for path in store.iterdir())

    def full_disk(done: int, total: int) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        build_index(ledger, store, full_disk)
    assert sorted(path.name for path in store.iterdir()) == before
    with Index(store) as index:
        assert index.count("users") == 1


def test_a_kill_during_a_build_leaves_the_old_index_and_the_next_build_clears_up(ledger: Ledger, store: Path) -> None:
    add_users(ledger, ["u1"], units(1))
    build_index(ledger, store)
    old = index_directory(store)
    n = 5_400
    add_users(ledger, [f"v{i}" for i in range(n)], units(n))
    code = """
import sys, time, pathlib
from profilegen.store.index import build_index
from profilegen.store.ledger import open_ledger
def told(done, total):
    print("building", flush=True)
    time.sleep(60)
store = pathlib.Path(sys.argv[1])
build_index(open_ledger(store), store, told)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, store],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline()
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert len(list(store.glob("index-*"))) == 2
    assert index_directory(store) == old
    assert probe(store)
    with Index(store) as index:
        assert list(index.nearest("users", units(1)[0], 5)) == ["u1"]
    build_index(ledger, store)
    assert list(store.glob("index-*")) == [index_directory(store)]
    with Index(store) as index:
        assert index.count("users") == n + 1


def test_no_byte_of_a_removed_user_is_left_in_the_store_after_the_index_is_built(ledger: Ledger, store: Path) -> None:
    secret = "unforgettable-person"
    users = ["u1", "u2", secret]
    vectors = units(3)
    add_users(ledger, users, vectors, text=f"what {secret} wrote")
    add_users(ledger, ["u1", "u2"], vectors[:2])
    add_profiles(ledger, users, vectors)
    ledger.put_memberships(Membership(user, "s", 1.0, False) for user in users)
    ledger.put_segments([(segment("s", *users), "h", vectors[0])])
    build_index(ledger, store)

    def holders() -> list[str]:
        traces = [secret.encode(), vectors[2].tobytes(), vectors[2].astype("<f2").tobytes()]
        files = [path for path in store.rglob("*") if path.is_file()]
        return [path.name for path, trace in itertools.product(files, traces) if trace in path.read_bytes()]

    assert {"ledger.sqlite3-wal", "chroma.sqlite3"} <= set(holders())
    remove_users(ledger, secret)
    build_index(ledger, store)
    assert not holders()
    with Index(store) as index:
        assert index.count("users") == 2


# From the one before


def rows_built(ledger: Ledger, store: Path) -> int:
    """Build the index and return how many rows were written for it."""
    told: list[int] = []
    build_index(ledger, store, lambda done, total: told.append(total))
    return told[-1]


def test_a_new_user_costs_only_the_rows_of_that_user(indexed: Ledger, store: Path) -> None:
    vector = -units(N_USERS)[:1]
    add_users(indexed, ["new"], vector)
    assert rows_built(indexed, store) == 1
    assert current_revision(store) == indexed.revision()
    assert probe(store)
    with Index(store) as index:
        assert [index.count(name) for name in COLLECTIONS] == [N_USERS + 1, 0]
        assert list(index.nearest("users", vector[0], 1)) == ["new"]
        assert list(index.nearest("users", units(N_USERS)[7], 1)) == ["u7"]


def test_a_store_whose_path_has_a_line_break_is_extended_like_any_other(indexed_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "a\nstore"
    shutil.copytree(indexed_store, store)
    with open_ledger(store) as ledger:
        add_users(ledger, ["new"], -units(N_USERS)[:1])
        assert rows_built(ledger, store) == 1
    assert probe(store)
    assert [path.name for path in tmp_path.iterdir()] == ["a\nstore"]


def test_a_changed_user_is_found_by_what_is_said_now_alone(indexed: Ledger, store: Path) -> None:
    indexed.put_memberships([Membership("u1", "s", 0.75, False)])
    assert rows_built(indexed, store) == 1
    vector = -units(N_USERS)[1:2]
    indexed.put_memberships([])
    add_profiles(indexed, ["u1"], vector, summary="likes coffee")
    assert rows_built(indexed, store) == 1
    with Index(store) as index:
        assert list(index.nearest("users", vector[0], 1)) == ["u1"]
        assert stored(index, "users", "u1") == ({"language": "en"}, "u1 likes coffee")
        assert next(iter(index.nearest("users", units(N_USERS)[1], 1).values())) < 1 - 1e-3


def test_what_a_user_wrote_and_took_back_makes_the_index_anew(indexed: Ledger, store: Path) -> None:
    indexed.stage([Document(id="d-u1", user_id="u1", text="another text", language="en")])
    indexed.apply_staged(add=True)
    indexed.put_document_vectors([("d-u1", -units(N_USERS)[1], None)])
    assert rows_built(indexed, store) == N_USERS
    remove_users(indexed, "u1")
    assert rows_built(indexed, store) == N_USERS - 1


def test_an_index_is_made_anew_when_many_rows_have_changed_since_it_was(indexed: Ledger, store: Path) -> None:
    users = [f"u{at}" for at in range(10)]
    totals = []
    for round_ in range(4):
        add_profiles(indexed, users, units(N_USERS)[:10], summary=f"likes tea for {round_}")
        totals.append(rows_built(indexed, store))
    assert totals == [10, 10, 10, N_USERS]


@pytest.mark.parametrize("name", ["chroma.sqlite3", "*/data_level0.bin", "fingerprints.npz"])
def test_a_damaged_index_is_not_built_upon(indexed: Ledger, store: Path, name: str) -> None:
    for path in index_directory(store).glob(name):
        path.write_bytes(np.random.default_rng(1).bytes(path.stat().st_size))
    add_users(indexed, ["new"], units(1))
    build_index(indexed, store)
    assert probe(store)
    with Index(store) as index:
        assert index.count("users") == N_USERS + 1


# Damage


def test_no_index_is_told_and_not_healthy(ledger: Ledger, store: Path) -> None:
    assert not probe(store)
    with pytest.raises(StoreError, match="no search index"), Index(store) as index:
        index.count("users")
    (store / POINTER_FILE).write_text('{"directory": ')
    assert current_revision(store) is None
    assert not probe(store)


def test_a_missing_directory_is_told_and_not_made(indexed: Ledger, store: Path) -> None:
    directory = index_directory(store)
    shutil.rmtree(directory)
    assert not probe(store)
    with pytest.raises(StoreError, match="is missing"), Index(store) as index:
        index.count("users")
    assert not directory.exists()


@pytest.mark.parametrize("name", ["chroma.sqlite3", "*/data_level0.bin"])
def test_an_overwritten_index_is_not_healthy_and_is_built_again(indexed: Ledger, store: Path, name: str) -> None:
    for path in index_directory(store).glob(name):
        path.write_bytes(np.random.default_rng(1).bytes(path.stat().st_size))
    assert not probe(store)
    build_index(indexed, store)
    assert probe(store)


def test_a_damaged_index_that_can_be_opened_is_a_store_error_when_asked(indexed: Ledger, store: Path) -> None:
    for path in index_directory(store).glob("*/header.bin"):
        path.write_bytes(bytes(path.stat().st_size))
    with Index(store) as index, pytest.raises(StoreError, match="damaged"):
        index.nearest("users", units(1)[0], 1)


def test_an_index_that_another_program_has_locked_is_an_error_and_no_wait_without_end(
    indexed: Ledger, store: Path
) -> None:
    pointer = read_pointer(store)
    assert pointer
    other = sqlite3.connect(store / pointer.directory / "chroma.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with Index(store) as index, pytest.raises(StoreError, match="another program has locked"):
            index.count("users")
        assert not probe(store)
        build_index(indexed, store)  # in a directory of its own
    finally:
        other.close()
    assert probe(store)
