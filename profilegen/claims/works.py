"""Items that go by a name of their own (a book, a film, an album, a game), and what they are called.

Words inside such a title name no interest: who watches "Ice Age: Collision Course" is not after ice. The embedder tells
them from other items, by whether an item is nearer to a category of works than to any other.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from profilegen.claims.categories import Categoriser
from profilegen.claims.phrases import Work, keys
from profilegen.records import Document
from profilegen.resources import prompts_dir
from profilegen.vectors import Vectors

# An item is a work if it is so much nearer to a category of works than to any other, in standard deviations; of a user
# whose documents together are about works, if it is not so much farther (docs/taxonomy.md has how often that is right).
_PLAINLY, _HARDLY = 0.5, -2.5
_MAX_WORDS, _MAX_CHARS = 8, 60
# What stands after one of these says which part or edition of a work it is.
_NAME_ENDS = re.compile(r"\s[-–—|/]\s|\s*[:(\[{]|,\s(?=vol|book|season|part)", re.IGNORECASE)
_VOLUME = re.compile(r"(?<=\w)\s+#?\d{1,2}$")
_MARKS = str.maketrans("", "", "®™©")
_MAX_ACRONYM = 5
# What else the user writes of tells the kind, where a title alone does not, and the words in which it is written of do.
_USER_WEIGHT, _WORDS_WEIGHT = 2.0, 6.0


def works_of(
    documents: Sequence[Document], vectors: Vectors, language: str, categoriser: Categoriser
) -> list[Work | None]:
    """Return what the item of each document is called if it is a work, else None.

    :param documents: all documents of a user.
    :param vectors: (n_documents, n_dims) float32, rows L2-normalised.
    :param language: ISO 639-1 code of the user's language.
    :param categoriser: of the taxonomy that ships.
    :return: for each document its work, or None.
    """
    found: list[Work | None] = [None] * len(documents)
    names = [work_name(document.item_title or "", language) for document in documents]
    kinds = _kinds_of_works(language)
    works = [column for column, node in enumerate(categoriser.nodes) if node.id in kinds]
    if not any(names) or not works:
        return found
    likeness = categoriser.z_scores(np.vstack([vectors, vectors.mean(axis=0)]), language)
    *nearer, together = likeness[:, works].max(axis=1) - np.delete(likeness, works, axis=1).max(axis=1, initial=-np.inf)
    least = _HARDLY if together > 0 else _PLAINLY
    said = _kinds_said(documents, language)
    words = np.array([[row[kinds[categoriser.nodes[column].id]] for column in works] for row in said], np.float32)
    like = likeness[:-1, works] + _USER_WEIGHT * likeness[-1, works] + _WORDS_WEIGHT * (words + words.mean(axis=0))
    for row, (name, margin) in enumerate(zip(names, nearer, strict=False)):
        if name and margin > least:
            node = categoriser.nodes[works[int(like[row].argmax())]]
            genre = node.name(language)
            found[row] = Work(name, kinds[node.id], genre[:1].lower() + genre[1:])
    return found


def work_name(title: str, language: str) -> str | None:
    """Return the name in the title of a work, without part, edition and format; None if that is too long for one.

    Volumes of a series have one name.

    :param title: title of an item.
    :param language: ISO 639-1 code of the title's language.
    """
    name = " ".join(_NAME_ENDS.split(title.strip(), maxsplit=1)[0].translate(_MARKS).split())
    for edition in _lists().get("editions", {}).get(language, ()):
        if name.casefold().endswith(f" {edition}"):
            name = name[: -len(edition)].rstrip()
    name = _VOLUME.sub("", name)
    if name.isupper() and len(name) > _MAX_ACRONYM:
        name = name.title()
    told = len(name.split()) <= _MAX_WORDS and len(name) <= _MAX_CHARS and any(map(str.isalpha, name))
    return name if told else None


def _kinds_said(documents: Sequence[Document], language: str) -> list[dict[str, float]]:
    """Return for each document the share that each kind has of the words that tell one."""
    found = []
    for document in documents:
        said = keys(". ".join(filter(None, (document.item_title, document.title, document.text))), language)
        counts = {kind: len(said & words) for kind, words in _words_of_kinds(language).items()}
        found.append({kind: count / max(sum(counts.values()), 1) for kind, count in counts.items()})
    return found


@cache
def _words_of_kinds(language: str) -> Mapping[str, frozenset[str]]:
    """Return by what a kind is called the words of those who write of one."""
    kinds = _lists().get("works", {}).values()
    return {kind.get(language, kind["en"]): keys(kind.get("words", {}).get(language, ""), language) for kind in kinds}


@cache
def _kinds_of_works(language: str) -> Mapping[str, str]:
    """Return by the id of a category of works what one of them is called."""
    kinds = _lists().get("works", {}).values()
    return {node_id: kind.get(language, kind["en"]) for kind in kinds for node_id in kind["ids"].split()}


@cache
def _lists() -> Mapping[str, Any]:
    return tomllib.loads((prompts_dir() / "generic.toml").read_text(encoding="utf-8"))
