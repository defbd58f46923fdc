"""How well a criterion fits: of how many users a verifier says that their claims show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from profilegen.backends import Verifier
from profilegen.language.predicates import predicate
from profilegen.segments.group_claims import UserClaims

_MAX_TEXTS = 8


class Fit(NamedTuple):
    """Shares of users whom a criterion fits, 0 to 1: of members, and of others."""

    members: float
    others: float


def fit_of(criterion: str, members: Sequence[UserClaims], others: Sequence[UserClaims], verifier: Verifier) -> Fit:
    """Return the share of members and of others whom a criterion fits.

    :param criterion: a predicate, such as "likes slow films".
    :param members: of the group that the criterion is of.
    :param others: other users.
    :param verifier: tells whether claims and quotes show it.
    """
    fits = fitting_users(criterion, [*members, *others], verifier)
    return Fit(_share(fits[: len(members)]), _share(fits[len(members) :]))


def fitting_users(criterion: str, users: Sequence[UserClaims], verifier: Verifier) -> list[bool]:
    """Return of which users one of their quotes, or all of their claims together, show a criterion.

    :param criterion: a predicate, such as "likes slow films".
    :param users: of any groups.
    :param verifier: called once.
    """
    texts = [(at, text) for at, user in enumerate(users) for text in _texts(user)]
    verdicts = verifier.verify([(text, criterion) for _, text in texts])
    fitting = {at for (at, _), verdict in zip(texts, verdicts, strict=True) if verdict.label == "shown"}
    return [at in fitting for at in range(len(users))]


def _texts(user: UserClaims) -> list[str]:
    """Return what a verifier reads of a user: all claims, one a line, and the best quote of each."""
    predicates = [predicate(claim.stance, claim.text, user.language) for _, claim in user.claims]
    quotes = [claim.evidence[0].quote for _, claim in user.claims if claim.evidence and claim.evidence[0].quote]
    return [text for text in ("\n".join(predicates), *quotes) if text][:_MAX_TEXTS]


def _share(fits: Sequence[bool]) -> float:
    return sum(fits) / len(fits) if fits else 0.0
