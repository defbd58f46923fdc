"""An open store as the page needs it: what is costly is read once for each state of the store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from profilegen.publish.map import Map, make_map
from profilegen.records import SearchResult, Segment
from profilegen.store import decisions
from profilegen.store.ledger import Build, Counts, Decided, Ledger, open_ledger
from profilegen.store.store import Store, open_store

T = TypeVar("T")


class Facts(NamedTuple):
    """What a store holds as of one revision. `trait_users` counts users by (kind, name) of values and lifestyle."""

    revision: str
    counts: Counts
    languages: dict[str, int]
    build: Build | None
    segments: list[Segment]
    trait_users: dict[tuple[str, str], int]
    map: Map | None


class Session:
    """The store that is reviewed; any number of threads read, one at a time writes or searches."""

    def __init__(self, directory: Path) -> None:
        self.store: Store = open_store(directory)
        self.read: Ledger = open_ledger(directory, read_only=True)
        self._write: Ledger = open_ledger(directory)
        self._writing = threading.Lock()
        self._searching = threading.Lock()
        self._gathering = threading.Lock()
        self._facts: Facts | None = None

    def close(self) -> None:
        """Close the store."""
        self._write.close()
        self.read.close()
        self.store.close()

    def act(self, what: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call one of `actions` with the ledger to write to."""
        with self._writing:
            return what(self._write, *arguments, **named)

    def search(self, query: str, n: int, **conditions: Any) -> list[SearchResult]:
        """Do what `Store.search` does; one question at a time, as one embedder answers."""
        with self._searching:
            return self.store.search(query, n, **conditions)

    def similar(self, user_id: str, n: int) -> list[SearchResult]:
        """Do what `Store.similar` does."""
        with self._searching:
            return self.store.similar(user_id, n)

    def facts(self) -> Facts:
        """Return what the store holds now."""
        revision = self.read.revision()
        with self._gathering:
            if self._facts is None or self._facts.revision != revision:
                segments = self.read.segments()
                self._facts = Facts(
                    revision,
                    self.read.counts(),
                    self.read.user_language_counts(),
                    self.read.last_build(),
                    segments,
                    self.read.trait_counts(),
                    make_map(self.read.points(), [segment.id for segment in segments], revision),
                )
            return self._facts

    def segments(self) -> list[Segment]:
        """Return all segments with the names that persons gave them, the largest first."""
        return decisions.named(self.facts().segments, self.read.segment_names())

    def segment(self, segment_id: str | None) -> Segment | None:
        """Return one of them, or None."""
        return next((segment for segment in self.segments() if segment.id == segment_id), None)

    def decided(self) -> Decided:
        """Count what persons have decided."""
        return self.read.decided()
