"""LINE and KakaoTalk: chats as text, and KakaoTalk's as a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader

_FORMATS = ("LINE chat", "KakaoTalk chat", "KakaoTalk chat of a computer")
# `[Sticker]`, `[写真]`; KakaoTalk writes these words alone.
_MEDIA = re.compile(r"\[[^\[\]\n]{1,20}\]|사진(?: \d+장)?|동영상|이모티콘|음성메시지|Photos?(?: \d+)?|Video|Emoticons?")
_DELETED = ("삭제된 메시지입니다.", "This message was deleted.")
# `[LINE] Chat with Ana.txt`, `[LINE] Anaとのトーク.txt`, `KakaoTalk_Chat_Bakers_2023-05-01-12-00-00.csv`
_CHAT = re.compile(
    r"\[LINE\]\s?(?:Chat (?:history )?(?:with|in) )?(.+?)(?:とのトーク(?:履歴)?)?|KakaoTalk_Chat_(.+?)(?:_\d{4}-.*)?"
)


def _is_table(look: Look) -> bool:
    return look.columns == ("Date", "User", "Message")


def _read(time: str, sender: str, text: str) -> Callable[[Look], Reader]:
    """Return a reader for the columns of the chat as text, or of the table."""

    def reader(look: Look) -> Reader:
        channel = _channel(look.name)

        def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
            written = str(row.get(text) or "").strip()
            if not row.get(sender):
                yield Passed("tells what somebody did")
            elif _MEDIA.fullmatch(written):
                yield Passed("a picture, a sound, a file, or a note of the app")
            elif written in _DELETED:
                yield Passed("deleted")
            else:
                yield {"user_id": row[sender], "text": written, "timestamp": row.get(time), "channel": channel}

        return read

    return reader


def _channel(name: str) -> str:
    """Return the name of a chat by that of its file."""
    stem = PurePosixPath(name).stem
    named = _CHAT.fullmatch(stem)
    return (named[1] or named[2]) if named else stem


EXPORTS = (
    Export(
        "line-kakaotalk",
        "LINE or KakaoTalk chat",
        {"user_id": "sender", "text": "text", "timestamp": "time", "channel": "the name of the file"},
        lambda look: look.format in _FORMATS,
        _read("time", "sender", "text"),
    ),
    Export(
        "kakaotalk-table",
        "KakaoTalk chat",
        {"user_id": "User", "text": "Message", "timestamp": "Date", "channel": "the name of the file"},
        _is_table,
        _read("Date", "User", "Message"),
    ),
)
