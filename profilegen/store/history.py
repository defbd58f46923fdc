"""What changed between builds, and what a build changed about a user, from the rows that the ledger keeps."""

from __future__ import annotations

from itertools import groupby

from profilegen.errors import StoreError, UsageError
from profilegen.profiles.changes import claim_changes, claim_states, ended_on
from profilegen.records import SegmentChange, UserProfile
from profilegen.records.history import NumberedBuild, StoreDiff, UserBuild, UserChange
from profilegen.segments.lineage import segment_changes
from profilegen.store import overlay
from profilegen.store.ledger import HistoryRow, Ledger, Undone, undo


def diff(ledger: Ledger, before: int | None = None, after: int | None = None, user_id: str | None = None) -> StoreDiff:
    """Return what changed from the end of one build to the end of another.

    Users who are not in the store any more are in no difference, nor are claims of which no document is.

    :param ledger: of the store.
    :param before: number of the earlier build; by default the one before `after`.
    :param after: number of the later build; by default the last one that changed something.
    :param user_id: of one user; None for all.
    :raises UsageError: there is no such build, or nothing is known of the time of the earlier one.
    """
    builds = _known_builds(ledger)
    numbers = {build.number: build for build in builds}
    if after is None:
        after = next((build.number for build in reversed(builds) if build.changed), builds[-1].number)
        after = max(after, builds[0].number if before is None else before)
    if before is None:
        before = max((number for number in numbers if number < after), default=None)
    if before is None or after not in numbers or before not in numbers or before > after:
        if len(builds) == 1:
            raise UsageError(f"there is only build {_listed(builds)} yet, and nothing that it could be compared with")
        raise UsageError(
            f"there is no such pair of builds; the builds that can be compared are {_listed(builds)}, the earlier first"
        )
    later: dict[str, list[HistoryRow]] = {}
    wanted: dict[str, list[HistoryRow]] = {}
    rows = ledger.history_after(before) if user_id is None else iter(ledger.history_of(user_id))
    for user, group in groupby(rows, key=lambda row: row.user_id):
        of_user = [row for row in group if row.build > before]
        later[user] = [row for row in of_user if row.build > after]
        wanted[user] = [row for row in of_user if row.build <= after]
    memberships = {row.user_id: row.segment_id for row in ledger.memberships()}
    changes, segments_before, segments_after = [], dict(memberships), dict(memberships)
    for user in sorted(later):
        profile = ledger.profile(user)
        now = Undone(claim_states(profile) if profile else None, memberships.get(user))
        at_after = undo(now, later[user])
        at_before = undo(at_after, wanted[user])
        _put(segments_after, user, at_after.segment)
        _put(segments_before, user, at_before.segment)
        change = _change(user, profile, at_before, at_after)
        if change is not None:
            changes.append(change)
    of_segments: tuple[SegmentChange, ...] = ()
    if user_id is None and segments_before and segments_before != segments_after:
        names = {segment.id: segment.name for segment in overlay.segments(ledger)}
        of_segments = tuple(
            each.model_copy(update={"names": {id_: names[id_] for id_ in (*each.before, *each.after) if id_ in names}})
            for each in segment_changes(segments_before, segments_after)
        )
    return StoreDiff(before=numbers[before], after=numbers[after], users=tuple(changes), segments=of_segments)


def history(ledger: Ledger, user_id: str) -> list[UserBuild]:
    """Return what each build changed about a user, the last one first.

    :param ledger: of the store.
    :param user_id: any.
    """
    numbers = {build.number: build for build in ledger.builds()}
    profile = ledger.profile(user_id)
    state = Undone(claim_states(profile) if profile else None, ledger.segments_of([user_id]).get(user_id))
    found = []
    for number, group in groupby(ledger.history_of(user_id), key=lambda row: row.build):
        earlier = undo(state, group)
        change = _change(user_id, profile, earlier, state)
        if change is not None and number in numbers:
            found.append(UserBuild(build=numbers[number], change=change))
        state = earlier
    return found


def _known_builds(ledger: Ledger) -> list[NumberedBuild]:
    since = ledger.history_since()
    builds = [build for build in ledger.builds() if since is not None and build.number >= since]
    if not builds:
        raise StoreError("this store keeps no history yet; the next build begins it")
    return builds


def _listed(builds: list[NumberedBuild], most: int = 8) -> str:
    shown = builds[-most:]
    return ", ".join(f"{build.number} ({build.finished:%Y-%m-%d %H:%M})" for build in shown)


def _put(segments: dict[str, str], user_id: str, segment: str | None) -> None:
    if segment is None:
        segments.pop(user_id, None)
    else:
        segments[user_id] = segment


def _change(user_id: str, profile: UserProfile | None, before: Undone, after: Undone) -> UserChange | None:
    """Return what changed about a user, None where nothing did."""
    is_new = before.claims is None and after.claims is not None
    claims = claim_changes(
        before.claims or (),
        after.claims or (),
        profile.language if profile else "und",
        ended_on(profile) if profile else {},
    )
    if not (claims or is_new or before.segment != after.segment):
        return None
    return UserChange(
        user_id=user_id, is_new=is_new, claims=claims, segment_before=before.segment, segment=after.segment
    )
