"""A hash of what something was made from, by which a build knows that there is nothing to do."""

from __future__ import annotations

import hashlib


def fingerprint(*parts: object) -> str:
    """Return a hash of all parts in order, 32 hexadecimal digits.

    :param parts: bytes, or anything whose text says which it is.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update((part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")) + b"\0")
    return digest.hexdigest()[:32]
