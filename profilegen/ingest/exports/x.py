"""X, once Twitter: the archive of an account, its older forms, and posts as the API gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePosixPath

from profilegen.ingest.exports.beside import json_beside
from profilegen.ingest.exports.by_path import objects_at, text_at, value_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts
from profilegen.language.cleaning import fold

_SHORT_LINK = re.compile(r"\s*https?://t\.co/\w+")
_RETWEET = re.compile(r"RT @\w{1,20}:? ")
_REPOST = Passed("a repost, the words of others")
# Of a long post; in the file of posts stand about the first 270 characters.
_MAX_PREFIX_CHARS = 200


def _without_links(text: str) -> str:
    return _SHORT_LINK.sub("", text)


def _tweet_of(row: Mapping[str, object]) -> Mapping[str, object]:
    tweet = row.get("tweet")
    return tweet if isinstance(tweet, Mapping) else row


# --- the archive ------------------------------------------------------------------------------------------


def _is_archive(look: Look) -> bool:
    """Tell posts as `{"tweet": {…}}`, or in archives before 2020 `{…}`; those of the API name their user."""
    if PurePosixPath(look.name).name.startswith("deleted"):
        return False
    tweet = _tweet_of(look.rows[0])
    counts = () if "tweet" in look.rows[0] else ("id_str", "retweet_count", "favorite_count")
    return {"full_text", "created_at", *counts} <= set(tweet) and "user" not in tweet


def _read_archive(look: Look) -> Reader:
    long_posts = _long_posts(look)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        tweet = _tweet_of(row)
        text = text_at(tweet, "full_text")
        if _RETWEET.match(text):
            yield _REPOST
            return
        text = _without_links(text)
        # A post of more than 280 characters is cut here; the whole one stands in a file of its own.
        text = long_posts.get(fold(text)[:_MAX_PREFIX_CHARS], text) if len(text) > _MAX_PREFIX_CHARS else text
        yield {"text": text, "timestamp": tweet.get("created_at"), "image": _image(tweet)}

    return read


def _image(tweet: Mapping[str, object]) -> object:
    return value_at(tweet, "entities.media.media_url_https")


def _long_posts(look: Look) -> Mapping[str, str]:
    """Return the whole texts of long posts by their beginnings."""
    listed = json_beside(look.beside, "note-tweet.js", "note-tweet-part0.js")
    texts = [text_at(each, "noteTweet.core.text") for each in listed] if isinstance(listed, list) else []
    return {fold(_without_links(text))[:_MAX_PREFIX_CHARS]: _without_links(text) for text in texts}


def _is_long_posts(look: Look) -> bool:
    return bool(text_at(look.rows[0], "noteTweet.core.text")) and not _has_posts_beside(look)


def _read_long_posts(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        post = value_at(row, "noteTweet")
        yield {"text": _without_links(text_at(post, "core.text")), "timestamp": value_at(post, "createdAt")}

    return read


def _has_posts_beside(look: Look) -> bool:
    return any(look.beside(name) is not None for name in ("tweets.js", "tweet.js"))


def _owner(look: Look) -> str | None:
    account = json_beside(look.beside, "account.js", "account.json")
    return text_at(account[0], "account.username") or None if isinstance(account, list) and account else None


# Other files of an archive, by the one key of their objects, below which all else stands.
_OTHER_FILES: Mapping[str, str] = {
    "tweet": "posts that were deleted, or what stands around posts",
    "noteTweet": "long posts; they are read with the others",
    "like": "likes, the words of others",
    "dmConversation": "direct messages",
}


def _only_key(look: Look) -> str:
    row = look.rows[0]
    key = next(iter(row)) if len(row) == 1 else ""
    return key if look.name.endswith(".js") and isinstance(row.get(key), Mapping) else ""


def _holds(key: str, look: Look) -> bool:
    return _only_key(look) == key


# --- older archives, and what the API gives ---------------------------------------------------------------


def _is_statuses(look: Look) -> bool:
    """Tell posts of API 1.1, of its streams, and of archives before 2018, in which each names its user."""
    row = look.rows[0]
    return {"id_str", "created_at"} <= set(row) and bool(text_at(row, "user.screen_name") and _status_text(row))


def _status_text(row: Mapping[str, object]) -> str:
    return text_at(row, "extended_tweet.full_text") or text_at(row, "full_text") or text_at(row, "text")


def _read_statuses(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        text = _status_text(row)
        if row.get("retweeted_status") or _RETWEET.match(text):
            yield _REPOST
            return
        yield {
            "user_id": value_at(row, "user.screen_name"),
            "text": _without_links(text),
            "timestamp": row.get("created_at"),
            "image": value_at(row, "entities.media.media_url_https"),
        }

    return read


def _is_old_table(look: Look) -> bool:
    return {"tweet_id", "text", "timestamp", "source", "retweeted_status_id"} <= set(look.columns)


def _read_old_table(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        text = text_at(row, "text")
        if row.get("retweeted_status_id") or _RETWEET.match(text):
            yield _REPOST
            return
        yield {"text": _without_links(text), "timestamp": row.get("timestamp")}

    return read


def _is_api(look: Look) -> bool:
    row = look.rows[0]
    only_there = ("edit_history_tweet_ids", "public_metrics", "public_metrics.like_count", "referenced_tweets")
    is_json = look.format == "json" and "created_at" in row and str(row.get("id")).isdigit()
    return {"id", "text", "author_id"} <= set(row) and (is_json or any(name in row for name in only_there))


def _read_api(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        text = text_at(row, "note_tweet.text") or text_at(row, "text")
        if any(objects_at(row, "referenced_tweets[type=retweeted]")) or _RETWEET.match(text):
            yield _REPOST
            return
        # Pages may name the users beside, all or some of them; who has two names would be two users.
        yield {
            "user_id": text_at(row, "author.username") or row.get("author_id"),
            "text": _without_links(text),
            "timestamp": row.get("created_at"),
        }

    return read


_ARCHIVE_FIELDS = {
    "text": ("tweet.full_text", "full_text"),
    "timestamp": ("tweet.created_at", "created_at"),
    "image": ("tweet.entities.media.media_url_https", "entities.media.media_url_https"),
}

EXPORTS = (
    Export("x", "X archive", _ARCHIVE_FIELDS, _is_archive, _read_archive, owner=_owner),
    Export(
        "x-long-posts",
        "X archive, long posts",
        {"text": "noteTweet.core.text", "timestamp": "noteTweet.createdAt"},
        _is_long_posts,
        _read_long_posts,
        owner=_owner,
    ),
    *(no_texts(f"x-{key.lower()}", reason, partial(_holds, key)) for key, reason in _OTHER_FILES.items()),
    no_texts("x-others", "a part of an archive of X that holds no posts", lambda look: bool(_only_key(look))),
    Export(
        "x-api-1",
        "posts of X, API 1.1",
        {"user_id": "user.screen_name", "text": "full_text", "timestamp": "created_at"},
        _is_statuses,
        _read_statuses,
    ),
    Export(
        "x-table", "X archive before 2018", {"text": "text", "timestamp": "timestamp"}, _is_old_table, _read_old_table
    ),
    Export(
        "x-api-2",
        "posts of X, API 2",
        {"user_id": "author_id", "text": "text", "timestamp": "created_at"},
        _is_api,
        _read_api,
    ),
)
