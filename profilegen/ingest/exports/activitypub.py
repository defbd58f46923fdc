"""Mastodon and other servers of ActivityPub: the outbox of an account, and statuses as Mastodon's API gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.beside import json_beside
from profilegen.ingest.exports.by_path import all_at, text_at, value_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts

_BOOST = Passed("a boost, the words of others")
_TEXTS = ("Note", "Article", "Question", "Page")
_ACTIVITIES = ("Create", "Announce", "Update", "Like", "Delete", "Add", "Remove", "Undo")
_STREAM = "https://www.w3.org/ns/activitystreams"


def _is_outbox(look: Look) -> bool:
    return any(
        row.get("type") in _ACTIVITIES and {"actor", "object"} <= set(row) and "published" in row for row in look.rows
    )


def _read_outbox(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        post = row.get("object")
        if row.get("type") == "Announce":
            yield _BOOST
        elif row.get("type") != "Create" or not isinstance(post, Mapping) or post.get("type") not in _TEXTS:
            yield Passed("no post, but something that was done with one")
        elif _is_direct(row):
            yield Passed("a direct message")
        else:
            # A summary is what Mastodon shows before a post that people open: a warning, or a headline.
            yield {
                "text": post.get("content"),
                "title": text_at(post, "name") or post.get("summary"),
                "timestamp": post.get("published") or row.get("published"),
            }

    return read


def _is_direct(activity: Mapping[str, object]) -> bool:
    """Tell whether a post went to persons alone: neither to all nor to followers."""
    to = [str(each) for name in ("to", "cc") for each in all_at(activity, name)]
    return bool(to) and not any(each.endswith(("Public", "/followers")) for each in to)


def _owner(look: Look) -> str | None:
    name = text_at(json_beside(look.beside, "actor.json"), "preferredUsername")
    # `https://example.social/users/ana`, `https://example.social/@ana`
    actor = str(value_at(look.rows[0], "actor.id") or value_at(look.rows[0], "actor") or "")
    return name or actor.rstrip("/").rpartition("/")[2].removeprefix("@") or None


def _is_other_file(look: Look) -> bool:
    # The profile of an account is an object, in which lists of links and of labels are found.
    row = look.context or look.rows[0]
    is_list = row.get("type") == "OrderedCollection" and PurePosixPath(look.name).stem in ("likes", "bookmarks")
    is_actor = {"preferredUsername", "inbox", "outbox"} <= set(row)
    return _STREAM in map(str, all_at(row, "@context")) and (is_list or is_actor)


def _is_statuses(look: Look) -> bool:
    row = look.rows[0]
    return {"content", "created_at", "account", "visibility", "spoiler_text"} <= set(row) and bool(
        text_at(row, "account.acct")
    )


def _read_statuses(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        if row.get("reblog"):
            yield _BOOST
        elif value_at(row, "account.bot") is True:
            yield Passed("written by a program")
        elif row.get("visibility") == "direct":
            yield Passed("a direct message")
        else:
            yield {
                "user_id": value_at(row, "account.acct"),
                "text": row.get("content"),
                "title": row.get("spoiler_text"),
                "timestamp": row.get("created_at"),
            }

    return read


EXPORTS = (
    Export(
        "mastodon",
        "ActivityPub outbox (Mastodon)",
        {"text": "object.content", "title": "object.summary", "timestamp": "object.published"},
        _is_outbox,
        _read_outbox,
        owner=_owner,
    ),
    no_texts("mastodon-others", "a part of an archive of Mastodon that holds no posts", _is_other_file),
    Export(
        "mastodon-api",
        "statuses of Mastodon's API",
        {"user_id": "account.acct", "text": "content", "title": "spoiler_text", "timestamp": "created_at"},
        _is_statuses,
        _read_statuses,
    ),
)
