"""A whole build, what it costs to build again, and beside it what the obvious pipeline takes.

The two do different jobs, so there is no ratio: a build embeds texts and item titles, has a writer note what passages
show, checks each note, and has a summary written and checked; the obvious pipeline embeds texts and writes a hundred
tokens a user.
"""

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
from benchmarks.corpus import User, cycled, write_users
from benchmarks.machine import cores
from benchmarks.measures import Contestant, Section, in_turn

_CHANGED_SHARE = 0.01


def measure(
    users: Sequence[User], folder: Path, embedder: Path, writer: Path, *, rounds: int, obvious_users: int
) -> Section:
    """Build all users' reviews with the command line, and give a part of them to the obvious pipeline, round by round.

    :param users: all users.
    :param folder: where stores are made; the last one stays, at `folder / "store"`.
    :param embedder: GGUF file of the obvious pipeline's embedder.
    :param writer: GGUF file of the obvious pipeline's writer.
    :param rounds: number of rounds.
    :param obvious_users: users a round for the obvious pipeline, which takes most of an hour for all.
    """
    section = Section(
        f"build.profilegen, rebuild: seconds for {len(users)} users, start of the process included. obvious: seconds a "
        f"user of another job, over {min(obvious_users, len(users))} users a round, models loaded."
    )
    reviews = write_users(users, folder / "reviews.jsonl")
    store = folder / "store"
    stages: list[dict[str, float]] = []

    def ours(_: int) -> float:
        shutil.rmtree(store, ignore_errors=True)
        seconds, report = build(reviews, store)
        stages.append(report["seconds"])
        return seconds

    with Contestant(obvious.load, str(embedder), str(writer), cores()) as pipeline:
        pipeline(users[:1])  # not counted: it loads the models

        def obvious_way(number: int) -> dict[str, float]:
            chosen = cycled(users, number, obvious_users)
            parts: dict[str, float] = pipeline(chosen)
            return {part: seconds / len(chosen) for part, seconds in parts.items()}

        answers: dict[str, list[Any]] = in_turn({"profilegen": ours, "obvious": obvious_way}, range(rounds))
    first = section.add("build.profilegen", "s", answers["profilegen"])
    for part in answers["obvious"][0]:
        section.add(f"obvious.{part}", "s a user", [parts[part] for parts in answers["obvious"]])
    section.facts["stages, s"] = {name: [one[name] for one in stages] for name in stages[0]}
    _rebuilds(section, users, reviews, store, rounds, first.median)
    return section


def build(reviews: Path, store: Path) -> tuple[float, dict[str, Any]]:
    """Run `profilegen build`; return the seconds it took and its report.

    :param reviews: JSON Lines.
    :param store: directory of the store.
    :raises RuntimeError: the build failed.
    """
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
        section.facts[f"{share.name}, target at most"] = 0.03 if name == "unchanged" else 0.05


def _with_changes(users: Sequence[User], seed: int) -> list[User]:
    """Return the users, one in a hundred of them with one more review, which another user wrote."""
    generator = random.Random(seed)
    changed = list(users)
    for at in generator.sample(range(len(users)), max(1, round(_CHANGED_SHARE * len(users)))):
        user, other = users[at], generator.choice(users)
        changed[at] = User(user.user_id, (*user.rows, {**other.rows[0], "user_id": user.user_id}))
    return changed
