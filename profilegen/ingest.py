"""Files of any usual kind are read into Documents, in bounded memory, every bad line counted and named."""

from __future__ import annotations

import codecs
import contextlib
import csv
import functools
import gzip
import hashlib
import io
import json
import math
import os
import re
import shutil
import sys
import tempfile
import unicodedata
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, count, islice
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, NamedTuple, cast

from profilegen.errors import InputError, UsageError
from profilegen.records import BadLine, Document
from profilegen.text import clean, fold, language

MAX_TEXT_BYTES = 1_000_000
MAX_LABEL_CHARS = 1_000
MAX_USER_ID_CHARS = 512
MAX_CODE_CHARS = 4_096
MAX_BAD_EXAMPLES = 20
STDIN = "-"

# Usual names of columns, the preferred first; case, spaces and punctuation do not count.
_USUAL_NAMES = {
    "user_id": """user_id user reviewer_id customer_id member_id account_id buyer_id profile_id uid user_name
        author_id author reviewer customer member buyer
        用户id 用户编号 用户名 用户 会员id 会员 买家 作者 昵称""",
    "text": """text review review_text review_body review_content content body comment comments comment_text
        message post tweet query 评论 评论内容 评价 评价内容 内容 正文 文本""",
    "title": "title summary headline subject review_title review_headline 标题 评论标题",
    "item_id": "item_id asin product_id parent_asin sku goods_id article_id 商品id 商品编号 产品id",
    "item_title": """item_title product_title product_name item_name item product goods_name
        商品名 商品名称 商品标题 产品名称 商品""",
    "brand": "brand brand_name manufacturer 品牌",
    "price": "price item_price unit_price 价格 金额 单价",
    "rating": "rating overall stars star_rating score review_rating 评分 星级 打分",
    "timestamp": """timestamp datetime created_at created unix_review_time review_date event_time date time
        review_time 时间 日期 评论时间 发布时间""",
    "event": "event action event_type behavior behaviour 事件 行为",
    "channel": "channel source platform 渠道 来源 平台",
    "image": "image image_url picture 图片",
}
FIELDS = tuple(_USUAL_NAMES)

_Mapping = tuple[tuple[str, str], ...]


@dataclass
class Intake:
    """What was read so far: rows seen, documents made, bad lines counted and the first 20 of them kept."""

    rows: int = 0
    documents: int = 0
    bad: int = 0
    bad_examples: list[BadLine] = field(default_factory=list)
    languages: Counter[str] = field(default_factory=Counter)


def read_documents(sources: Sequence[str], *, mapping: Mapping[str, str], intake: Intake) -> Iterator[Document]:
    """Give the documents of files, directories and `-` (standard input) one by one, counting in `intake`.

    CSV, TSV, JSON Lines, a JSON array and Parquet are told by suffix, else by content; gzip and zstd always
    by content. Directories are walked in order, hidden files skipped. Bad lines are skipped and counted.

    :param mapping: our field (see `FIELDS`) to the name of the column that holds it; wins over the guess.
    :raises UsageError: the mapping names a field or a column that there is not.
    :raises InputError: nothing to read, a file that cannot be read, or no column of users or of texts in one.
    """
    for target in mapping:
        if target not in FIELDS:
            raise UsageError(f"there is no field {target!r} to map to; the fields are {', '.join(FIELDS)}")
    return _documents(_files(sources), tuple(mapping.items()), intake)


def _documents(files: Sequence[str], mapping: _Mapping, intake: Intake) -> Iterator[Document]:
    missing = _columns_in_no_file(files, mapping)
    for file in files:
        with _table(file, mapping) as table:
            _check_columns(table.columns, mapping, set() if _can_be_read_twice(file) else missing)
            for number, row in table.rows:
                intake.rows += 1
                try:
                    document = _document(row, mapping)
                except _BadRowError as error:
                    _count_bad(intake, file, table.unit, number, str(error))
                    continue
                intake.documents += 1
                intake.languages[document.language] += 1
                yield document
    if not intake.documents:
        raise InputError(_why_nothing(files, intake))


class _BadRowError(Exception):
    """This row cannot become a document; the message says why."""


_Row = Mapping[str, object] | _BadRowError


class _Table(NamedTuple):
    """A file as rows, counted from 1 in its `unit`; a row is its columns, or why it cannot be had."""

    columns: tuple[str, ...]
    unit: Literal["line", "record"]
    rows: Iterator[tuple[int, _Row]]


def _count_bad(intake: Intake, file: str, unit: str, number: int, reason: str) -> None:
    intake.bad += 1
    if len(intake.bad_examples) < MAX_BAD_EXAMPLES:
        said = reason if unit == "line" else f"{unit} {number}: {reason}"
        intake.bad_examples.append(BadLine(file=_shown(file), line=number, reason=said))


def _why_nothing(files: Sequence[str], intake: Intake) -> str:
    if not intake.rows:
        return f"no rows in {_listed([_shown(file) for file in files])}; give a file with one text a row"
    first = intake.bad_examples[0]
    return f"none of {intake.rows:,} rows could be used; {first.file}:{first.line}: {first.reason}"


def _shown(file: str) -> str:
    return "stdin" if file == STDIN else file


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) <= 60 else f"{name[:59]}…" for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")


# --- which files ------------------------------------------------------------------------------------------

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}
_COMPRESSED = (".gz", ".zst")


def _files(sources: Sequence[str]) -> list[str]:
    if not sources:
        raise InputError("no input: name at least one file or directory, or - for standard input")
    if sources.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once")
    return [file for source in sources for file in ([STDIN] if source == STDIN else _found(source))]


def _found(source: str) -> list[str]:
    path = Path(source)
    try:
        if not path.is_dir():
            path.stat()
            return [source]
        files = list(_walk(path))
    except OSError as error:
        raise InputError(f"{source}: {error.strerror}; check the name and whether you may read it") from None
    if not files:
        raise InputError(
            f"{source}: no file to read in this directory; known are {' '.join(_SUFFIXES)}, "
            f"each also with {' or '.join(_COMPRESSED)}"
        )
    return files


def _walk(directory: Path) -> Iterator[str]:
    for folder, names, files in os.walk(directory, onerror=_raise):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and _format_by_name(name):
                yield str(Path(folder) / name)


def _raise(error: OSError) -> None:
    raise error


def _format_by_name(name: str) -> str | None:
    path = Path(name.lower())
    if path.suffix in _COMPRESSED:
        path = path.with_suffix("")
    return _SUFFIXES.get(path.suffix)


# --- which columns ----------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


_PLAIN_NAMES = {target: [_plain(name) for name in names.split()] for target, names in _USUAL_NAMES.items()}


@functools.lru_cache(maxsize=1024)
def _places(columns: tuple[str, ...], mapping: _Mapping) -> dict[str, str]:
    """Return field → column, as mapped, else as usually named. A column serves one field."""
    places = {target: column for target, column in mapping if column in columns}
    by_name: dict[str, str] = {}
    for column in columns:
        if column not in places.values():
            by_name.setdefault(_plain(column), column)
    for target, names in _PLAIN_NAMES.items():
        found = next((name for name in names if name in by_name), None)
        if found and target not in places:
            places[target] = by_name.pop(found)
    return places


def _columns_in_no_file(files: Sequence[str], mapping: _Mapping) -> set[str]:
    """Return the mapped columns that no file has; what can be read only once has not been looked at.

    :raises UsageError: there are some, and every file has been looked at.
    """
    missing = {column for _, column in mapping}
    seen: dict[str, None] = {}
    for file in filter(_can_be_read_twice, files):
        if missing:
            with _table(file, mapping) as table:
                seen.update(dict.fromkeys(table.columns))
        missing.difference_update(seen)
    if missing and all(map(_can_be_read_twice, files)):
        raise UsageError(_no_such_column(missing, list(seen)))
    return missing


def _no_such_column(missing: set[str], columns: Sequence[str]) -> str:
    return f"no column {_listed(sorted(missing))} to map from; the columns are {_listed(columns)}"


def _check_columns(columns: tuple[str, ...], mapping: _Mapping, wanted: set[str]) -> None:
    if missing := wanted.difference(columns):
        raise UsageError(_no_such_column(missing, columns))
    places = _places(columns, mapping)
    for fields, what, example in (
        (("user_id",), "users", "user_id=COLUMN"),
        (("text", "title", "item_title"), "texts", "text=COLUMN"),
    ):
        if columns and places.keys().isdisjoint(fields):
            raise InputError(f"no column of {what} among {_listed(columns)}; say which it is with --map {example}")


# --- a row becomes a document -----------------------------------------------------------------------------

_UNFIT_FOR_IDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _document(row: _Row, mapping: _Mapping) -> Document:
    if isinstance(row, _BadRowError):
        raise row
    columns = tuple(row)
    # Rows of JSON with hundreds of keys would fill the cache with keys.
    find = _places if len(columns) <= 100 else _places.__wrapped__
    places = find(columns, mapping)
    given = {target: _present(row[column]) for target, column in places.items()}
    user_id = _user_id(given.get("user_id"))
    title, item_title, brand = (_label(given.get(name)) for name in ("title", "item_title", "brand"))
    text = _text(given.get("text")) or title or item_title
    if not text:
        raise _BadRowError("no text")
    item_id = _code(given.get("item_id"))
    same = f"{fold(text)}\0{item_id or fold(item_title or '')}"
    return Document(
        id=f"{user_id}-{hashlib.blake2b(same.encode(), digest_size=6).hexdigest()}",
        user_id=user_id,
        text=text,
        language=language(text),
        title=title,
        item_id=item_id,
        item_title=item_title,
        brand=brand,
        rating=_number(given.get("rating")),
        price=_price(given.get("price")),
        timestamp=_moment(given.get("timestamp")),
        event=_label(given.get("event")),
        channel=_label(given.get("channel")),
        image=_code(given.get("image")),
    )


def _present(value: object) -> object:
    """Return the value, bytes as text, NaN as nothing."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise _BadRowError("invalid UTF-8") from None
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _user_id(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with a gap comes as 1.0
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise _BadRowError(f"the user is {_kind(value)}, not a name or a number")
    if isinstance(value, int) and value.bit_length() > 128:
        raise _BadRowError("the user id is a number of more than 38 digits")
    user_id = "" if value is None else str(value).strip()
    if not user_id:
        raise _BadRowError("no user")
    if len(user_id) > MAX_USER_ID_CHARS:
        raise _BadRowError(f"the user id has {len(user_id):,} characters; at most {MAX_USER_ID_CHARS} are read")
    if _UNFIT_FOR_IDS.search(user_id):
        raise _BadRowError("the user id has control characters")
    return user_id


def _kind(value: object) -> str:
    kinds = {bool: "true or false", dict: "an object", list: "a list"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise _BadRowError(f"the text is {_kind(value)}, not a text")
    if not isinstance(value, str):
        return "" if value is None else str(value)
    if len(value) * 4 > MAX_TEXT_BYTES:
        size = len(value.encode(errors="replace"))
        if size > MAX_TEXT_BYTES:
            raise _BadRowError(f"a text of {size:,} bytes; at most {MAX_TEXT_BYTES:,} are read")
    return clean(value)


def _label(value: object) -> str | None:
    """Return a name on one line, cut where it is endless; a list or an object is no name."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    raw = str(value) if not isinstance(value, str) else value[: MAX_LABEL_CHARS * 10]
    return " ".join(clean(raw).split())[:MAX_LABEL_CHARS].rstrip() or None


def _code(value: object) -> str | None:
    """Return an id or an address as given, for it is compared and opened; None if it cannot be one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    code = str(value).strip()
    return code if 0 < len(code) <= MAX_CODE_CHARS and not _UNFIT_FOR_IDS.search(code) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


# One amount, with a currency before or behind: `$12.99`, `12,99 €`, `US$ 1,299.00`, `30元`. Two are a range.
_CURRENCY = r"[^\W\d_]{0,3}\.?\s?[$£¥฿\u20a0-\u20cf]?"
_AMOUNT = re.compile(rf"{_CURRENCY}\s?(\d[\d.,' ]*)\s?{_CURRENCY}")


def _price(value: object) -> float | None:
    """Return an amount of money that is not negative, or None."""
    if isinstance(value, str):
        amount = _AMOUNT.fullmatch(unicodedata.normalize("NFKC", value[:64]).strip())
        value = _with_decimal_point(amount[1]) if amount else None
    number = _number(value)
    return number if number is not None and number >= 0 else None


def _with_decimal_point(digits: str) -> str:
    """Rewrite `1.299,00` as `1299.00`: the last mark is the decimal one, unless it stands more than once.

    A comma before exactly three digits separates thousands (`1,299`); a point does not (`1.299`).
    """
    digits = re.sub(r"[' ]", "", digits).rstrip(".,")
    whole, mark, cents = digits.rpartition("," if digits.rfind(",") > digits.rfind(".") else ".")
    if not mark or mark in whole or (mark == "," and "." not in whole and len(cents) == 3):
        return re.sub(r"[.,]", "", digits)
    return re.sub(r"[.,]", "", whole) + "." + cents


_DAY = re.compile(r"(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})日?(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")


def _moment(value: object) -> datetime | None:
    """Return an aware time from 1970 to 2100: without an offset it is UTC, with one the offset stays."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        moment = _as_datetime(value)
        if moment is not None and 1970 <= moment.year <= 2100:
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _as_datetime(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    written = value[:64].strip() if isinstance(value, str) else str(value)
    if re.fullmatch(r"(19|20)\d{6}", written):
        return datetime.strptime(written, "%Y%m%d").replace(tzinfo=UTC)
    if match := _DAY.fullmatch(written):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    number = _number(value)
    if number is not None:
        return _from_epoch(number)
    return datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "+00:00", written))


def _from_epoch(number: float) -> datetime:
    """Read seconds; what would lie beyond the year 5000 is in milli-, micro- or nanoseconds."""
    for _ in range(3):
        if abs(number) >= 1e11:
            number /= 1000
    return datetime.fromtimestamp(number, UTC)


# --- a file becomes a table -------------------------------------------------------------------------------

_SNIFFED_BYTES = 1 << 16
# Longer than any text that is read, with every character escaped; a bound where a line or a quote never ends.
_MAX_RECORD_BYTES = 1 << 24
_MAX_LOOKED_AHEAD_ROWS = 1_000
_MAX_LOOKED_AHEAD_CHARS = 1 << 22


def _can_be_read_twice(file: str) -> bool:
    return file != STDIN and Path(file).is_file()


@contextlib.contextmanager
def _table(file: str, mapping: _Mapping) -> Iterator[_Table]:
    """Open a file as a table; what goes wrong while it is open is told with the name of the file."""
    with contextlib.ExitStack() as stack:
        try:
            yield _open(file, mapping, stack)
        except InputError as error:
            raise InputError(f"{_shown(file)}: {error}") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputError(f"{_shown(file)}: cannot be read: {reason}") from None


def _open(file: str, mapping: _Mapping, stack: contextlib.ExitStack) -> _Table:
    path = Path(file)
    raw = sys.stdin.buffer if file == STDIN else stack.enter_context(path.open("rb"))
    magic, stream = _peeked(cast(BinaryIO, raw), 4)
    if magic == b"PAR1" and _can_be_read_twice(file):
        return _parquet_table(file, mapping, stack)
    head, stream = _peeked(_decompressed(magic, stream), _SNIFFED_BYTES)
    for start, advice in _NOT_FOR_US.items():
        if head.startswith(start):
            raise InputError(advice)
    kind = _format_by_name(file) or _format_by_content(head)
    if kind == "parquet" or head[:4] == b"PAR1":
        return _parquet_table(_spooled(stream, stack), mapping, stack)
    if kind in ("csv", "tsv"):
        return _csv_table(stream, head, kind)
    if _is_spread_over_lines(head):
        return _looked_ahead("record", _json_values(stream))
    return _looked_ahead("line", _json_lines(stream))


_NOT_FOR_US = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV in UTF-8",
    codecs.BOM_UTF16_LE: "is UTF-16; save it as UTF-8, for instance with iconv -f UTF-16 -t UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16; save it as UTF-8, for instance with iconv -f UTF-16 -t UTF-8",
}


def _peeked(stream: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    """Return the first bytes, and a stream that gives them again: a pipe cannot go back."""
    head = stream.read(size)
    return head, cast(BinaryIO, io.BufferedReader(_Replay(head, stream), buffer_size=_SNIFFED_BYTES))


class _Replay(io.RawIOBase):
    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        part = part or self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _decompressed(magic: bytes, stream: BinaryIO) -> BinaryIO:
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    if magic == b"\x28\xb5\x2f\xfd":
        import pyarrow as pa

        return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(stream, "zstd")))
    return stream


def _spooled(stream: BinaryIO, stack: contextlib.ExitStack) -> IO[bytes]:
    spool = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return spool


def _format_by_content(head: bytes) -> str:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return "json" if start in (b"[", b"{") else "csv"


def _is_spread_over_lines(head: bytes) -> bool:
    """Tell an array, or indented objects one after another, from one object a line."""
    first = head.removeprefix(codecs.BOM_UTF8).lstrip().split(b"\n", 1)[0].strip()
    return re.fullmatch(rb"\{|\[\s*(?:\{.*|\])?", first) is not None


def _looked_ahead(unit: Literal["line", "record"], rows: Iterator[tuple[int, _Row]]) -> _Table:
    """Take the columns from the first rows: those of JSON need not have the same ones."""
    first: list[tuple[int, _Row]] = []
    columns: dict[str, None] = {}
    chars = 0
    for number, row in islice(rows, _MAX_LOOKED_AHEAD_ROWS):
        first.append((number, row))
        if isinstance(row, Mapping):
            columns.update(dict.fromkeys(row))
            chars += sum(len(str(value)) for value in row.values())
        if chars > _MAX_LOOKED_AHEAD_CHARS:
            break
    return _Table(tuple(columns), unit, chain(first, rows))


# --- lines ------------------------------------------------------------------------------------------------


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Give numbered lines with their ends, without a byte order mark; None for one too long to hold."""
    for number in count(1):
        line = stream.readline(_MAX_RECORD_BYTES)
        if not line:
            return
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) < _MAX_RECORD_BYTES:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(_MAX_RECORD_BYTES)
        yield number, None


def _json_lines(stream: BinaryIO) -> Iterator[tuple[int, _Row]]:
    for number, line in _lines(stream):
        if line is None:
            yield number, _too_long()
        elif line.strip():
            yield number, _json_line(line)


def _json_line(line: bytes) -> _Row:
    try:
        return _object(json.loads(line.decode()))
    except UnicodeDecodeError:
        return _BadRowError("invalid UTF-8")
    except (ValueError, RecursionError) as error:
        return _BadRowError(f"broken JSON: {error}")


def _object(value: object) -> _Row:
    if isinstance(value, dict):
        return value
    return _BadRowError(f"{_kind(value)}, not a JSON object")


def _too_long() -> _BadRowError:
    return _BadRowError(f"a line of more than {_MAX_RECORD_BYTES:,} bytes")


# --- CSV --------------------------------------------------------------------------------------------------


def _csv_table(stream: BinaryIO, head: bytes, kind: str) -> _Table:
    records = _csv_records(stream, "\t" if kind == "tsv" else _delimiter(head))
    _, header = next(records, (0, []))
    if isinstance(header, _BadRowError):
        raise InputError(
            f"its first line does not name the columns: {header}. It must be CSV in UTF-8; "
            "from a Chinese Windows, convert it with iconv -f GB18030 -t UTF-8"
        )
    names = [name.strip() for name in header]
    rows = (
        (number, record if isinstance(record, _BadRowError) else dict(zip(names, record, strict=True)))
        for number, record in records
    )
    return _Table(tuple(names), "line", rows)


def _delimiter(head: bytes) -> str:
    header = re.sub(rb'"[^"]*"', b"", head.split(b"\n", 1)[0])
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def _csv_records(stream: BinaryIO, delimiter: str) -> Iterator[tuple[int, list[str] | _BadRowError]]:
    """Give records, each with the number of its first line and as wide as the first of all.

    After a broken one, reading goes on at its second line: a quote that is never closed costs one line, not
    the rest of the file.
    """
    # The module's own limit, 128 KB a field, holds for the whole process; ours is for the record.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_RECORD_BYTES))
    lines = _RecordLines(_lines(stream))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    while (record := _next_record(reader, width)) is not None:
        number, first = lines.taken[0]
        if isinstance(record, _BadRowError):
            lines.read_again_from_second()
            record = _without_quoting(first, delimiter, width) or record
        if isinstance(record, list):
            width = width or len(record)
            record = record if _is_utf8(record) else _BadRowError("invalid UTF-8")
        if record:
            yield number, record
        lines.begin_record()


def _next_record(reader: Iterator[list[str]], width: int) -> list[str] | _BadRowError | None:
    """Return the next record, empty for an empty line, or why there is none here; None at the end."""
    try:
        record = next(reader, None)
    except csv.Error as error:
        return _BadRowError(_NEVER_CLOSED if "end of data" in str(error) else f"broken CSV: {error}")
    except _BadRowError as error:
        return error
    if record and len(record) == 1 and not record[0].strip():
        return []
    if record and width and len(record) != width:
        return _BadRowError(f"{len(record)} fields where the first line has {width}")
    return record


_NEVER_CLOSED = "a quote is opened and never closed"


class _RecordLines:
    """Lines for the csv module; those of the current record are kept, so that they can be read again."""

    def __init__(self, lines: Iterator[tuple[int, bytes | None]]) -> None:
        self._fresh = lines
        self._again: deque[tuple[int, bytes | None]] = deque()
        self._bytes = 0
        self.taken: list[tuple[int, bytes | None]] = []

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        number, line = self._again.popleft() if self._again else next(self._fresh)
        self.taken.append((number, line))
        if line is None:
            raise _too_long()
        self._bytes += len(line)
        if self._bytes > _MAX_RECORD_BYTES:
            raise _BadRowError(_NEVER_CLOSED)
        return line.decode(errors="surrogateescape")

    def begin_record(self) -> None:
        self.taken = []
        self._bytes = 0

    def read_again_from_second(self) -> None:
        self._again.extendleft(reversed(self.taken[1:]))


def _without_quoting(line: bytes | None, delimiter: str, width: int) -> list[str] | None:
    """Read a line of TSV whose quotes are only characters, as many exporters write it."""
    if line is None or delimiter != "\t":
        return None
    fields = line.decode(errors="surrogateescape").rstrip("\r\n").split("\t")
    return fields if len(fields) == width else None


def _is_utf8(texts: Iterable[str]) -> bool:
    """Tell whether nothing had to be escaped when the texts were decoded with `surrogateescape`."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


# --- JSON that is not one object a line -------------------------------------------------------------------


def _json_values(stream: BinaryIO) -> Iterator[tuple[int, _Row]]:
    """Give the objects of one array, or objects one after another, holding little more than one of them.

    :raises InputError: the JSON is broken or cut off; where the next object begins cannot be known then.
    """
    text = _Buffer(stream)
    in_array = text.skip(_SPACE) == "["
    if in_array:
        text.at += 1
    for number in count(1):
        following = text.skip(_BETWEEN)
        if following == "]" and in_array:
            return
        if not following:
            if in_array:
                raise InputError(f"the JSON array is cut off after record {number - 1}; is the file whole?")
            return
        yield number, text.value(number)


_SPACE = re.compile(r"\s*")
_BETWEEN = re.compile(r"[\s,]*")


class _Buffer:
    """A window on a long text: it grows until a whole value stands in it, and moves on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._is_last = False
        self.at = 0

    def skip(self, what: re.Pattern[str]) -> str:
        """Move past what matches and return the character there, nothing at the end."""
        while True:
            match = what.match(self._text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self._text) or not self._grow():
                return self._text[self.at : self.at + 1]

    def value(self, number: int) -> _Row:
        """Return the value that begins here and move past it."""
        while True:
            problem: Exception | None = None
            try:
                value, end = self._decode(self._text, self.at)
            except (ValueError, RecursionError) as error:
                problem = error
            # A number that touches the edge may go on behind it.
            if problem is None and (end < len(self._text) or self._is_last):
                break
            is_too_long = len(self._text) - self.at > _MAX_RECORD_BYTES
            if isinstance(problem, RecursionError) or is_too_long or not self._grow():
                raise InputError(
                    f"broken JSON in record {number} ({problem}); nothing behind it can be read. "
                    "Mend it, or write one object a line"
                )
        written, self.at = self._text[self.at : end], end
        return _object(value) if _is_utf8([written]) else _BadRowError("invalid UTF-8")

    def _grow(self) -> bool:
        """Drop what is behind and read as much again as is held, so that growing costs linear time."""
        self._text = self._text[self.at :]
        self.at = 0
        if self._is_last:
            return False
        data = self._stream.read(max(_SNIFFED_BYTES, len(self._text)))
        self._is_last = not data
        self._text += self._utf8.decode(data, final=not data)
        return True


# --- Parquet ----------------------------------------------------------------------------------------------

# Few, since a row may hold a text of a megabyte.
_PARQUET_ROWS = 256


def _parquet_table(source: str | IO[bytes], mapping: _Mapping, stack: contextlib.ExitStack) -> _Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # The buffer keeps pyarrow from taking whole columns of a row group at once.
        file = stack.enter_context(pq.ParquetFile(source, buffer_size=_SNIFFED_BYTES))
    except pa.ArrowException as error:
        raise InputError(f"cannot be read as Parquet: {error}") from None
    columns = tuple(file.schema_arrow.names)
    return _Table(columns, "record", _parquet_rows(file, list(_places(columns, mapping).values())))


def _parquet_rows(file: Any, columns: list[str]) -> Iterator[tuple[int, _Row]]:
    import pyarrow as pa

    numbers = count(1)
    try:
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=columns):
            names = batch.schema.names
            for row in zip(*(_parquet_values(column) for column in batch.columns), strict=True):
                yield next(numbers), dict(zip(names, row, strict=True))
    except pa.ArrowException as error:
        raise InputError(f"broken Parquet after record {next(numbers) - 1}: {error}") from None


def _parquet_values(column: Any) -> list[object]:
    """Return Python values; texts as bytes, since one invalid text would be an error for all 256."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return cast(list[object], column.to_pylist())
    except (ValueError, OverflowError):
        return [_parquet_value(value) for value in column]


def _parquet_value(value: Any) -> object:
    try:
        return cast(object, value.as_py())
    except (ValueError, OverflowError):
        return None  # a time that Python cannot say
