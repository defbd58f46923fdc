"""Slack: a folder or ZIP with a folder a channel, in it a JSON array of messages a day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Messages that a program wrote of what somebody did, such as channel_join; a message of a person has one of these.
_BY_PERSONS = (None, "me_message", "thread_broadcast", "file_share", "reply_broadcast")
_MENTION = re.compile(r"<[@#!][^>|]*(?:\|([^>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto):[^>|]*)(?:\|([^>]*))?>")


def _is_slack(look: Look) -> bool:
    named = _DAY.fullmatch(PurePosixPath(look.name).stem) is not None
    return named and any(row.get("type") == "message" and "ts" in row for row in look.rows)


def _reader(look: Look) -> Reader:
    channel = PurePosixPath(look.name).parent.name

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        if row.get("bot_id") or row.get("subtype") not in _BY_PERSONS:
            yield Passed("written by a program")
            return
        text = str(row.get("text") or "")
        text = _LINK.sub(lambda match: match[2] or match[1], _MENTION.sub(lambda match: match[1] or "", text))
        yield {"user_id": row.get("user"), "text": text, "timestamp": row.get("ts"), "channel": channel}

    return read


EXPORTS = (
    Export(
        "slack",
        "Slack export",
        {"user_id": "user", "text": "text", "timestamp": "ts", "channel": "the folder"},
        _is_slack,
        _reader,
    ),
)
