"""Which name of a taxonomy each interest belongs to, found and written down.

By likeness of the interest and of the documents it rests on to what stands for each name. How much a name stands out
counts, and not the cosine, whose range differs between embedders: the likeness is standardised over all names, and
the best must stand out more than the best of so many by chance would. Where none does, the interest has no category.
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

# Counted up when the same interest would now get another category.
_METHOD = "2"
# Documents tell more of what is meant than a phrase of two words, which may be a brand.
_DOCUMENTS_WEIGHT = 0.7
# A name whose branch does not fit is a chance hit: "Smoking Cessation" for an electric smoker.
_BRANCH_WEIGHT = 0.3
# How much more than chance the best has to stand out, in standard deviations: the least with which nine in ten of a
# hand-labelled sample are right (docs/taxonomy.md).
_MARGIN = 0.15
# A short list is measured together with the shipped one: among five names, one always stands out.
_FEW_NAMES = 100


@dataclass(frozen=True)
class CategoryNames:
    """The categories that interests of a store may have, and vectors of what stands for each.

    :param vectors: (n_names, n_dims) unit rows for each language, the first of them in the order of `ids`.
    """

    ids: tuple[str, ...]
    vectors: tuple[Vectors, ...]

    def z_scores(self, question: Vectors) -> dict[str, float]:
        """Return by category how much a question (n_dims,) is about it, in deviations above the mean of all names."""
        scores = np.max([_z_scores(names, question)[: len(self.ids)] for names in self.vectors], axis=0)
        return dict(zip(self.ids, map(float, scores), strict=True))


def category_ids(profile: UserProfile, taxonomy: Taxonomy | None) -> set[str]:
    """Return the ids of the categories of a user's interests and of all that hold them."""
    ids = {claim.category.id for claim in profile.interests if claim.category}
    return {node for id in ids for node in taxonomy.lineage(id)} if taxonomy else ids


def count_categories(rows: Iterable[tuple[str, str]], taxonomy: Taxonomy, language: str) -> tuple[CategoryCount, ...]:
    """Count the users of each category, given as (user id, category id), the most frequent first.

    :param language: what to name the categories in; users who write in others see other names.
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
    """A taxonomy whose names are embedded when a language first needs them.

    `names` are the vectors of all names by language, (n_names, n_dims) unit rows; the first are those of `nodes`.
    """

    def __init__(
        self, taxonomy: Taxonomy, embed: Callable[[Sequence[str]], Vectors], names: Mapping[str, Vectors] | None = None
    ) -> None:
        """Take what turns texts into unit vectors, and names that are embedded already."""
        self.names = dict(names or {})
        self._taxonomy, self._embed = taxonomy, embed
        self.version = categories_version(taxonomy)
        self.nodes = [node for node in taxonomy.nodes if node.texts]
        self._beside = [] if len(self.nodes) >= _FEW_NAMES else _others(self.nodes)
        self._branches = _branches(taxonomy, self.nodes)
        self._centred: dict[str, tuple[Vectors, Vectors]] = {}

    def category(self, interest: Vectors, documents: Vectors, language: str) -> Category | None:
        """Return the category of an interest, None where no name fits.

        :param interest: the unit vector of its words, (n_dims,).
        :param documents: unit vectors of the documents it rests on, (n_documents, n_dims).
        """
        centre, names = self._centred_names(language)
        scores = (1 - _DOCUMENTS_WEIGHT) * _z_scores(names, interest - centre)
        scores += _DOCUMENTS_WEIGHT * _z_scores(names, unit_rows(documents.mean(axis=0)) - centre)
        own = scores[: len(self.nodes)]
        fitting = own.copy()
        for row, above in self._branches:
            fitting[row] += _BRANCH_WEIGHT * (own[above].max() - own[row])
        best = int(fitting.argmax())
        if fitting[best] < math.sqrt(2 * math.log(len(names))) + _MARGIN:
            return None
        node = self.nodes[best]
        return Category(scheme=self._taxonomy.scheme, id=node.id, name=node.name(language))

    def z_scores(self, vectors: Vectors, language: str) -> Vectors:
        """Return (n_vectors, n_nodes): how much each vector is about each category, in deviations above the mean."""
        centre, names = self._centred_names(language)
        rows = [_z_scores(names, vector - centre) for vector in vectors]
        return np.array(rows, np.float32)[:, : len(self.nodes)]

    def _centred_names(self, language: str) -> tuple[Vectors, Vectors]:
        """Return the mean of all names, and each name less that mean as a unit vector: (n_dims,), (n_names, n_dims)."""
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


def _others(nodes: Sequence[Node]) -> list[Node]:
    """Return the shipped names that are not among those given."""
    known = {name.casefold() for node in nodes for name in node.names.values()}
    return [
        node
        for node in shipped_taxonomy().nodes
        if node.texts and known.isdisjoint(name.casefold() for name in node.names.values())
    ]


def _branches(taxonomy: Taxonomy, nodes: Sequence[Node]) -> list[tuple[int, list[int]]]:
    """Return for each node that others hold its row and theirs."""
    rows = {node.id: row for row, node in enumerate(nodes)}
    above = [[rows[held] for held in islice(taxonomy.lineage(node.id), 1, None) if held in rows] for node in nodes]
    return [(row, held) for row, held in enumerate(above) if held]


def _z_scores(names: Vectors, vector: Vectors) -> Vectors:
    """Return the likeness to each name in standard deviations above the mean over all names."""
    likeness = names @ unit_rows(vector)
    return np.asarray((likeness - likeness.mean()) / max(float(likeness.std()), 1e-6), np.float32)


def with_categories(
    profile: UserProfile,
    document_ids: Sequence[str],
    documents: Vectors,
    claims: Mapping[str, Vectors],
    categoriser: Categoriser,
    embed: Callable[[Sequence[str]], Vectors],
) -> UserProfile:
    """Return a profile whose interests have the categories of a taxonomy, and which says of which.

    :param profile: the profile as the machine wrote it.
    :param document_ids: the user's documents, in the order of `documents`.
    :param documents: (n_documents, n_dims) float32, rows L2-normalised.
    :param claims: the vector (n_dims,) of each interest by its text; those that are missing are embedded.
    :param categoriser: of the taxonomy.
    :param embed: texts to unit vectors.
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
    """Return what tells the categories of one taxonomy and method from those of another.

    :param taxonomy: the taxonomy.
    """
    return f"{taxonomy.scheme} {hashlib.sha256(f'{taxonomy.hash} {_METHOD}'.encode()).hexdigest()[:8]}"
