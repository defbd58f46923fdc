"""Pseudonyms: user ids as a keyed hash (HMAC-SHA256), with a key that lies outside of the store."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from profilegen.errors import UsageError

_KEY_BYTES = 32
# 80 bits: among a billion users, two get the same pseudonym once in a million stores.
_PSEUDONYM_BYTES = 10
_PREFIX = "u-"


def pseudonym(user_id: str, key: bytes) -> str:
    """Return what stands for a user id: always the same with the same key, and without the key a riddle.

    :param user_id: the user.
    :param key: as of `read_key`.
    """
    digest = hmac.digest(key, user_id.encode("utf-8", "surrogatepass"), "sha256")
    return _PREFIX + base64.b32encode(digest[:_PSEUDONYM_BYTES]).decode().lower()


def key_mark(key: bytes) -> str:
    """Return what tells a key from others without telling the key.

    :param key: as of `read_key`.
    """
    return hmac.new(key, b"profilegen: which key is it", hashlib.sha256).hexdigest()[:16]


def read_key(path: Path) -> bytes:
    """Return the key of a file.

    :param path: a file of 64 hexadecimal digits, as `make_key` writes it.
    :raises UsageError: it is missing, unreadable or something else.
    """
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UsageError(
            f"{path} is no key file, which has {2 * _KEY_BYTES} hexadecimal digits; name one that a build made, or a "
            "file that does not exist yet, which it then makes"
        )
    return key


def has_no_key(path: Path) -> bool:
    """Return whether there is nothing at a path; what cannot be looked at is something, and `read_key` says what.

    :param path: of a key file.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def make_key(path: Path) -> None:
    """Write a new random key to a file that its owner alone can read.

    :param path: a file that does not exist.
    :raises UsageError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())  # A store whose key a power cut took could not be built any more.
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be made: {error.strerror}") from None


def check_place(path: Path, store: Path) -> None:
    """Refuse a key file in the store, where whoever takes the store takes the key with it.

    :param path: of the key file.
    :param store: directory of the store.
    :raises UsageError: the file lies in the store, or would.
    """
    # Not `Path.resolve`, which raises where symbolic links run in a circle.
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(store)):
        raise UsageError(f"the key file {path} lies in the store {store}; name a file outside of it")
