"""The store as others see it: profiles and segments read, users searched."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from profilegen.claims import categories
from profilegen.errors import StoreError, UsageError
from profilegen.llama.catalog import resolve
from profilegen.llama.embedder import Embedder
from profilegen.records import BuildReport, Document, Found, Segment, UserProfile
from profilegen.store import index, overlay
from profilegen.store.ledger import ClaimVector, Counts, Ledger, open_ledger, write_lock

Vectors = npt.NDArray[np.float32]

# How many rows of each collection a search looks at, at least and for each user asked for.
_LOOKED_AT, _LOOKED_AT_PER_USER = 300, 10
# The query is moved towards the users it finds first (Rocchio 1971), since a question and what users wrote
# differ in style: on real questions it finds more of the right users than the question alone.
_FEEDBACK_USERS, _FEEDBACK_WEIGHT = 20, 1.0
# Weights of the standardised likenesses; the user's own vector counts one.
_SEGMENT_WEIGHT, _CATEGORY_WEIGHT, _CLAIM_WEIGHT = 0.5, 0.5, 0.25
_MAX_WHY_CHARS = 160


def open_store(directory: str | Path = "store") -> Store:
    """Open the store that `profilegen build` made, to read and to search it.

    :raises StoreError: there is none, it is damaged, or no build has got as far as to fill it.
    """
    return Store(Path(directory))


class Store:
    """An open store; use it in a `with` block or close it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._names: tuple[str, categories.CategoryNames | None] | None = None
        self._ledger: Ledger = open_ledger(directory, read_only=True)
        if self._ledger.get_meta("embedder") is None:  # The first build reads its files still, or was killed then.
            self._ledger.close()
            command = f"profilegen build FILES --store {shlex.quote(str(directory))}"
            raise StoreError(f"nothing is in {directory} yet; fill it with `{command}`")

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the files and end the embedder if a search started it."""
        for name in ("_index", "_embedder"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
        self._ledger.close()

    def user(self, user_id: str) -> UserProfile | None:
        """Return the profile of a user with the decisions of persons on it, or None."""
        return overlay.profile(self._ledger, user_id)

    def users(self) -> Iterator[UserProfile]:
        """Give every profile with the decisions of persons on it, in order of user id."""
        return overlay.profiles(self._ledger)

    def segment(self, segment_id: str) -> Segment | None:
        """Return a segment by id or by name, or None."""
        found = self._segment(segment_id)
        return self._with_categories([found], found.id)[0] if found else None

    def segments(self) -> list[Segment]:
        """Return all segments, the largest first, with the names that persons gave them."""
        return self._with_categories(overlay.segments(self._ledger))

    def with_category(self, category: str) -> Iterator[UserProfile]:
        """Give every profile with an interest of a category (id or name) or of one that it holds.

        :raises UsageError: there is no such category.
        """
        wanted, taxonomy = self._category_ids(category), categories.stored_taxonomy(self._ledger)
        return (profile for profile in self.users() if wanted & categories.nodes_of(profile, taxonomy))

    def documents(self, user_id: str | None = None) -> Iterator[Document]:
        """Give the documents of a user, or of all."""
        return self._ledger.iter_documents() if user_id is None else iter(self._ledger.user_documents(user_id))

    def cited(self, profile: UserProfile | Segment) -> dict[str, Document]:
        """Return by id the documents that a profile's claims rest on."""
        return self._ledger.documents(
            {evidence.document for _, claim in profile.iter_claims() for evidence in claim.evidence}
        )

    def counts(self) -> Counts:
        """Count what is in the store."""
        return self._ledger.counts()

    def last_build(self) -> BuildReport | None:
        """Return what the last build did, or None."""
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
    ) -> list[Found]:
        """Return the `n` users that a question in plain words fits best, each with the reason.

        A user is ranked by the likeness of the question, moved towards the users it finds first, to the user's
        vector; by that of the question to the user's segment, best category and best claim.

        :param segment: only users of this segment (id or name).
        :param language: only users who write in this language (a code such as `en`).
        :param category: only users with an interest of this category (id or name) or of one that it holds.
        :raises UsageError: an empty question, or a segment or category that there is not.
        """
        if not query.strip():
            raise UsageError("the question is empty; ask for users in a few words")
        where = self._conditions(segment, language, category)
        question = self._embedder.embed([query], queries=True)[0]
        rows = max(_LOOKED_AT, _LOOKED_AT_PER_USER * n)
        first = self._index.nearest("users", question, _FEEDBACK_USERS, where)
        if not first:
            return []
        near = self._ledger.user_vectors(list(first))
        moved = _unit(question + _FEEDBACK_WEIGHT * _unit(np.mean(list(near.values()), axis=0)))
        likeness = self._index.nearest("users", moved, rows, where)
        ids = list(likeness)
        segments = self._index.nearest("segments", question, rows)
        segment_of = self._ledger.segments_of(ids)
        farthest = min(segments.values(), default=0.0)
        their_segments = {user_id: segments.get(segment_of.get(user_id, ""), farthest) for user_id in ids}
        scores = (
            _standardised(ids, likeness)
            + _SEGMENT_WEIGHT * _standardised(ids, their_segments)
            + _CATEGORY_WEIGHT * _standardised(ids, self._best_categories(ids, question))
            + _CLAIM_WEIGHT * _standardised(ids, self._best_claims(ids, question))
        )
        best = [ids[row] for row in np.argsort(-scores, kind="stable")[:n]]
        return self._found(best, likeness, question)

    def similar(self, user_id: str, n: int = 10) -> list[Found]:
        """Return the `n` users whose vectors are nearest to a user's, each with what they have in common.

        :raises UsageError: no such user.
        """
        vector = self._ledger.user_vectors([user_id]).get(user_id)
        if vector is None:
            raise UsageError(f"there is no user {user_id!r} in {self.directory}")
        likeness = self._index.nearest("users", vector, n + 1)
        return self._found([found for found in likeness if found != user_id][:n], likeness, vector)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return (n_texts, n_dims) float32, rows L2-normalised: texts as documents are embedded in this store."""
        return self._embedder.embed(texts)

    def _segment(self, segment_id: str) -> Segment | None:
        """Return a segment by id or by name, its categories not counted."""
        by_id = overlay.segment(self._ledger, segment_id)
        everyone = (segment for segment in overlay.segments(self._ledger) if segment.name == segment_id)
        return by_id or next(everyone, None)

    def _with_categories(self, segments: Sequence[Segment], segment_id: str | None = None) -> list[Segment]:
        """Return segments with the categories of their users, as persons left them; `segment_id` if it is only one."""
        taxonomy = categories.stored_taxonomy(self._ledger)
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
                update={"categories": categories.counted(rows.get(segment.id, ()), taxonomy, segment.language)}
            )
            for segment in segments
        ]

    def _category_ids(self, category: str) -> frozenset[str]:
        taxonomy = categories.stored_taxonomy(self._ledger)
        found = taxonomy.named(category) if taxonomy else frozenset[str]()
        if not found:
            scheme = f"the taxonomy {taxonomy.scheme} has" if taxonomy else f"{self.directory} has"
            raise UsageError(f"{scheme} no category {category!r}; `profilegen segments` shows those that users have")
        return found

    def _conditions(self, segment: str | None, language: str | None, category: str | None) -> dict[str, Any] | None:
        conditions: dict[str, Any] = {}
        if segment is not None:
            found = self._segment(segment)
            if found is None:
                raise UsageError(f"there is no segment {segment!r}; `profilegen segments` lists them")
            conditions["segment"] = found.id
        if language is not None:
            conditions["language"] = language
        if category is not None:
            fields = [{index.category_field(node): True} for node in sorted(self._category_ids(category))]
            conditions |= {"$or": fields} if len(fields) > 1 else fields[0]
        return conditions or None

    def _found(self, user_ids: Sequence[str], likeness: Mapping[str, float], wanted: Vectors) -> list[Found]:
        claims = self._ledger.claims_of(user_ids)
        found = []
        for user_id in user_ids:
            profile = self.user(user_id)
            if profile is not None:
                why = self._why(profile, claims.get(user_id, []), wanted)
                found.append(
                    Found(
                        user_id=user_id,
                        likeness=round(max(-1.0, min(1.0, likeness[user_id])), 3),
                        segment=profile.segment,
                        status=profile.status,
                        summary=profile.summary,
                        why=why,
                    )
                )
        return found

    def _why(self, profile: UserProfile, claims: Sequence[ClaimVector], wanted: Vectors) -> str:
        """Return the claim nearest to what was wanted, with its quote; of a user without claims, own words."""
        stated = list(profile.iter_claims())
        if not claims or not stated:
            own = next(iter(self._ledger.user_documents(profile.user_id)), None)
            return f"wrote “{_shortened(own.text)}”" if own else ""
        likeness = {(claim.kind, claim.text): float(claim.vector @ wanted) for claim in claims}
        # What a person has changed since the last build has no vector yet.
        kind, claim = max(stated, key=lambda row: likeness.get((row[0], row[1].text), -1.0))
        quote = f": “{_shortened(claim.evidence[0].quote)}”" if claim.evidence else ""
        return f"{kind} “{claim.text}”{quote}"

    def _best_categories(self, user_ids: Sequence[str], question: Vectors) -> dict[str, float]:
        """Return how much the question is about the category of each user's interests that it is most about."""
        names = self._category_names()
        if names is None:
            return {}
        about = names.standing_out(question)
        categories_of = self._ledger.categories_of(user_ids)
        for user_id in self._ledger.decided_users() & set(user_ids):
            profile = self.user(user_id)
            kept = profile.interests if profile else ()
            categories_of[user_id] = {claim.category.id for claim in kept if claim.category}
        best = {user_id: [about[node] for node in nodes if node in about] for user_id, nodes in categories_of.items()}
        return {user_id: max(values) for user_id, values in best.items() if values}

    def _category_names(self) -> categories.CategoryNames | None:
        """Return what stands for the categories, read again only after something was written to the store."""
        revision = self._ledger.revision()
        if self._names is None or self._names[0] != revision:
            self._names = revision, categories.stored_names(self._ledger)
        return self._names[1]

    def _best_claims(self, user_ids: Sequence[str], question: Vectors) -> dict[str, float]:
        """Return the likeness of the question to each user's best claim that no person has struck or changed."""
        claims, vectors = self._ledger.claim_matrix(user_ids)
        decided = {user_id: self.user(user_id) for user_id in self._ledger.decided_users() & set(user_ids)}
        stated = {
            user_id: {claim.text for _, claim in profile.iter_claims()} if profile else set()
            for user_id, profile in decided.items()
        }
        best: dict[str, float] = {}
        for (user_id, text), likeness in zip(claims, (vectors @ question).tolist() if claims else (), strict=True):
            if (user_id not in stated or text in stated[user_id]) and likeness > best.get(user_id, -2.0):
                best[user_id] = likeness
        return best

    @cached_property
    def _index(self) -> index.Index:
        """Open the index; one that is missing, damaged or out of date is built anew from the ledger."""
        try:
            if index.current_revision(self.directory) == self._ledger.revision():
                opened = index.open_index(self.directory)
                opened.count("users")
                return opened
        except StoreError:
            pass
        with write_lock(self.directory):
            index.build_index(self._ledger, self.directory)
        return index.open_index(self.directory)

    @cached_property
    def _embedder(self) -> Embedder:
        made_with = self._ledger.get_meta("embedder")
        model = resolve(made_with["source"], "embedder", pull=True)
        if model.sha256 != made_with["sha256"]:
            raise StoreError(
                f"{self.directory} was made with another file of the embedder {made_with['name']} than the one "
                "that is here now; build it again with --re-embed"
            )
        return Embedder(model, workers=1)


def _standardised(ids: Sequence[str], scores: Mapping[str, float]) -> Vectors:
    """Return the scores of the users in standard deviations from their mean; who has none has the lowest."""
    lowest = min(scores.values(), default=0.0)
    values = np.array([scores.get(user_id, lowest) for user_id in ids], np.float32)
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6), np.float32)


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_WHY_CHARS else line[: _MAX_WHY_CHARS - 1].rstrip() + "…"
