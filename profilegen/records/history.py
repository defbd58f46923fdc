"""What changed in a store from build to build."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from profilegen.records import Claim, Record, SegmentChange, Stance, Trend, claim_words


class ClaimState(Record):
    """A claim at the end of a build, without its quotes.

    :param kind: of the claim.
    :param text: its words.
    :param stance: what the text completes.
    :param support: 0 to 1.
    :param trend: as of `Claim`.
    :param first: day of the first document that shows it.
    :param last: day of the last one.
    :param documents: ids of the documents of its quotes. A state without any that is in the store is not kept.
    """

    kind: str
    text: str
    stance: Stance = "is"
    support: float
    trend: Trend | None = None
    first: str | None = None
    last: str | None = None
    documents: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, claim: Claim) -> ClaimState:
        """Return the state of a claim.

        :param kind: of the claim.
        :param claim: as the machine wrote it.
        """
        return cls(
            kind=kind,
            text=claim.text,
            stance=claim.stance,
            support=claim.support,
            trend=claim.trend,
            first=claim.first,
            last=claim.last,
            documents=tuple(dict.fromkeys(each.document for each in claim.evidence)),
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the other claims of its user."""
        return self.kind, self.text, self.stance

    @property
    def words(self) -> str:
        """The text as pages show it, as of `Claim`."""
        return claim_words(self.stance, self.text)


class ClaimChange(Record):
    """What became of a claim.

    :param change: `came`; `went`; `ended`, by later words of the user; `reworded`; or `changed`: its trend, or its
        support by a tenth or more.
    :param before: as it was; None of one that came.
    :param after: as it is; None of one that went or ended.
    :param ended: day of the words that ended it.
    """

    change: Literal["came", "went", "ended", "reworded", "changed"]
    before: ClaimState | None = None
    after: ClaimState | None = None
    ended: str | None = None


class UserChange(Record):
    """What changed about a user.

    :param user_id: the user.
    :param is_new: whether the user had no profile before.
    :param claims: the claims that changed; of a new user, all.
    :param segment_before: id of the segment of before, None without one.
    :param segment: id of the segment of now.
    """

    user_id: str
    is_new: bool = False
    claims: tuple[ClaimChange, ...] = ()
    segment_before: str | None = None
    segment: str | None = None


class NumberedBuild(Record):
    """A build of the store.

    :param number: counted from 1, builds without changes too.
    :param finished: when it finished, in UTC.
    :param users: users after it.
    :param documents: documents after it.
    :param changed: whether it changed anything.
    """

    number: int
    finished: datetime
    users: int
    documents: int
    changed: bool


class StoreDiff(Record):
    """What changed from the end of one build to the end of another.

    :param before: the earlier build.
    :param after: the later build.
    :param users: the users of whom something changed, in order of id.
    :param segments: segments that split, merged, appeared or vanished.
    """

    before: NumberedBuild
    after: NumberedBuild
    users: tuple[UserChange, ...] = ()
    segments: tuple[SegmentChange, ...] = ()


class UserBuild(Record):
    """What a build changed about one user.

    :param build: the build.
    :param change: what it changed.
    """

    build: NumberedBuild
    change: UserChange
