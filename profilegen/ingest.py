"""Files of any usual kind are read into Documents, in bounded memory, every bad line counted and named."""

from __future__ import annotations

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
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from profilegen.errors import InputError, UsageError
from profilegen.records import BadLine, Document
from profilegen.text import clean, fold, language

MAX_TEXT_BYTES = 1_000_000
MAX_LABEL_CHARS = 1_000
MAX_USER_ID_CHARS = 512
MAX_IMAGE_CHARS = 4_096
MAX_BAD_EXAMPLES = 20
STDIN = "-"

# Names of columns, in the order in which they are preferred; case, spaces and punctuation do not count.
_USUAL_NAMES: dict[str, str] = {
    "user_id": "user_id user reviewer_id customer_id member_id account_id buyer_id profile_id uid user_name "
    "author_id author reviewer customer member buyer 用户id 用户编号 用户名 用户 会员id 会员 买家 作者 昵称",
    "text": "text review review_text review_body review_content content body comment comments comment_text message "
    "post tweet description query 评论 评论内容 评价 评价内容 内容 正文 文本",
    "title": "title summary headline subject review_title review_headline 标题 评论标题",
    "item_id": "item_id asin product_id parent_asin sku goods_id article_id 商品id 商品编号 产品id",
    "item_title": "item_title product_title product_name item_name item product goods_name 商品名 商品名称 商品标题 "
    "产品名称 商品",
    "brand": "brand brand_name manufacturer 品牌",
    "price": "price amount item_price unit_price 价格 金额 单价",
    "rating": "rating overall stars star_rating score review_rating 评分 星级 打分",
    "timestamp": "timestamp time date datetime created_at created review_date review_time unix_review_time "
    "event_time 时间 日期 评论时间 发布时间",
    "event": "event action event_type behavior behaviour 事件 行为",
    "channel": "channel source platform 渠道 来源 平台",
    "image": "image image_url picture 图片",
}
FIELDS = tuple(_USUAL_NAMES)
_TEXT_FIELDS = ("text", "title", "item_title")


@dataclass
class Intake:
    """What was read so far: rows seen, documents made, bad lines counted and the first 20 of them kept."""

    rows: int = 0
    documents: int = 0
    bad: int = 0
    bad_examples: list[BadLine] = field(default_factory=list)
    languages: Counter[str] = field(default_factory=Counter)


def read_documents(
    sources: Sequence[str], *, mapping: Mapping[str, str], intake: Intake
) -> Iterator[Document]:
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
    return _documents(_files(sources), dict(mapping), intake)


def _documents(files: Sequence[str], mapping: dict[str, str], intake: Intake) -> Iterator[Document]:
    absent = _columns_in_no_file(files, mapping)
    for file in files:
        with _table(file) as table:
            _check_columns(file, table, mapping, absent)
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


class _Table(NamedTuple):
    """A file as rows: a row is a mapping of columns, or the reason why there is none. Numbers begin at 1."""

    columns: tuple[str, ...]
    unit: str
    rows: Iterator[tuple[int, Mapping[str, object] | _BadRowError]]


def _count_bad(intake: Intake, file: str, unit: str, number: int, reason: str) -> None:
    intake.bad += 1
    if len(intake.bad_examples) < MAX_BAD_EXAMPLES:
        said = reason if unit == "line" else f"{unit} {number}: {reason}"
        intake.bad_examples.append(BadLine(file=_shown(file), line=number, reason=said))


def _why_nothing(files: Sequence[str], intake: Intake) -> str:
    if not intake.rows:
        return f"no rows in {_listed([_shown(file) for file in files])}; give a file with one text a row"
    first = intake.bad_examples[0]
    return (
        f"none of {intake.rows:,} rows could be used; the first, {first.file}:{first.line}, has: {first.reason}"
    )


def _shown(file: str) -> str:
    return "stdin" if file == STDIN else file


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


# --- which files ------------------------------------------------------------------------------------------

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
_COMPRESSED = (".gz", ".zst")


def _files(sources: Sequence[str]) -> list[str]:
    if not sources:
        raise InputError("no input: name at least one file or directory, or - for standard input")
    files: list[str] = []
    for source in sources:
        path = Path(source)
        if source == STDIN:
            if STDIN in files:
                raise UsageError("standard input (-) can be read only once")
            files.append(source)
        elif path.is_dir():
            found = list(_walk(path))
            if not found:
                raise InputError(
                    f"{source}: no file to read in this directory; known are {' '.join(_SUFFIXES)}, "
                    f"each also with {' or '.join(_COMPRESSED)}"
                )
            files.extend(found)
        elif path.exists():
            files.append(source)
        else:
            raise InputError(f"{source}: no such file; check the name")
    return files


def _walk(directory: Path) -> Iterator[str]:
    for folder, names, files in os.walk(directory):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and _format_by_name(name):
                yield str(Path(folder) / name)


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
def _places(columns: tuple[str, ...], mapping: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return field → column, as mapped, else as usually named. A column serves one field only."""
    places = {target: column for target, column in mapping if column in columns}
    by_name: dict[str, str] = {}
    for column in columns:
        if column not in places.values():
            by_name.setdefault(_plain(column), column)
    for target, names in _PLAIN_NAMES.items():
        if target not in places:
            found = next((by_name.pop(name) for name in names if name in by_name), None)
            if found is not None:
                places[target] = found
    return places


def _columns_in_no_file(files: Sequence[str], mapping: Mapping[str, str]) -> set[str]:
    """Return the mapped columns that no file has: what can be read only once still has to be looked at."""
    absent = set(mapping.values())
    seen: dict[str, None] = {}
    for file in files:
        if absent and Path(file).is_file():
            with _table(file) as table:
                absent.difference_update(table.columns)
                seen.update(dict.fromkeys(table.columns))
    if absent and all(Path(file).is_file() for file in files):
        raise UsageError(_no_such_column(absent, list(seen)))
    return absent


def _no_such_column(absent: set[str], columns: Sequence[str]) -> str:
    return f"no column {_listed(sorted(absent))} to map from; the columns are {_listed(columns)}"


def _check_columns(file: str, table: _Table, mapping: Mapping[str, str], absent: set[str]) -> None:
    if not Path(file).is_file() and absent.difference(table.columns):
        raise UsageError(_no_such_column(absent.difference(table.columns), table.columns))
    if not table.columns:
        return
    places = _places(table.columns, tuple(mapping.items()))
    for wanted, what, example in (
        (("user_id",), "users", "user_id=COLUMN"),
        (_TEXT_FIELDS, "texts", "text=COLUMN"),
    ):
        if not any(target in places for target in wanted):
            raise InputError(
                f"{_shown(file)}: no column of {what} among {_listed(table.columns)}; "
                f"say which it is with --map {example}"
            )


# --- a row becomes a document -----------------------------------------------------------------------------

_UNFIT_FOR_IDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _document(row: Mapping[str, object] | _BadRowError, mapping: Mapping[str, str]) -> Document:
    if isinstance(row, _BadRowError):
        raise row
    columns = tuple(row)
    # Rows of JSON with hundreds of keys would fill the cache with keys.
    find = _places if len(columns) <= 100 else _places.__wrapped__
    places = find(columns, tuple(mapping.items()))
    given = {target: _present(row[column]) for target, column in places.items()}
    user_id = _user_id(given.get("user_id"))
    title, item_title, brand = (_label(given.get(name)) for name in ("title", "item_title", "brand"))
    text = _text(given.get("text")) or title or item_title
    if not text:
        raise _BadRowError("no text")
    item_id = _label(given.get("item_id"))
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
        image=_image(given.get("image")),
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
    """Return a name or id on one line; a list or an object is no name."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    raw = str(value) if not isinstance(value, str) else value[: MAX_LABEL_CHARS * 10]
    return " ".join(clean(raw).split())[:MAX_LABEL_CHARS].rstrip() or None


def _image(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_IMAGE_CHARS or _UNFIT_FOR_IDS.search(value):
        return None
    return value.strip() or None


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
    """Return an amount of money that is not negative; the last of `.` and `,` is the decimal one.

    A lone comma before exactly three digits separates thousands (`1,299`), a lone point does not (`1.299`).
    """
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(unicodedata.normalize("NFKC", value[:64]).strip())
        if not match:
            return None
        digits = re.sub(r"[' ]", "", match[1]).rstrip(".,")
        comma, point = digits.rfind(","), digits.rfind(".")
        decimal_comma = comma > point and digits.count(",") == 1 and not (
            point < 0 and len(digits) - comma == 4
        )
        if decimal_comma:
            digits = digits.replace(".", "").replace(",", ".")
        else:
            digits = digits.replace(",", "")
            if digits.count(".") > 1:
                digits = digits.replace(".", "")
        value = digits
    number = _number(value)
    return number if number is not None and number >= 0 else None


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
    if not isinstance(value, str):
        number = _number(value)
        return None if number is None else _from_epoch(number)
    written = value[:64].strip()
    if re.fullmatch(r"\d{8}", written):
        return datetime.strptime(written, "%Y%m%d").replace(tzinfo=UTC)
    if re.fullmatch(r"-?\d+(\.\d*)?(e\+?\d+)?", written, re.IGNORECASE):
        return _from_epoch(float(written))
    if match := _DAY.fullmatch(written):
        return datetime(*(int(part or 0) for part in match.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]
    return datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "+00:00", written))


def _from_epoch(number: float) -> datetime:
    """Read seconds; what would lie beyond the year 5000 is in milli-, micro- or nanoseconds."""
    while abs(number) >= 1e11:
        number /= 1000
    return datetime.fromtimestamp(number, UTC)


# --- a file becomes a table -------------------------------------------------------------------------------

_LOOK_AHEAD_ROWS = 100
_SNIFFED_BYTES = 65_536
# Longer than any text that is read, escapes and all; a bound for what is held when a line or a quote never ends.
_MAX_RECORD_BYTES = 1 << 24


@contextlib.contextmanager
def _table(file: str) -> Iterator[_Table]:
    with contextlib.ExitStack() as stack:
        try:
            raw = sys.stdin.buffer if file == STDIN else stack.enter_context(Path(file).open("rb"))
            stream = _decompressed(cast(BinaryIO, raw))
            head, stream = _peeked(stream, _SNIFFED_BYTES)
            table = _READERS[_format(file, head)](stream, head, stack)
        except (OSError, EOFError) as error:
            raise InputError(_unreadable(file, error)) from None
        except InputError as error:
            raise InputError(f"{_shown(file)}: {error}") from None
        yield table._replace(rows=_named_errors(file, table.rows))


def _unreadable(file: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return f"{_shown(file)}: cannot be read ({reason}); is the file whole, and may you read it?"
