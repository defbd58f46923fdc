"""Telegram Desktop: result.json of one chat, or of all chats of an account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from profilegen.ingest.exports.by_path import objects_at, text_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader


def _is_message(row: Mapping[str, object]) -> bool:
    """Tell a message, whose text is a text or a list of pieces, from those of other programs."""
    is_service = row.get("type") == "service" and {"actor", "action"} <= set(row)
    is_written = row.get("type") == "message" and {"from", "from_id", "text"} <= set(row)
    return "date" in row and "id" in row and (is_service or is_written)


def _is_chat(look: Look) -> bool:
    return any(map(_is_message, look.rows))


def _read_chat(look: Look) -> Reader:
    chat = look.context
    return lambda row: (_fields_of(row, chat),)


def _is_account(look: Look) -> bool:
    return any(_is_message(message) for row in look.rows for chat in _chats_of(row) for message in _messages(chat, 50))


def _read_account(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for chat in _chats_of(row):
            for message in _messages(chat):
                yield _fields_of(message, chat)

    return read


def _chats_of(row: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield the chats of a row: the row is one, or all that an account holds."""
    if isinstance(row.get("messages"), list):
        yield row
    yield from objects_at(row, "chats.list")
    yield from objects_at(row, "left_chats.list")


def _messages(chat: Mapping[str, object], most: int | None = None) -> Iterator[Mapping[str, object]]:
    messages = chat.get("messages")
    if isinstance(messages, list):
        yield from (each for each in messages[:most] if isinstance(each, Mapping))


def _fields_of(message: Mapping[str, object], chat: Mapping[str, object]) -> Fields | Passed:
    if message.get("type") != "message":
        return Passed("tells what somebody did")
    if message.get("forwarded_from") or "forwarded_from_id" in message or "saved_from" in message:
        return Passed("forwarded, the words of others")
    is_bot_chat = chat.get("type") == "bot_chat" and message.get("from") == chat.get("name")
    if message.get("via_bot") or is_bot_chat:
        return Passed("written by a program")
    return {
        "user_id": message.get("from_id") or message.get("from"),
        "text": _text_of(message.get("text")),
        "timestamp": message.get("date_unixtime") or message.get("date"),
        "channel": chat.get("name"),
    }


def _text_of(text: object) -> str:
    """Return a text that is given whole, or in pieces: texts, and objects such as `{"type": "bold", "text": …}`."""
    pieces = text if isinstance(text, list) else [text]
    return "".join(piece if isinstance(piece, str) else text_at(piece, "text") for piece in pieces)


_FIELDS = {"user_id": "from_id", "text": "text", "timestamp": "date", "channel": "name of the chat"}

EXPORTS = (
    Export("telegram", "Telegram chat", _FIELDS, _is_chat, _read_chat),
    Export("telegram-account", "Telegram chats of an account", _FIELDS, _is_account, _read_account),
)
