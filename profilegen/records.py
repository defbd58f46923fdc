"""The nouns of profilegen as frozen, validated records: what is read, what is said of a user, what is reported."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

T = TypeVar("T")


class ClaimKind(NamedTuple):
    """A kind of claim.

    :param name: what one such claim is called.
    :param key: under which JSON, exports and prompts hold the claims of this kind.
    :param heading: above them on a page.
    :param traits: file in `prompts/` of the traits that such claims are chosen from, None where they are not.
    """

    name: str
    key: str
    heading: str
    traits: str | None = None


KINDS: Mapping[str, ClaimKind] = {
    kind.name: kind
    for kind in (
        ClaimKind("interest", "interests", "Interests"),
        ClaimKind("value", "values", "Values", traits="values.toml"),
        ClaimKind("lifestyle", "lifestyle", "Lifestyle", traits="lifestyle.toml"),
    )
}
"""The kinds of claims by name, in the order in which a profile gives them. A new kind is one line here."""


def _known_kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"there is no kind of claim {name!r}; the kinds are {', '.join(KINDS)}")
    return name


Kind = Annotated[str, AfterValidator(_known_kind)]
"""The name of a kind of claim."""

Status = Literal["ok", "insufficient", "failed"]


class Record(BaseModel):
    """Immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def exported_fields(cls) -> dict[str, Any]:
        """Return the keys of the record in JSON, in order, with the type of each."""
        return {name: field.annotation for name, field in cls.model_fields.items()}


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


class ClaimReview(Record):
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
    reviewed: ClaimReview | None = None

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


class ClaimHolder(Record):
    """A record with claims by kind, which JSON holds under the key of each kind (`interests`, `values`, …).

    :param claims: every kind of `KINDS` in order, with its claims, the best supported first.
    """

    if TYPE_CHECKING:  # Each record declares it at its place among the other fields.
        claims: Mapping[Kind, tuple[Claim, ...]]

    def iter_claims(self) -> Iterator[tuple[Kind, Claim]]:
        """Give every claim with its kind, interests first."""
        return ((kind, claim) for kind, claims in self.claims.items() for claim in claims)

    def with_claims(self, claims: Mapping[Kind, Sequence[Claim]], **update: Any) -> Self:
        """Return a copy with other claims.

        :param claims: those of some kinds by name; the other kinds keep theirs.
        :param update: other fields of the copy, as of pydantic's `model_copy`.
        """
        merged = {kind: tuple(claims.get(kind, self.claims.get(kind, ()))) for kind in KINDS}
        return self.model_copy(update={"claims": merged, **update})

    @property
    def interests(self) -> tuple[Claim, ...]:
        """The claims of kind `interest`."""
        return self.claims["interest"]

    @property
    def values(self) -> tuple[Claim, ...]:
        """The claims of kind `value`."""
        return self.claims["value"]

    @property
    def lifestyle(self) -> tuple[Claim, ...]:
        """The claims of kind `lifestyle`."""
        return self.claims["lifestyle"]

    @classmethod
    def exported_fields(cls) -> dict[str, Any]:
        """Return the keys of the record in JSON, in order, with the type of each."""
        fields: dict[str, Any] = {}
        for name, annotation in super().exported_fields().items():
            fields |= {kind.key: annotation for kind in KINDS.values()} if name == "claims" else {name: annotation}
        return fields

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: Any) -> Any:
        """Take the claims of each kind from under its key."""
        if not isinstance(data, dict):
            return data
        keys = {kind.key: kind.name for kind in KINDS.values()}
        by_kind = {keys[key]: value for key, value in data.items() if key in keys}
        rest = {key: value for key, value in data.items() if key not in keys}
        return rest | {"claims": {**rest.get("claims", {}), **by_kind}}

    @field_validator("claims", check_fields=False)
    @classmethod
    def _complete(cls, claims: Mapping[Kind, tuple[Claim, ...]]) -> Mapping[Kind, tuple[Claim, ...]]:
        return {kind: claims.get(kind, ()) for kind in KINDS}

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Put the claims of each kind under its key."""
        plain: dict[str, Any] = {}
        for name, value in handler(self).items():
            if name == "claims":
                plain |= {KINDS[kind].key: claims for kind, claims in value.items()}
            else:
                plain[name] = value
        return plain


class UserProfile(ClaimHolder):
    """The profile of one user. `segment_assigned` marks a user whom HDBSCAN called noise."""

    user_id: str
    status: Status
    reason: str | None = None
    language: str
    segment: str | None = None
    segment_confidence: float | None = None
    segment_assigned: bool = False
    claims: Mapping[Kind, tuple[Claim, ...]] = Field(default_factory=dict, validate_default=True)
    behaviour: Behaviour
    summary: str = ""
    reviewed: Review | None = None
    built_with: BuiltWith


class Segment(ClaimHolder):
    """A cluster of users. `members` are user ids, the most typical first; `exemplars` are document ids.

    `categories` count its members by what their interests are of, the most frequent first.
    """

    id: str
    name: str
    size: int
    language: str
    claims: Mapping[Kind, tuple[Claim, ...]] = Field(default_factory=dict, validate_default=True)
    summary: str = ""
    keyphrases: tuple[str, ...] = ()
    categories: tuple[CategoryCount, ...] = ()
    members: tuple[str, ...] = ()
    exemplars: tuple[str, ...] = ()
    built_with: BuiltWith


class SearchResult(Record):
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


class SkippedFile(Record):
    """A file in an input directory that was not read, and why."""

    file: str
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
    skipped_files: int = 0
    skipped_examples: tuple[SkippedFile, ...] = ()
    embedder: str
    embedder_reason: str
    writer: str
    changed: bool
    seconds: dict[str, float]


Action = Literal["approve", "edit", "strike", "add", "undo", "flag", "unflag", "rewrite", "rename"]
Subject = tuple[str, str, str]
"""What a decision is about: a claim (user id, kind, text), a profile (user id, "", "") or a segment ("", "", id)."""

MAX_CLAIM_CHARS, MAX_NOTE_CHARS, MAX_NAME_CHARS = 300, 2_000, 100
"""What a person may type."""
MAX_TEXT_CHARS, MAX_EVIDENCE = 4_000, 10
"""What a decision may carry of a claim that the machine wrote: characters of its text and of each quote, and quotes."""
UNSEEN = "0"
"""The version of what nobody has decided on yet."""

STORED = "stored"
"""The validation context of decisions that are in a store already: those of earlier versions stay readable."""

_ON_CLAIMS = {"approve", "edit", "strike", "add"}
_MAX_WORDS = {"edit": MAX_CLAIM_CHARS, "flag": MAX_NOTE_CHARS, "rename": MAX_NAME_CHARS}
_MAX_ID_CHARS = 64
_EARLIEST, _CLOCK_SKEW = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=1)


def batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give rows as lists.

    :param rows: records, or anything else.
    :param size: how many are in a list; the last has what is left.
    """
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch


def one_line(text: str) -> str:
    """Return what a person typed as one line without control characters; also what may not be stored as UTF-8."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.encode("utf-8", "replace").decode().split())


class Decision(Record):
    """One thing a person decided, and when. What `words` holds depends on the action.

    `claim` is the claim as it stood, with its evidence, so that it can outlive what the machine writes next;
    `words` are the new words of an edited claim, the note of a flag or the name of a segment; `undoes` is the id
    of the decision that is taken back.
    """

    id: str = Field(default_factory=lambda: uuid.uuid4().hex, min_length=1, max_length=_MAX_ID_CHARS)
    at: Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))] = Field(
        default_factory=lambda: datetime.now(UTC)
    )
    by: Annotated[str, AfterValidator(one_line), Field(min_length=1, max_length=MAX_NAME_CHARS)]
    action: Action
    user_id: str = ""
    segment: str = ""
    kind: Kind | None = None
    text: str = ""
    claim: Claim | None = None
    words: Annotated[str, AfterValidator(one_line), Field(max_length=MAX_NOTE_CHARS)] = ""
    undoes: Annotated[str, Field(max_length=_MAX_ID_CHARS)] = ""

    @property
    def subject(self) -> Subject:
        """Return what this is about; decisions about the same follow each other in versions."""
        return (self.user_id, self.kind or "", self.text) if self.user_id else ("", "", self.segment)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.user_id) == bool(self.segment) or (self.action == "rename") != bool(self.segment):
            raise ValueError("a rename needs a segment, everything else a user")
        if self.action in _ON_CLAIMS and not (self.kind and self.text and self.claim):
            raise ValueError(f"{self.action} needs the kind, the text and the claim")
        if self.action == "undo" and not (self.kind and self.text):
            raise ValueError("an undo names the kind and the text of the claim")
        if self.action in {"edit", "rename"} and not self.words.strip():
            raise ValueError(f"{self.action} needs words")
        if (self.action == "undo") != bool(self.undoes):
            raise ValueError("an undo names the decision it takes back, and nothing else does")
        return self

    @model_validator(mode="after")
    def _could_be_typed(self, info: ValidationInfo) -> Self:
        """Refuse what the review page would not have let a person decide, as a file of decisions may hold anything."""
        if info.context != STORED:
            self._check_plain_fields()
            if self.claim is not None:
                _check_claim(self.claim)
        return self

    def _check_plain_fields(self) -> None:
        if not _EARLIEST <= self.at <= datetime.now(UTC) + _CLOCK_SKEW:
            raise ValueError("the time is before 1970 or in the future")
        if any(one_line(id_) != id_ or id_ == UNSEEN for id_ in (self.id, self.undoes)):
            raise ValueError("an id is not one line of printable characters")
        if self.action not in {*_ON_CLAIMS, "undo"} and (self.kind or self.text):
            raise ValueError(f"{self.action} is not about a claim")
        if self.action not in _ON_CLAIMS and self.claim:
            raise ValueError(f"{self.action} carries no claim")
        if (self.action in _MAX_WORDS) != bool(self.words):
            raise ValueError(f"{self.action} needs words" if not self.words else f"{self.action} has no words")
        if len(self.words) > _MAX_WORDS.get(self.action, 0):
            raise ValueError(f"the words have more than {_MAX_WORDS[self.action]:,} characters")
        if len(self.text) > MAX_TEXT_CHARS:
            raise ValueError(f"the text has more than {MAX_TEXT_CHARS:,} characters")
        if self.action == "add" and (
            self.claim is None
            or self.claim.text != self.text
            or one_line(self.text) != self.text
            or len(self.text) > MAX_CLAIM_CHARS
        ):
            raise ValueError(f"an added claim is one line of at most {MAX_CLAIM_CHARS} printable characters")


def _check_claim(claim: Claim) -> None:
    """Refuse a claim that no machine wrote and no person could add."""
    category = (claim.category.scheme, claim.category.id, claim.category.name) if claim.category else ()
    texts = [
        claim.text,
        claim.trait or "",
        *category,
        *(part for row in claim.evidence for part in (row.document, row.quote)),
    ]
    if any(len(text) > MAX_TEXT_CHARS for text in texts):
        raise ValueError(f"the claim has a text of more than {MAX_TEXT_CHARS:,} characters")
    if len(claim.evidence) > MAX_EVIDENCE:
        raise ValueError(f"the claim has more than {MAX_EVIDENCE} quotes")
    if claim.reviewed is not None:
        raise ValueError("the claim is not as the machine wrote it")
