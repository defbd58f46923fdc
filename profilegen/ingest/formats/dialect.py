"""How a table of lines is written: its delimiter, its quotes, and how quotes stand in a text."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

# Usual delimiters, the most usual first. `::` is MovieLens's, \x01 Hive's.
_DELIMITERS = (",", "\t", ";", "|", "::", "\x01")
# The csv module knows delimiters of one character; this one stands for `::` and is in no text.
_STAND_IN = "\x1f"
# How much of a file is read in each way that it may be written.
_SAMPLE_BYTES = 1 << 15
_MAX_RECORDS = 200
# A file without a telling name is a table if this share of its lines have the same number of fields.
_MIN_SHARE = 0.9


class Dialect(NamedTuple):
    """How a table is written.

    :param delimiter: what stands between fields: a character, or `::`.
    :param quote: what stands around fields that hold delimiters, "" where quotes are ordinary characters.
    :param escape: what stands before a quote in a text, "" where quotes are doubled.
    """

    delimiter: str
    quote: str = '"'
    escape: str = ""

    def prepared(self, line: str) -> str:
        """Return a line as `reader` takes it.

        :param line: a line of the file.
        """
        return line.replace(self.delimiter, _STAND_IN) if len(self.delimiter) > 1 else line

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Return a reader of records, which raises `csv.Error` for a broken one.

        :param lines: prepared lines.
        """
        delimiter = _STAND_IN if len(self.delimiter) > 1 else self.delimiter
        if not self.quote:
            return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(
            lines,
            delimiter=delimiter,
            quotechar=self.quote,
            doublequote=True,
            escapechar=self.escape or None,
            strict=True,
        )


class _Fit(NamedTuple):
    """How well a dialect fits: records of one width, wide ones, and few that are broken."""

    score: float
    width: int
    share: float
    records: int


def dialect_of(head: bytes, preferred: str = ",") -> Dialect:
    """Return how a table is written.

    :param head: its first bytes.
    :param preferred: the delimiter where the first line does not tell.
    """
    return _best(_sample(head), preferred)[0]


def is_table(head: bytes) -> bool:
    """Tell whether a file is a table, by its content alone: several lines of as many fields, two or more.

    :param head: its first bytes.
    """
    if b"\0" in head:
        return False
    sample = _sample(head)
    dialect, fit = _best(sample, ",")
    # Prose has these marks too, with a space behind them.
    usual = dialect.delimiter not in ",;" or (fit.share == 1.0 and f"{dialect.delimiter} " not in sample.split("\n")[0])
    return usual and fit.records >= 2 and fit.width >= 2 and fit.share >= _MIN_SHARE


def is_row(head: bytes) -> bool:
    """Tell whether a file is one row of a table: three fields or more, between marks that prose does not have.

    :param head: its first bytes.
    """
    fit = _best(_sample(head), ",") if b"\0" not in head else None
    return fit is not None and fit[0].delimiter not in ",;" and fit[1].records == 1 and fit[1].width >= 3


def _sample(head: bytes) -> str:
    """Return the first lines, whole ones where there are several."""
    part = head[:_SAMPLE_BYTES]
    if len(head) >= _SAMPLE_BYTES and b"\n" in part:
        part = part[: part.rfind(b"\n") + 1]
    return part.decode("utf-8-sig", errors="replace")


@lru_cache(maxsize=16)
def _best(sample: str, preferred: str) -> tuple[Dialect, _Fit]:
    if hint := re.match(r"sep=(.)\r?\n", sample, re.IGNORECASE):
        sample = sample[hint.end() :]
        dialect = Dialect(hint[1])
        return dialect, _fit(dialect, sample)
    first = sample.split("\n", 1)[0]
    order = sorted(_DELIMITERS, key=lambda mark: mark != preferred)
    candidates = [mark for mark in order if mark in first] or [preferred]
    fits = [(dialect, _fit(dialect, sample)) for mark in candidates for dialect in _ways(mark, sample)]
    return max(fits, key=lambda each: each[1].score)


def _ways(delimiter: str, sample: str) -> Iterator[Dialect]:
    """Yield the ways in which quotes may be used; of two that fit as well, the first counts."""
    mark = re.escape(delimiter)
    has_quotes = re.search(rf'(^|{mark})"', sample, re.MULTILINE) is not None
    single = re.findall(rf"(?:^|{mark})'[^'\r\n]*'(?={mark}|\r?$)", sample, re.MULTILINE)
    if not has_quotes and len(single) > sample.count("\n"):
        yield Dialect(delimiter, "'", "\\" if "\\'" in sample else "")
    yield Dialect(delimiter)
    if has_quotes and '\\"' in sample:
        yield Dialect(delimiter, '"', "\\")
    if has_quotes and delimiter not in ",;":
        yield Dialect(delimiter, "")


def _fit(dialect: Dialect, sample: str) -> _Fit:
    """Read a sample and say how well that went; a record that the sample cuts off does not count."""
    lines = (dialect.prepared(line) for line in sample.splitlines(keepends=True))
    reader = dialect.reader(lines)
    widths: list[int] = []
    broken = 0
    for _ in range(_MAX_RECORDS):
        try:
            record = next(reader, None)
        except csv.Error as error:
            broken += "end of data" not in str(error)
            continue
        if record is None:
            break
        if record and (len(record) > 1 or record[0].strip()):
            widths.append(len(record))
    if not widths:
        return _Fit(0.0, 0, 0.0, 0)
    width, count = Counter(widths).most_common(1)[0]
    share = count / (len(widths) + broken)
    first_fits = widths[0] == width
    score = share * (width - 1) / width * (1.0 if first_fits else 0.5)
    return _Fit(score, width, share, len(widths))
