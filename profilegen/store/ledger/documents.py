"""Documents and their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from profilegen.records import Document, batches
from profilegen.store.ledger.history import HistoryTables
from profilegen.store.ledger.packing import pack, unpack
from profilegen.store.ledger.tables import BATCH_ROWS
from profilegen.vectors import Vectors


class UserDocuments(NamedTuple):
    """One user's documents.

    :param user_id: who wrote them.
    :param documents: oldest first.
    :param text_vectors: (n_documents, n_dims) float32, rows L2-normalised, zero rows where there is none.
    :param item_vectors: as `text_vectors`, of the titles of the items.
    """

    user_id: str
    documents: list[Document]
    text_vectors: Vectors
    item_vectors: Vectors


class DocumentTables(HistoryTables):
    """Methods of a ledger for documents; mixed into `Ledger`."""

    def document(self, document_id: str) -> Document | None:
        """Return one document, or None.

        :param document_id: its id.
        """
        return self.documents([document_id]).get(document_id)

    def documents(self, document_ids: Iterable[str]) -> dict[str, Document]:
        """Return documents by id, without those that are missing.

        :param document_ids: in the order in which they are returned.
        """
        wanted = list(document_ids)
        records: dict[str, str] = dict(self._among("SELECT id, record FROM documents WHERE id IN {}", wanted))
        return {name: self._document(name, records[name]) for name in wanted if name in records}

    def iter_documents(self) -> Iterator[Document]:
        """Yield every document in order of id."""
        for id_, record in self._paged("SELECT id, record FROM documents WHERE id > ? ORDER BY id LIMIT ?", ""):
            yield self._document(id_, record)

    # By user

    def user_ids(self) -> Iterator[str]:
        """Yield the ids of all users who have documents, in order."""
        rows = self._paged("SELECT DISTINCT user_id FROM documents WHERE user_id > ? ORDER BY user_id LIMIT ?", "")
        return (user_id for (user_id,) in rows)

    def user_documents(self, user_id: str) -> list[Document]:
        """Return the documents of one user, undated first, then by time, then in the order in which they came.

        :param user_id: any; of an unknown user the list is empty.
        """
        rows = self._rows("SELECT id, record FROM documents WHERE user_id = ? ORDER BY rowid", (user_id,))
        return sorted((self._document(id_, record) for id_, record in rows), key=_age)

    def iter_users(
        self, user_ids: Iterable[str] | None = None, *, with_vectors: bool = True
    ) -> Iterator[UserDocuments]:
        """Yield users with their documents in order of user id.

        :param user_ids: whom to yield, where they have documents; None for all.
        :param with_vectors: read the vectors; else both arrays are (n_documents, 0).
        """
        dims = self._dims() if with_vectors else 0
        columns = "text_vector, item_vector" if with_vectors else "NULL, NULL"
        wanted = self.user_ids() if user_ids is None else sorted(set(user_ids))
        rows = self._among(
            f"SELECT user_id, id, record, {columns} FROM documents WHERE user_id IN {{}} ORDER BY user_id, rowid",
            wanted,
        )
        for user_id, group in groupby(rows, key=lambda row: row[0]):
            documents = [(self._document(id_, record), text, item) for _, id_, record, text, item in group]
            documents.sort(key=lambda row: _age(row[0]))
            with self._intact(f"a vector of the documents of {user_id!r}"):
                text_vectors = unpack([text for _, text, _ in documents], dims)
                item_vectors = unpack([item for _, _, item in documents], dims)
            yield UserDocuments(user_id, [document for document, *_ in documents], text_vectors, item_vectors)

    # Vectors

    def document_matrix(self, user_ids: Iterable[str], most: int) -> tuple[list[str], Vectors, Vectors]:
        """Return the vectors of users' documents.

        :param user_ids: the users.
        :param most: number of documents of a user, at most; those that came last.
        :return: the user of each document, and its vectors of text and item, each (n_documents, n_dims) float32, rows
            L2-normalised, zero rows where there is none.
        """
        rows = list(
            self._among(
                "SELECT user_id, text_vector, item_vector FROM (SELECT user_id, text_vector, item_vector,"
                " row_number() OVER (PARTITION BY user_id ORDER BY rowid DESC) AS number FROM documents"
                f" WHERE user_id IN {{}}) WHERE number <= {most:d}",
                user_ids,
            )
        )
        dims = self._dims()
        with self._intact("a vector of a document"):
            texts, items = unpack([row[1] for row in rows], dims), unpack([row[2] for row in rows], dims)
        return [row[0] for row in rows], texts, items

    def documents_missing_vectors(self) -> Iterator[Document]:
        """Yield the documents that have no vector, in order of id; vectors may be stored meanwhile."""
        rows = self._paged(
            "SELECT id, record FROM documents"
            " WHERE text_vector IS NULL AND item_vector IS NULL AND id > ? ORDER BY id LIMIT ?",
            "",
        )
        for id_, record in rows:
            yield self._document(id_, record)

    def count_missing_vectors(self) -> int:
        """Return how many documents have no vector."""
        return self._count("SELECT count(*) FROM documents WHERE text_vector IS NULL AND item_vector IS NULL")

    def put_document_vectors(self, rows: Iterable[tuple[str, Vectors | None, Vectors | None]]) -> None:
        """Store vectors of documents, in transactions of 1,000.

        :param rows: (document id, text vector, vector of the item's title); each (n_dims,) float32 or None.
        :raises ValueError: a vector holds NaN.
        """
        for batch in batches(rows, BATCH_ROWS):
            packed = [(pack(text), pack(item), document_id) for document_id, text, item in batch]
            with self._transaction():
                self._connection.executemany(
                    "UPDATE documents SET text_vector = ?, item_vector = ? WHERE id = ?", packed
                )
                self._touch()

    def clear_vectors(self) -> None:
        """Remove every vector and everything made from vectors, as when the embedder changes; documents stay."""
        with self._transaction():
            self._connection.execute("UPDATE documents SET text_vector = NULL, item_vector = NULL")
            self._connection.execute("DELETE FROM users")
            self._connection.execute("DELETE FROM segments")
            self._restart_history()
            self._touch()

    def _document(self, document_id: str, record: str) -> Document:
        return self._record(Document, record, f"document {document_id!r}")

    def _dims(self) -> int:
        """Return how many dimensions the stored vectors have, 0 when there are none."""
        row = self._one(
            "SELECT length(coalesce(text_vector, item_vector)) / 2 FROM documents"
            " WHERE text_vector IS NOT NULL OR item_vector IS NOT NULL LIMIT 1"
        )
        return 0 if row is None else int(row[0])


def _age(document: Document) -> tuple[bool, datetime]:
    """Sort key: undated first, then by time (without a zone it is taken as UTC)."""
    time = document.timestamp or datetime.min
    return document.timestamp is not None, time if time.tzinfo else time.replace(tzinfo=UTC)
