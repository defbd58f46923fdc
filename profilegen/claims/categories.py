"""Categories of interests: the name of a taxonomy that an interest and its documents are most similar to.

The range of cosine similarities differs between embedders, so similarities are turned into z-scores over all names of
the taxonomy. The highest must exceed the maximum that is expected of so many normal variables by chance,
sqrt(2 ln n); otherwise the interest has no category.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from profilegen.claims.taxonomy import Node, Taxonomy, shipped_taxonomy
from profilegen.records import Category, CategoryCount, UserProfile
from profilegen.vectors import Vectors, unit_rows

# Increased when the same interest would get another category, so that the next build updates stores.
_METHOD = "2"
# Documents show the meaning better than a phrase of two words, which may be a brand.
_DOCUMENTS_WEIGHT = 0.7
# A name that fits better than the names above it is often wrong: "Smoking Cessation" for an electric smoker.
_BRANCH_WEIGHT = 0.3
# How far the best z-score must exceed chance: the smallest margin with 90% right in a hand-labelled sample
# (docs/taxonomy.md).
_MARGIN = 0.15
# Z-scores over a few names mean little, so a short list is scored together with the shipped one.
_FEW_NAMES = 100


@dataclass(frozen=True)
class CategoryNames:
    """Vectors of the names of a taxonomy.

    :param ids: ids of its categories.
    :param vectors: for each language (n_names, n_dims) float32, rows L2-normalised; the first rows belong to `ids`.
    """

    ids: tuple[str, ...]
    vectors: tuple[Vectors, ...]

    def z_scores(self, question: Vectors) -> dict[str, float]:
        """Return the z-score of each category for a query: its cosine among those of all names, in the best language.

        :param question: (n_dims,) float32, L2-normalised.
        :return: z-score by category id.
        """
        scores = np.max([_z_scores(names, question)[: len(self.ids)] for names in self.vectors], axis=0)
        return dict(zip(self.ids, map(float, scores), strict=True))


def category_ids(profile: UserProfile, taxonomy: Taxonomy | None) -> set[str]:
    """Return the ids of the categories of a user's interests and of all categories above them.

    :param profile: profile of the user.
    :param taxonomy: taxonomy of the categories; without one, only those of the interests are returned.
    """
    ids = {claim.category.id for claim in profile.interests if claim.category}
    return {node for id in ids for node in taxonomy.lineage(id)} if taxonomy else ids


def count_categories(rows: Iterable[tuple[str, str]], taxonomy: Taxonomy, language: str) -> tuple[CategoryCount, ...]:
    """Return the number of users of each category, the most frequent first.

    :param rows: (user id, category id) of each interest with a category.
    :param taxonomy: taxonomy of the categories; categories of others are left out.
    :param language: ISO 639-1 code of the language of the names.
    """
    users: dict[str, set[str]] = {}
    for user_id, category in rows:
        users.setdefault(category, set()).add(user_id)
    return tuple(
        CategoryCount(
            category=Category(scheme=taxonomy.scheme, id=node, name=taxonomy.by_id[node].name(language)),
            users=len(users[node]),
        )
        for node in sorted(users.keys() & taxonomy.by_id.keys(), key=lambda node: (-len(users[node]), node))
    )


class Categoriser:
    """Assigns the categories of a taxonomy. Its names are embedded when a language is first used.

    `names` has the vectors of all names by language, (n_names, n_dims) float32, rows L2-normalised; the first rows
    belong to `nodes`.
    """

    def __init__(
        self, taxonomy: Taxonomy, embed: Callable[[Sequence[str]], Vectors], names: Mapping[str, Vectors] | None = None
    ) -> None:
        """Embed nothing yet.

        :param taxonomy: the taxonomy.
        :param embed: `Embedder.embed`.
        :param names: vectors of names from an earlier `names`.
        """
        self.names = dict(names or {})
        self._taxonomy, self._embed = taxonomy, embed
        self.version = categories_version(taxonomy)
        self.nodes = [node for node in taxonomy.nodes if node.texts]
        self._beside = [] if len(self.nodes) >= _FEW_NAMES else _other_shipped_nodes(self.nodes)
        self._rows_above = _rows_above(taxonomy, self.nodes)
        self._centred: dict[str, tuple[Vectors, Vectors]] = {}

    def category(self, interest: Vectors, documents: Vectors, language: str) -> Category | None:
        """Return the category of an interest, or None.

        :param interest: (n_dims,) float32, L2-normalised: vector of its text.
        :param documents: (n_documents, n_dims) float32, rows L2-normalised: vectors of the documents of its quotes.
        :param language: ISO 639-1 code of the user's language.
        """
        centre, names = self._centred_names(language)
        scores = (1 - _DOCUMENTS_WEIGHT) * _z_scores(names, interest - centre)
        scores += _DOCUMENTS_WEIGHT * _z_scores(names, unit_rows(documents.mean(axis=0)) - centre)
        own = scores[: len(self.nodes)]
        fitting = own.copy()
        for row, above in self._rows_above:
            fitting[row] += _BRANCH_WEIGHT * (own[above].max() - own[row])
        best = int(fitting.argmax())
        if fitting[best] < math.sqrt(2 * math.log(len(names))) + _MARGIN:
            return None
        node = self.nodes[best]
        return Category(scheme=self._taxonomy.scheme, id=node.id, name=node.name(language))

    def z_scores(self, vectors: Vectors, language: str) -> Vectors:
        """Return the z-scores of the categories for some vectors.

        :param vectors: (n_vectors, n_dims) float32.
        :param language: ISO 639-1 code of the language of the names.
        :return: (n_vectors, n_nodes) float32, columns in the order of `nodes`.
        """
        centre, names = self._centred_names(language)
        rows = [_z_scores(names, vector - centre) for vector in vectors]
        return np.array(rows, np.float32)[:, : len(self.nodes)]

    def _centred_names(self, language: str) -> tuple[Vectors, Vectors]:
        """Return the mean (n_dims,) of all names, and the names less that mean, (n_names, n_dims), L2-normalised."""
        if language not in self._centred:
            if language not in self.names:
                self.names[language] = self._embedded_names(language)
            centre = self.names[language].mean(axis=0)
            self._centred[language] = centre, unit_rows(self.names[language] - centre)
        return self._centred[language]

    def _embedded_names(self, language: str) -> Vectors:
        texts = [node.texts_in(language) for node in (*self.nodes, *self._beside)]
        rows = iter(self._embed([text for of_node in texts for text in of_node]))
        return np.stack([unit_rows(np.mean(list(islice(rows, len(of_node))), axis=0)) for of_node in texts])


def _other_shipped_nodes(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes of the shipped taxonomy with other names than these."""
    known = {name.casefold() for node in nodes for name in node.names.values()}
    return [
        node
        for node in shipped_taxonomy().nodes
        if node.texts and known.isdisjoint(name.casefold() for name in node.names.values())
    ]


def _rows_above(taxonomy: Taxonomy, nodes: Sequence[Node]) -> list[tuple[int, list[int]]]:
    """Return the row of each node that has nodes above it, and the rows of those."""
    rows = {node.id: row for row, node in enumerate(nodes)}
    above = [[rows[held] for held in islice(taxonomy.lineage(node.id), 1, None) if held in rows] for node in nodes]
    return [(row, held) for row, held in enumerate(above) if held]


def _z_scores(names: Vectors, vector: Vectors) -> Vectors:
    """Return the z-score of the cosine with each name."""
    cosines = names @ unit_rows(vector)
    return np.asarray((cosines - cosines.mean()) / max(float(cosines.std()), 1e-6), np.float32)


def with_categories(
    profile: UserProfile,
    document_ids: Sequence[str],
    documents: Vectors,
    claims: Mapping[str, Vectors],
    categoriser: Categoriser,
    embed: Callable[[Sequence[str]], Vectors],
) -> UserProfile:
    """Return a profile with categories for its interests and their version in `built_with.taxonomy`.

    :param profile: the profile as it was built.
    :param document_ids: ids of the user's documents, in the order of `documents`.
    :param documents: (n_documents, n_dims) float32, rows L2-normalised.
    :param claims: vector (n_dims,) of each interest by its text; missing ones are embedded.
    :param categoriser: assigns the categories.
    :param embed: `Embedder.embed`.
    """
    rows = {document_id: row for row, document_id in enumerate(document_ids)}
    interests = []
    for claim in profile.interests:
        interest = claims[claim.text] if claim.text in claims else embed([claim.text])[0]
        evidence = documents[[rows[evidence.document] for evidence in claim.evidence]]
        category = categoriser.category(interest, evidence, profile.language) if len(evidence) else None
        interests.append(claim.model_copy(update={"category": category}))
    built_with = profile.built_with.model_copy(update={"taxonomy": categoriser.version})
    return profile.with_claims({"interest": interests}, built_with=built_with)


def categories_version(taxonomy: Taxonomy) -> str:
    """Return a text that identifies the categories which a taxonomy and the current method give.

    :param taxonomy: the taxonomy.
    """
    return f"{taxonomy.scheme} {hashlib.sha256(f'{taxonomy.hash} {_METHOD}'.encode()).hexdigest()[:8]}"
