"""Claims about groups of users: whom each is true of, and how much it sets a group apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from profilegen.language.predicates import predicate
from profilegen.records import Category, Claim, Evidence, Kind, Stance
from profilegen.vectors import Vectors

# The claims of more members are not compared, so that the work grows with the number of groups and not of users.
MAX_MEMBERS = 128
_MAX_QUOTES = 3
# Persons that the prior of the log-odds counts as.
_PRIOR = 10.0
# A claim sets a group apart if its log-odds are this many standard errors above zero.
_DISTINCTIVE_Z = 1.0


@dataclass(frozen=True)
class UserClaims:
    """The claims of a user.

    :param user_id: the user.
    :param language: ISO 639-1 code of the language of the claims.
    :param claims: (kind, claim) pairs.
    :param vectors: (n_claims, n_dims) float32, rows L2-normalised: the texts of the claims.
    """

    user_id: str
    language: str
    claims: tuple[tuple[Kind, Claim], ...]
    vectors: Vectors


@dataclass(frozen=True)
class SharedClaim:
    """A claim about a group.

    :param kind: its kind.
    :param stance: what the text completes.
    :param text: in the language of the group.
    :param language: ISO 639-1 code of that language.
    :param users: ids of the members whom it is true of.
    :param share: share of the members with claims whom it is true of, 0 to 1.
    :param elsewhere: share of the users outside the group whom it is true of, 0 to 1.
    :param z: log-odds of members against others, in standard errors; members count by how near their claims are.
    :param evidence: quotes of several members.
    :param category: category that most of these members' claims have.
    """

    kind: Kind
    stance: Stance
    text: str
    language: str
    users: tuple[str, ...]
    share: float
    elsewhere: float
    z: float
    evidence: tuple[Evidence, ...] = ()
    category: Category | None = None

    @property
    def is_distinctive(self) -> bool:
        """Whether it sets the group apart."""
        return self.z >= _DISTINCTIVE_Z

    @property
    def predicate(self) -> str:
        """The claim in words, without subject."""
        return predicate(self.stance, self.text, self.language)

    def claim(self) -> Claim:
        """Return the claim for the record of a segment; its support is the share of members."""
        return Claim(
            text=self.text,
            stance=self.stance,
            category=self.category,
            support=round(self.share, 2),
            evidence=self.evidence,
        )


@dataclass(frozen=True)
class GroupClaims:
    """What is true of the members of a group.

    :param group_id: the group.
    :param language: ISO 639-1 code of the language that most members write in.
    :param n_members: number of members.
    :param n_compared: number of members with claims that were compared.
    :param shared: claims that enough members share, those that set the group apart most first.
    :param scattered: the commonest claims that too few share; nothing to be said of the group.
    :param examples: predicates of a few members, the most typical first.
    """

    group_id: str
    language: str
    n_members: int
    n_compared: int
    shared: tuple[SharedClaim, ...] = ()
    scattered: tuple[SharedClaim, ...] = ()
    examples: tuple[tuple[str, ...], ...] = ()

    @property
    def distinctive(self) -> tuple[SharedClaim, ...]:
        """The shared claims that set the group apart; without any, its members are a mixture."""
        return tuple(claim for claim in self.shared if claim.is_distinctive)


def least_members(n_members: int) -> int:
    """Return how many members a claim must be true of to be said of a group: a third and three, of four or less most.

    :param n_members: members with claims, at least one.
    """
    return max(min(3, n_members // 2 + 1), math.ceil(n_members / 3))


def sample_members(member_ids: Sequence[str]) -> list[str]:
    """Return the members whose claims are compared: all, or of many an even sample from the typical to the rest.

    :param member_ids: the most typical first.
    """
    step = max(1, math.ceil(len(member_ids) / MAX_MEMBERS))
    return list(member_ids[::step])


def log_odds_z(inside: float, n_inside: int, outside: float, n_outside: int) -> float:
    """Return the log-odds of a claim among members against others, in standard errors; without others, the share.

    :param inside: members whom it is true of.
    :param n_inside: all members.
    :param outside: others whom it is true of.
    :param n_outside: all others.
    """
    if not n_outside:
        return inside / n_inside * 10
    prior = _PRIOR * (inside + outside + 0.5) / (n_inside + n_outside + 1)
    odds = [
        math.log((count + prior) / (total + _PRIOR - count - prior))
        for count, total in ((inside, n_inside), (outside, n_outside))
    ]
    return (odds[0] - odds[1]) / math.sqrt(1 / (inside + prior) + 1 / (outside + prior))


def best_evidence(rows: Iterable[tuple[int, Claim]]) -> tuple[Evidence, ...]:
    """Return the first quotes of the claims of several users, a quote a user, the best supported claims first.

    :param rows: (user, claim) pairs.
    """
    by_user: dict[int, Claim] = {}
    for owner, claim in sorted(rows, key=lambda row: (-row[1].support, row[0])):
        if claim.evidence:
            by_user.setdefault(owner, claim)
    return tuple(claim.evidence[0] for claim in by_user.values())[:_MAX_QUOTES]
