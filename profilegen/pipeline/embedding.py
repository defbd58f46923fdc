"""The stages that embed documents and make the users' vectors of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from profilegen.backends import Embedder, Progress
from profilegen.errors import UnreadableTextError
from profilegen.profiles import user_profile
from profilegen.records import Document
from profilegen.segments.user_vectors import ITEM_WEIGHT, document_vectors, user_vector
from profilegen.store.ledger import (
    Ledger,
)
from profilegen.vectors import Vectors

# Vectors are stored a batch at a time: some seconds of work, which is what a killed build loses. Where a batch ends
# depends on the documents alone, so that a build that goes on gives the same vectors.
_BATCH_CHARS, _BATCH_DOCUMENTS = 100_000, 1_000

_log = logging.getLogger(__name__)


def embed_documents(ledger: Ledger, embedder: Embedder, progress: Progress) -> int:
    """Embed the documents that have no vector yet.

    One at which the model's process dies twice stays without, so that the next build tries it again; this is logged.

    :param ledger: gets the vectors, a batch at a time.
    :param embedder: the store's.
    :param progress: called with documents done and in all.
    :return: how many documents were embedded.
    """
    missing = ledger.count_missing_vectors()
    done = unread = 0
    for batch in _embedding_batches(ledger.documents_missing_vectors()):
        items = sorted({document.item_title for document in batch if document.item_title})
        texts = [_embedded_text(document) for document in batch]
        embedded = 0

        def on_done(count: int, base: int = done, size: int = len(batch), n_texts: int = len(texts + items)) -> None:
            nonlocal embedded
            embedded += count
            progress("embed", base + size * embedded // n_texts, missing)

        vectors = _embed(embedder, texts + items, on_done)
        item_vectors = dict(zip(items, vectors[len(texts) :], strict=True))
        ledger.put_document_vectors(
            (document.id, vector, item_vectors.get(document.item_title or ""))
            for document, vector in zip(batch, vectors, strict=False)
            if vector is not None
        )
        done += len(batch)
        unread += sum(vector is None for vector in vectors[: len(batch)])
    return done - unread


def update_users(ledger: Ledger, embedder: Embedder) -> None:
    """Give every user whose documents changed a language, a hash and a vector.

    :param ledger: has the documents and their vectors.
    :param embedder: the store's, on which the vectors depend.
    """
    before = ledger.user_hashes()

    def changed() -> Iterator[tuple[str, str, str, Vectors]]:
        for user in ledger.iter_users():
            made_of = f"{user_profile.documents_hash(user.documents)}-{embedder.fingerprint[:8]}-{ITEM_WEIGHT:g}"
            if unread := int((~user.text_vectors.any(axis=1) & ~user.item_vectors.any(axis=1)).sum()):
                made_of += f"-{unread} without vector"  # which a later build may give them
            if before.get(user.user_id) != made_of:
                vector = user_vector(document_vectors(user.text_vectors, user.item_vectors))
                yield user.user_id, user_profile.main_language(user.documents), made_of, vector

    ledger.put_users(changed())


def _embed(embedder: Embedder, texts: Sequence[str], on_done: Callable[[int], None]) -> list[Vectors | None]:
    """Return the vector (n_dims,) of each text, None for one that the model cannot read."""
    readable = list(range(len(texts)))
    vectors: list[Vectors | None] = [None] * len(texts)
    while readable:
        try:
            rows = embedder.embed([texts[at] for at in readable], on_done)
        except UnreadableTextError as error:
            if not error.positions:
                raise
            _log.warning(
                "%s; %d of %d texts stay without a vector until the next build", error, len(error.positions), len(texts)
            )
            readable = [at for place, at in enumerate(readable) if place not in error.positions]
        else:
            for at, row in zip(readable, rows, strict=True):
                vectors[at] = row
            break
    return vectors


def _embedding_batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    chars = 0
    for document in documents:
        batch.append(document)
        chars += len(document.text)
        if chars >= _BATCH_CHARS or len(batch) == _BATCH_DOCUMENTS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _embedded_text(document: Document) -> str:
    """Return the text with its heading, which often says in a few words what the text is about."""
    return f"{document.title}. {document.text}" if document.title else document.text
