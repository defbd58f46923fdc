"""What recognisers return: where in a text something stands, and what it is."""

from __future__ import annotations

import re
from typing import NamedTuple

KINDS = (
    "secret",
    "email",
    "handle",
    "link",
    "iban",
    "card",
    "id",
    "phone",
    "ip",
    "address",
    "birthdate",
    "plate",
    "name",
)
"""What can be found; the placeholder of a kind is its name in brackets."""

PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")
"""What stands for a thing that was masked."""

HARMLESS = ""
"""The kind of what stays as it is, and in which nothing else is found: a link that gives away nothing."""


class Found(NamedTuple):
    """A part of a text that identifies somebody.

    :param start: position of its first character.
    :param end: position behind its last one.
    :param kind: one of `KINDS`, or `HARMLESS`.
    """

    start: int
    end: int
    kind: str
