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


class Claim(Record):
    """One thing a profile says. `support` is 0 to 1; docs/architecture.md says how it is computed."""

    text: str
    category: Category | None = None
    support: float = Field(ge=0, le=1)
    evidence: tuple[Evidence, ...]


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
    """What a profile was made with. `summary` says who phrased it: the writer, or the template of a language."""

    embedder: str
    writer: str
    prompt: str
    summary: Literal["writer", "template", "none"]


class _Told(Record):
    """What users' and segments' profiles have in common."""

    interests: tuple[Claim, ...] = ()
    values: tuple[Claim, ...] = ()
    lifestyle: tuple[Claim, ...] = ()
    summary: str = ""

    def claims(self) -> Iterator[tuple[Kind, Claim]]:
        """Give every claim with its kind, interests first."""
        for claim in self.interests:
            yield "interest", claim
        for claim in self.values:
            yield "value", claim
        for claim in self.lifestyle:
            yield "lifestyle", claim


class UserProfile(_Told):
    """What is said of one user. `segment_assigned` marks a user whom HDBSCAN called noise."""

    user_id: str
    status: Status
    reason: str | None = None
    language: str
    segment: str | None = None
    segment_confidence: float | None = None
    segment_assigned: bool = False
    behaviour: Behaviour
    reviewed: None = None
    built_with: BuiltWith


class Segment(_Told):
    """A cluster of users. `members` are user ids, the most typical first; `exemplars` are document ids."""

    id: str
    name: str
    size: int
    language: str
    keyphrases: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    exemplars: tuple[str, ...] = ()
    built_with: BuiltWith


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
    removed_users: int
    duplicates: int
    bad_lines: int
    bad_examples: tuple[BadLine, ...] = ()
    embedder: str
    embedder_reason: str
    writer: str
    changed: bool
    seconds: dict[str, float]
