"""Turns of conversations with an assistant: who took them, and what a person wrote in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from profilegen.ingest.exports.export import Fields, Passed
from profilegen.ingest.exports.nested import as_mappings, as_text

FROM_ASSISTANT = Passed("from the assistant")
INSTRUCTIONS = Passed("instructions")
NO_TEXT = Passed("no text")

# What programs call those who take turns. What is neither is an assistant or one of its tools.
_PERSONS = frozenset({"user", "human", "prompter"})
_INSTRUCTORS = frozenset({"system", "developer"})
_WRITTEN = ("", "text", "input_text", "audio_transcription")
# Turns of programs that stand under the name of the person.
_BY_TOOLS = ("tool_result", "function_call_output")


def read_turn(role: object, content: object, known: Fields) -> Fields | Passed:
    """Return the document of a turn, or why it is none.

    :param role: who took it, as programs call them: `user`, `human`, `assistant`, `system`.
    :param content: a text, or a list of texts and of objects such as `{"type": "text", "text": "Hello"}`.
    :param known: the other fields of the document.
    """
    who = as_text(role).strip().casefold()
    if who in _INSTRUCTORS:
        return INSTRUCTIONS
    if who not in _PERSONS:
        return FROM_ASSISTANT
    parts = as_mappings(content)
    if parts and all(part.get("type") in _BY_TOOLS for part in parts):
        return FROM_ASSISTANT
    text = written_text(content)
    return {**known, "text": text} if text else NO_TEXT


def written_text(content: object) -> str:
    """Return what is written in a turn, without its images and files.

    :param content: as in `read_turn`.
    """
    parts = content if isinstance(content, list) else [content]
    return "\n".join(text for text in map(_part_text, parts) if text.strip())


def _part_text(part: object) -> str:
    if not isinstance(part, Mapping):
        return as_text(part)
    kind = part.get("type") or part.get("content_type") or ""
    return as_text(part.get("text")) if kind in _WRITTEN else ""


def name_conversation(texts: Iterable[str]) -> str:
    """Return a name for the unknown person of a conversation that has no id; it depends on what the person wrote.

    :param texts: what the person wrote.
    """
    digest = hashlib.blake2b(digest_size=6)
    for text in texts:
        digest.update(text.encode(errors="replace") + b"\0")
    return f"conversation-{digest.hexdigest()}"


def with_user(turns: Iterable[Fields | Passed], user: object) -> Iterator[Fields | Passed]:
    """Give turns their user: the one that is named, else a name for the conversation.

    :param turns: of one conversation.
    :param user: as the file names the person or the conversation.
    """
    known = list(turns)
    if user in (None, "", b""):
        user = name_conversation(as_text(turn.get("text")) for turn in known if not isinstance(turn, Passed))
    for turn in known:
        yield turn if isinstance(turn, Passed) else {**turn, "user_id": user}
