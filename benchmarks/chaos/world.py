"""What the disasters happen to: two inputs, the undisturbed builds of them, and what a store holds."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from benchmarks.chaos import building
from benchmarks.chaos.building import STAND_INS, Struck
from profilegen.publish.export import export
from profilegen.resources import resource
from profilegen.store.index import current_revision
from profilegen.store.ledger import LEDGER_FILE, open_ledger
from profilegen.store.store import open_store

# All but when builds were, which words mark a revision, and what each is made of.
_TABLES = {
    "documents": "id, user_id, hash, embedded_hash, record, text_vector, item_vector",
    "users": "user_id, language, hash, vector",
    "profiles": "user_id, hash, status, record",
    "claims": "user_id, kind, position, text, support, vector",
    "memberships": "user_id, segment_id, confidence, assigned",
    "segments": "id, record, vector",
    "readings": "user_id, hash, record, checked_by",
    "points": "user_id, x, y",
    "near_segments": "user_id, near",
    "interest_categories": "user_id, category",
    "clustered": "user_id, hash",
    "history": "build, user_id, what, record",
}
_USERS = 6


@dataclass(frozen=True)
class Scene:
    """One of the builds that are disturbed.

    :param name: `first` or `second`.
    :param source: the input.
    :param before: the store that it begins with; None for none.
    :param contents: what the store holds after an undisturbed build.
    :param events: stage and name of each event of an undisturbed build.
    :param work: how often each text, prompt and pair is worked on in an undisturbed build.
    """

    name: str
    source: Path
    before: Path | None
    contents: dict[str, str]
    events: tuple[tuple[str, str], ...]
    work: Counter[str]


@dataclass(frozen=True)
class World:
    """The scenes, and where the trials are made.

    :param folder: a directory of its own.
    :param models: options that name the models.
    :param scenes: a first build, and a second one with other texts.
    """

    folder: Path
    models: tuple[str, ...]
    scenes: tuple[Scene, ...]

    def place(self, scene: Scene, name: str, folder: Path | None = None, *, index: bool = True) -> Path:
        """Return a new store as it is before a build of a scene.

        :param scene: the scene.
        :param name: of the store.
        :param folder: where it is; by default in that of the world.
        :param index: whether it has its index.
        """
        store = (folder or self.folder) / name
        shutil.rmtree(store, ignore_errors=True)
        if scene.before:
            ignore = None if index else shutil.ignore_patterns("index-*", "index.json")
            shutil.copytree(scene.before, store, ignore=ignore)
        return store


def make_world(folder: Path, *, users: int = _USERS, models: Sequence[str] = STAND_INS) -> World:
    """Build undisturbed what will be disturbed.

    :param folder: an empty directory.
    :param users: number of users of the sample.
    :param models: options that name the models.
    """
    rows = [json.loads(line) for line in resource("examples/sample.jsonl").read_text("utf-8").splitlines()]
    others = {row["user_id"] for row in rows if not row["text"].isascii()}
    names = [name for name in dict.fromkeys(row["user_id"] for row in rows) if name not in others]
    chosen = names[: users + 1]
    first = [row for row in rows if row["user_id"] in chosen[:users]]
    # One user is gone, one is new, one has one text less, one has one that reads otherwise.
    second = [row for row in rows if row["user_id"] in chosen[1:]]
    second.remove(next(row for row in second if row["user_id"] == chosen[1]))
    changed = next(row for row in second if row["user_id"] == chosen[2])
    second[second.index(changed)] = changed | {"text": f"{changed['text']} Since last summer we also keep two bees."}
    finished = folder / "finished-first"
    one = _scene("first", _written(folder / "first.jsonl", first), None, finished, folder, tuple(models))
    two = _scene(
        "second", _written(folder / "second.jsonl", second), finished, folder / "second", folder, tuple(models)
    )
    return World(folder, tuple(models), (one, two))


def contents(store: Path, folder: Path) -> dict[str, str]:
    """Return a hash of each export of a store and of each table; of times and random words, nothing.

    :param store: the store.
    :param folder: where exports are held meanwhile.
    """
    found: dict[str, str] = {}
    with open_store(store) as opened:
        for what in ("users", "segments", "documents"):
            path = folder / f"export-{what}.jsonl"
            export(opened, what, "jsonl", path)
            found[f"export of {what}"] = _hash(path.read_bytes())
    connection = sqlite3.connect(f"file:{store / LEDGER_FILE}?mode=ro", uri=True)
    try:
        for table, columns in _TABLES.items():
            rows = sorted(connection.execute(f"SELECT {columns} FROM {table}"), key=repr)
            found[f"table {table}"] = _hash(repr(rows).encode("utf-8", "surrogatepass"))
    finally:
        connection.close()
    return found


def is_whole(store: Path, scene: Scene, folder: Path, *, index: bool = True) -> str:
    """Return what a store has other than an undisturbed build has; empty if nothing.

    :param store: the store.
    :param scene: what it was built from.
    :param folder: where exports are held meanwhile.
    :param index: whether it should have an index.
    """
    found = contents(store, folder)
    wrong = [name for name, value in scene.contents.items() if found[name] != value]
    with open_ledger(store, read_only=True) as ledger:
        if index and current_revision(store) != ledger.revision():
            wrong.append("index")
    left = [path.name for path in store.iterdir() if path.name.startswith(("incoming", "write.pid"))]
    if len(list(store.glob("index-*"))) != index:
        left.append("old index")
    return ", ".join([*wrong, *(f"{name} left over" for name in left)])


def work_of(path: Path) -> Counter[str]:
    """Return how often each thing was worked on.

    :param path: what the stand-ins wrote down.
    """
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


def _scene(name: str, source: Path, before: Path | None, store: Path, folder: Path, models: tuple[str, ...]) -> Scene:
    if before:
        shutil.copytree(before, store)
    record, work = folder / f"{name}.events", folder / f"{name}.work"
    outcome = building.run(Struck(source, store, models, record=record, work=work), folder, timeout_s=1_200)
    if outcome.status != 0:
        raise RuntimeError(f"an undisturbed build failed ({outcome.status}): {outcome.printed}")
    events = tuple(tuple(line.split("\t", 1)) for line in record.read_text().splitlines())
    return Scene(name, source, before, contents(store, folder), events, work_of(work))  # type: ignore[arg-type]


def _written(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()
