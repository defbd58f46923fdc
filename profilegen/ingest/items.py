"""Items that stand in a file of their own, held on disk while the texts about them are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import TracebackType

import orjson

_FIELDS = ("item_title", "brand", "price", "image")


class Items:
    """What is known of items, by their ids."""

    def __init__(self) -> None:
        # A database without a name lies in a temporary file that goes when it is closed.
        self._rows = sqlite3.connect("")
        self._rows.execute("CREATE TABLE items (id TEXT PRIMARY KEY, fields BLOB) WITHOUT ROWID")
        self.count = 0

    def __enter__(self) -> Items:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()

    def add(self, fields: Mapping[str, object]) -> bool:
        """Add an item; False where it has no id or nothing is known of it.

        :param fields: `item_id`, and what is known; the first that is said of an item stays.
        """
        key = _key(fields.get("item_id"))
        known = {name: fields[name] for name in _FIELDS if fields.get(name) not in (None, "")}
        if not key or not known:
            return False
        self._rows.execute("INSERT OR IGNORE INTO items VALUES (?, ?)", (key, orjson.dumps(known, default=str)))
        self.count += 1
        return True

    def completed(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return fields of a document with what is known of its item where they say nothing.

        :param fields: by our names.
        """
        key = _key(fields.get("item_id")) if self.count else ""
        row = self._rows.execute("SELECT fields FROM items WHERE id = ?", (key,)).fetchone() if key else None
        if row is None:
            return fields
        said = {name: value for name, value in fields.items() if value not in (None, "")}
        return {**orjson.loads(row[0]), **said}


def _key(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, str | int) else ""
