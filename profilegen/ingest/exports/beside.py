"""Small JSON files that lie beside the file that is read."""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson

# `window.YTD.account.part0 = [` or `var user_details = {`
_ASSIGNMENT = re.compile(rb"\s*[\w.\s]{1,200}=\s*")


def json_beside(beside: Callable[[str], bytes | None], *names: str) -> object:
    """Return what the first of some files holds that is there and can be read, None where none is.

    :param beside: returns the bytes of a file by its path from the file that is read.
    :param names: paths, the preferred first. What JavaScript assigns is read as JSON.
    """
    for name in names:
        data = beside(name)
        if data is None:
            continue
        try:
            return orjson.loads(_ASSIGNMENT.sub(b"", data, count=1) if data.lstrip()[:1] not in b"[{" else data)
        except orjson.JSONDecodeError:
            continue
    return None
