"""Facets: what is looked for in the texts of a user, as a person writes it in `prompts/facets.toml`."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from profilegen.errors import UsageError
from profilegen.resources import prompts_dir

FACETS_FILE = "facets.toml"
UNKNOWN = "unknown"
"""What a writer answers of a facet with choices where no passage shows one."""
SHIPPED: Mapping[str, str] = {"interest": "interests", "value": "values", "lifestyle": "lifestyle"}
"""The keys of the facets that every file has, by name."""

# Fields of profiles and segments, beside which the claims of a facet stand in JSON, and `claims` that search stores.
_TAKEN = frozenset(
    {
        *("behaviour", "built_with", "categories", "claims", "criterion", "exemplars", "groups", "id", "keyphrases"),
        *("language", "left_out", "members", "name", "near_segments", "past_claims", "reason", "reviewed", "segment"),
        "withheld",
        *("segment_assigned", "segment_confidence", "sentences", "size", "status", "summary", "user_id"),
    }
)
_NAME = "[a-z][a-z0-9_]{0,39}"
_Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Choice = Annotated[_Line, StringConstraints(max_length=60)]


class Facet(BaseModel):
    """A kind of claim.

    :param name: name of one such claim, as in `Decision.kind` and in the answers of writers.
    :param key: key of these claims in JSON, exports and templates; by default the name.
    :param heading: heading above these claims on pages; by default the name, capitalised.
    :param about: a sentence that tells a writer what such a claim is.
    :param type: `text` for claims in the writer's words; a facet with `one_of` has no type.
    :param one_of: the only texts that such claims may have, if any; a user has one of them or none.
    :param claim: of a facet with `one_of`, what is said of the user, with `{}` for the choice: `has a {} budget`.
    :param strict: whether such a claim counts only where a passage says it plainly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    key: _Name = ""
    heading: _Line = ""
    about: Annotated[_Line, StringConstraints(max_length=600)] = ""
    type: Literal["text"] | None = None
    one_of: tuple[_Choice, ...] = Field(default=(), max_length=20)
    claim: Annotated[_Line, StringConstraints(max_length=100)] = ""
    strict: bool = False

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return data
        name = data["name"]
        return {"key": name, "heading": name.replace("_", " ").capitalize(), **data}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.one_of and self.type:
            raise ValueError("it has a type and one_of; leave one of them out")
        if self.claim and (not self.one_of or self.claim.count("{}") != 1):
            raise ValueError("claim needs one_of, and {} once, where the choice stands")
        if len(set(self.one_of)) < len(self.one_of) or len(self.one_of) == 1:
            raise ValueError("one_of needs two texts or more, each another one")
        if UNKNOWN in self.one_of:
            raise ValueError(f"one_of has {UNKNOWN!r}, which stands for no choice anyway; leave it out")
        return self

    def statement(self, text: str) -> str:
        """Return what a claim of this facet says of the user, as a verifier reads it and a summary tells it.

        :param text: of the claim; with `one_of`, a choice.
        """
        if not self.one_of:
            return text
        return self.claim.replace("{}", text) if self.claim else f"{self.heading.lower()}: {text}"


class _Kinds(Mapping[str, Facet]):
    """The facets of the file in `prompts_dir()`, which is read on first use."""

    def __getitem__(self, name: str) -> Facet:
        return _facets_in(prompts_dir())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_facets_in(prompts_dir()))

    def __len__(self) -> int:
        return len(_facets_in(prompts_dir()))


KINDS: Mapping[str, Facet] = _Kinds()
"""The kinds of claims by name, in the order of profiles. To add a kind, add a facet to `prompts/facets.toml`."""


def kind_named(name: str) -> Facet:
    """Return a kind of claims, also one that stands in no file any more, as a store may have.

    :param name: name of the kind.
    """
    return KINDS.get(name) or Facet(name=name)


def checked_kind(name: str) -> str:
    """Return the name of a kind of claims, be it in the file or not.

    :param name: the name.
    :raises ValueError: the claims of such a kind would have no place of their own in a profile.
    """
    taken = {*_TAKEN, *(kind.key for kind in KINDS.values())}
    if name not in KINDS and (name in taken or not re.fullmatch(_NAME, name)):
        raise ValueError(f"{name!r} cannot be a kind of claims; the kinds are {', '.join(KINDS)}")
    return name


def load_facets(path: Path) -> tuple[Facet, ...]:
    """Return the facets of a file, in its order.

    :param path: a TOML file of `[[facet]]` tables.
    :raises UsageError: the file cannot be read, or a facet is wrong; the message says which, and what to do.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        advice = "the folder of prompts has to hold all files that ship with profilegen"
        raise UsageError(f"cannot read the facets in {path}: {error.strerror}; {advice}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    tables = content.pop("facet", None)
    if content or not isinstance(tables, list):
        what = f"{min(content)!r} is not known" if content else "there are no facets"
        raise UsageError(f"{path}: {what}; a facet is a table [[facet]] with a name and about")
    facets = [_facet(path, number, table) for number, table in enumerate(tables, 1)]
    _check_names(path, facets)
    return tuple(facets)


@functools.lru_cache(maxsize=8)
def _facets_in(folder: Path) -> dict[str, Facet]:
    return {facet.name: facet for facet in load_facets(folder / FACETS_FILE)}


def _facet(path: Path, number: int, table: Any) -> Facet:
    name = table.get("name") if isinstance(table, dict) else None
    where = f"{path}: facet {name!r}" if isinstance(name, str) else f"{path}: facet number {number}"
    if isinstance(table, dict) and not table.get("about"):
        raise UsageError(f'{where}: write about = "…", the sentence that tells the writer what to look for')
    try:
        return Facet.model_validate(table)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        advice = _ADVICE.get(str(fault["loc"][0]) if fault["loc"] else "", "")
        message = fault["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {f'{field}: ' if field else ''}{advice or message}") from None


_ADVICE = {
    field: "write a name of small Latin letters, digits and _, at most 40, that begins with a letter"
    for field in ("name", "key")
}


def _check_names(path: Path, facets: Sequence[Facet]) -> None:
    """Refuse names and keys that are taken, and a file that lacks a facet that ships."""
    seen: dict[str, str] = {}
    for facet in facets:
        for word in dict.fromkeys((facet.name, facet.key)):
            if word in _TAKEN:
                raise UsageError(f"{path}: facet {facet.name!r}: {word!r} is a field of profiles; take another name")
            if word in seen:
                raise UsageError(f"{path}: facet {facet.name!r}: {word!r} is taken by facet {seen[word]!r}; rename one")
            seen[word] = facet.name
    by_name = {facet.name: facet for facet in facets}
    for name, key in SHIPPED.items():
        if name not in by_name:
            raise UsageError(f"{path}: facet {name!r} is missing; put it back, its sentence may be another")
        if by_name[name].key != key or by_name[name].one_of:
            raise UsageError(f"{path}: facet {name!r}: it has the key {key!r} and no one_of, which other programs read")
