"""Search: which users a question fits best, and why."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from profilegen.claims import categories
from profilegen.errors import StoreError
from profilegen.records import SearchResult, UserProfile
from profilegen.segments.user_vectors import document_vectors
from profilegen.store import overlay
from profilegen.store.categories import stored_names, stored_taxonomy
from profilegen.store.index import CollectionName, ExactSearch, Index, UserFilter
from profilegen.store.ledger import ClaimVector, Ledger
from profilegen.vectors import Vectors

# Minimum number of rows of a collection that are ranked, and their number for each user asked for.
_MIN_RANKED, _RANKED_PER_USER = 300, 10
# A user is as near as the nearest three documents are: whoever wrote of a thing three times writes of it. Of users with
# many documents, the latest are compared.
_NEAREST_DOCUMENTS, _MAX_DOCUMENTS = 3, 200
# Weights of the standardised cosines; those of the user's vector and of the nearest documents are one.
_SEGMENT_WEIGHT, _CATEGORY_WEIGHT, _CLAIM_WEIGHT = 0.5, 0.5, 0.25
_MAX_WHY_CHARS = 160

_log = logging.getLogger(__name__)


class UserSearch:
    """Search in a store, beside a build too; it writes nothing.

    It uses the index that is there, even one older than the ledger: what a profile says is read from the ledger, so
    users who are gone are not found. Without an index that can be used it compares every user.
    """

    def __init__(self, ledger: Ledger, directory: Path) -> None:
        """Search the store at a directory.

        :param ledger: the open ledger of the store; whoever opened it closes it.
        :param directory: the store.
        """
        self._ledger = ledger
        self._index = Index(directory)
        self._exact = ExactSearch(ledger)
        self._warned = False
        self._names: tuple[str, categories.CategoryNames | None] | None = None

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def by_question(self, question: Vectors, n: int, user_filter: UserFilter | None = None) -> list[SearchResult]:
        """Return the users that a question fits best.

        A user is ranked by the cosines of the question and the user's vector, nearest three documents, segment, best
        category and best claim.

        :param question: (n_dims,) float32, L2-normalised.
        :param n: maximum number of users.
        :param user_filter: conditions that every user must meet.
        :return: the best first, each with the reason.
        """
        n_ranked = max(_MIN_RANKED, _RANKED_PER_USER * n)
        cosines = self._nearest("users", question, n_ranked, user_filter)
        ids = list(cosines)
        if not ids:
            return []
        scores = (
            _standardised(ids, cosines)
            + _standardised(ids, self._nearest_documents(ids, question))
            + _SEGMENT_WEIGHT * _standardised(ids, self._segment_cosines(ids, question, n_ranked))
            + _CATEGORY_WEIGHT * _standardised(ids, self._best_categories(ids, question))
            + _CLAIM_WEIGHT * _standardised(ids, self._best_claims(ids, question))
        )
        ranked = (ids[row] for row in np.argsort(-scores, kind="stable"))
        return self._found(ranked, n, cosines, question, user_filter)

    def by_user(self, user_id: str, vector: Vectors, n: int) -> list[SearchResult]:
        """Return the users nearest to a user.

        :param user_id: this user, who is left out.
        :param vector: (n_dims,) float32, L2-normalised: the user's vector.
        :param n: maximum number of users.
        :return: the nearest first, each with what they have in common.
        """
        cosines = self._nearest("users", vector, n + 1)
        return self._found((found for found in cosines if found != user_id), n, cosines, vector)

    def _nearest(
        self, collection: CollectionName, vector: Vectors, n: int, user_filter: UserFilter | None = None
    ) -> dict[str, float]:
        """Do what `Index.nearest` does, by exact search where there is no index that can be used."""
        try:
            return self._index.nearest(collection, vector, n, user_filter, embedder=embedder_of(self._ledger))
        except StoreError as error:
            if not self._warned:
                self._warned = True
                _log.warning("%s; every user is compared instead, which takes longer in a large store", error)
            return self._exact.nearest(collection, vector, n, user_filter)

    def _found(
        self,
        user_ids: Iterable[str],
        n: int,
        cosines: Mapping[str, float],
        wanted: Vectors,
        user_filter: UserFilter | None = None,
    ) -> list[SearchResult]:
        """Return the first `n` of these users who are still in the ledger and meet the conditions there."""
        taxonomy = stored_taxonomy(self._ledger) if user_filter and user_filter.categories else None
        found: list[SearchResult] = []
        for user_id in user_ids:
            if len(found) == n:
                break
            profile = overlay.profile(self._ledger, user_id)
            if profile is None or (user_filter and not user_filter.matches(profile, taxonomy)):
                continue
            found.append(
                SearchResult(
                    user_id=user_id,
                    likeness=round(max(-1.0, min(1.0, cosines[user_id])), 3),
                    segment=profile.segment,
                    status=profile.status,
                    summary=profile.summary,
                    why=self._why(profile, wanted),
                )
            )
        return found

    def _why(self, profile: UserProfile, wanted: Vectors) -> str:
        """Return the claim nearest to what was wanted, with its quote; of a user without claims, own words."""
        vectors: Sequence[ClaimVector] = self._ledger.claims_of([profile.user_id]).get(profile.user_id, [])
        claims = list(profile.iter_claims())
        if not vectors or not claims:
            document = next(iter(self._ledger.user_documents(profile.user_id)), None)
            return f"wrote “{_shortened(document.text)}”" if document else ""
        cosines = {(row.kind, row.text): float(row.vector @ wanted) for row in vectors}
        # What a person has changed since the last build has no vector yet.
        kind, claim = max(claims, key=lambda row: cosines.get((row[0], row[1].text), -1.0))
        quote = f": “{_shortened(claim.evidence[0].quote)}”" if claim.evidence else ""
        return f"{kind} “{claim.words}”{quote}"

    def _nearest_documents(self, user_ids: Sequence[str], question: Vectors) -> dict[str, float]:
        """Return the mean cosine of the question and each user's three nearest documents."""
        owners, texts, items = self._ledger.document_matrix(user_ids, _MAX_DOCUMENTS)
        if not owners:  # All of them have gone since the index was made.
            return {}
        cosines: dict[str, list[float]] = defaultdict(list)
        for owner, cosine in zip(owners, (document_vectors(texts, items) @ question).tolist(), strict=True):
            cosines[owner].append(cosine)
        return {owner: float(np.mean(sorted(own)[-_NEAREST_DOCUMENTS:])) for owner, own in cosines.items()}

    def _segment_cosines(self, user_ids: Sequence[str], question: Vectors, n: int) -> dict[str, float]:
        """Return the cosine of the question and each user's segment; the lowest for users without one."""
        cosines = self._nearest("segments", question, n)
        lowest = min(cosines.values(), default=0.0)
        segment_of = self._ledger.segments_of(user_ids)
        return {user_id: cosines.get(segment_of.get(user_id, ""), lowest) for user_id in user_ids}

    def _best_categories(self, user_ids: Sequence[str], question: Vectors) -> dict[str, float]:
        """Return how much the question is about the category of each user's interests that it is most about."""
        names = self._category_names()
        if names is None:
            return {}
        about = names.z_scores(question)
        categories_of = self._ledger.categories_of(user_ids)
        for user_id in self._ledger.decided_users() & set(user_ids):
            profile = overlay.profile(self._ledger, user_id)
            interests = profile.interests if profile else ()
            categories_of[user_id] = {claim.category.id for claim in interests if claim.category}
        best = {user_id: [about[node] for node in nodes if node in about] for user_id, nodes in categories_of.items()}
        return {user_id: max(values) for user_id, values in best.items() if values}

    def _category_names(self) -> categories.CategoryNames | None:
        """Return what stands for the categories, read again only after something was written to the store."""
        revision = self._ledger.revision()
        if self._names is None or self._names[0] != revision:
            self._names = revision, stored_names(self._ledger)
        return self._names[1]

    def _best_claims(self, user_ids: Sequence[str], question: Vectors) -> dict[str, float]:
        """Return the cosine of the question and each user's best claim that no person has struck or changed."""
        claims, vectors = self._ledger.claim_matrix(user_ids)
        decided = self._ledger.decided_users() & set(user_ids)
        profiles = {user_id: overlay.profile(self._ledger, user_id) for user_id in decided}
        texts = {
            user_id: {claim.text for _, claim in profile.iter_claims()} if profile else set()
            for user_id, profile in profiles.items()
        }
        best: dict[str, float] = {}
        for (user_id, text), cosine in zip(claims, (vectors @ question).tolist() if claims else (), strict=True):
            if (user_id not in texts or text in texts[user_id]) and cosine > best.get(user_id, -2.0):
                best[user_id] = cosine
        return best


def embedder_of(ledger: Ledger) -> str:
    """Return the SHA-256 of the file of the embedder that a store was made with, empty if there is none yet.

    :param ledger: of the store.
    """
    return str((ledger.get_meta("embedder") or {}).get("sha256", ""))


def _standardised(ids: Sequence[str], scores: Mapping[str, float]) -> Vectors:
    """Return the scores of the users in standard deviations from their mean; who has none has the lowest."""
    lowest = min(scores.values(), default=0.0)
    values = np.array([scores.get(user_id, lowest) for user_id in ids], np.float32)
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6), np.float32)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_WHY_CHARS else line[: _MAX_WHY_CHARS - 1].rstrip() + "…"
