"""Discord: channels as DiscordChatExporter writes them, and the data that Discord sends to a user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.beside import json_beside
from profilegen.ingest.exports.by_path import text_at, value_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts

_BY_PERSONS = ("Default", "Reply")
_PROGRAM = Passed("written by a program")
# What clients show as names and pictures: `<@123>`, `<@!123>`, `<@&123>`, `<#123>`, `<t:1700000000:R>`, `<:wave:123>`.
_REFERENCE = re.compile(r"<(?:@[!&]?|#)\d+>|<t:-?\d+(?::\w)?>|</[^<>]{1,100}:\d+>")
_EMOJI = re.compile(r"<a?(:\w{1,64}:)\d+>")
# `Guild - Text Channels - general [123456789].csv`
_CHANNEL_OF_FILE = re.compile(r"(?:.* - )?(.+?) \[\d+\](?: \[part \d+\])?")


# --- DiscordChatExporter ----------------------------------------------------------------------------------


def _is_exporter_json(look: Look) -> bool:
    row = look.rows[0]
    is_author = {"id", "name", "isBot"} <= set(author) if isinstance(author := row.get("author"), Mapping) else False
    return is_author and {"id", "type", "timestamp", "content"} <= set(row)


def _read_exporter_json(look: Look) -> Reader:
    channel = text_at(look.context, "channel.name") or None

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        if value_at(row, "author.isBot") is True:
            yield _PROGRAM
        elif row.get("type") not in _BY_PERSONS:
            yield Passed("tells what somebody did")
        else:
            yield {
                "user_id": _user(text_at(row, "author.name"), value_at(row, "author.id"), row),
                "text": row.get("content"),
                "timestamp": row.get("timestamp"),
                "channel": channel,
            }

    return read


def _user(name: str, id_: object, row: Mapping[str, object] | None = None) -> object:
    """Return the name of an account, which is unique; the names of those that are gone are not."""
    number = text_at(row, "author.discriminator").strip("0")
    name = f"{name}#{text_at(row, 'author.discriminator')}" if number else name.removesuffix("#0000")
    return id_ if not name or name.startswith("Deleted User") else name


def _is_exporter_csv(look: Look) -> bool:
    return {"AuthorID", "Author", "Date", "Content", "Attachments", "Reactions"} <= set(look.columns)


def _read_exporter_csv(look: Look) -> Reader:
    named = _CHANNEL_OF_FILE.fullmatch(PurePosixPath(look.name).stem)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        yield {
            "user_id": _user(text_at(row, "Author"), row.get("AuthorID")),
            "text": row.get("Content"),
            "timestamp": row.get("Date"),
            "channel": named[1] if named else None,
        }

    return read


# --- the data of a user -----------------------------------------------------------------------------------


def _is_own(look: Look) -> bool:
    return {"ID", "Timestamp", "Contents", "Attachments"} <= set(look.columns)


def _read_own(look: Look) -> Reader:
    channel = text_at(json_beside(look.beside, "channel.json"), "name") or None

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        text = str(row.get("Contents") or "")
        text = _EMOJI.sub(r"\1", _REFERENCE.sub("", text))
        yield {"text": text, "timestamp": row.get("Timestamp"), "channel": channel}

    return read


def _owner(look: Look) -> str | None:
    user = json_beside(look.beside, "../../account/user.json", "../../Account/user.json")
    return text_at(user, "username") or None


def _is_other_file(look: Look) -> bool:
    name, columns = PurePosixPath(look.name), set(look.context or look.columns)
    is_account = name.name == "user.json" and {"id", "username", "discriminator"} <= columns
    is_channel = name.name == "channel.json" and {"id", "type"} <= columns
    is_index = name.match("messages/index.json") or name.match("Messages/index.json")
    is_event = {"event_type", "event_id", "timestamp"} <= columns
    return look.format == "json" and (is_account or is_channel or is_index or is_event)


EXPORTS = (
    Export(
        "discord-channel",
        "DiscordChatExporter channel",
        {"user_id": "author.name", "text": "content", "timestamp": "timestamp", "channel": "channel.name"},
        _is_exporter_json,
        _read_exporter_json,
    ),
    Export(
        "discord-channel-table",
        "DiscordChatExporter channel",
        {"user_id": "Author", "text": "Content", "timestamp": "Date", "channel": "the name of the file"},
        _is_exporter_csv,
        _read_exporter_csv,
    ),
    Export(
        "discord",
        "Discord data of a user",
        {"text": "Contents", "timestamp": "Timestamp", "channel": "channel.json"},
        _is_own,
        _read_own,
        owner=_owner,
    ),
    no_texts("discord-others", "a part of Discord's data of a user that holds no messages", _is_other_file),
)
