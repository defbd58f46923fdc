"""Logs and training files of chat APIs: lists of turns with `role` and `content`, and tables with a turn a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_list, as_mapping, as_text
from profilegen.ingest.exports.turns import read_turn, with_user

_CONVERSATIONS = ("messages", "conversation", "conversations", "input")
# What an API is sent may lie in an envelope: a batch has it in `body`.
_ENVELOPES = ("body", "request", "kwargs")
# The person, the surest name first; a field of `metadata` counts as one of the row.
_USERS = ("user_id", "user", "userId", "end_user", "safety_identifier")
_CONVERSATION_IDS = (
    "conversation_id",
    "conversationId",
    "session_id",
    "sessionId",
    "thread_id",
    "chat_id",
    "id",
    "prompt_id",
    "custom_id",
)
_TIMES = ("timestamp", "created_at", "createdAt", "created", "create_time", "time", "date")
# A table with a turn a row has these beside `role` and `content`; another table with a `role` has other values there.
_ROLES = frozenset({"user", "human", "assistant", "system", "developer", "tool", "function", "model"})


def _turns_of(row: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the turns of a conversation, none where the row is no conversation."""
    places = [row, *(as_mapping(row.get(name)) for name in _ENVELOPES)]
    for place in places:
        for name in _CONVERSATIONS:
            turns = [as_mapping(turn) for turn in as_list(place.get(name))]
            if turns and all("role" in turn or "type" in turn for turn in turns) and any("role" in t for t in turns):
                return turns
    return []


def _is_messages(look: Look) -> bool:
    return any(
        as_text(turn.get("role")) in _ROLES and "content" in turn for row in look.rows for turn in _turns_of(row)
    )


def _messages(owner: str | None, row: Mapping[str, object]) -> Iterator[Fields | Passed]:
    turns = _turns_of(row)
    if not turns:
        yield Passed("no messages")
        return
    time = _first(row, _TIMES)
    read = (
        read_turn(turn.get("role"), turn.get("content"), {"timestamp": _first(turn, _TIMES) or time}) for turn in turns
    )
    yield from with_user(read, _user(row) or owner or _first(row, _CONVERSATION_IDS))


def _user(row: Mapping[str, object]) -> object:
    for place in (row, *(as_mapping(row.get(name)) for name in _ENVELOPES)):
        found = _first(place, _USERS) or _first(as_mapping(place.get("metadata")), _USERS)
        if found is not None:
            return found
    return None


def _first(row: Mapping[str, object], names: Iterable[str]) -> object:
    """Return the first value that is a name or a number, None where there is none."""
    values = (row.get(name) for name in names)
    found = (v for v in values if isinstance(v, str | bytes | int | float) and not isinstance(v, bool) and v != "")
    return next(found, None)


def _has_turns(look: Look) -> bool:
    roles = {as_text(row.get("role")) for row in look.rows}
    return {"role", "content"} <= set(look.columns) and roles <= _ROLES and not roles.isdisjoint({"user", "human"})


def _names_users(look: Look) -> bool:
    return _has_turns(look) and not set(look.columns).isdisjoint((*_USERS, *_CONVERSATION_IDS[:6]))


def _turn(owner: str | None, row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    user = _first(row, _USERS) or owner or _first(row, _CONVERSATION_IDS[:6])
    yield read_turn(row.get("role"), row.get("content"), {"user_id": user, "timestamp": _first(row, _TIMES)})


def _own_turn(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    yield read_turn(row.get("role"), row.get("content"), {"timestamp": _first(row, _TIMES)})


def _owner(look: Look) -> str | None:
    """Return the user that stands beside the turns in an object that holds one conversation."""
    user = _user(look.context)
    return str(user) if isinstance(user, str | int) else None


EXPORTS = (
    Export(
        "chat-messages",
        "Chat messages (one user a conversation where none is named)",
        {"user_id": "user", "text": "messages"},
        _is_messages,
        lambda look: partial(_messages, look.user),
    ),
    Export(
        "chat-turns",
        "Chat turns",
        {"user_id": "user_id", "text": "content"},
        _names_users,
        lambda look: partial(_turn, look.user),
    ),
    Export(
        "chat",
        "One conversation with an assistant",
        {"text": "content"},
        _has_turns,
        lambda look: _own_turn,
        owner=_owner,
    ),
)
