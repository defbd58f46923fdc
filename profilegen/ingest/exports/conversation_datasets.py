"""Public sets of conversations of many persons with assistants: WildChat, LMSYS-Chat-1M, Arena, ShareGPT, OASST."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_list, as_mapping, as_text
from profilegen.ingest.exports.turns import FROM_ASSISTANT, read_turn, with_user

# Parts of one conversation of ShareGPT: the seven characters of its link, and a number.
_PART = re.compile(r"([A-Za-z0-9]{7})_\d+")


def _holds(look: Look, column: str, *keys: str) -> bool:
    """Tell whether a column holds lists of objects with these keys, in every row that has any."""
    first = [as_list(row.get(column))[:1] for row in look.rows]
    found = [set(as_mapping(turn[0])) for turn in first if turn]
    return bool(found) and all(set(keys) <= names for names in found)


def _is_wildchat(look: Look) -> bool:
    known = {"hashed_ip", "conversation_hash"} & set(look.columns)
    return bool(known) and "model" in look.columns and _holds(look, "conversation", "role", "content")


def _wildchat(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    turns = [as_mapping(turn) for turn in as_list(row.get("conversation"))]
    address = row.get("hashed_ip") or next((turn["hashed_ip"] for turn in turns if turn.get("hashed_ip")), None)
    user = address or row.get("conversation_hash")
    for turn in turns:
        known = {"user_id": user, "timestamp": turn.get("timestamp") or row.get("timestamp")}
        yield read_turn(turn.get("role"), turn.get("content"), known)


def _is_lmsys(look: Look) -> bool:
    columns = {"conversation_id", "model", "conversation"} <= set(look.columns)
    return columns and _holds(look, "conversation", "role", "content")


def _lmsys(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    known = {"timestamp": row.get("timestamp") or row.get("tstamp")}
    turns = (as_mapping(turn) for turn in as_list(row.get("conversation")))
    read = (read_turn(turn.get("role"), turn.get("content"), known) for turn in turns)
    return with_user(read, row.get("conversation_id"))


def _is_arena(look: Look) -> bool:
    return {"judge", "model_a", "model_b", "conversation_a", "conversation_b"} <= set(look.columns)


def _arena(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    """Give the turns of one of both conversations: the person wrote the same in both."""
    for turn in map(as_mapping, as_list(row.get("conversation_a"))):
        yield read_turn(
            turn.get("role"), turn.get("content"), {"user_id": row.get("judge"), "timestamp": row.get("tstamp")}
        )


def _is_sharegpt(look: Look) -> bool:
    return _holds(look, "conversations", "from", "value")


def _sharegpt(owner: str | None, row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    turns = (as_mapping(turn) for turn in as_list(row.get("conversations")))
    read = (read_turn(turn.get("from"), turn.get("value"), {}) for turn in turns)
    name = owner or row.get("id")
    part = _PART.fullmatch(as_text(name))
    return with_user(read, part[1] if part else name if isinstance(name, str | bytes | int) else None)


def _is_oasst(look: Look) -> bool:
    return {"message_id", "parent_id", "user_id", "text", "role"} <= set(look.columns)


def _oasst(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    if row.get("deleted"):
        yield Passed("deleted")
        return
    if row.get("synthetic"):
        yield FROM_ASSISTANT
        return
    yield read_turn(
        row.get("role"), row.get("text"), {"user_id": row.get("user_id"), "timestamp": row.get("created_date")}
    )


def _is_oasst_tree(look: Look) -> bool:
    return {"message_tree_id", "prompt"} <= set(look.columns) and any(
        "role" in as_mapping(row.get("prompt")) for row in look.rows
    )


def _oasst_tree(row: Mapping[str, object]) -> Iterator[Fields | Passed]:
    messages = [as_mapping(row.get("prompt"))]
    while messages:
        message = messages.pop()
        yield from _oasst(message)
        messages.extend(map(as_mapping, reversed(as_list(message.get("replies")))))


EXPORTS = (
    Export(
        "wildchat",
        "WildChat",
        {"user_id": "hashed_ip", "text": "conversation", "timestamp": "timestamp"},
        _is_wildchat,
        lambda look: _wildchat,
    ),
    Export(
        "lmsys-chat",
        "LMSYS-Chat (one user a conversation)",
        {"user_id": "conversation_id", "text": "conversation", "timestamp": "tstamp"},
        _is_lmsys,
        lambda look: _lmsys,
    ),
    Export(
        "chatbot-arena",
        "Chatbot Arena",
        {"user_id": "judge", "text": "conversation_a", "timestamp": "tstamp"},
        _is_arena,
        lambda look: _arena,
    ),
    Export(
        "sharegpt",
        "ShareGPT (one user a conversation)",
        {"user_id": "id", "text": "conversations"},
        _is_sharegpt,
        lambda look: partial(_sharegpt, look.user),
    ),
    Export(
        "oasst",
        "OpenAssistant messages",
        {"user_id": "user_id", "text": "text", "timestamp": "created_date"},
        _is_oasst,
        lambda look: _oasst,
    ),
    Export(
        "oasst-trees",
        "OpenAssistant conversation trees",
        {"user_id": "user_id", "text": "prompt", "timestamp": "created_date"},
        _is_oasst_tree,
        lambda look: _oasst_tree,
    ),
)
