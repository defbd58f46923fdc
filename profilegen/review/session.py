"""The open store of a review: ledgers to read from for any number of threads, and one to write to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from profilegen.config import load_settings
from profilegen.pipeline.forgetting import forget
from profilegen.publish.map import Map, colours, make_map
from profilegen.records import SearchResult, Segment
from profilegen.records.forgetting import ForgetReceipt
from profilegen.store import decisions
from profilegen.store.forgetting import finish_if_cut_off
from profilegen.store.ledger import Build, Counts, Ledger, open_ledger
from profilegen.store.store import Store, open_store

P = ParamSpec("P")
T = TypeVar("T")


class Snapshot(NamedTuple):
    """What a store holds as of one revision, and is costly to read for every page.

    `segments` have the names that the build gave them. `colours` are `#rrggbb` by segment id. `trait_users` counts
    users by (kind, name) of values and lifestyle. `map` is None before a build has placed the users.
    """

    revision: str
    counts: Counts
    languages: dict[str, int]
    build: Build | None
    segments: list[Segment]
    colours: dict[str, str]
    trait_users: dict[tuple[str, str], int]
    map: Map | None


class Session:
    """The store under review. All methods may be called from any thread.

    Each thread reads from a ledger of its own: on one connection for all, SQLite lets a thread go on seeing the state
    of before while another one's query is under way, so that a reviewer would not see the decision just made.

    :param directory: the store.
    :raises StoreError: there is no store, or it cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        finish_if_cut_off(directory)
        self._store: Store = open_store(directory)
        self._writer: Ledger = open_ledger(directory)
        self._idle_readers: deque[Ledger] = deque()  # append and pop are atomic
        self._writing = threading.Lock()
        self._searching = threading.Lock()
        self._taking_snapshot = threading.Lock()
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        """Close the store, once nobody writes, searches or takes a snapshot. Nothing may be called afterwards."""
        with self._writing, self._searching, self._taking_snapshot:
            self._writer.close()
            while self._idle_readers:
                self._idle_readers.pop().close()
            self._store.close()

    @contextmanager
    def reading(self) -> Iterator[Ledger]:
        """Lend a ledger to read from, to this thread alone, as long as the block runs."""
        try:
            ledger = self._idle_readers.pop()
        except IndexError:
            ledger = open_ledger(self._directory, read_only=True)
        try:
            yield ledger
        finally:
            self._idle_readers.append(ledger)

    def write(self, action: Callable[Concatenate[Ledger, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function that writes to the ledger; one at a time.

        :param action: one of `actions`.
        :param arguments: what it takes after the ledger.
        :param named: what it takes by name.
        :return: what it returns.
        """
        with self._writing:
            return action(self._writer, *arguments, **named)

    def forget(self, user_id: str) -> ForgetReceipt:
        """Remove a user for good, as `profilegen forget` does.

        :param user_id: whom.
        :return: what was removed, and what is not done yet.
        """
        with self._writing:
            return forget([user_id], load_settings(store=self._directory))

    def search(self, query: str, n: int, **conditions: Any) -> list[SearchResult]:
        """Search users as `Store.search` does; one question at a time, since there is one embedder.

        :param query: the question.
        :param n: the most users to return.
        :param conditions: as of `Store.search`.
        """
        with self._searching:
            return self._store.search(query, n, **conditions)

    def similar(self, user_id: str, n: int) -> list[SearchResult]:
        """Return the users nearest to a user, as `Store.similar` does.

        :param user_id: the user to compare with.
        :param n: the most users to return.
        """
        with self._searching:
            return self._store.similar(user_id, n)

    def snapshot(self, ledger: Ledger) -> Snapshot:
        """Return what the store holds now; read again only after its revision has changed.

        :param ledger: to read from.
        """
        with self._taking_snapshot:
            # Read first: what a build writes meanwhile is then read again at the next call.
            revision = ledger.revision()
            if self._snapshot is None or self._snapshot.revision != revision:
                self._snapshot = _take_snapshot(ledger, revision)
            return self._snapshot


def named_segments(ledger: Ledger, snapshot: Snapshot) -> list[Segment]:
    """Return all segments with the names that reviewers gave them, the largest first.

    :param ledger: to read the names from.
    :param snapshot: to take the segments from.
    """
    return decisions.named(snapshot.segments, ledger.segment_names())


def _take_snapshot(ledger: Ledger, revision: str) -> Snapshot:
    segments = ledger.segments()
    ids = [segment.id for segment in segments]
    return Snapshot(
        revision=revision,
        counts=ledger.counts(),
        languages=ledger.user_language_counts(),
        build=ledger.last_build(),
        segments=segments,
        colours=dict(zip(ids, colours(len(ids)), strict=True)),
        trait_users=ledger.trait_counts(),
        map=make_map(ledger.points(), ids, revision),
    )
