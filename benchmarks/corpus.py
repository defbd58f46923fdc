"""The texts that are measured on: real reviews where they are at hand, else the sample that ships."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profilegen.resources import resource

_SHARED = Path(__file__).parents[2] / "shared" / "data" / "amazon-reviews" / "reviews.jsonl"


@dataclass(frozen=True)
class User:
    """A user's rows as they stand in the file."""

    user_id: str
    rows: tuple[dict[str, Any], ...]

    def texts(self) -> list[str]:
        """Return what is embedded: each text with its heading."""
        return [_headed(row) for row in self.rows]

    def told(self, max_chars: int) -> str:
        """Return the user's texts with what they are about, for a prompt, no longer than `max_chars`."""
        lines = [f"- {(row.get('item_title') or '')[:60]}: {_headed(row)}" for row in self.rows]
        share = max_chars // max(len(lines), 1)
        return "\n".join(" ".join(line.split())[:share] for line in lines)


def default_reviews() -> Path:
    """Return the reviews that BASELINES.md measures on, or the sample where they are not there."""
    return _SHARED if _SHARED.exists() else resource("examples/sample.jsonl")


def questions(reviews: Path) -> list[str]:
    """Return the questions that lie beside the reviews; else the first words of some of the texts."""
    path = reviews.with_name("queries.jsonl")
    if path.exists():
        return [row["query"] for row in _rows(path)]
    return [" ".join(user.texts()[0].split()[:6]) for user in read_users(reviews)[:40]]


def read_users(reviews: Path) -> list[User]:
    """Return the users of the file in the order in which they come."""
    users: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(reviews):
        users.setdefault(row["user_id"], []).append(row)
    return [User(user_id, tuple(rows)) for user_id, rows in users.items()]


def write_users(users: list[User], path: Path) -> Path:
    """Write users as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for user in users:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in user.rows)
    return path


def _headed(row: dict[str, Any]) -> str:
    title, text = row.get("title"), row.get("text") or ""
    return f"{title}. {text}" if title else text


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)
