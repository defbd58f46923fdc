"""The part of the profiles stage that gives claims of several users who say the same one name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from profilegen.claims.shared_names import Wording, shared_names
from profilegen.records import Claim, UserProfile, batches
from profilegen.store.ledger import Ledger
from profilegen.vectors import Vectors

# More wordings than this keep their own words: their vectors would take more than half a gigabyte.
_MAX_WORDINGS = 300_000
_USERS_PER_BATCH = 256
_Key = tuple[str, str, str, str]


def share_names(ledger: Ledger, centre: Vectors) -> None:
    """Store with each claim the name that it shares with the claims of other users.

    :param ledger: has the profiles of all users.
    :param centre: (n_dims,) float32, `SpecialSubjects.centre` of the store's embedder.
    """
    counts: Counter[_Key] = Counter()
    for profile in ledger.iter_profiles():
        counts.update({_key(kind, claim, profile.language) for kind, claim in profile.iter_claims()})
    common = [key for key, _ in counts.most_common(_MAX_WORDINGS)]
    if not common:
        return
    vectors = _vectors(ledger, set(common))
    wordings = [Wording(*key, users=counts[key]) for key in common if key in vectors]
    matrix = np.array([vectors[wording[:4]] for wording in wordings], np.float32)
    names = {wording[:4]: name for wording, name in zip(wordings, shared_names(wordings, matrix, centre), strict=True)}
    ledger.put_categories(_renamed(ledger, names))


def _vectors(ledger: Ledger, wanted: set[_Key]) -> dict[_Key, Vectors]:
    """Return the vectors of wordings, each of one of its claims."""
    found: dict[_Key, Vectors] = {}
    for profiles in batches(ledger.iter_profiles(), _USERS_PER_BATCH):
        rows = ledger.claims_of([profile.user_id for profile in profiles])
        for profile in profiles:
            by_text = {(row.kind, row.text): row.vector for row in rows.get(profile.user_id, ())}
            for kind, claim in profile.iter_claims():
                key = _key(kind, claim, profile.language)
                if key in wanted and key not in found and (kind, claim.text) in by_text:
                    found[key] = by_text[kind, claim.text]
    return found


def _renamed(ledger: Ledger, names: Mapping[_Key, str]) -> Iterator[UserProfile]:
    """Yield the profiles in which a claim gets another name."""
    for profile in ledger.iter_profiles():
        claims: dict[str, list[Claim]] = {}
        for kind, claim in profile.iter_claims():
            name = names.get(_key(kind, claim, profile.language), claim.text)
            own = None if name == claim.text else name
            claims.setdefault(kind, []).append(claim if claim.name == own else claim.model_copy(update={"name": own}))
        renamed = profile.with_claims(claims)
        if renamed != profile:
            yield renamed


def _key(kind: str, claim: Claim, language: str) -> _Key:
    return kind, claim.stance, language, claim.text
