"""The rooms of docs/architecture.md: few modules at the top, imports that go one way, stages that know no store."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from profilegen.backends import BACKENDS

PACKAGE = Path(__file__).parents[1] / "profilegen"

BACKEND_ROOMS = frozenset(module.split(".")[1] for module in BACKENDS.values())
# From the ground up. A module imports from its own floor's room and from the floors below, and from no other room of
# its own floor.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors"}),
    frozenset({"records", "resources", "processes", "backends", "config", "vectors", "disk"}),
    frozenset({"language", "privacy"}),
    frozenset({"ingest", "claims"}) | BACKEND_ROOMS,
    frozenset({"profiles"}),
    frozenset({"segments"}),
    frozenset({"store"}),
    frozenset({"pipeline", "publish"}),
    frozenset({"evaluation", "review", "doctor"}),
    frozenset({"cli", "profilegen"}),
    frozenset({"__main__"}),
)
MAX_TOP_MODULES = 10
STAGES = ("language", "privacy", "ingest", "claims", "profiles", "segments")
"""Rooms that take records and give records."""


def room_of(module: str) -> str:
    """Return the room of a module, or the module itself where it stands at the top."""
    return module.split(".")[1] if "." in module else module


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return the modules of the package that each module imports, at its top, in a function or for types alone."""
    return {name: frozenset(_imported(path)) - {name} for name, path in modules().items()}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "profilegen":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())


def test_few_modules_stand_at_the_top() -> None:
    names = sorted(path.name for path in PACKAGE.glob("*.py"))
    assert len(names) <= MAX_TOP_MODULES, names


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(name) for name in modules()}
    assert rooms == frozenset().union(*FLOORS)


def test_imports_go_down() -> None:
    floor = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
    # `profilegen` alone is the package's front door, which opens lazily; the name is also every module's parent.
    upward = sorted(
        f"{name} -> {target}"
        for name, targets in imports().items()
        for target in targets
        if room_of(name) != room_of(target)
        and floor[room_of(target)] >= floor[room_of(name)]
        and not {room_of(name), room_of(target)} <= FLOORS[1] | FLOORS[-2]
    )
    assert upward == []


def test_modules_import_each_other_in_no_circle() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("room", STAGES)
def test_a_stage_knows_no_store(room: str) -> None:
    known = {target for name, targets in imports().items() if room_of(name) == room for target in targets}
    assert not {target for target in known if room_of(target) in ("store", "pipeline")}
    names = {
        node.id if isinstance(node, ast.Name) else node.value
        for name, path in modules().items()
        if room_of(name) == room
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    }
    assert "Ledger" not in names


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("llama_cpp", {"llama"}),
        ("llguidance", {"llama"}),
        ("chromadb", {"store"}),
        ("sqlite3", {"ingest", "store"}),
        ("typer", {"cli", "publish", "review"}),
        ("starlette", {"review"}),
        ("phonenumbers", {"privacy"}),
        ("stdnum", {"privacy"}),
        ("umap", {"segments"}),
        ("hdbscan", {"segments"}),
    ],
)
def test_a_library_is_known_in_its_room_alone(library: str, rooms: set[str]) -> None:
    users = {
        room_of(name)
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == library for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library)
    }
    assert users <= rooms
