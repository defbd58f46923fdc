"""New documents, written to a file beside the ledger and taken into it in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from profilegen.records import Document, batches
from profilegen.store.files import INCOMING_FILE, make_private_file, remove_incoming
from profilegen.store.ledger.files import explained
from profilegen.store.ledger.removal import COMMON_COUNTS, Removal
from profilegen.store.ledger.tables import BATCH_ROWS, Row


class Staged(NamedTuple):
    """What was read: distinct documents, their users, and how many were dropped because their id came before."""

    documents: int
    users: int
    duplicates: int


class Changes(NamedTuple):
    """What applying staged documents changed in the ledger, as numbers of documents and users."""

    new: int
    changed: int
    removed_documents: int
    removed_users: int


class Removals(NamedTuple):
    """What leaves the ledger if the staged documents replace its own; `decisions` are those on users who leave."""

    users: int
    all_users: int
    documents: int
    decisions: int


class Staging(Removal):
    """What a ledger does to add documents; mixed into `Ledger`."""

    def stage(self, documents: Iterable[Document], on_new: Callable[[], None] | None = None) -> Staged:
        """Write documents to a file beside the ledger, in place of what was staged before.

        Errors that the documents raise are raised here, and nothing stays staged.

        :param documents: of each id the first is taken.
        :param on_new: called once, as soon as a document comes that is not in the ledger.
        """
        remove_incoming(self._path.parent)
        make_private_file(self._incoming)
        rows = map(_staged_row, documents)
        try:
            with (
                explained(self._incoming),
                closing(sqlite3.connect(self._incoming, isolation_level=None)) as incoming,
            ):
                # Thrown away after a crash, so there is nothing to protect from one.
                incoming.execute("PRAGMA journal_mode = MEMORY")
                incoming.execute("PRAGMA synchronous = OFF")
                return _stage(incoming, self._watched(rows, on_new) if on_new else rows)
        except BaseException:
            remove_incoming(self._path.parent)
            raise

    def staged_removals(self) -> Removals:
        """Count what `apply_staged` removes unless it is to add; nothing is changed."""
        gone = "(SELECT user_id FROM main.documents EXCEPT SELECT user_id FROM incoming.documents)"
        with self._attached():
            return Removals(
                users=self._count(f"SELECT count(*) FROM {gone}"),
                all_users=self._count("SELECT count(DISTINCT user_id) FROM main.documents"),
                documents=self._count(
                    "SELECT count(*) FROM main.documents WHERE id NOT IN (SELECT id FROM incoming.documents)"
                ),
                decisions=self._count(f"SELECT count(*) FROM main.decisions WHERE user_id IN {gone}"),
            )

    def staged_languages(self, *, add: bool) -> Counter[str]:
        """Count the documents that `apply_staged` leaves in the ledger by language.

        :param add: as of `apply_staged`.
        """
        staged = "SELECT record FROM incoming.documents"
        stored = "SELECT record FROM main.documents WHERE id NOT IN (SELECT id FROM incoming.documents)"
        language = "coalesce(record ->> 'language', 'und')"
        with self._attached():
            rows = self._rows(
                f"SELECT {language}, count(*) FROM ({f'{staged} UNION ALL {stored}' if add else staged}) GROUP BY 1"
            )
            return Counter(dict(rows))

    def apply_staged(self, *, add: bool) -> Changes:
        """Take the staged documents into the ledger, all or none.

        A document that changed keeps its vectors if its text, title and item title did not. A user who has no
        document left goes with everything that was made of the user's documents.

        :param add: keep the documents that are not staged; else they go.
        """
        with self._attached(), self._transaction():
            changes = self._apply(add=add)
            if any(changes):
                self._touch()
        remove_incoming(self._path.parent)
        self._erase_removed()
        return changes

    @contextmanager
    def _attached(self) -> Iterator[None]:
        """Have the staged documents as the database `incoming`."""
        with explained(self._path):
            self._connection.execute("ATTACH ? AS incoming", (str(self._incoming.absolute()),))
        try:
            yield
        finally:
            self._connection.execute("DETACH incoming")

    def _watched(self, rows: Iterable[Row], on_new: Callable[[], None]) -> Iterator[Row]:
        stream = iter(rows)
        for row in stream:
            yield row
            if self._one("SELECT 1 FROM main.documents WHERE id = ?", row[:1]) is None:
                on_new()
                break
        yield from stream

    @property
    def _incoming(self) -> Path:
        return self._path.parent / INCOMING_FILE

    def _apply(self, *, add: bool) -> Changes:
        execute = self._connection.execute
        # Users who lose a document; those who still have one afterwards are taken out again.
        execute(
            "CREATE TEMP TABLE losers AS SELECT DISTINCT old.user_id"
            " FROM main.documents AS old LEFT JOIN incoming.documents AS new USING (id)"
            " WHERE new.user_id <> old.user_id OR (new.id IS NULL AND NOT ?)",
            (add,),
        )
        removed = 0
        if not add:
            removed = execute("DELETE FROM main.documents WHERE id NOT IN (SELECT id FROM incoming.documents)").rowcount
        kept = self._count("SELECT count(*) FROM main.documents")
        reworded = self._count(
            "SELECT count(*) FROM main.documents AS old JOIN incoming.documents AS new USING (id)"
            " WHERE new.embedded_hash <> old.embedded_hash"
        )
        same_text = "CASE WHEN embedded_hash = excluded.embedded_hash"
        written = execute(
            "INSERT INTO main.documents (id, user_id, hash, embedded_hash, record)"
            " SELECT id, user_id, hash, embedded_hash, record FROM incoming.documents WHERE true ORDER BY rowid"
            " ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, hash = excluded.hash,"
            " embedded_hash = excluded.embedded_hash, record = excluded.record,"
            f" text_vector = {same_text} THEN text_vector END, item_vector = {same_text} THEN item_vector END"
            " WHERE hash <> excluded.hash"
        ).rowcount
        new = self._count("SELECT count(*) FROM main.documents") - kept
        execute("DELETE FROM temp.losers WHERE user_id IN (SELECT user_id FROM main.documents)")
        removed_users = self._count("SELECT count(*) FROM temp.losers")
        execute("DELETE FROM main.users WHERE user_id IN (SELECT user_id FROM temp.losers)")
        execute("DROP TABLE temp.losers")
        if removed or removed_users:
            self._strike_from_segments()
        if removed or written > new:
            # In the same transaction: after a kill, the next build would not know that counted texts are gone.
            self._set_meta(COMMON_COUNTS, None)
        if reworded or removed or removed_users:
            self._forget_removed()
        return Changes(new, written - new, removed, removed_users)


def _stage(incoming: sqlite3.Connection, rows: Iterable[Row]) -> Staged:
    incoming.execute(
        "CREATE TABLE documents (id TEXT PRIMARY KEY, user_id TEXT, hash BLOB, embedded_hash BLOB, record TEXT)"
    )
    read = kept = 0
    for batch in batches(rows, BATCH_ROWS):
        incoming.execute("BEGIN")
        kept += incoming.executemany("INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?)", batch).rowcount
        incoming.execute("COMMIT")
        read += len(batch)
    users = incoming.execute("SELECT count(DISTINCT user_id) FROM documents").fetchone()[0]
    return Staged(kept, users, read - kept)


def _staged_row(document: Document) -> Row:
    record = document.model_dump_json(exclude_none=True)
    embedded = json.dumps([document.text, document.title, document.item_title])
    return document.id, document.user_id, _hash(record), _hash(embedded), record


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
