"""WhatsApp: a chat as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader

# A mark at the beginning of what the app wrote itself, in any language: `\u200eimage omitted`.
_BY_APP = "\u200e"
# `<Media omitted>`, `<attached: 00000012-PHOTO.jpg>`, `<This message was edited>`
_NOTE = re.compile(r"[\u200e\u200f]?<[^<>\n]{1,200}>")
_NOTE_AT_END = re.compile(r"(?:\s*\u200e<[^<>\n]{1,200}>|\s+<[^<>\n]{1,80}\s[^<>\n]{1,80}>)\s*\Z")
# `IMG-20230101-WA0001.jpg (file attached)`, in any language
_ATTACHED = re.compile(r"\A[\u200e\u200f]*[^\n()]{1,200}\.\w{2,5} \([^()\n]{1,60}\)(?:\n|\Z)")
# What Android writes without a mark in place of a message that is gone or that only a phone shows.
_GONE = frozenset(
    (
        "null",
        "this message was deleted",
        "you deleted this message",
        "diese nachricht wurde gelöscht",
        "du hast diese nachricht gelöscht",
        "se eliminó este mensaje",
        "eliminaste este mensaje",
        "ce message a été supprimé",
        "vous avez supprimé ce message",
        "mensagem apagada",
        "essa mensagem foi apagada",
        "você apagou esta mensagem",
        "questo messaggio è stato eliminato",
        "hai eliminato questo messaggio",
    )
)
# `WhatsApp Chat with Ana.txt`, `WhatsApp Chat - Ana.zip`, `Chat de WhatsApp con Ana.txt`
_CHAT = re.compile(r".*WhatsApp[\w-]*(?:[ _]\w+)?(?:[ _](?:with|mit|con|com|avec|met|med|de|z|с|ile)|[ _]-)[ _](.+)")


def _is_whatsapp(look: Look) -> bool:
    return look.format == "WhatsApp chat"


def _reader(look: Look) -> Reader:
    channel = _channel(look.name)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        text = str(row.get("text") or "")
        written = _ATTACHED.sub("", _NOTE_AT_END.sub("", text))
        if not row.get("sender"):
            yield Passed("tells what somebody did")
        elif not written.strip() or written.startswith(_BY_APP) or _NOTE.fullmatch(written.strip()):
            yield Passed("a picture, a sound, a file, or a note of the app")
        elif written.strip().rstrip(".").casefold() in _GONE:
            yield Passed("deleted")
        else:
            yield {"user_id": row["sender"], "text": written, "timestamp": row.get("time"), "channel": channel}

    return read


def _channel(name: str) -> str | None:
    """Return the name of a chat by that of its file, or of the folder or archive where the file is `_chat.txt`."""
    path = PurePosixPath(name)
    stem = path.parent.name if path.stem.startswith("_chat") else path.stem
    named = _CHAT.fullmatch(stem)
    return (named[1] if named else stem).strip() or None


EXPORTS = (
    Export(
        "whatsapp",
        "WhatsApp chat",
        {"user_id": "sender", "text": "text", "timestamp": "time", "channel": "the name of the file"},
        _is_whatsapp,
        _reader,
    ),
)
