"""The nouns of profilegen as frozen, validated records: what is read, what is said of a user, what is reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["interest", "value", "lifestyle"]
Status = Literal["ok", "insufficient", "failed"]


class Record(BaseModel):
    """Immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Document(Record):
    """One text of one user, with what came with it. `text` is as stored: cleaned, never cut."""

    id: str
    user_id: str
    text: str
    language: str = "und"
    title: str | None = None
    item_id: str | None = None
    item_title: str | None = None
    brand: str | None = None
    rating: float | None = None
    price: float | None = None
    timestamp: datetime | None = None
    event: str | None = None
    channel: str | None = None
    image: str | None = None


class Evidence(Record):
    """The words a claim rests on: `quote` stands word for word in the `text` of the named document."""

    document: str
    quote: str


class Category(Record):
    """The node of a published taxonomy that an interest belongs to."""

    scheme: str
    id: str
    name: str


class Word(Record):
    """What a person said of a claim that stands. `wrote` is what the machine wrote, where a person changed it."""

    verdict: Literal["approved", "edited", "added"]
    by: str
    at: datetime
    wrote: str | None = None


class Claim(Record):
    """One thing a profile says. `support` is 0 to 1; docs/architecture.md says how it is computed.

    `trait` is what the claim is called alone, where `text` says more in brackets: of a value, in what the user looks
    for it, "ease of use (coffee makers)"; of the name of a work, its kind, "Ice Age (film)"; of an interest, which it
    is, "gift card (Red Robin, Best Buy)".
    """

    text: str
    trait: str | None = None
    category: Category | None = None
    support: float = Field(ge=0, le=1)
    evidence: tuple[Evidence, ...]
    reviewed: Word | None = None

    @property
    def name(self) -> str:
        """What the claim has in common with those of other users."""
        return self.trait or self.text


class Behaviour(Record):
    """Figures computed from a user's documents, never by the writer. Dates are ISO days, hours are as given."""

    documents: int
    first: str | None = None
    last: str | None = None
    per_month: float | None = None
    spend: float | None = None
    mean_rating: float | None = None
    low_ratings: float | None = None
    active_hours: tuple[int, ...] = ()


class BuiltWith(Record):
    """What a profile was made with.

    `summary` says who phrased it, the writer or the template of a language; `taxonomy` which version of which scheme
    the categories of the interests are of.
    """

    embedder: str
    writer: str
    prompt: str
    summary: Literal["writer", "template", "none"]
    taxonomy: str | None = None


class CategoryCount(Record):
    """How many users have an interest of a category."""

    category: Category
    users: int


class Review(Record):
    """What persons decided on a profile: how many claims, an open flag's note, who, and when last."""

    approved: int = 0
    edited: int = 0
    struck: int = 0
    added: int = 0
    flag: str | None = None
    by: tuple[str, ...]
    last: datetime


class UserProfile(Record):
    """What is said of one user. `segment_assigned` marks a user whom HDBSCAN called noise."""

    user_id: str
    status: Status
    reason: str | None = None
    language: str
    segment: str | None = None
    segment_confidence: float | None = None
    segment_assigned: bool = False
    interests: tuple[Claim, ...] = ()
    values: tuple[Claim, ...] = ()
    lifestyle: tuple[Claim, ...] = ()
    behaviour: Behaviour
    summary: str = ""
    reviewed: Review | None = None
    built_with: BuiltWith

    def claims(self) -> Iterator[tuple[Kind, Claim]]:
        """Give every claim with its kind, interests first."""
        return _claims(self)


class Segment(Record):
    """A cluster of users. `members` are user ids, the most typical first; `exemplars` are document ids.

    `categories` count its members by what their interests are of, the most frequent first.
    """

    id: str
    name: str
    size: int
    language: str
    interests: tuple[Claim, ...] = ()
    values: tuple[Claim, ...] = ()
    lifestyle: tuple[Claim, ...] = ()
    summary: str = ""
    keyphrases: tuple[str, ...] = ()
    categories: tuple[CategoryCount, ...] = ()
    members: tuple[str, ...] = ()
    exemplars: tuple[str, ...] = ()
    built_with: BuiltWith

    def claims(self) -> Iterator[tuple[Kind, Claim]]:
        """Give every claim with its kind, interests first."""
        return _claims(self)


def _claims(told: UserProfile | Segment) -> Iterator[tuple[Kind, Claim]]:
    for claim in told.interests:
        yield "interest", claim
    for claim in told.values:
        yield "value", claim
    for claim in told.lifestyle:
        yield "lifestyle", claim


class Found(Record):
    """A user that was searched for. `likeness` is the cosine of query and user, `why` a line for a person."""

    user_id: str
    likeness: float
    segment: str | None
    status: Status
    summary: str
    why: str


class BadLine(Record):
    """An input line that was skipped, and why."""

    file: str
    line: int
    reason: str


class BuildReport(Record):
    """What a build did. Times are wall-clock seconds a stage."""

    documents: int
    users: int
    ok: int
    insufficient: int
    failed: int
    segments: int
    embedded: int
    written: int
    categorised: int = 0
    removed_users: int
    duplicates: int
    bad_lines: int
    bad_examples: tuple[BadLine, ...] = ()
    embedder: str
    embedder_reason: str
    writer: str
    changed: bool
    seconds: dict[str, float]
