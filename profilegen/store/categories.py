"""The taxonomy of a store, and the vectors of its names, as the ledger holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from profilegen.claims.categories import Categoriser, CategoryNames, categories_version
from profilegen.claims.taxonomy import Taxonomy, taxonomy_from_dict
from profilegen.store.ledger import Ledger
from profilegen.store.vector_cache import load_vectors, save_vectors
from profilegen.vectors import Vectors


def stored_taxonomy(ledger: Ledger) -> Taxonomy | None:
    """Return the taxonomy that the categories in a store are of, None in a store without any.

    :param ledger: the store's.
    """
    plain = ledger.get_meta("taxonomy")
    return taxonomy_from_dict(plain) if plain else None


def stored_names(ledger: Ledger) -> CategoryNames | None:
    """Return the names that the interests of a store were compared with, None where it has no categories.

    :param ledger: the store's.
    """
    taxonomy = stored_taxonomy(ledger)
    vectors = load_vectors(ledger, _cache_name(taxonomy), _made_of(ledger, taxonomy)) if taxonomy else {}
    if not taxonomy or not vectors:
        return None
    return CategoryNames(tuple(node.id for node in taxonomy.nodes if node.texts), tuple(vectors.values()))


@contextmanager
def open_categoriser(
    ledger: Ledger, taxonomy: Taxonomy, embed: Callable[[Sequence[str]], Vectors]
) -> Iterator[Categoriser]:
    """Yield the categoriser of a taxonomy; names that it embeds are saved when the block ends.

    :param ledger: the store's, which has the vectors of names that were embedded before.
    :param taxonomy: the taxonomy.
    :param embed: texts to unit vectors.
    """
    name, made_of = _cache_name(taxonomy), _made_of(ledger, taxonomy)
    vectors = load_vectors(ledger, name, made_of)
    categoriser = Categoriser(taxonomy, embed, vectors)
    yield categoriser
    if len(categoriser.names) > len(vectors):
        save_vectors(ledger, name, made_of, categoriser.names)


def _cache_name(taxonomy: Taxonomy) -> str:
    return f"taxonomy_vectors {taxonomy.scheme}"


def _made_of(ledger: Ledger, taxonomy: Taxonomy) -> list[str]:
    return [categories_version(taxonomy), str(ledger.get_meta("embedder"))]
