"""ChatGPT: the archive of one person, with conversations as trees of messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts
from profilegen.ingest.exports.nested import as_mapping, as_text
from profilegen.ingest.exports.turns import FROM_ASSISTANT, INSTRUCTIONS, read_turn

_EDITED = Passed("edited away")
_CONTEXTS = ("user_editable_context", "model_editable_context")


def _is_chatgpt(look: Look) -> bool:
    nodes = (node for row in look.rows for node in as_mapping(row.get("mapping")).values())
    return "mapping" in look.columns and any("author" in as_mapping(as_mapping(n).get("message")) for n in nodes)


def _reader(look: Look) -> Reader:
    return _conversation


def _conversation(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    """Give the turns of the branch that the person saw last, in order; then, as passed over, those of the others."""
    nodes = as_mapping(row.get("mapping"))
    branch = _branch(nodes, as_text(row.get("current_node")))
    for each in branch:
        yield from _message(as_mapping(nodes[each]), row)
    for each in nodes.keys() - set(branch):
        for turn in _message(as_mapping(nodes[each]), row):
            yield turn if isinstance(turn, Passed) else _EDITED


def _branch(nodes: Mapping[str, object], last: str) -> list[str]:
    """Return the ids of messages from the first to the last one; where that is not known, to that which ends the file.

    A tree that is broken and goes in a circle ends where it began.
    """
    if last not in nodes:
        inner = {as_text(as_mapping(each).get("parent")) for each in nodes.values()}
        last = next((each for each in reversed(list(nodes)) if each not in inner), "")
    branch: dict[str, None] = {}
    while last in nodes and last not in branch:
        branch[last] = None
        last = as_text(as_mapping(nodes[last]).get("parent"))
    return list(branch)[::-1]


def _message(node: Mapping[str, object], row: Mapping[str, object]) -> Iterator[Fields | Passed]:
    message = as_mapping(node.get("message"))
    if not message:  # The root of the tree.
        return
    content, metadata = as_mapping(message.get("content")), as_mapping(message.get("metadata"))
    is_hidden = metadata.get("is_visually_hidden_from_conversation") or metadata.get("is_user_system_message")
    role = as_mapping(message.get("author")).get("role")
    known = {"timestamp": message.get("create_time") or row.get("create_time")}
    turn = read_turn(role, content.get("parts") or content.get("text"), known)
    by_person = turn is not FROM_ASSISTANT
    yield INSTRUCTIONS if by_person and (is_hidden or content.get("content_type") in _CONTEXTS) else turn


def _is_deepseek(look: Look) -> bool:
    nodes = (node for row in look.rows for node in as_mapping(row.get("mapping")).values())
    return "mapping" in look.columns and any("fragments" in as_mapping(as_mapping(n).get("message")) for n in nodes)


def _deepseek_reader(look: Look) -> Reader:
    return _deepseek_conversation


def _deepseek_conversation(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    """Give the turns of all branches: the file does not say which one the person saw last."""
    for node in as_mapping(row.get("mapping")).values():
        message = as_mapping(as_mapping(node).get("message"))
        fragments = message.get("fragments")
        for fragment in fragments if isinstance(fragments, list) else ():
            role = "user" if as_mapping(fragment).get("type") == "REQUEST" else "assistant"
            yield read_turn(role, as_mapping(fragment).get("content"), {"timestamp": message.get("inserted_at")})


def _owner(look: Look) -> str | None:
    """Return the id of the account; its name is a mail address, which is nobody's business."""
    try:
        account = as_mapping(json.loads(look.beside("user.json") or b"null"))
    except (ValueError, RecursionError):
        return None
    return as_text(account.get("id") or account.get("user_id")) or None


def _is_feedback(look: Look) -> bool:
    return {"conversation_id", "user_id", "rating", "content"} <= set(look.columns) and all(
        as_text(row.get("rating")).startswith("thumbs") for row in look.rows
    )


def _is_account(look: Look) -> bool:
    is_account = PurePosixPath(look.name).name == "user.json" and "email" in look.columns
    return is_account and look.beside("conversations.json") is not None


def _is_shared(look: Look) -> bool:
    return {"conversation_id", "title", "is_anonymous"} <= set(look.columns)


EXPORTS = (
    Export(
        "chatgpt", "ChatGPT export", {"text": "mapping", "timestamp": "create_time"}, _is_chatgpt, _reader, owner=_owner
    ),
    no_texts("chatgpt-feedback", "holds ratings of answers, no texts", _is_feedback),
    no_texts("chatgpt-account", "tells whose account it is, no texts; the user is called by its id", _is_account),
    no_texts("chatgpt-shared", "holds links to conversations, no texts", _is_shared),
    Export("deepseek", "DeepSeek export", {"text": "mapping"}, _is_deepseek, _deepseek_reader, owner=_owner),
)
