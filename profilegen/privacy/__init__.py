"""What identifies a person gives way to placeholders before anything is stored, and user ids to pseudonyms."""

from __future__ import annotations

from typing import NamedTuple

from profilegen.config import Level
from profilegen.privacy.found import KINDS, PLACEHOLDER
from profilegen.privacy.masking import Masked, find, mask, mask_code

__all__ = ["KINDS", "OPEN", "PLACEHOLDER", "Level", "Masked", "Privacy", "find", "mask", "mask_code"]


class Privacy(NamedTuple):
    """What becomes of texts and user ids while they are read.

    :param mask: how much of a text gives way to placeholders.
    :param key: of the pseudonyms, None to leave user ids as they are.
    """

    mask: Level = "off"
    key: bytes | None = None


OPEN = Privacy()
"""Texts and user ids stay as they are."""
