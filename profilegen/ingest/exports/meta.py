"""Facebook, Instagram and Messenger: the data that Meta sends to a user, as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from profilegen.ingest.exports.beside import json_beside
from profilegen.ingest.exports.by_path import objects_at, text_at, value_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts

# Where profiles lie, as seen from the folders of posts, in files of several years.
_UP = ("..", "../..", "../../..")
_FACEBOOK_PROFILES = tuple(
    f"{up}/{folder}profile_information/profile_information.json"
    for up in _UP
    for folder in ("", "personal_information/")
)
_INSTAGRAM_PROFILES = tuple(
    f"{up}/personal_information/{folder}personal_information.json"
    for up in _UP
    for folder in ("", "personal_information/")
)
# What Instagram writes in English where somebody pressed a button.
_REACTION = re.compile(r"Reacted .{1,20} to your message ?|Liked a message")
_MEDIA = ("share", "photos", "videos", "audio_files", "gifs", "files", "sticker", "call_duration")


def _repaired(text: str) -> str:
    """Return a text of which each byte of UTF-8 was written as a character, as Meta does."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


# --- Facebook ---------------------------------------------------------------------------------------------


def _is_facebook(look: Look) -> bool:
    return any("timestamp" in row and any(_facebook_texts(row)) for row in look.rows)


def _facebook_texts(row: Mapping[str, object]) -> Iterator[str]:
    """Yield what a user wrote: a post, or a comment, which stands in an object of its own."""
    for each in objects_at(row, "data"):
        if isinstance(each.get("post"), str):
            yield text_at(each, "post")
        elif "author" in (comment := _comment(each)):
            yield text_at(comment, "comment")


def _comment(data: Mapping[str, object]) -> Mapping[str, object]:
    comment = data.get("comment")
    return comment if isinstance(comment, Mapping) else {}


def _read_facebook(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        texts = list(_facebook_texts(row))
        if not texts:
            yield Passed("no text")
        for text in texts:
            group = next((text_at(_comment(each), "group") for each in objects_at(row, "data")), "")
            yield {"text": _repaired(text), "timestamp": row.get("timestamp"), "channel": _repaired(group) or None}

    return read


def _facebook_owner(look: Look) -> str | None:
    profile = json_beside(look.beside, *_FACEBOOK_PROFILES)
    name = text_at(profile, "profile_v2.name.full_name") or text_at(profile, "profile.name.full_name")
    return _repaired(name) or None


# --- Instagram --------------------------------------------------------------------------------------------


def _is_instagram(look: Look) -> bool:
    """Tell posts, each around its pictures, and stories and reels, each a picture with a title."""
    row = look.rows[0]
    media = next(objects_at(row, "media"), row)
    return {"uri", "creation_timestamp", "title"} <= set(media) and ("media_metadata" in media or "media" in row)


def _read_instagram(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        first = next(objects_at(row, "media"), row)
        # A post with several pictures has the title itself, one with one has it on the picture.
        yield {
            "text": _repaired(text_at(row, "title") or text_at(first, "title")),
            "timestamp": row.get("creation_timestamp") or first.get("creation_timestamp"),
        }

    return read


def _is_instagram_comments(look: Look) -> bool:
    return any(text_at(row, "string_map_data.Comment.value") for row in look.rows)


def _read_instagram_comments(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        yield {
            "text": _repaired(text_at(row, "string_map_data.Comment.value")),
            "timestamp": value_at(row, "string_map_data.Time.timestamp"),
        }

    return read


def _instagram_owner(look: Look) -> str | None:
    profile = json_beside(look.beside, *_INSTAGRAM_PROFILES)
    user = next(objects_at(profile, "profile_user"), None)
    return _repaired(text_at(user, "string_map_data.Username.value")) or None


# --- messages of both -------------------------------------------------------------------------------------


def _is_messenger(look: Look) -> bool:
    return any({"sender_name", "timestamp_ms"} <= set(row) for row in look.rows)


def _read_messenger(look: Look) -> Reader:
    channel = _repaired(text_at(look.context, "title")) or None

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        sender, text = _repaired(text_at(row, "sender_name")), _repaired(text_at(row, "content"))
        if _is_by_program(sender, text, row):
            yield Passed("tells what somebody did")
        else:
            yield {"user_id": sender, "text": text, "timestamp": row.get("timestamp_ms"), "channel": channel}

    return read


def _is_by_program(sender: str, text: str, row: Mapping[str, object]) -> bool:
    """Tell `Ana sent an attachment.`, in any language, from what people write."""
    if row.get("type") not in (None, "Generic", "Share") or _REACTION.fullmatch(text):
        return True
    return bool(sender) and text.startswith(f"{sender} ") and (text.endswith(".") or any(row.get(n) for n in _MEDIA))


def _is_encrypted_chat(look: Look) -> bool:
    return any({"senderName", "text", "timestamp", "isUnsent"} <= set(row) for row in look.rows)


def _read_encrypted_chat(look: Look) -> Reader:
    # `Ana Torres_12`
    channel = re.sub(r"_\d+$", "", text_at(look.context, "threadName")) or None

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        if row.get("isUnsent") is True or row.get("type") not in (None, "text", "media", "link"):
            yield Passed("tells what somebody did")
        else:
            yield {
                "user_id": _repaired(text_at(row, "senderName")),
                "text": _repaired(text_at(row, "text")),
                "timestamp": row.get("timestamp"),
                "channel": channel,
            }

    return read


def _is_list(look: Look) -> bool:
    """Tell what somebody liked, followed, searched or set: strings by their names, or a list of them."""
    names = {"string_map_data", "string_list_data"}
    return look.format == "json" and any(not names.isdisjoint(row) for row in look.rows)


def _is_profile(look: Look) -> bool:
    columns = set(look.context or look.columns)
    return look.format == "json" and bool({"profile_v2", "profile_user"} & columns)


EXPORTS = (
    Export(
        "facebook",
        "Facebook posts or comments",
        {"text": "data.post", "timestamp": "timestamp"},
        _is_facebook,
        _read_facebook,
        owner=_facebook_owner,
    ),
    Export(
        "instagram",
        "Instagram posts",
        {"text": "title", "timestamp": "creation_timestamp"},
        _is_instagram,
        _read_instagram,
        owner=_instagram_owner,
    ),
    Export(
        "instagram-comments",
        "Instagram comments",
        {"text": "string_map_data.Comment.value", "timestamp": "string_map_data.Time.timestamp"},
        _is_instagram_comments,
        _read_instagram_comments,
        owner=_instagram_owner,
    ),
    Export(
        "messenger",
        "Messenger or Instagram chat",
        {"user_id": "sender_name", "text": "content", "timestamp": "timestamp_ms", "channel": "title of the chat"},
        _is_messenger,
        _read_messenger,
    ),
    Export(
        "messenger-encrypted",
        "Messenger chat, encrypted",
        {"user_id": "senderName", "text": "text", "timestamp": "timestamp", "channel": "threadName"},
        _is_encrypted_chat,
        _read_encrypted_chat,
    ),
    no_texts("meta-profile", "a profile at Facebook or Instagram, no posts", _is_profile),
    no_texts("instagram-lists", "a list of Instagram, such as of likes, no posts and no comments", _is_list),
)
