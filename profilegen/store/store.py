"""A store, opened to read and to search it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Self

from profilegen.backends import Embedder, open_embedder
from profilegen.claims import categories
from profilegen.errors import StoreError, UsageError
from profilegen.profiles.past import profile_on
from profilegen.records import BuildReport, Document, SearchResult, Segment, SegmentGroup, UserProfile
from profilegen.records.history import NumberedBuild, StoreDiff, UserBuild
from profilegen.store import history, overlay
from profilegen.store.categories import stored_taxonomy
from profilegen.store.index import UserFilter
from profilegen.store.ledger import Counts, Ledger, open_ledger
from profilegen.store.search import UserSearch, embedder_of
from profilegen.vectors import Vectors


def open_store(directory: str | Path = "store") -> Store:
    """Open the store that `profilegen build` made, to read and to search it.

    :param directory: the store.
    :raises StoreError: there is no store, it is damaged, or no build has come far enough to fill it.
    """
    return Store(Path(directory))


class Store:
    """An open store; use it in a `with` block or close it.

    :param directory: of the store.
    :raises StoreError: there is no store, it is damaged, or no build has filled it yet.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ledger: Ledger = open_ledger(directory, read_only=True)
        if self._ledger.get_meta("embedder") is None:  # The first build reads its files still, or was killed then.
            self._ledger.close()
            command = f"profilegen build FILES --store {shlex.quote(str(directory))}"
            raise StoreError(f"nothing is in {directory} yet; fill it with `{command}`")
        self._search = UserSearch(self._ledger, directory)

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the files, and end the embedder if a search started it."""
        self._search.close()
        self._close_embedder()
        self._ledger.close()

    def user(self, user_id: str) -> UserProfile | None:
        """Return the profile of a user with reviewers' decisions applied, or None.

        :param user_id: any.
        """
        return overlay.profile(self._ledger, user_id)

    def user_on(self, user_id: str, day: date) -> UserProfile | None:
        """Return the claims of a user that held on a day of the past, by the days of their evidence; None without one.

        :param user_id: any.
        :param day: the day.
        """
        profile = self.user(user_id)
        return profile and profile_on(profile, day, self._ledger.user_documents(user_id))

    def history(self, user_id: str) -> list[UserBuild]:
        """Return what each build changed about a user, the last one first; claims as the machine wrote them.

        :param user_id: any.
        """
        return history.history(self._ledger, user_id)

    def builds(self) -> list[NumberedBuild]:
        """Return all builds of the store, the first one first."""
        return self._ledger.builds()

    def diff(self, before: int | None = None, after: int | None = None, *, user_id: str | None = None) -> StoreDiff:
        """Return what changed from the end of one build to the end of another; claims as the machine wrote them.

        :param before: number of the earlier build; by default the one before `after`.
        :param after: number of the later build; by default the last one that changed something.
        :param user_id: of one user; None for all.
        :raises UsageError: there is no such build, or nothing is known of the time of the earlier one.
        """
        return history.diff(self._ledger, before, after, user_id)

    def users(self) -> Iterator[UserProfile]:
        """Yield every profile with reviewers' decisions applied, in order of user id."""
        return overlay.profiles(self._ledger)

    def segment(self, segment_id: str) -> Segment | None:
        """Return a segment, or None.

        :param segment_id: its id or its name.
        """
        found = self._segment(segment_id)
        return self._with_categories([found], found.id)[0] if found else None

    def segments(self) -> list[Segment]:
        """Return all segments, the largest first, with the names that persons gave them."""
        return self._with_categories(overlay.segments(self._ledger))

    def segment_groups(self) -> dict[str, SegmentGroup]:
        """Return the groups that segments belong to, by the ids in `Segment.groups`; none where segments are few."""
        return self._ledger.segment_groups()

    def with_category(self, category: str) -> Iterator[UserProfile]:
        """Yield every profile with an interest of a category or of one below it.

        :param category: its id or its name.
        :raises UsageError: there is no such category.
        """
        wanted, taxonomy = self._category_ids(category), stored_taxonomy(self._ledger)
        return (profile for profile in self.users() if wanted & categories.category_ids(profile, taxonomy))

    def documents(self, user_id: str | None = None) -> Iterator[Document]:
        """Yield documents.

        :param user_id: of one user; None for those of all.
        """
        return self._ledger.iter_documents() if user_id is None else iter(self._ledger.user_documents(user_id))

    def cited(self, profile: UserProfile | Segment) -> dict[str, Document]:
        """Return the documents that the claims of a profile rest on, and those that ended claims, by id.

        :param profile: of a user or a segment.
        """
        ids = {evidence.document for _, claim in profile.iter_claims() for evidence in claim.evidence}
        if isinstance(profile, UserProfile):
            ids |= {past.by.document for past in profile.past_claims}
        return self._ledger.documents(ids)

    def counts(self) -> Counts:
        """Return how much of everything is in the store."""
        return self._ledger.counts()

    def last_build(self) -> BuildReport | None:
        """Return the report of the last build, or None."""
        build = self._ledger.last_build()
        return build.report if build else None

    def search(
        self,
        query: str,
        n: int = 10,
        *,
        segment: str | None = None,
        language: str | None = None,
        category: str | None = None,
    ) -> list[SearchResult]:
        """Return the users that a question in plain words fits best, each with the reason.

        This works beside a build and on a read-only store. It never builds an index; see `UserSearch`.

        :param query: what kind of users.
        :param n: maximum number of users.
        :param segment: only users of this segment (id or name).
        :param language: only users who write in this language (a code such as `en`).
        :param category: only users with an interest of this category (id or name) or of one that it holds.
        :return: the best first.
        :raises UsageError: an empty question, or a segment or category that there is not.
        """
        if not query.strip():
            raise UsageError("the question is empty; ask for users in a few words")
        user_filter = self._user_filter(segment, language, category)
        self._drop_old_embedder()
        question = self._embedder.embed([query], queries=True)[0]
        return self._search.by_question(question, n, user_filter)

    def similar(self, user_id: str, n: int = 10) -> list[SearchResult]:
        """Return the users whose vectors are nearest to a user's, each with what they have in common.

        :param user_id: a user of the store, who is left out.
        :param n: maximum number of users.
        :return: the nearest first.
        :raises UsageError: there is no such user.
        """
        vector = self._ledger.user_vectors([user_id]).get(user_id)
        if vector is None:
            raise UsageError(f"there is no user {user_id!r} in {self.directory}")
        return self._search.by_user(user_id, vector, n)

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
        """Return the vectors of texts, embedded as the documents of this store are.

        :param texts: any.
        :param queries: whether the texts are search queries, for which some embedders need a prefix.
        :return: (n_texts, n_dims) float32, rows L2-normalised.
        """
        return self._embedder.embed(texts, queries=queries)

    def _segment(self, segment_id: str) -> Segment | None:
        """Return a segment by id or by name, its categories not counted."""
        by_id = overlay.segment(self._ledger, segment_id)
        everyone = (segment for segment in overlay.segments(self._ledger) if segment.name == segment_id)
        return by_id or next(everyone, None)

    def _with_categories(self, segments: Sequence[Segment], segment_id: str | None = None) -> list[Segment]:
        """Return segments with the categories of their users, as persons left them; `segment_id` if it is only one."""
        taxonomy = stored_taxonomy(self._ledger)
        if taxonomy is None:
            return list(segments)
        decided = self._ledger.decided_users()
        rows: dict[str, list[tuple[str, str]]] = {}
        for segment, user_id, category in self._ledger.categories(segment_id):
            if user_id not in decided:
                rows.setdefault(segment, []).append((user_id, category))
        for user_id, segment in self._ledger.segments_of(sorted(decided)).items():
            profile = self.user(user_id)
            kept = [claim.category.id for claim in profile.interests if claim.category] if profile else []
            rows.setdefault(segment, []).extend((user_id, category) for category in kept)
        return [
            segment.model_copy(
                update={"categories": categories.count_categories(rows.get(segment.id, ()), taxonomy, segment.language)}
            )
            for segment in segments
        ]

    def _category_ids(self, category: str) -> frozenset[str]:
        taxonomy = stored_taxonomy(self._ledger)
        found = taxonomy.find(category) if taxonomy else frozenset[str]()
        if not found:
            scheme = f"the taxonomy {taxonomy.scheme} has" if taxonomy else f"{self.directory} has"
            raise UsageError(f"{scheme} no category {category!r}; `profilegen segments` shows those that users have")
        return found

    def _user_filter(self, segment: str | None, language: str | None, category: str | None) -> UserFilter:
        found = self._segment(segment) if segment is not None else None
        if segment is not None and found is None:
            raise UsageError(f"there is no segment {segment!r}; `profilegen segments` lists them")
        wanted = self._category_ids(category) if category is not None else frozenset[str]()
        return UserFilter(found.id if found else None, language, wanted)

    @cached_property
    def _embedder(self) -> Embedder:
        made_with = self._ledger.get_meta("embedder")
        embedder = open_embedder(made_with["source"])
        if embedder.fingerprint != made_with["sha256"]:
            raise StoreError(
                f"{self.directory} was made with another file of the embedder {made_with['name']} than the one "
                "that is here now; build it again with --re-embed"
            )
        return embedder

    def _drop_old_embedder(self) -> None:
        """Close an embedder that the store is no longer made with, as a build can change it."""
        if "_embedder" in self.__dict__ and self._embedder.fingerprint != embedder_of(self._ledger):
            self._close_embedder()

    def _close_embedder(self) -> None:
        if "_embedder" in self.__dict__:
            self.__dict__.pop("_embedder").close()
