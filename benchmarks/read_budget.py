"""How much has to be read of a user: by budget, the share of what is known of users that some picked passage says.

python -m benchmarks.read_budget ../shared/data/chats ../shared/data/lives

A set is a folder with `reviews.jsonl` and `personas.jsonl` (sentences that are true of a user), or `labels.csv` (what
the user writes of). A sentence counts as said if a passage with its item, or a sentence of it, is within a cosine of
0.5. Beside the passages that are picked stand as many tokens of passages in the order of the documents, in random
order, and, as the level of chance, the picked passages of another user.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from profilegen.backends import Options, open_embedder
from profilegen.claims import passages
from profilegen.claims.common import Common, count_common
from profilegen.claims.passages import Passage, passage_tokens, readings, select_passages
from profilegen.claims.spans import prose_spans
from profilegen.claims.verification import passage_text
from profilegen.ingest import Intake, read_documents
from profilegen.language.sentences import sentence_spans
from profilegen.records import Document
from profilegen.segments.user_vectors import document_vectors
from profilegen.vectors import Vectors

BUDGETS = (50, 100, 200, 400, 800, 1_600, 3_200)
_LIKE = 0.5


class Set:
    """The users of a folder, with the vectors of the texts that were asked for."""

    def __init__(self, folder: Path, embed: Callable[[Sequence[str]], Vectors], max_users: int | None = None) -> None:
        documents = sorted(read_documents([str(folder / "reviews.jsonl")], mapping={}, intake=Intake()), key=_user)
        self.truth = dict(_truth(folder))
        users = {user: list(group) for user, group in groupby(documents, key=_user) if user in self.truth}
        self.users = {user: users[user] for user in sorted(users, key=_order)[:max_users]}
        self.common: Common = count_common(documents)
        self._embed = embed
        self._vectors: dict[str, Vectors] = {}
        self.add(text for user in self.users.values() for document in user for text in _embedded(document))
        self.add(sentence for user in self.users for sentence in self.truth[user])

    def add(self, texts: Iterable[str]) -> None:
        """Embed the texts that have no vector yet."""
        missing = sorted(set(texts) - self._vectors.keys())
        self._vectors.update(zip(missing, self._embed(missing), strict=True))

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts that were added."""
        return np.stack([self._vectors[text] for text in texts])

    def document_vectors(self, user: str) -> Vectors:
        """Return the vectors of a user's documents, as a build has them."""
        documents = self.users[user]
        texts = self.vectors([document.text for document in documents])
        items = np.zeros_like(texts)
        for row, document in enumerate(documents):
            if document.item_title:
                items[row] = self.vectors([document.item_title])[0]
        return document_vectors(texts, items)

    def share_said(self, user: str, read: Sequence[Passage]) -> float:
        """Return the share of what is true of a user that passages say."""
        texts = [text for passage in read for text in _parts(passage)]
        if not texts:
            return 0.0
        cosines = self.vectors(list(self.truth[user])) @ self.vectors(texts).T
        return float((cosines.max(axis=1) >= _LIKE).mean())


def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--embedder", default="all-minilm-l6-v2")
    parser.add_argument("--users", type=int, help="only so many of a set, by hash")
    options = parser.parse_args()
    with open_embedder(options.embedder, Options(workers=1)) as embedder:
        for folder in options.sets:
            one = Set(folder, embedder.embed, options.users)
            n_true = sum(len(one.truth[user]) for user in one.users)
            print(f"{folder.name}: {len(one.users)} users, {n_true} true sentences")
            print(
                f"{'budget':>8}" + "".join(f"{name:>10}" for name in ("picked", "first", "random", "chance", "tokens"))
            )
            for budget in BUDGETS:
                figures = measure(one, budget)
                print(f"{budget:>10,}" + "".join(f"{value:>10.3f}" for value in figures[:4]) + f"{figures[4]:>10.0f}")
            print(f"readings that one more document changes or adds: {changed_readings(one):.2f}")


def measure(one: Set, budget: int) -> list[float]:
    """Return the shares said by picked, first, random passages and by those of another user, and the tokens picked."""
    picked = {user: _picked(one, user, one.users[user], budget) for user in one.users}
    first = {user: _cut(_all(one.users[user]), budget) for user in one.users}
    chance = {user: _cut(_shuffled(_all(one.users[user]), user), budget) for user in one.users}
    order = sorted(one.users, key=_order)
    exchanged = {user: picked[other] for user, other in zip(order, order[1:] + order[:1], strict=True)}
    ways = (picked, first, chance, exchanged)
    one.add(text for way in ways for read in way.values() for passage in read for text in _parts(passage))
    shares = [[one.share_said(user, way[user]) for way in ways] for user in one.users]
    tokens = [sum(map(passage_tokens, read)) for read in picked.values()]
    return [*map(float, np.mean(shares, axis=0)), float(np.mean(tokens))]


def changed_readings(one: Set) -> float:
    """Return how many readings are not known already after the last document of a user has come, in the mean."""
    changed = []
    for user, documents in one.users.items():
        before = {passages.reading_hash(each) for each in readings(_picked(one, user, documents[:-1], passages.BUDGET))}
        after = {passages.reading_hash(each) for each in readings(_picked(one, user, documents, passages.BUDGET))}
        changed.append(len(after - before))
    return float(np.mean(changed))


def _picked(one: Set, user: str, documents: Sequence[Document], budget: int) -> list[Passage]:
    vectors = one.document_vectors(user)[: len(documents)]
    return select_passages(documents, vectors, budget=budget, common=one.common)


def _all(documents: Sequence[Document]) -> list[Passage]:
    """Return all that may be read of a user, in the order of the documents."""
    found = []
    for document in documents:
        spans = prose_spans(document.text, "", 40_000)
        for start, end in passages._joined(document.text, spans):
            found.append(replace(passages._passage(document, document.text[start:end])))
    return found


def _shuffled(read: list[Passage], seed: str) -> list[Passage]:
    return random.Random(seed).sample(read, len(read))


def _cut(read: Sequence[Passage], budget: int) -> list[Passage]:
    return list(passages._fitting(read, budget))


def _embedded(document: Document) -> list[str]:
    return [document.text, document.item_title] if document.item_title else [document.text]


def _parts(passage: Passage) -> list[str]:
    whole = passage_text(passage.text, passage.item)
    return [whole, *(passage.text[start:end] for start, end in sentence_spans(passage.text))]


def _truth(folder: Path) -> Iterator[tuple[str, Sequence[str]]]:
    if (file := folder / "personas.jsonl").exists():
        for line in file.read_text("utf-8").splitlines():
            row: Mapping[str, list[str]] = json.loads(line)
            yield str(row["user_id"]), row["persona"]
        return
    with (folder / "labels.csv").open(encoding="utf-8") as stream:
        for user_id, labels in list(csv.reader(stream))[1:]:
            yield user_id, [label.replace("-", " ").replace(".", " ") for label in labels.split("|")]


def _order(user: str) -> float:
    return random.Random(user).random()


def _user(document: Document) -> str:
    return document.user_id


if __name__ == "__main__":
    main()
