"""A whole build against the obvious pipeline, and what it costs to build again."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import obvious
from benchmarks.corpus import User, write_users
from benchmarks.machine import cores
from benchmarks.measures import Contestant, Section, in_turn

_CHANGED_SHARE = 0.01


def measure(
    users: Sequence[User], folder: Path, embedder: Path, writer: Path, *, rounds: int, obvious_users: int
) -> Section:
    """Build the users' reviews whole with the command line, and a part of them in the obvious way, round by round.

    The obvious pipeline takes most of an hour for all, so it gets `obvious_users` a round, others each time,
    and its time is multiplied; what does not grow with users (loading models) is not counted for it.

    :param folder: where stores are made; the last one stays, at `folder / "store"`.
    """
    section = Section(
        f"Seconds for {len(users)} users, command line and start of everything included. The obvious pipeline is "
        f"timed on {obvious_users} users a round, without loading its models, and multiplied."
    )
    reviews = write_users(list(users), folder / "reviews.jsonl")
    store = folder / "store"
    stages: list[dict[str, float]] = []

    def ours(_: int) -> float:
        shutil.rmtree(store, ignore_errors=True)
        seconds, report = build(reviews, store)
        stages.append(report["seconds"])
        return seconds

    with Contestant(obvious.load, str(embedder), str(writer), cores()) as pipeline:
        pipeline(users[:1])  # not counted: it loads the models

        def theirs(number: int) -> dict[str, float]:
            chosen = [users[(number * obvious_users + at) % len(users)] for at in range(min(obvious_users, len(users)))]
            found: dict[str, float] = pipeline(chosen)
            return {part: seconds * len(users) / len(chosen) for part, seconds in found.items()}

        found: dict[str, list[Any]] = in_turn({"profilegen": ours, "obvious": theirs}, range(rounds))
    first = section.add("build.profilegen", "s", found["profilegen"])
    slow = section.add("build.obvious", "s", [sum(parts.values()) for parts in found["obvious"]])
    section.compare(first, slow, wanted=10)
    section.facts["stages, s"] = {name: [one[name] for one in stages] for name in stages[0]}
    section.facts["obvious, s"] = {name: [one[name] for one in found["obvious"]] for name in found["obvious"][0]}
    _rebuilds(section, users, reviews, store, rounds, first.median)
    return section


def build(reviews: Path, store: Path) -> tuple[float, dict[str, Any]]:
    """Run `profilegen build`; return the seconds it took and its report."""
    command = [sys.executable, "-m", "profilegen", "build", str(reviews), "--store", str(store), "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr)
    return seconds, json.loads(done.stdout)


def _rebuilds(
    section: Section, users: Sequence[User], reviews: Path, store: Path, rounds: int, first_build: float
) -> None:
    def unchanged(_: int) -> float:
        seconds, report = build(reviews, store)
        if report["changed"]:
            raise RuntimeError("a build of the same input changed something")
        return seconds

    def changed(number: int) -> float:
        copy = store.with_name("changed")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(store, copy)
        seconds, report = build(write_users(_with_changes(users, number), reviews.with_name("changed.jsonl")), copy)
        section.facts["users written when 1% changed"] = report["written"]
        shutil.rmtree(copy)
        return seconds

    rebuilds: dict[str, Callable[[int], float]] = {"unchanged": unchanged, "changed-1%": changed}
    for name, values in in_turn(rebuilds, range(rounds)).items():
        section.add(f"rebuild.{name}", "s", values)
        share = section.add(f"rebuild.{name}.share", "of the first build", [one / first_build for one in values])
        section.facts[f"{share.name}, wanted at most"] = 0.03 if name == "unchanged" else 0.05


def _with_changes(users: Sequence[User], seed: int) -> list[User]:
    """Return the users, one in a hundred of them with one more review, which another user wrote."""
    generator = random.Random(seed)
    changed = set(generator.sample(range(len(users)), max(1, round(_CHANGED_SHARE * len(users)))))
    out = []
    for at, user in enumerate(users):
        if at in changed:
            other = generator.choice(users)
            user = User(user.user_id, (*user.rows, {**other.rows[0], "user_id": user.user_id}))
        out.append(user)
    return out
