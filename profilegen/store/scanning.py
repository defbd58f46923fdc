"""A child process that searches every file of a store for ids and words of users.

Bytes are read as UTF-8, also with the escapes of JSON undone, once and twice, without zero bytes (Latin text in UTF-16
and UTF-32), and as UTF-16. What is compressed is not unpacked: a store holds nothing compressed but counts.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from profilegen.store.files import is_own
from profilegen.store.user_words import names_user
from profilegen.store.word_runs import Hashes, found_among, runs_of

_CHUNK_BYTES, _OVERLAP_BYTES = 1 << 24, 1 << 16
_ESCAPE = re.compile(rb'\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)|\\u([0-9a-fA-F]{4})|\\([nrtbf"/\\])')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SQLITE_START = b"SQLite format 3\0"


class Wanted(NamedTuple):
    """What is looked for: the fields of `profilegen.store.traces.Traces`."""

    users: tuple[str, ...]
    in_fields_only: frozenset[str]
    document_ids: frozenset[str]
    runs: Hashes


def scan(directory: Path, wanted: Wanted) -> dict[str, Any]:
    """Search every file below a directory.

    :param directory: the store.
    :param wanted: what to look for.
    :return: `files` and `size` of what was read, and what was `found`, as of `FoundTrace`.
    """
    found, files, size = [], 0, 0
    for path in sorted(path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()):
        name = path.relative_to(directory).as_posix()
        with suppress(FileNotFoundError):  # a file that another process has removed meanwhile
            ids, runs, read = _in_file(path, wanted)
            files, size = files + 1, size + read
            ids |= {user for user in wanted.users if user not in wanted.in_fields_only and names_user(name, user)}
            ids |= {path.stem} & wanted.in_fields_only if not is_own(path.relative_to(directory)) else set()
            if ids or runs:
                found.append({"file": name, "ids": len(ids), "runs": runs})
    return {"files": files, "size": size, "found": found}


def _in_file(path: Path, wanted: Wanted) -> tuple[set[str], int, int]:
    """Return the ids and the number of runs of words found in a file, and its size."""
    patterns = {user: _spellings(user) for user in wanted.users if user not in wanted.in_fields_only}
    found = np.zeros(len(wanted.runs), np.bool_)
    ids: set[str] = set()
    size = 0
    is_database = False
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK_BYTES):
            is_database = is_database or (not size and chunk.startswith(_SQLITE_START))
            size += len(chunk)
            for data in _readings(tail + chunk, is_utf8=is_database):
                ids.update(user for user, words in patterns.items() if any(word in data for word in words))
                if len(found):
                    found |= found_among(runs_of(data), wanted.runs)
            tail = chunk[-_OVERLAP_BYTES:]
    if is_database:
        ids |= _in_fields(path, wanted)
    return ids, int(found.sum()), size


def _spellings(user: str) -> set[bytes]:
    """Return the bytes that an id may be, in UTF-8; of UTF-16 and UTF-32 see `_readings`."""
    spellings = {user, json.dumps(user, ensure_ascii=False)[1:-1], quote(user, safe=""), escape(user)}
    return {spelling.encode("utf-8", "replace") for spelling in spellings}


def _readings(data: bytes, *, is_utf8: bool) -> Iterator[bytes]:
    """Yield bytes as they are, and as they would be in UTF-8 without the escapes of JSON or in other encodings."""
    yield data
    plain = data
    for _ in range(2):  # JSON may stand in a string of JSON.
        if b"\\" in plain:
            plain = _ESCAPE.sub(_unescaped, plain)
            yield plain
    if b"\0" in data:
        yield data.replace(b"\0", b"")
    if not is_utf8:
        for encoding in ("utf-16-le", "utf-16-be"):
            for start in range(2):
                yield data[start:].decode(encoding, "ignore").encode("utf-8", "ignore")


def _unescaped(match: re.Match[bytes]) -> bytes:
    high, low, plain, letter = match.groups()
    if letter:
        return letter if letter in b'"/\\' else b" "
    try:
        code = int(plain, 16) if plain else (int(high, 16) - 0xD800 << 10) + int(low, 16) - 0xDC00 + 0x10000
        return chr(code).encode("utf-8", "ignore")
    except ValueError:
        return b" "


def _in_fields(path: Path, wanted: Wanted) -> set[str]:
    """Return the ids, of users and of documents, that are a value in a database, alone or as a string in JSON."""
    if not wanted.in_fields_only:
        return set()
    ids = wanted.in_fields_only | wanted.document_ids
    found: set[str] = set()
    # A directory that may not be written to is read as it lies there; a log in it has been read as a file of its own.
    address = f"{path.absolute().as_uri()}?mode=ro" + ("" if os.access(path.parent, os.W_OK) else "&immutable=1")
    with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as database:
        database.text_factory = lambda value: value.decode("utf-8", "replace")
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            with suppress(sqlite3.Error):  # a virtual table whose module is not here
                for value in chain.from_iterable(database.execute(f'SELECT * FROM "{table}"')):
                    if isinstance(value, str):
                        found |= {value} & ids
                        if value[:1] in ("{", "["):
                            found |= {_string(each) for each in _STRING.findall(value)} & ids
    return found


def _string(text: str) -> str:
    return str(json.loads(text)) if "\\" in text else text[1:-1]


def _main(directory: Path) -> int:
    told = json.load(sys.stdin)
    wanted = Wanted(
        tuple(told["users"]),
        frozenset(told["in_fields_only"]),
        frozenset(told["document_ids"]),
        np.frombuffer(bytes.fromhex(told["runs"]), np.uint64),
    )
    json.dump(scan(directory, wanted), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))
