"""What became of segments between two clusterings: which split, merged, appeared or vanished, by their members.

After MONIC (Spiliopoulou et al. 2006): a segment that has its id still lives on. One that is gone was split if several
new ones hold a quarter of its members each, or merged if most of its members are in one that holds others' too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from profilegen.records import SegmentChange

_PART, _MOST = 0.25, 0.5


def segment_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[SegmentChange, ...]:
    """Return what split, merged, appeared and vanished, in this order.

    Shares are of the users who are there both times, so that users who come or go split nothing.

    :param before: id of the segment of each user.
    :param after: the same, later; a segment that lives on has its id still.
    """
    flows = Counter((before[user], segment) for user, segment in after.items() if user in before)
    stayed, held = Counter[str](), Counter[str]()
    for (old, new), n in flows.items():
        stayed[old] += n
        held[new] += n
    old_ids, new_ids = sorted(set(before.values())), sorted(set(after.values()))
    splits = {}
    for old in old_ids:
        parts = [new for new in new_ids if flows[old, new] >= _PART * stayed[old] > 0]
        # A part that is mostly of another segment is no part of this one: its users moved there.
        parts = [new for new in parts if new == old or flows[old, new] >= _MOST * held[new]]
        if len(parts) > 1:
            splits[old] = parts
    merges = {}
    for new in new_ids:
        sources = [old for old in old_ids if flows[old, new] >= _MOST * stayed[old] > 0 and old not in splits]
        if len(sources) > 1:
            merges[new] = sources
    explained_new = {new for parts in splits.values() for new in parts} | merges.keys()
    explained_old = splits.keys() | {old for sources in merges.values() for old in sources}
    return (
        *(SegmentChange(change="split", before=(old,), after=tuple(parts)) for old, parts in splits.items()),
        *(SegmentChange(change="merged", before=tuple(old), after=(new,)) for new, old in merges.items()),
        *(SegmentChange(change="appeared", after=(id_,)) for id_ in sorted({*new_ids} - {*old_ids} - explained_new)),
        *(SegmentChange(change="vanished", before=(id_,)) for id_ in sorted({*old_ids} - {*new_ids} - explained_old)),
    )
