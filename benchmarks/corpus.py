"""The texts that are measured on: real reviews where they are at hand, else the sample that ships."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from profilegen.evaluation.inputs import read_labels
from profilegen.resources import resource

T = TypeVar("T")

_SHARED = Path(__file__).parents[2] / "shared" / "data" / "amazon-reviews" / "reviews.jsonl"


@dataclass(frozen=True)
class User:
    """A user's rows as they stand in the file."""

    user_id: str
    rows: tuple[dict[str, Any], ...]

    def texts(self) -> list[str]:
        """Return what is embedded: each text with its heading."""
        return [_with_heading(row) for row in self.rows]

    def prompt_text(self, max_chars: int) -> str:
        """Return the user's item titles and texts for a prompt, one document a line.

        :param max_chars: length of all lines together, at most.
        """
        lines = [f"- {(row.get('item_title') or '')[:60]}: {_with_heading(row)}" for row in self.rows]
        share = max_chars // max(len(lines), 1)
        return "\n".join(" ".join(line.split())[:share] for line in lines)


def default_reviews() -> Path:
    """Return the real reviews, or the sample that ships where they are not at hand."""
    return _SHARED if _SHARED.exists() else resource("examples/sample.jsonl")


def questions(reviews: Path) -> list[str]:
    """Return the questions of `queries.jsonl` beside the reviews; without it, the first words of some texts.

    :param reviews: JSON Lines.
    """
    path = reviews.with_name("queries.jsonl")
    if path.exists():
        return [row["query"] for row in _rows(path)]
    return [" ".join(user.texts()[0].split()[:6]) for user in read_users(reviews)[:40]]


def read_users(reviews: Path) -> list[User]:
    """Return the users of a file in such an order that the first n are a sample over all categories.

    :param reviews: JSON Lines; the first label of a user in `labels.csv` beside it is the category.
    """
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(reviews):
        rows_of.setdefault(row["user_id"], []).append(row)
    path = reviews.with_name("labels.csv")
    categories = {user_id: names[0] for user_id, names in read_labels(path).items()} if path.exists() else {}
    return [User(user_id, tuple(rows_of[user_id])) for user_id in stratified(rows_of, categories)]


def stratified(user_ids: Iterable[str], categories: Mapping[str, str]) -> list[str]:
    """Return user ids in such an order that the first n hold every category in proportion to its size.

    Within a category, and between users of the same rank in theirs, a hash of the id decides.

    :param user_ids: distinct ids in any order, which does not matter.
    :param categories: the category of each user; users without one are a category of their own.
    """
    strata: dict[str, list[str]] = {}
    for user_id in sorted(user_ids, key=_hash):
        strata.setdefault(categories.get(user_id, ""), []).append(user_id)
    places = {
        user_id: ((rank + 0.5) / len(stratum), _hash(user_id))
        for stratum in strata.values()
        for rank, user_id in enumerate(stratum)
    }
    return sorted(places, key=places.__getitem__)


def cycled(items: Sequence[T], number: int, size: int) -> list[T]:
    """Return the items of one round: the next `size`, from the start again at the end.

    :param items: the items of all rounds.
    :param number: number of the round, from 0.
    :param size: items a round; all at most.
    """
    return [items[(number * size + at) % len(items)] for at in range(min(size, len(items)))]


def write_users(users: Iterable[User], path: Path) -> Path:
    """Write users as JSON Lines and return the path.

    :param users: the users.
    :param path: the file to write.
    """
    with path.open("w", encoding="utf-8") as file:
        for user in users:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in user.rows)
    return path


def _hash(user_id: str) -> str:
    return blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _with_heading(row: Mapping[str, Any]) -> str:
    title, text = row.get("title"), row.get("text") or ""
    return f"{title}. {text}" if title else text


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)
