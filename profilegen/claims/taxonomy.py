"""Taxonomies of interests, read from files.

There are four formats: the Audience Taxonomy and Content Taxonomy of IAB Tech Lab (TSV), Google's product taxonomy
(text), the TOML of `prompts/interests.toml`, and a plain list with one name per line.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from profilegen.errors import UsageError
from profilegen.records import Record
from profilegen.resources import prompts_dir

INTERESTS_FILE = "interests.toml"
SHIPPED = "default"
"""Value of the setting `taxonomy` for the list that ships."""

_MAX_NODES = 20_000
_MAX_NAME = 200
_SHIPPED_SCHEME = "profilegen"
# Branches of the published taxonomies about health, beliefs and other private matters, which are never assigned. Most
# are special categories of personal data (GDPR, Article 9).
_PRIVATE = frozenset(
    [
        "Demographic",
        "Sensitive Topics",
        "Religion & Spirituality",
        "Religious & Ceremonial",
        "Politics",
        "Medical Health",
        "Health and Medical Services",
        "Pharmaceuticals, Conditions, and Symptoms",
        "Smoking Cessation",
        "Substance Abuse",
        "Food Allergies",
        "Mature",
    ]
)
# Names in the paths of nodes that add nothing to their meaning.
_EMPTY_TIERS = frozenset(["Interest", "Purchase Intent*", "Consumer Packaged Goods"])


@dataclass(frozen=True)
class Node:
    """A category of a taxonomy.

    :param id: unique in the taxonomy.
    :param parent: id of the node above; None at the top.
    :param names: name by ISO 639-1 language.
    :param texts: by language, the texts whose mean vector represents it; a node without texts is never assigned.
    """

    id: str
    parent: str | None
    names: Mapping[str, str]
    texts: Mapping[str, Sequence[str]]

    def name(self, language: str) -> str:
        """Return the name in a language, or else in the first language.

        :param language: ISO 639-1 code.
        """
        return self.names.get(language) or next(iter(self.names.values()))

    def texts_in(self, language: str) -> Sequence[str]:
        """Return the texts in a language, or else in the first language.

        :param language: ISO 639-1 code.
        """
        return self.texts.get(language) or next(iter(self.texts.values()), ())


@dataclass(frozen=True)
class Taxonomy:
    """A hierarchy of categories.

    :param scheme: name and version, such as `iab-audience-1.1`.
    :param nodes: the categories.
    """

    scheme: str
    nodes: tuple[Node, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def hash(self) -> str:
        """A hash of the whole taxonomy."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def find(self, name: str) -> frozenset[str]:
        """Return the ids of the nodes with an id, or else with a name.

        :param name: an id, or a name in any language and case.
        """
        wanted = name.strip().casefold()
        if name.strip() in self.by_id:
            return frozenset([name.strip()])
        return frozenset(
            node.id for node in self.nodes if any(wanted == known.casefold() for known in node.names.values())
        )

    def lineage(self, node_id: str) -> Iterator[str]:
        """Yield the id of a node and the ids of those above it, from the bottom to the top.

        :param node_id: id of a node; an unknown one is yielded alone.
        """
        seen: set[str] = set()
        step: str | None = node_id
        while step is not None and step not in seen:
            yield step
            seen.add(step)
            node = self.by_id.get(step)
            step = node.parent if node else None

    def to_dict(self) -> dict[str, Any]:
        """Return the taxonomy as JSON values; `taxonomy_from_dict` is the reverse."""
        return {"scheme": self.scheme, "nodes": [asdict(node) for node in self.nodes]}


def taxonomy_from_dict(plain: Mapping[str, Any]) -> Taxonomy:
    """Return a taxonomy from JSON values.

    :param plain: result of `Taxonomy.to_dict`.
    """
    return Taxonomy(plain["scheme"], tuple(Node(**node) for node in plain["nodes"]))


def shipped_taxonomy() -> Taxonomy:
    """Return the taxonomy of `prompts/interests.toml`.

    :raises UsageError: the file was edited, and an entry is wrong.
    """
    path = prompts_dir() / INTERESTS_FILE
    return _checked(path, _from_toml(path, _read(path), _SHIPPED_SCHEME))


def load_taxonomy(path: Path) -> Taxonomy:
    """Return the taxonomy in a file of any of the four formats.

    :param path: the file.
    :raises UsageError: the file cannot be read, or a line is wrong; the message names the line.
    """
    text = _read(path)
    lines = text.splitlines()
    if lines and lines[0].startswith("# Google_Product_Taxonomy_Version:"):
        return _checked(path, _from_google(path, lines))
    header = next((number for number, line in enumerate(lines[:3]) if "Unique ID" in line.split("\t")), None)
    if header is not None:
        return _checked(path, _from_iab(path, lines, header))
    if path.suffix == ".toml":
        return _checked(path, _from_toml(path, text, path.stem))
    return _checked(path, _from_list(path, lines))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read the taxonomy {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the taxonomy {path} is not text in UTF-8") from None


def _checked(path: Path, taxonomy: Taxonomy) -> Taxonomy:
    if not any(node.texts for node in taxonomy.nodes):
        raise UsageError(f"the taxonomy {path} has no names")
    if len(taxonomy.nodes) > _MAX_NODES:
        raise UsageError(f"the taxonomy {path} has {len(taxonomy.nodes):,} names; at most {_MAX_NODES:,} can be used")
    return taxonomy


# --- IAB Tech Lab -----------------------------------------------------------------------------------------


def _from_iab(path: Path, lines: Sequence[str], header: int) -> Taxonomy:
    """Read a TSV with the columns Unique ID, Parent and tiers; the name is that of the lowest tier."""
    columns = [cell.strip() for cell in lines[header].split("\t")]
    unique = columns.index("Unique ID")
    parents = [at for at, name in enumerate(columns) if name in ("Parent", "Parent ID")]
    tiers = [at for at, name in enumerate(columns) if re.fullmatch(r"Tier \d", name)]
    if not parents or not tiers:
        raise UsageError(f"{path}:{header + 1}: a taxonomy in TSV needs the columns Unique ID, Parent and Tier 1")
    rows = []
    for number, line in enumerate(lines[header + 1 :], header + 2):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        names = [cells[at] for at in tiers if at < len(cells) and cells[at]]
        if len(cells) <= max(unique, parents[0]) or not cells[unique] or not names:
            raise UsageError(f"{path}:{number}: no id or no name")
        rows.append(_Row(number, cells[unique], cells[parents[0]] or None, names))
    title = " ".join(lines[:header])
    version = re.search(r"v(\d+(?:\.\d+)*)", title) or re.search(r"(\d+(?:\.\d+)+)", path.name)
    kind = "iab-content" if "Content Taxonomy" in title else "iab-audience"
    return Taxonomy(f"{kind}-{version[1]}" if version else kind, tuple(_nodes(path, rows)))


# --- Google -----------------------------------------------------------------------------------------------


def _from_google(path: Path, lines: Sequence[str]) -> Taxonomy:
    """Read lines such as `5 - Animals & Pet Supplies > Pet Supplies > Cat Supplies`."""
    version = lines[0].partition(":")[2].strip()
    ids: dict[tuple[str, ...], str] = {}
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        match = re.fullmatch(r"(\d+) - (.+)", line.strip())
        if not match:
            raise UsageError(f"{path}:{number}: expected `ID - Name > Name`, got {line[:60]!r}")
        names = [name.strip() for name in match[2].split(" > ")]
        parent = ids.get(tuple(names[:-1]))
        if len(names) > 1 and parent is None:
            raise UsageError(f"{path}:{number}: no line above for {' > '.join(names[:-1])!r}")
        ids[tuple(names)] = match[1]
        rows.append(_Row(number, match[1], parent, names))
    return Taxonomy(f"google-product-{version}", tuple(_nodes(path, rows)))


# --- a plain list -----------------------------------------------------------------------------------------


def _from_list(path: Path, lines: Sequence[str]) -> Taxonomy:
    """Read lines such as `Name` or `Name: example, example` (or a tab for the colon); `A > B` puts B below A.

    The id of a node is its path.
    """
    rows: dict[str, _Row] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        written, examples = _split_at_mark(line)
        names = [name.strip() for name in written.split(">")]
        if not all(names):
            raise UsageError(f"{path}:{number}: a name is missing in {line[:60]!r}")
        for depth in range(1, len(names)):
            held = " > ".join(names[:depth])
            above = " > ".join(names[: depth - 1]) or None
            rows.setdefault(held, _Row(number, held, above, names[:depth], implied=True))
        own = " > ".join(names)
        if own in rows and not rows[own].implied:
            raise UsageError(f"{path}:{number}: {own!r} is already on line {rows[own].line}")
        rows[own] = _Row(number, own, " > ".join(names[:-1]) or None, names, examples)
    return Taxonomy(path.stem, tuple(_nodes(path, rows.values(), language="und")))


def _split_at_mark(line: str) -> tuple[str, tuple[str, ...]]:
    written, _, rest = line.partition("\t") if "\t" in line else re.sub("：", ":", line).partition(":")
    return written.strip(), tuple(part.strip() for part in re.split("[,;，、；\t]", rest) if part.strip())


@dataclass(frozen=True)
class _Row:
    """A line of a file: the path of names from the top, and examples."""

    line: int
    id: str
    parent: str | None
    names: Sequence[str]
    examples: tuple[str, ...] = ()
    implied: bool = False


def _nodes(path: Path, rows: Iterable[_Row], language: str = "en") -> Iterator[Node]:
    listed = list(rows)
    ids: dict[str, int] = {}
    for row in listed:
        if row.id in ids:
            raise UsageError(f"{path}:{row.line}: the id {row.id} is already on line {ids[row.id]}")
        if len(row.names[-1]) > _MAX_NAME:
            raise UsageError(f"{path}:{row.line}: a name has more than {_MAX_NAME} characters")
        ids[row.id] = row.line
    for row in listed:
        if row.parent is not None and row.parent not in ids:
            raise UsageError(f"{path}:{row.line}: its parent {row.parent} is not in the file")
        shown = [name for name in row.names if name not in _EMPTY_TIERS]
        private = language == "en" and not _PRIVATE.isdisjoint(row.names)
        texts = [*shown[-1:], *([", ".join(shown)] if len(shown) > 1 else []), *row.examples]
        yield Node(row.id, row.parent, {language: row.names[-1]}, {} if private or not shown else {language: texts})


# --- TOML -------------------------------------------------------------------------------------------------

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_MAX_NAME)]
_Language = Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]
_Words = Annotated[list[_Text], Field(min_length=1)]


class _Group(Record):
    """A group in TOML: its name by language, and its interests."""

    id: _Text
    interests: dict[_Text, Annotated[dict[_Language, _Words], Field(min_length=1)]] = Field(min_length=1)
    names: dict[_Language, _Text] = Field(min_length=1)


def _from_toml(path: Path, text: str, scheme: str) -> Taxonomy:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    groups = content.get("group")
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise UsageError(f"{path}: a taxonomy in TOML has [[group]] tables; see prompts/interests.toml")
    nodes: dict[str, Node] = {}
    for number, written in enumerate(groups, 1):
        for node in _group_nodes(path, number, written):
            if node.id in nodes:
                raise UsageError(f"{path}: the id {node.id!r} is there twice")
            nodes[node.id] = node
    return Taxonomy(scheme, tuple(nodes.values()))


def _group_nodes(path: Path, number: int, written: dict[str, Any]) -> Iterator[Node]:
    names = {key: value for key, value in written.items() if key not in ("id", "interests")}
    try:
        group = _Group.model_validate({"id": written.get("id"), "interests": written.get("interests"), "names": names})
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"] if step != "[key]")
        raise UsageError(f"{path}: group {written.get('id', number)!r}, {place}: {fault['msg']}") from None
    yield Node(group.id, None, group.names, {})
    for name, words in group.interests.items():
        yield Node(name, group.id, {language: texts[0] for language, texts in words.items()}, dict(words))
