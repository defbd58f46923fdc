"""Segments of few users as they may be shown to others: without words of their members and without their number."""

from __future__ import annotations

from collections.abc import Sequence

from profilegen.records import Segment

WITHHELD_NAME = "withheld"
"""The name that a withheld segment has."""


def withhold_small(segments: Sequence[Segment], min_users: int) -> list[Segment]:
    """Return segments, those of few users without words, members and size.

    Where one segment alone would be withheld, the smallest of the others is too: else its size would follow from those
    of the others and the number of all users.

    :param segments: all segments of a store.
    :param min_users: segments of fewer users are withheld.
    """
    by_size = sorted(segments, key=lambda segment: segment.size)
    n_small = sum(segment.size < min_users for segment in segments)
    withheld = {segment.id for segment in by_size[: 2 if n_small == 1 else n_small]}
    return [_without_words(segment) if segment.id in withheld else segment for segment in segments]


def _without_words(segment: Segment) -> Segment:
    return segment.with_claims(
        {kind: () for kind in segment.claims},
        name=WITHHELD_NAME,
        criterion="",
        size=0,
        summary="",
        keyphrases=(),
        categories=(),
        members=(),
        exemplars=(),
        withheld=True,
    )
