"""The store as others see it: profiles and segments read, users searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from profilegen import index
from profilegen.errors import StoreError, UsageError
from profilegen.ledger import ClaimVector, Counts, Ledger, open_ledger, write_lock
from profilegen.llama.catalog import resolve
from profilegen.llama.embedder import Embedder
from profilegen.records import BuildReport, Document, Found, Segment, UserProfile

Vectors = npt.NDArray[np.float32]

# How many rows of each collection a search looks at, at least and for each user asked for.
_LOOKED_AT, _LOOKED_AT_PER_USER = 300, 10
# The query is moved towards the users it finds first (Rocchio 1971), since a question and what users wrote
# differ in style: on real questions it finds more of the right users than the question alone.
_FEEDBACK_USERS, _FEEDBACK_WEIGHT = 20, 1.0
# Weights of the standardised likenesses; the user's own vector counts one.
_SEGMENT_WEIGHT, _CLAIM_WEIGHT, _DOCUMENT_WEIGHT = 0.5, 0.15, 0.15
_MAX_WHY_CHARS = 160


def open_store(directory: str | Path = "store") -> Store:
    """Open the store that `profilegen build` made, to read and to search it.

    :raises StoreError: there is none, or it is damaged.
    """
    return Store(Path(directory))


class Store:
    """An open store; use it in a `with` block or close it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ledger: Ledger = open_ledger(directory, read_only=True)

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
        """Return the profile of a user, or None."""
        return self._ledger.profile(user_id)

    def users(self) -> Iterator[UserProfile]:
        """Give every profile, in order of user id."""
        return self._ledger.iter_profiles()

    def segment(self, segment_id: str) -> Segment | None:
        """Return a segment by id or by name, or None."""
        by_id = self._ledger.segment(segment_id)
        named = (segment for segment in self._ledger.segments() if segment.name == segment_id)
        return by_id or next(named, None)

    def segments(self) -> list[Segment]:
        """Return all segments, the largest first."""
        return self._ledger.segments()

    def documents(self, user_id: str | None = None) -> Iterator[Document]:
        """Give the documents of a user, or of all."""
        return self._ledger.iter_documents() if user_id is None else iter(self._ledger.user_documents(user_id))

    def cited(self, profile: UserProfile | Segment) -> dict[str, Document]:
        """Return by id the documents that a profile's claims rest on."""
        return self._ledger.documents(
            {evidence.document for _, claim in profile.claims() for evidence in claim.evidence}
        )

    def counts(self) -> Counts:
        """Count what is in the store."""
        return self._ledger.counts()

    def last_build(self) -> BuildReport | None:
        """Return what the last build did, or None."""
        build = self._ledger.last_build()
        return build.report if build else None

    def search(
        self, query: str, n: int = 10, *, segment: str | None = None, language: str | None = None
    ) -> list[Found]:
        """Return the `n` users that a question in plain words fits best, each with the reason.

        A user is ranked by the likeness of the question, moved towards the users it finds first, to the user's
        vector; by that of the question to the user's segment, best claim and best document.

        :param segment: only users of this segment (id or name).
        :param language: only users who write in this language (a code such as `en`).
        :raises UsageError: an empty question, or a segment that there is not.
        """
        if not query.strip():
            raise UsageError("the question is empty; ask for users in a few words")
        where = self._conditions(segment, language)
        question = self._embedder.embed([query], queries=True)[0]
        rows = max(_LOOKED_AT, _LOOKED_AT_PER_USER * n)
        first = self._index.query("users", question, _FEEDBACK_USERS, where)
        if not first:
            return []
        near = self._ledger.user_vectors([hit.id for hit in first])
        moved = _unit(question + _FEEDBACK_WEIGHT * _unit(np.mean(list(near.values()), axis=0)))
        users = self._index.query("users", moved, rows, where)
        # Claims and documents know no segment: users who are found by them alone are not added, only moved up.
        claims = _best_by_user(self._index.query("claims", question, rows))
        documents = _best_by_user(self._index.query("documents", question, rows))
        segments = {hit.id: 1 - hit.distance for hit in self._index.query("segments", question, rows)}
        likeness = {hit.id: 1 - hit.distance for hit in users}
        their_segments = {
            hit.id: segments.get(str(hit.metadata.get("segment")), min(segments.values(), default=0.0)) for hit in users
        }
        ids = list(likeness)
        scores = (
            _standardised(ids, likeness)
            + _SEGMENT_WEIGHT * _standardised(ids, their_segments)
            + _CLAIM_WEIGHT * _standardised(ids, claims)
            + _DOCUMENT_WEIGHT * _standardised(ids, documents)
        )
        best = [ids[row] for row in np.argsort(-scores, kind="stable")[:n]]
        return self._found(best, {user: float(likeness[user]) for user in best}, question)

    def similar(self, user_id: str, n: int = 10) -> list[Found]:
        """Return the `n` users whose vectors are nearest to a user's, each with what they have in common.

        :raises UsageError: no such user.
        """
        vector = self._ledger.user_vectors([user_id]).get(user_id)
        if vector is None:
            raise UsageError(f"there is no user {user_id!r} in {self.directory}")
        hits = [hit for hit in self._index.query("users", vector, n + 1) if hit.id != user_id][:n]
        return self._found([hit.id for hit in hits], {hit.id: 1 - hit.distance for hit in hits}, vector)

    def _conditions(self, segment: str | None, language: str | None) -> dict[str, Any] | None:
        conditions: dict[str, Any] = {}
        if segment is not None:
            found = self.segment(segment)
            if found is None:
                raise UsageError(f"there is no segment {segment!r}; `profilegen segments` lists them")
            conditions["segment"] = found.id
        if language is not None:
            conditions["language"] = language
        return conditions or None

    def _found(self, user_ids: Sequence[str], likeness: Mapping[str, float], wanted: Vectors) -> list[Found]:
        claims = self._ledger.claims_of(user_ids)
        found = []
        for user_id in user_ids:
            profile = self._ledger.profile(user_id)
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
        stated = list(profile.claims())
        if not claims or not stated:
            own = next(iter(self._ledger.user_documents(profile.user_id)), None)
            return f"wrote “{_shortened(own.text)}”" if own else ""
        nearest = max(claims, key=lambda claim: float(claim.vector @ wanted))
        claim = next((claim for kind, claim in stated if claim.text == nearest.text), stated[0][1])
        quote = f": “{_shortened(claim.evidence[0].quote)}”" if claim.evidence else ""
        return f"{nearest.kind} “{claim.text}”{quote}"

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
        if made_with is None:
            raise StoreError(
                f"{self.directory} is empty; fill it with: profilegen build FILES --store {self.directory}"
            )
        model = resolve(made_with["source"], "embedder", pull=True)
        if model.sha256 != made_with["sha256"]:
            raise StoreError(
                f"{self.directory} was made with another file of the embedder {made_with['name']} than the one "
                "that is here now; build it again with --re-embed"
            )
        return Embedder(model, workers=1)


def _best_by_user(hits: Sequence[index.Hit]) -> dict[str, float]:
    best: dict[str, float] = {}
    for hit in hits:
        user_id = str(hit.metadata["user_id"])
        best[user_id] = max(best.get(user_id, -1.0), 1 - hit.distance)
    return best


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
