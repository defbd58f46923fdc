"""Bluesky: posts as its API gives them, as feeds, searches, records of a repository, and the stream of all posts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.by_path import text_at, value_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader

_POST = "app.bsky.feed.post"


def _post_of(row: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the record of a post: `post.record` in a feed, `record` in a search, `value`, `commit.record`."""
    for path in ("post.record", "record", "value", "commit.record"):
        record = value_at(row, path)
        if isinstance(record, Mapping) and record.get("$type") == _POST:
            return record
    return None


def _author_of(row: Mapping[str, object]) -> str:
    handle = text_at(row, "post.author.handle") or text_at(row, "author.handle")
    # `at://did:plc:abc/app.bsky.feed.post/3k2y` names the account of a record.
    return handle or text_at(row, "did") or text_at(row, "uri").removeprefix("at://").partition("/")[0]


def _is_bluesky(look: Look) -> bool:
    return any(_post_of(row) is not None and _author_of(row) for row in look.rows)


def _reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        post = _post_of(row)
        if text_at(row, "reason.$type").endswith("reasonRepost"):
            yield Passed("a repost, the words of others")
        elif post is None:
            yield Passed("no post")
        else:
            yield {"user_id": _author_of(row), "text": post.get("text"), "timestamp": post.get("createdAt")}

    return read


EXPORTS = (
    Export(
        "bluesky",
        "posts of Bluesky",
        {"user_id": "author.handle", "text": "record.text", "timestamp": "record.createdAt"},
        _is_bluesky,
        _reader,
    ),
)
