"""The data of profilegen as frozen, validated records: documents, claims, profiles, segments, reports and decisions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    computed_field,
    field_validator,
    model_serializer,
    model_validator,
)

from profilegen.records.facets import KINDS as KINDS
from profilegen.records.facets import Facet as Facet
from profilegen.records.facets import checked_kind
from profilegen.records.facets import kind_named as kind_named

T = TypeVar("T")

Kind = Annotated[str, AfterValidator(checked_kind)]
"""The name of a kind of claim."""

Status = Literal["ok", "insufficient", "failed"]


class Record(BaseModel):
    """Base of all records: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def exported_fields(cls) -> dict[str, Any]:
        """Return the keys of the record in JSON, in order, with the type of each."""
        return {name: field.annotation for name, field in cls.model_fields.items()}


class Document(Record):
    """One text of one user, with the other columns of its row.

    :param id: unique in the store: the user id and a hash of text and item.
    :param user_id: the author.
    :param text: the text, cleaned and never truncated; a title where a row has no text.
    :param language: ISO 639-1 code of the text, `und` if unknown.
    :param title: heading of the text.
    :param item_id: id of the item that the text is about.
    :param item_title: title of that item.
    :param brand: brand of that item.
    :param rating: the author's rating of the item, on the scale of the source, from 0 or 1 on.
    :param rating_scale: the best rating of that scale; 5 where there is no rating.
    :param price: price of the item, in the currency of the source.
    :param timestamp: time of writing, with the source's UTC offset.
    :param event: kind of event, such as `purchase`.
    :param channel: where it happened, such as `web`.
    :param image: URL or path of an image.
    """

    id: str
    user_id: str
    text: str
    language: str = "und"
    title: str | None = None
    item_id: str | None = None
    item_title: str | None = None
    brand: str | None = None
    rating: float | None = None
    rating_scale: float = Field(default=5.0, gt=0)
    price: float | None = None
    timestamp: datetime | None = None
    event: str | None = None
    channel: str | None = None
    image: str | None = None

    @property
    def stars(self) -> float | None:
        """The rating as stars of five, in which ratings of all sources are compared; None without one."""
        if self.rating is None or not 0 <= self.rating <= self.rating_scale:
            return None
        return self.rating * 5 / self.rating_scale


class Evidence(Record):
    """A quote that supports a claim.

    :param document: id of the document.
    :param quote: part of the document's `text`, word for word; of a title, the title.
    :param verdict: the probability that the claim is true, from this quote, 0 to 1; None if a person chose it.
    """

    document: str
    quote: str
    verdict: float | None = Field(default=None, ge=0, le=1)


class Category(Record):
    """The category of an interest.

    :param scheme: name and version of the taxonomy, such as `iab-audience-1.1`.
    :param id: id of the category in the taxonomy.
    :param name: name of the category in the language of the profile.
    """

    scheme: str
    id: str
    name: str


class ClaimReview(Record):
    """A reviewer's decision on a claim that was not struck.

    :param verdict: what the reviewer did.
    :param by: name of the reviewer.
    :param at: time of the decision, in UTC.
    :param wrote: text of the claim before the reviewer edited it.
    """

    verdict: Literal["approved", "edited", "added"]
    by: str
    at: datetime
    wrote: str | None = None


Stance = Literal["likes", "dislikes", "wants", "avoids", "is"]
"""What the text of a claim completes; with `is` it is a predicate already, such as "works nights"."""
STANCES: tuple[Stance, ...] = ("likes", "dislikes", "wants", "avoids", "is")
NEGATIVE_STANCES: frozenset[Stance] = frozenset({"dislikes", "avoids"})
"""The stances against something. A claim against it never says the same as one for it."""
Trend = Literal["lasting", "recent", "fading"]
"""How the evidence of a claim lies in time; docs/history.md has the rule."""


def claim_words(stance: Stance, text: str) -> str:
    """Return the text of a claim as pages show it, after its stance where that is not plain: "dislikes: glitter".

    :param stance: what the text completes.
    :param text: of the claim.
    """
    return text if stance in {"is", "likes"} else f"{stance}: {text}"


class Claim(Record):
    """One statement of a profile.

    :param text: the statement in the language of the user, without subject, such as "hiking with children".
    :param stance: what the text completes: the user *likes* hiking with children.
    :param name: words that the claims of several users share who say the same, if other than `text`.
    :param category: category of an interest.
    :param support: 0 to 1, the probability that the claim is true; docs/architecture.md describes how it is computed.
    :param first: day of the first document that shows it, as in `2025-03-01`.
    :param last: day of the last one.
    :param trend: whether it is lasting, recent or fading; None where dates do not tell.
    :param evidence: quotes, those that support the claim most first.
    :param reviewed: the decision of a reviewer.
    """

    text: str
    stance: Stance = "is"
    name: str | None = None
    category: Category | None = None
    support: float = Field(ge=0, le=1)
    first: str | None = None
    last: str | None = None
    trend: Trend | None = None
    evidence: tuple[Evidence, ...]
    reviewed: ClaimReview | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def polarity(self) -> Literal["positive", "negative"]:
        """Whether the claim is for something or against it."""
        return "negative" if self.stance in NEGATIVE_STANCES else "positive"

    @property
    def words(self) -> str:
        """The text as pages show it, as of `claim_words`."""
        return claim_words(self.stance, self.text)

    @property
    def shared_name(self) -> str:
        """The words that claims of several users have in common: `name`, or else `text`."""
        return self.name or self.text

    @model_validator(mode="before")
    @classmethod
    def _without_computed(cls, data: Any) -> Any:
        """Read the JSON of a claim, in which the polarity stands too."""
        return {key: value for key, value in data.items() if key != "polarity"} if isinstance(data, dict) else data


class PastClaim(Record):
    """A claim that the user's later words ended.

    :param kind: of the claim.
    :param claim: as it was.
    :param ended: day of the document that ended it, as in `2025-03-01`.
    :param by: the words that ended it; their verdict is the verifier's probability that they contradict the claim.
    """

    kind: Kind
    claim: Claim
    ended: str
    by: Evidence


class Sentence(Record):
    """A sentence of a summary.

    :param text: the sentence.
    :param claims: positions, from 0, of the claims that it tells, among all claims of the profile in their order.
    """

    text: str
    claims: tuple[int, ...] = ()


class LeftOut(Record):
    """Numbers of the notes that are no claims.

    :param not_shown: the quoted words do not show them.
    :param contradicted: the quoted words say the contrary.
    :param held_back: about special subjects, such as health or faith, or with what identifies a person.
    """

    not_shown: int = 0
    contradicted: int = 0
    held_back: int = 0


class Behaviour(Record):
    """Figures that are computed from a user's documents; None and `()` stand for what the documents do not show.

    :param documents: number of documents.
    :param first: day of the first document, as in `2025-03-01`.
    :param last: day of the last document.
    :param per_month: documents a month between the first and the last; a shorter time counts as one month.
    :param spend: sum of the prices, in the currency of the source.
    :param mean_rating: mean of the ratings, in stars of five.
    :param low_ratings: share of ratings of 2 stars of five or less, 0 to 1.
    :param active_hours: up to three hours of the day (0 to 23, as in the timestamps) with the most documents.
    """

    documents: int
    first: str | None = None
    last: str | None = None
    per_month: float | None = None
    spend: float | None = None
    mean_rating: float | None = None
    low_ratings: float | None = None
    active_hours: tuple[int, ...] = ()


class BuiltWith(Record):
    """The models and prompts that a profile was made with.

    :param embedder: name of the embedder.
    :param writer: name of the writer.
    :param verifier: name of the verifier; empty in profiles of earlier versions.
    :param prompt: hash of the files in `prompts/`.
    :param summary: `writer` if the writer wrote its sentences, `template` if none, `mixed` if some.
    :param taxonomy: scheme and version of the categories of the interests.
    """

    embedder: str
    writer: str
    verifier: str = ""
    prompt: str
    summary: Literal["writer", "mixed", "template", "none"]
    taxonomy: str | None = None


class CategoryCount(Record):
    """The number of a segment's users with an interest in a category.

    :param category: the category.
    :param users: number of users.
    """

    category: Category
    users: int


class ProfileReview(Record):
    """The decisions of reviewers on a profile, in numbers.

    :param approved: claims approved as they were.
    :param edited: claims with new words.
    :param struck: claims removed.
    :param added: claims added.
    :param flag: note of the flag on the profile; None without a flag.
    :param by: names of the reviewers, the first one first.
    :param last: time of the last decision.
    """

    approved: int = 0
    edited: int = 0
    struck: int = 0
    added: int = 0
    flag: str | None = None
    by: tuple[str, ...]
    last: datetime


class ClaimHolder(Record):
    """A record with claims by kind. JSON has the claims of each kind under the key of the kind (`interests`, …).

    :param claims: claims by kind, the best supported first, for every kind of `KINDS` in its order, then of kinds that
        no file has any more.
    """

    if TYPE_CHECKING:  # Each record declares it at its place among the other fields.
        claims: Mapping[Kind, tuple[Claim, ...]]

    def iter_claims(self) -> Iterator[tuple[Kind, Claim]]:
        """Give every claim with its kind, interests first."""
        return ((kind, claim) for kind, claims in self.claims.items() for claim in claims)

    def with_claims(self, claims: Mapping[Kind, Sequence[Claim]], **update: Any) -> Self:
        """Return a copy with other claims.

        :param claims: new claims by kind; kinds that are absent keep their claims.
        :param update: new values of other fields, not validated, as in pydantic's `model_copy`.
        """
        merged = {kind: tuple(of_kind) for kind, of_kind in {**self.claims, **claims}.items()}
        return self.model_copy(update={"claims": _in_order(merged), **update})

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
        kinds = {kind.key: kind.name for kind in KINDS.values()}
        by_kind: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for key, value in data.items():
            # A list under an unknown key holds claims of a facet that was in the file when the record was made.
            if key in kinds or (key not in cls.model_fields and isinstance(value, list | tuple)):
                by_kind[kinds.get(key) or key] = value
            else:
                rest[key] = value
        return rest | {"claims": {**rest.get("claims", {}), **by_kind}}

    @field_validator("claims", check_fields=False)
    @classmethod
    def _complete(cls, claims: Mapping[Kind, tuple[Claim, ...]]) -> Mapping[Kind, tuple[Claim, ...]]:
        return _in_order(claims)

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Put the claims of each kind under its key."""
        plain: dict[str, Any] = {}
        for name, value in handler(self).items():
            if name == "claims":
                plain |= {kind_named(kind).key: claims for kind, claims in value.items()}
            else:
                plain[name] = value
        return plain


def _in_order(claims: Mapping[Kind, tuple[Claim, ...]]) -> dict[Kind, tuple[Claim, ...]]:
    """Return claims by kind in the order of `KINDS`, with those of unknown kinds at the end."""
    return {kind: claims.get(kind, ()) for kind in dict.fromkeys([*KINDS, *claims])}


class NearSegment(Record):
    """A segment that a user is near to without belonging to it.

    :param id: id of the segment.
    :param weight: 0 to 1, how near the user is to it compared to the user's own segment; 1 is as near.
    """

    id: str
    weight: float = Field(ge=0, le=1)


class UserProfile(ClaimHolder):
    """The profile of one user.

    :param user_id: the user.
    :param status: `ok`; `insufficient` if the documents support no claim; `failed` if the writer failed.
    :param reason: why the status is not `ok`.
    :param language: ISO 639-1 code of the language that most of the user's text is in.
    :param segment: id of the user's segment.
    :param segment_confidence: how firmly the user belongs to it, 0 to 1.
    :param segment_assigned: whether HDBSCAN left the user out and the nearest segment was taken.
    :param near_segments: up to two other segments that the user is near to, the nearest first.
    :param claims: as in `ClaimHolder`.
    :param behaviour: figures computed from the documents.
    :param summary: a few sentences made from the claims.
    :param sentences: its sentences, with the claims that each tells.
    :param past_claims: claims that later words of the user ended, the last one first.
    :param left_out: numbers of notes that are no claims.
    :param reviewed: the decisions of reviewers; None if there are none.
    :param built_with: the models and prompts that the profile was made with.
    """

    user_id: str
    status: Status
    reason: str | None = None
    language: str
    segment: str | None = None
    segment_confidence: float | None = None
    segment_assigned: bool = False
    near_segments: tuple[NearSegment, ...] = ()
    claims: Mapping[Kind, tuple[Claim, ...]] = Field(default_factory=dict, validate_default=True)
    behaviour: Behaviour
    summary: str = ""
    sentences: tuple[Sentence, ...] = ()
    past_claims: tuple[PastClaim, ...] = ()
    left_out: LeftOut = LeftOut()
    reviewed: ProfileReview | None = None
    built_with: BuiltWith


class Segment(ClaimHolder):
    """A cluster of users.

    :param id: stays the same from build to build while most members do.
    :param name: a few words, by the writer or a reviewer, or composed of what sets it apart.
    :param criterion: who belongs to it, as in "belongs who repairs old radios".
    :param groups: ids of the groups of segments that it belongs to, the largest first; empty where segments are few.
    :param size: number of users.
    :param language: ISO 639-1 code of the language that most of its users write in.
    :param claims: as in `ClaimHolder`; `support` is the share of users for whom a claim holds.
    :param summary: one or two sentences made from the claims.
    :param keyphrases: phrases that distinguish it from other segments, the best first.
    :param categories: categories of its users' interests, the most frequent first.
    :param members: ids of its users, the most typical first.
    :param exemplars: ids of documents that show its interests.
    :param withheld: whether words, members and size (0) are left out, since it has too few users to be shown to others.
    :param built_with: the models and prompts that it was made with.
    """

    id: str
    name: str
    criterion: str = ""
    groups: tuple[str, ...] = ()
    size: int
    language: str
    claims: Mapping[Kind, tuple[Claim, ...]] = Field(default_factory=dict, validate_default=True)
    summary: str = ""
    keyphrases: tuple[str, ...] = ()
    categories: tuple[CategoryCount, ...] = ()
    members: tuple[str, ...] = ()
    exemplars: tuple[str, ...] = ()
    withheld: bool = False
    built_with: BuiltWith


class SegmentGroup(Record):
    """A group of segments that are alike, in a hierarchy of one or two levels above them.

    :param id: stays the same from build to build while most of its users do.
    :param name: a few words, as of a segment.
    :param criterion: who belongs to it.
    :param summary: one or two sentences.
    """

    id: str
    name: str
    criterion: str = ""
    summary: str = ""


class SearchResult(Record):
    """A user found by a search.

    :param user_id: the user.
    :param likeness: cosine similarity of the query and the user's vector, -1 to 1. The order of results depends on
        segments, categories and claims too.
    :param segment: id of the user's segment.
    :param status: status of the user's profile.
    :param summary: summary of the user's profile.
    :param why: the reason in one line: what the user has in common with the query.
    """

    user_id: str
    likeness: float
    segment: str | None
    status: Status
    summary: str
    why: str


class BadLine(Record):
    """An input line that was skipped.

    :param file: path of the file, as given or found in a directory.
    :param line: number of the line or row, from 1.
    :param reason: why it was skipped.
    """

    file: str
    line: int
    reason: str


class SkippedFile(Record):
    """A file in an input directory that was not read.

    :param file: path of the file.
    :param reason: why it was not read.
    """

    file: str
    reason: str


class FieldSource(Record):
    """Where a field of documents comes from.

    :param field: the field, such as `text` or `rating`.
    :param columns: columns, paths into them, or constants, in the order in which they are read.
    :param why: why these: `by its name`, `named by you`.
    """

    field: str
    columns: tuple[str, ...]
    why: str


class FileReading(Record):
    """What was made of an input file, or of several that are alike, such as the days of a chat export.

    :param file: path of the file, or of the first; in an archive, with the name of the member behind it.
    :param files: how many files these are.
    :param format: short name of its format.
    :param encoding: of its characters, "" where the format has one of its own.
    :param export: title of the source that it was recognised as, "" for none.
    :param role: `texts` of users, or `items` that such texts are about.
    :param fields: where the fields of its documents come from.
    :param unused: columns that hold no field.
    :param owner: the user of rows that name none.
    :param rows: rows that were read, good or bad.
    :param documents: documents that were made of them; of a file of items, items.
    :param bad: rows that are broken.
    :param passed: whole rows that are no document, by reason.
    :param unread: values that could not be read, by column: how many, with an example.
    :param left_out: columns that look like a field and are none, with the reason.
    :param warnings: what a person should know of how the file was read.
    :param complete: whether it was read to its end.
    """

    file: str
    files: int = 1
    format: str
    encoding: str
    export: str = ""
    role: Literal["texts", "items"] = "texts"
    fields: tuple[FieldSource, ...] = ()
    unused: tuple[str, ...] = ()
    owner: str | None = None
    rows: int = 0
    documents: int = 0
    bad: int = 0
    passed: dict[str, int] = {}
    unread: dict[str, tuple[int, str]] = {}
    left_out: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    complete: bool = True


class RepeatedSentences(Record):
    """Sentences that many texts have, such as footers and templates; they are left out of what a writer reads.

    :param sentences: different ones that several users share, or that one writes again and again.
    :param documents: documents with such a sentence.
    :param of_documents: documents that were looked at.
    :param examples: the most frequent of them, on one line each and cut.
    """

    sentences: int = 0
    documents: int = 0
    of_documents: int = 0
    examples: tuple[str, ...] = ()


class SegmentChange(Record):
    """What became of segments when users were clustered again, or users came and went.

    :param change: `split`: members of one segment are in several now; `merged`: those of several are in one;
        `appeared`: its members were in no segment that is like it; `vanished`: no segment is like it any more.
    :param before: ids of the segments of before; none of one that appeared.
    :param after: ids of the segments of now; none of one that vanished.
    :param names: names of these segments by id, where they are known.
    """

    change: Literal["split", "merged", "appeared", "vanished"]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    names: dict[str, str] = {}


class BuildReport(Record):
    """The result of a build.

    :param documents: documents in the store.
    :param users: users in the store.
    :param ok: profiles with claims.
    :param insufficient: profiles without claims.
    :param failed: profiles that the writer failed at; the next build tries again.
    :param segments: segments in the store.
    :param unclustered: users whom HDBSCAN left out, who are in the nearest segment.
    :param clustered: whether this build clustered all users again; else new ones joined the segments that there were.
    :param moved: users who were in another segment before.
    :param segment_changes: segments that split, merged, appeared or vanished.
    :param embedded: documents embedded by this build.
    :param readings: readings that a writer read in this build.
    :param written: profiles made by this build.
    :param categorised: users whose interests got categories in this build.
    :param ended: claims that later words of their users ended, in the profiles made by this build.
    :param removed_users: users removed by this build.
    :param duplicates: rows of the input that repeat another one.
    :param bad_lines: lines of the input that were skipped.
    :param bad_examples: some of them.
    :param passed: whole rows that are no text of a user, by reason: `no user`, `written by a program`.
    :param forgotten: documents of the input that were passed over, since their users were forgotten.
    :param mask: how much was masked: `off`, `standard` or `strict`.
    :param masked: things in the texts that gave way to placeholders, by kind: `email`, `phone`.
    :param pseudonyms: whether user ids are pseudonyms.
    :param skipped_files: files in input directories that were not read.
    :param skipped_examples: some of them.
    :param files: what was made of the files: their columns, and which field each became.
    :param repeated: sentences that many texts have, which writers do not read; None where no text was read by one.
    :param embedder: name of the embedder.
    :param embedder_reason: why that embedder was chosen.
    :param writer: name of the writer; several are separated by commas.
    :param verifier: name of the verifier, in the same way.
    :param changed: whether anything in the store changed.
    :param seconds: wall-clock seconds by stage.
    """

    documents: int
    users: int
    ok: int
    insufficient: int
    failed: int
    segments: int
    unclustered: int = 0
    clustered: bool = False
    moved: int = 0
    segment_changes: tuple[SegmentChange, ...] = ()
    embedded: int
    readings: int = 0
    written: int
    categorised: int = 0
    ended: int = 0
    removed_users: int
    duplicates: int
    bad_lines: int
    bad_examples: tuple[BadLine, ...] = ()
    passed: dict[str, int] = {}
    forgotten: int = 0
    mask: str = "off"
    masked: dict[str, int] = {}
    pseudonyms: bool = False
    skipped_files: int = 0
    skipped_examples: tuple[SkippedFile, ...] = ()
    files: tuple[FileReading, ...] = ()
    repeated: RepeatedSentences | None = None
    embedder: str
    embedder_reason: str
    writer: str
    verifier: str = ""
    changed: bool
    seconds: dict[str, float]


Action = Literal["approve", "edit", "strike", "add", "undo", "flag", "unflag", "rewrite", "rename"]
Subject = tuple[str, str, str]
"""The subject of a decision: a claim (user id, kind, text), a profile (user id, "", "") or a segment ("", "", id)."""

MAX_CLAIM_CHARS, MAX_NOTE_CHARS, MAX_NAME_CHARS = 300, 2_000, 100
"""Limits of what a reviewer types."""
MAX_TEXT_CHARS, MAX_EVIDENCE = 4_000, 10
"""Limits of the claim in a decision: characters of its text and of each quote, number of quotes."""
UNSEEN = "0"
"""The version of a subject without decisions."""

STORED = "stored"
"""Validation context of decisions in a store, so that those of earlier versions stay readable."""

_ON_CLAIMS = {"approve", "edit", "strike", "add"}
_MAX_WORDS = {"edit": MAX_CLAIM_CHARS, "flag": MAX_NOTE_CHARS, "rename": MAX_NAME_CHARS}
_MAX_ID_CHARS = 64
_EARLIEST, _CLOCK_SKEW = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=1)


def batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield rows in lists.

    :param rows: values of any type.
    :param size: length of the lists; the last one may be shorter.
    """
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch


def one_line(text: str) -> str:
    """Return typed text as one line, with spaces for control characters and `?` for what UTF-8 cannot encode.

    :param text: text as it was typed.
    """
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.encode("utf-8", "replace").decode().split())


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is before the year 1 or after 9999 in UTC") from None


class Decision(Record):
    """A reviewer's decision.

    :param id: unique id.
    :param at: time of the decision, in UTC.
    :param by: name of the reviewer.
    :param action: what the reviewer did.
    :param user_id: the user whose profile or claim it is about; empty for a segment.
    :param segment: id of the segment it is about; empty for a user.
    :param kind: kind of the claim it is about.
    :param text: text of the claim as it was built or added.
    :param claim: the claim with its evidence at the time, which stays if the next build no longer has it.
    :param words: new words of an edited claim, note of a flag, or name of a segment.
    :param undoes: id of the decision that an `undo` reverses.
    """

    id: str = Field(default_factory=lambda: uuid.uuid4().hex, min_length=1, max_length=_MAX_ID_CHARS)
    at: Annotated[AwareDatetime, AfterValidator(_utc)] = Field(default_factory=lambda: datetime.now(UTC))
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
        """What the decision is about; each decision on a subject gives it a new version."""
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
        """Refuse what cannot be entered on the review page, since an imported file may contain anything."""
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
        if self.action == "add" and self.kind not in KINDS:
            raise ValueError(f"there is no kind of claim {self.kind!r}; the kinds are {', '.join(KINDS)}")
        if self.action not in {*_ON_CLAIMS, "undo"} and (self.kind or self.text):
            raise ValueError(f"{self.action} is not about a claim")
        if self.action not in _ON_CLAIMS and self.claim:
            raise ValueError(f"{self.action} has no claim")
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
    """Refuse a claim that no build writes and no reviewer can add."""
    category = (claim.category.scheme, claim.category.id, claim.category.name) if claim.category else ()
    texts = [
        claim.text,
        claim.name or "",
        *category,
        *(part for row in claim.evidence for part in (row.document, row.quote)),
    ]
    if any(len(text) > MAX_TEXT_CHARS for text in texts):
        raise ValueError(f"the claim has a text of more than {MAX_TEXT_CHARS:,} characters")
    if len(claim.evidence) > MAX_EVIDENCE:
        raise ValueError(f"the claim has more than {MAX_EVIDENCE} quotes")
    if claim.reviewed is not None:
        raise ValueError("the claim is not as the machine wrote it")
