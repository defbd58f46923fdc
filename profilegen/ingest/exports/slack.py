"""Slack: a folder or ZIP with a folder a channel, in it a JSON array of messages a day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import PurePosixPath
from typing import NamedTuple

from profilegen.ingest.exports.beside import json_beside
from profilegen.ingest.exports.by_path import text_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Messages that a program wrote of what somebody did, such as channel_join; a message of a person has one of these.
_BY_PERSONS = (None, "", "me_message", "thread_broadcast", "file_share", "reply_broadcast")
# `<@U024BE7LH>`, `<@U024BE7LH|ana>`, `<!here>`, `<#C024BE7LR|general>`, `<!date^1392734382^{date}|Feb 18>`.
_MENTION = re.compile(r"<([@#!])([^<>|]*)(?:\|([^<>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto|tel):[^<>|]*)(?:\|([^<>]*))?>")
# Files beside the folders of channels, by what they are, and columns that tell them from other files of such a name.
_USERS = "tells who the users of a Slack workspace are; their names are used for the messages"
_CHANNELS = "lists channels of Slack and who is in them, no messages"
_OTHER_FILES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    _USERS: dict.fromkeys(("users", "org_users"), ("id", "profile")),
    _CHANNELS: dict.fromkeys(("channels", "groups", "mpims", "dms"), ("id", "created", "members")),
    "lists files or programs of Slack, no messages": {
        "integration_logs": ("user_id", "date"),
        **dict.fromkeys(("canvases", "lists", "file_conversations"), ("id", "filetype")),
    },
}


class _Users(NamedTuple):
    """Names of users for messages, unique names for documents, and the ids of programs."""

    shown: Mapping[str, str]
    unique: Mapping[str, str]
    programs: frozenset[str]


def _is_slack(look: Look) -> bool:
    named = _DAY.fullmatch(PurePosixPath(look.name).stem) is not None
    return named and any(row.get("type") == "message" and "ts" in row for row in look.rows)


def _is_other_file(files: Mapping[str, tuple[str, ...]], look: Look) -> bool:
    columns = files.get(PurePosixPath(look.name).stem)
    return columns is not None and look.format == "json" and set(columns) <= set(look.columns)


def _reader(look: Look) -> Reader:
    channel = PurePosixPath(look.name).parent.name or None
    users = _users(look.beside("../users.json") or b"")

    def mention(match: re.Match[str]) -> str:
        kind, target, label = match.groups()
        if kind == "@":
            return f"@{label or users.shown.get(target, '')}" if label or target in users.shown else ""
        return label or ""

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        user = str(row.get("user") or "")
        if row.get("bot_id") or row.get("subtype") not in _BY_PERSONS or user in users.programs:
            yield Passed("written by a program")
            return
        text = str(row.get("text") or "") or "".join(_texts_of(row.get("blocks")))
        text = _LINK.sub(lambda match: match[2] or match[1], _MENTION.sub(mention, text))
        yield {
            "user_id": users.unique.get(user, user),
            "text": text,
            "timestamp": row.get("ts"),
            "channel": channel,
        }

    return read


def _texts_of(blocks: object, depth: int = 0) -> Iterator[str]:
    """Yield the texts in blocks of a message, which may hold blocks."""
    for block in [blocks] if isinstance(blocks, Mapping) else blocks if isinstance(blocks, list) else ():
        if not isinstance(block, Mapping) or depth > 8:
            continue
        yield _own_text(block)
        for inner in ("text", "elements", "fields"):
            yield from _texts_of(block.get(inner), depth + 1)
        if block.get("type") in ("rich_text_section", "section"):
            yield "\n"


def _own_text(block: Mapping[str, object]) -> str:
    text = block.get("text")
    if isinstance(text, str):
        return text
    written = {"user": "<@{user_id}>", "emoji": ":{name}:", "link": "{url}"}.get(str(block.get("type")), "")
    return written.format_map({name: block.get(name, "") for name in ("user_id", "name", "url")})


@lru_cache(maxsize=2)
def _users(data: bytes) -> _Users:
    """Return the users in `users.json`, which is the same for the thousands of files of a workspace."""
    listed = json_beside(lambda name: data, "")
    users = [u for u in listed if isinstance(u, dict) and u.get("id")] if isinstance(listed, list) else []
    shown, unique = {}, {}
    for user in users:
        names = ("profile.display_name", "profile.real_name", "real_name", "name")
        shown[str(user["id"])] = next((name for each in names if (name := text_at(user, each))), "")
        unique[str(user["id"])] = str(user.get("name") or user["id"])
    programs = {str(user["id"]) for user in users if user.get("is_bot")}
    return _Users(shown, unique, frozenset(programs | {"USLACKBOT"}))


EXPORTS = (
    Export(
        "slack",
        "Slack export",
        {"user_id": "user", "text": "text", "timestamp": "ts", "channel": "the folder"},
        _is_slack,
        _reader,
    ),
    *(
        no_texts(f"slack-{next(iter(files))}", reason, partial(_is_other_file, files))
        for reason, files in _OTHER_FILES.items()
    ),
)
