"""Claude: the archive of one person, a conversation a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts
from profilegen.ingest.exports.nested import as_list, as_mapping, as_mappings, as_text
from profilegen.ingest.exports.turns import read_turn, written_text


def _is_claude(look: Look) -> bool:
    return {"uuid", "chat_messages"} <= set(look.columns)


def _reader(look: Look) -> Reader:
    return _conversation


def _conversation(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    account = as_text(as_mapping(row.get("account")).get("uuid"))
    for message in as_list(row.get("chat_messages")):
        turn = as_mapping(message)
        known = {"timestamp": turn.get("created_at")}
        # `text` has also what stands for attachments and for the calls of tools.
        content = turn.get("content") if written_text(turn.get("content")) else turn.get("text")
        yield read_turn(turn.get("sender"), content, {**known, "user_id": account} if account else known)


def _owner(look: Look) -> str | None:
    """Return the id of the account; users.json has the name and the mail address too, which are left out."""
    try:
        accounts = as_mappings(json.loads(look.beside("users.json") or b"null"))
    except (ValueError, RecursionError):
        return None
    return as_text(accounts[0].get("uuid")) or None if len(accounts) == 1 else None


def _is_account(look: Look) -> bool:
    return {"uuid", "full_name", "email_address"} <= set(look.columns)


def _is_projects(look: Look) -> bool:
    return {"uuid", "is_starter_project", "docs"} <= set(look.columns)


EXPORTS = (
    Export(
        "claude",
        "Claude export",
        {"text": "chat_messages", "timestamp": "created_at"},
        _is_claude,
        _reader,
        owner=_owner,
    ),
    no_texts("claude-account", "holds users, no texts", _is_account),
    no_texts("claude-projects", "holds documents of projects", _is_projects),
)
