"""A store that is built as texts arrive, in ten slices of time, against one that is built of everything at once.

    python -m benchmarks.stream --set amazon-shoppers --users 60

Of each slice: what is new in it and what the build did; then what differs between the two stores, once before the last
build settled (`build --settle`) and once after. The ids of segments are not compared, since they live on from slice to
slice. Rows are in order of time in both, those without a time first.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import profilegen
from benchmarks.corpus import read_users
from profilegen.records import BuildReport, UserProfile

_SHARED = Path(__file__).parents[2] / "shared" / "data"
SLICES = 10
# Vectors and verdicts are rounded otherwise in other batches of texts; a support moves by this at most.
_SAME_SUPPORT = 0.01
Row = Mapping[str, Any]


class Differences(NamedTuple):
    """What differs between two stores of the same texts.

    :param users: how many users there are.
    :param claims: users with other claims, or a support that is more than rounded otherwise.
    :param past_claims: users with other claims that ended.
    :param segments: users whose segment has other members.
    :param described: segments with the same members and other claims.
    """

    users: int
    claims: int
    past_claims: int
    segments: int
    described: int

    def __str__(self) -> str:
        return (
            f"of {self.users} users, {self.claims} have other claims, {self.past_claims} other claims that ended, "
            f"{self.segments} a segment of other members; {self.described} segments have other claims"
        )


def main() -> int:
    """Print what each slice cost, and what differs at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=_SHARED, help="directory of the data sets")
    parser.add_argument("--set", default="amazon-shoppers", help="name of the data set")
    parser.add_argument("--users", type=int, help="users; by default all")
    parser.add_argument("--slices", type=int, default=SLICES, help="number of slices")
    options = parser.parse_args()
    rows = in_time([dict(row) for user in _users(options) for row in user.rows])
    with tempfile.TemporaryDirectory() as folder:
        whole, streamed = Path(folder) / "whole", Path(folder) / "streamed"
        print("slice  texts  users  embedded  readings  profiles  segments  clustered  seconds")
        for number, (new, report) in enumerate(replay(rows, streamed, options.slices), 1):
            print(_line(number, new, report), flush=True)
        report = build(rows, whole)
        print(_line("whole", rows, report), flush=True)
        print(f"before it is settled: {differences(streamed, whole)}", flush=True)
        report = build(rows, streamed, settle=True)
        print(_line("settled", (), report))
        print(f"settled: {differences(streamed, whole)}")
    return 0


def in_time(rows: Sequence[Row]) -> list[Row]:
    """Return rows in order of time, those without one first.

    :param rows: with `timestamp` in ISO 8601 or in seconds, or without one.
    """
    return sorted(rows, key=_time)


def replay(rows: Sequence[Row], store: Path, slices: int = SLICES) -> Iterator[tuple[Sequence[Row], BuildReport]]:
    """Build a store of rows in slices; give the rows of each slice and the report.

    :param rows: in order of time.
    :param store: of all slices.
    :param slices: how many, of about as many rows each.
    """
    bounds = [len(rows) * at // slices for at in range(slices + 1)]
    for start, end in pairwise(bounds):
        if end > start:
            yield rows[start:end], build(rows[start:end], store, add=True)


def build(rows: Sequence[Row], store: Path, **options: Any) -> BuildReport:
    """Build a store of rows.

    :param rows: of documents.
    :param store: its directory.
    :param options: of `profilegen.build`.
    """
    source = store.with_suffix(".jsonl")
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return profilegen.build(source, store=store, **options)


def differences(one: Path, other: Path) -> Differences:
    """Return what differs between two stores, whatever the ids of their segments.

    :param one: a store.
    :param other: another of the same texts.
    """
    profiles, members, claims = zip(*(_state(store) for store in (one, other)), strict=True)
    users = sorted(profiles[0].keys() | profiles[1].keys())
    pairs = [(profiles[0].get(user), profiles[1].get(user)) for user in users]
    shared = set(members[0].values()) & set(members[1].values())
    return Differences(
        users=len(users),
        claims=sum(not _has_same_claims(a, b) for a, b in pairs),
        past_claims=sum(not (a and b and _past(a) == _past(b)) for a, b in pairs),
        segments=sum(members[0].get(user) != members[1].get(user) for user in users),
        described=sum(claims[0][of] != claims[1][of] for of in shared),
    )


_Members = frozenset[str]


def _state(store: Path) -> tuple[dict[str, UserProfile], dict[str, _Members], dict[_Members, set[tuple[str, ...]]]]:
    """Return the profiles, the members of the segment of each user, and the claims of segments by their members."""
    with profilegen.open_store(store) as opened:
        profiles = {profile.user_id: profile for profile in opened.users()}
        segments = {frozenset(segment.members): segment for segment in opened.segments()}
    members = {user: of for of in segments for user in of}
    return (
        profiles,
        members,
        {
            of: {(kind, claim.stance, claim.text) for kind, claim in segment.iter_claims()}
            for of, segment in segments.items()
        },
    )


def _has_same_claims(one: UserProfile | None, other: UserProfile | None) -> bool:
    if one is None or other is None:
        return False
    supports = [
        {(kind, claim.stance, claim.text): claim.support for kind, claim in each.iter_claims()} for each in (one, other)
    ]
    return supports[0].keys() == supports[1].keys() and all(
        abs(support - supports[1][key]) <= _SAME_SUPPORT for key, support in supports[0].items()
    )


def _past(profile: UserProfile) -> Counter[tuple[str, str, str]]:
    return Counter((past.kind, past.claim.text, past.ended) for past in profile.past_claims)


def _time(row: Row) -> float:
    time = row.get("timestamp")
    if isinstance(time, int | float):
        return float(time)
    try:
        written = datetime.fromisoformat(str(time))
    except ValueError:
        return float("-inf")
    return (written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp()


def _users(options: argparse.Namespace) -> Sequence[Any]:
    return read_users(options.folder / options.set / "reviews.jsonl")[: options.users]


def _line(name: object, new: Sequence[Row], report: BuildReport) -> str:
    users = len({row.get("user_id") for row in new})
    clustered = "all" if report.clustered else f"{report.moved} moved"
    return (
        f"{name!s:>7} {len(new):>5} {users:>6} {report.embedded:>9} {report.readings:>9} {report.written:>9} "
        f"{report.segments:>9}  {clustered:>9} {sum(report.seconds.values()):>8.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
