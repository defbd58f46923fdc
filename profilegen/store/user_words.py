"""Ids of users as words of a text, such as a note or the name of a file."""

from __future__ import annotations

import re
from collections.abc import Collection

# Shorter ids, and shorter ones of digits alone, stand in vectors, figures and names by chance.
_MIN_ID_BYTES, _MIN_DIGITS = 6, 10


def is_short(user: str) -> bool:
    """Return whether an id is so short that it may stand somewhere by chance.

    :param user: the id.
    """
    return len(user.encode("utf-8", "replace")) < (_MIN_DIGITS if user.isdecimal() else _MIN_ID_BYTES)


def names_user(text: str, user: str) -> bool:
    """Return whether a text has the id of a user as a word of its own.

    :param text: any, such as the name of a file.
    :param user: the id.
    """
    return user_pattern([user]).search(text) is not None


def user_pattern(users: Collection[str]) -> re.Pattern[str]:
    """Return a pattern that finds ids of users as words of their own.

    :param users: the ids.
    """
    words = []
    for user in sorted(users, key=len, reverse=True):
        before = r"(?<![A-Za-z0-9_])" if re.match(r"[A-Za-z0-9_]", user) else ""
        after = r"(?![A-Za-z0-9_])" if re.search(r"[A-Za-z0-9_]\Z", user) else ""
        words.append(before + re.escape(user) + after)
    return re.compile("|".join(words) or r"(?!)")
