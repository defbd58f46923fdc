"""Which encoding the characters of a file have, by its bytes; and its bytes as UTF-8, whatever they are on disk."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import BinaryIO, NamedTuple, cast

from profilegen.ingest.rows import READ_BYTES


class Encoding(NamedTuple):
    """An encoding of characters.

    :param codec: the name by which Python knows it.
    :param name: the name by which people know it.
    """

    codec: str
    name: str


UTF_8 = Encoding("utf-8", "UTF-8")

# Longer marks first: that of UTF-32 begins as that of UTF-16. Those codecs leave out the mark.
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, Encoding("utf-32", "UTF-32")),
    (codecs.BOM_UTF32_BE, Encoding("utf-32", "UTF-32")),
    (codecs.BOM_UTF16_LE, Encoding("utf-16", "UTF-16")),
    (codecs.BOM_UTF16_BE, Encoding("utf-16", "UTF-16")),
)
# What files of texts are written in beside Unicode, by Python's names of what chardet may find. Of encodings that hold
# the same characters, that which holds the most is used.
_WESTERN = "cp1252"
_LEGACY = {
    "gb18030": Encoding("gb18030", "GB18030"),
    "big5hkscs": Encoding("big5hkscs", "Big5"),
    "big5": Encoding("big5hkscs", "Big5"),
    "cp932": Encoding("cp932", "Shift-JIS"),
    "shift_jis": Encoding("cp932", "Shift-JIS"),
    "euc_jis_2004": Encoding("euc_jis_2004", "EUC-JP"),
    "euc_jp": Encoding("euc_jis_2004", "EUC-JP"),
    "cp949": Encoding("cp949", "EUC-KR"),
    "euc_kr": Encoding("cp949", "EUC-KR"),
    **{f"cp{page}": Encoding(f"cp{page}", f"Windows-{page}") for page in (874, *range(1250, 1259))},
    "iso8859-2": Encoding("iso8859-2", "ISO-8859-2"),
    "koi8-r": Encoding("koi8-r", "KOI8-R"),
    "koi8-u": Encoding("koi8-u", "KOI8-U"),
    "cp866": Encoding("cp866", "IBM866"),
    "mac-roman": Encoding("mac-roman", "Mac Roman"),
}
_EAST_ASIAN = frozenset({"GB18030", "Big5", "Shift-JIS", "EUC-JP", "EUC-KR"})
_LATIN = frozenset({"cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "iso8859-2", "mac-roman"})
# Few accents say little about which of its like an encoding is; then the one that is the most usual by far is taken.
_CLOSE = 0.65
# Of lines in an East Asian encoding, this share is whole in a file that is used.
_MIN_VALID = 0.6
# A character of two to four bytes in UTF-8, rarely met by chance in other encodings.
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_BESIDE_LETTERS = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]{1,2}(?![\x80-\xff])|(?<![\x80-\xff])[\x80-\xff]{1,2}(?=[a-z])")
_HIGH_LINE = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
# What holds more zeros than this, and is not UTF-16, is no text.
_MAX_ZEROS = 0.01


def encoding_of(head: bytes, more: Iterable[bytes]) -> Encoding | None:
    """Return the encoding of a file, None where its bytes are no characters.

    :param head: its first bytes.
    :param more: parts of the rest, looked at where the first bytes are pure ASCII.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head and (wide := _wide(head)):
        return wide
    if head.count(b"\0") > len(head) * _MAX_ZEROS:
        return None
    if not head.isascii():
        return _by_high_bytes(head)
    if b"\x1b$" in head and _decodes(head, "iso2022_jp"):
        return Encoding("iso2022_jp", "ISO-2022-JP")
    late = next((part for part in more if not part.isascii()), b"")
    return _by_high_bytes(late) if late else UTF_8


def _wide(head: bytes) -> Encoding | None:
    """Return UTF-16 without a mark: line ends, commas and digits have zeros on one side."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < 10 * min(even, odd) or max(even, odd) < len(head) * _MAX_ZEROS:
        return None
    encoding = Encoding("utf-16-be" if even > odd else "utf-16-le", "UTF-16")
    return encoding if _decodes(head, encoding.codec) else None


def _decodes(part: bytes, codec: str) -> bool:
    """Tell whether bytes are valid up to a character that is cut off."""
    try:
        codecs.getincrementaldecoder(codec)().decode(part)
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=16)
def _by_high_bytes(part: bytes) -> Encoding:
    if _decodes(part, "utf-8") or _is_damaged_utf8(part):
        return UTF_8
    lines = _HIGH_LINE.findall(part[:READ_BYTES]) or [part[:READ_BYTES]]
    best, scores = _best(lines)
    if best.name in _EAST_ASIAN:
        return best
    if damaged := _damaged_east_asian(lines):
        return damaged
    if _is_latin(lines):
        scores = {name: score for name, score in scores.items() if name in _LATIN}
        best = _LEGACY[max(scores, key=lambda name: scores[name], default=_WESTERN)]
    few_signs = scores.get(_WESTERN, 0.0) >= _CLOSE * max(scores.values(), default=0.0)
    return _LEGACY[_WESTERN] if few_signs else best


def _best(lines: Sequence[bytes]) -> tuple[Encoding, dict[str, float]]:
    """Return the encoding that chardet takes some lines to be in, and how likely it holds each."""
    import chardet

    found = chardet.detect_all(b"".join(lines), include_encodings=_detectable(), ignore_threshold=True)
    scores = {codecs.lookup(each["encoding"]).name: each["confidence"] for each in found if each["encoding"]}
    scores = {name: score for name, score in scores.items() if name in _LEGACY}
    return _LEGACY[max(scores, key=lambda name: scores[name], default=_WESTERN)], scores


def _damaged_east_asian(lines: Sequence[bytes]) -> Encoding | None:
    """Return the encoding of a file whose texts were cut within a character here and there, which chardet rules out."""
    for encoding in {each for each in _LEGACY.values() if each.name in _EAST_ASIAN}:
        valid = [line for line in lines if _decodes(line, encoding.codec)]
        if len(lines) > len(valid) >= len(lines) * _MIN_VALID and _best(valid)[0] == encoding:
            return encoding
    return None


def _is_latin(lines: Sequence[bytes]) -> bool:
    """Tell whether most characters that are not ASCII stand next to an ASCII letter, as accents do in a word."""
    text = b"".join(lines)
    return len(_BESIDE_LETTERS.findall(text)) * 2 > len(_HIGH_RUN.findall(text))


def _detectable() -> set[str]:
    return {each.codec for each in _LEGACY.values()}


def _is_damaged_utf8(part: bytes) -> bool:
    """Tell whether more bytes make characters of UTF-8 than not, by far."""
    good = _MULTIBYTE.findall(part)
    return len(good) > len(_HIGH.findall(_MULTIBYTE.sub(b"", part)))


def as_utf8(stream: BinaryIO, encoding: Encoding) -> BinaryIO:
    """Return a stream that gives UTF-8. Bytes that are no character become a byte that UTF-8 has not.

    :param stream: a text in any encoding.
    :param encoding: that encoding.
    """
    return cast(BinaryIO, io.BufferedReader(_Recoded(stream, encoding.codec), buffer_size=READ_BYTES))


def _keep_as_invalid(error: UnicodeError) -> tuple[str, int]:
    """Let a row with such a byte be counted as broken; code pages of Windows name it by its number."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.encoding.startswith("charmap"):
        return chr(error.object[error.start]), error.start + 1
    return "\udcff", error.end


_ON_ERROR = "profilegen.keep_as_invalid"
codecs.register_error(_ON_ERROR, _keep_as_invalid)


class _Recoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec)(_ON_ERROR)
        self._ready = b""
        self._is_last = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready and not self._is_last:
            data = self._stream.read(READ_BYTES)
            self._is_last = not data
            self._ready = self._decoder.decode(data, final=self._is_last).encode(errors="surrogateescape")
        part, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def decode(data: bytes, codec: str | None) -> str:
    """Return the text of some bytes: in the encoding that is named if they are valid in it, else as they look.

    :param data: the bytes of one text.
    :param codec: the encoding that it is said to have, None where nothing is said.
    """
    found = encoding_of(data, ()) or UTF_8
    for each in (codec, found.codec):
        try:
            return data.decode(each or found.codec)
        except (LookupError, ValueError, TypeError):
            continue
    return data.decode(found.codec, errors="replace")
