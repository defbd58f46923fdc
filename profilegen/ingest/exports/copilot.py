"""Microsoft Copilot: the history of one person as CSV, a turn a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader
from profilegen.ingest.exports.turns import read_turn


def _is_copilot(look: Look) -> bool:
    return {"Conversation", "Time", "Author", "Message"} <= set(look.columns)


def _reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        yield read_turn(row.get("Author"), row.get("Message"), {"timestamp": row.get("Time")})

    return read


EXPORTS = (Export("copilot", "Copilot export", {"text": "Message", "timestamp": "Time"}, _is_copilot, _reader),)
