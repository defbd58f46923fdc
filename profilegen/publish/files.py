"""What files are and what was made of them, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from profilegen.language.cleaning import printable
from profilegen.records import Document, FileReading, RepeatedSentences
from profilegen.records.inspection import InspectedFiles, Inspection, Problem

# What a person reads through.
_MAX_FILES, _MAX_COLUMNS, _MAX_LANGUAGES, _MAX_EXAMPLES = 20, 30, 3, 5
_MAX_ITEM_CHARS = 60
# `csv` is written CSV, `parquet` is a name.
_MAX_ACRONYM_CHARS = 4


def file_lines(reading: FileReading) -> list[str]:
    """Return what was made of a file, or of several that are alike, in one to four lines.

    :param reading: what was made of it.
    """
    made = counted(reading.documents, "item" if reading.role == "items" else "document")
    lines = [f"read {_title(reading)}: {counted(reading.rows, 'row')}, {made}"]
    if reading.fields:
        lines.append("  " + ", ".join(f"{_columns(each.columns)} → {each.field}" for each in reading.fields))
    if reading.unused:
        lines.append(f"  left out: {_columns(reading.unused)}")
    lines += [f"  left out: {_columns([column])}, {printable(why)}" for column, why in reading.left_out.items()]
    if reading.passed:
        lines.append(f"  passed over: {_reasons(reading.passed)}")
    if reading.unread:
        lines.append("  could not be read: " + ", ".join(_unread(reading.unread)))
    return lines


def files_lines(readings: Sequence[FileReading]) -> list[str]:
    """Return what was made of files, in a few lines for each kind.

    :param readings: what was made of them.
    """
    lines = [line for reading in readings[:_MAX_FILES] for line in file_lines(reading)]
    more = len(readings) - _MAX_FILES
    return [*lines, f"and {counted(more, 'more kind')} of files"] if more > 0 else lines


def repeated_lines(repeated: RepeatedSentences | None) -> list[str]:
    """Return how many sentences are left out of what writers read, in a line; none where there are none.

    :param repeated: what was counted, None where nothing was.
    """
    if repeated is None or not repeated.sentences:
        return []
    such = " and ".join(f"“{printable(example)}”" for example in repeated.examples)
    line = (
        f"not read by writers, since many texts have them: {counted(repeated.sentences, 'sentence')} "
        f"in {repeated.documents:,} of {counted(repeated.of_documents, 'document')}"
    )
    return [f"{line}, such as {such}" if such else line]


def inspection_page(found: Inspection) -> RenderableType:
    """Return what was seen of files before a build.

    :param found: what was seen.
    """
    paragraphs: list[list[RenderableType]] = [
        *([*_inspected(kind)] for kind in found.files[:_MAX_FILES]),
        *([*_problem(problem)] for problem in found.problems[:_MAX_FILES]),
    ]
    if len(found.files) > _MAX_FILES:
        paragraphs.append([Text(f"and {counted(len(found.files) - _MAX_FILES, 'more kind')} of files")])
    if len(found.files) > 1:
        together = f"All together: {counted(found.users, 'user')}, {counted(found.documents, 'document')}"
        paragraphs.append([Text(together)])
    bad = [f"{each.file}:{each.line}: {each.reason}" for each in found.bad_examples[:_MAX_EXAMPLES]]
    skipped = [f"{each.file}: {each.reason}" for each in found.skipped_examples]
    paragraphs += [
        _list(f"{counted(found.bad_lines, 'broken row')}, such as", bad),
        _list(f"{counted(found.skipped_files, 'file')} passed over, such as", skipped),
        _list("What looks wrong", found.warnings),
    ]
    if found.masked:
        paragraphs.append([Text(masked_line(found.masked, found.mask))])
    if not found.complete:
        paragraphs.append([Text("There is more in these files than was read; --all reads everything.")])
    if found.command:
        paragraphs.append([Text("Build from it with", style="bold"), indented(Text(printable(found.command)), 2)])
    with_gaps = [part for paragraph in paragraphs if paragraph for part in (Text(), *paragraph)]
    return Group(*with_gaps[1:])


def _list(heading: str, lines: Sequence[str]) -> list[RenderableType]:
    if not lines:
        return []
    shown = [indented(Text(printable(line), style="yellow"), 2) for line in lines]
    return [Text(heading, style="bold yellow"), *shown]


def _inspected(kind: InspectedFiles) -> Iterator[RenderableType]:
    head = Text(_title(kind), style="bold")
    head.append("" if kind.complete else "  read in part", style="yellow")
    yield head
    if kind.role == "items":
        counts = [counted(kind.documents, "item"), "texts about them are completed with what this says"]
    else:
        counts = [counted(kind.users, "user"), counted(kind.documents, "document")]
    counts.insert(0, counted(kind.rows, "row"))
    if kind.times:
        counts.append(" to ".join(dict.fromkeys(time.date().isoformat() for time in kind.times)))
    if kind.languages:
        total = sum(kind.languages.values())
        counts.append(", ".join(f"{name} {n / total:.0%}" for name, n in [*kind.languages.items()][:_MAX_LANGUAGES]))
    yield indented(Text(" · ".join(counts)), 2)
    if kind.owner:
        yield indented(Text(f"the user is {printable(kind.owner)}, whose texts these are"), 2)
    yield indented(_fields_table(kind), 2)
    if kind.passed:
        yield indented(Text(f"passed over: {_reasons(kind.passed)}"), 2)
    for line in _unread(kind.unread):
        yield indented(Text(f"could not be read: {line}", style="yellow"), 2)
    for document in kind.examples:
        yield indented(_example(document), 2)


def _fields_table(kind: InspectedFiles) -> RenderableType:
    rows = [(Text(each.field, style="bold"), each.columns, each.why) for each in kind.fields]
    left_out = Text("left out", style="dim")
    rows += [(left_out, (column,), why) for column, why in kind.left_out.items()]
    if kind.unused:
        rows.append((left_out, kind.unused, ""))
    table = _grid()
    for name, columns, why in rows:
        what = Text(_columns(columns))
        what.append("" if why in ("", kind.export) else f"  {printable(why)}", style="dim")
        table.add_row(name, what)
    return table


def _grid() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)


def _example(document: Document) -> Text:
    stars = f"rated {document.rating:g}/{document.rating_scale:g}" if document.rating is not None else ""
    head = ", ".join(filter(None, (item_and_day(document), stars)))
    text = Text("“")
    text.append(" ".join(document.text.split()), style="italic")
    text.append("”")
    text.append(f" — {printable(document.user_id)}{': ' if head else ''}{head}", style="dim")
    return text


def _problem(problem: Problem) -> Iterator[RenderableType]:
    kind = _format(problem.format, problem.encoding)
    yield Text(printable(problem.file) + (f": {kind}" if kind else ""), style="bold")
    yield indented(Text(f"cannot be read as it is: {printable(problem.reason)}", style="red"), 2)
    table = _grid()
    for column, value in problem.columns.items():
        table.add_row(Text(_columns([column]), style="bold"), Text(printable(value)))
    yield indented(table, 2)


def _title(reading: FileReading) -> str:
    kind = _format(reading.format, reading.encoding)
    if reading.files > 1:
        what = f"of a {reading.export}" if reading.export else "that are alike"
        such = f", such as {printable(reading.file)}" if reading.file else ""
        return f"{reading.files:,} files {what}{such}: {kind}"
    # A store keeps no names of files.
    recognised = f", recognised as {reading.export}" if reading.export else ""
    return f"{printable(reading.file) or 'a file'}: {kind}{recognised}"


def _format(format_: str, encoding: str) -> str:
    name = format_.upper() if len(format_) <= _MAX_ACRONYM_CHARS else format_[:1].upper() + format_[1:]
    return ", ".join(filter(None, (name, encoding)))


def _columns(names: Sequence[str]) -> str:
    shown = [name if len(name) <= _MAX_ITEM_CHARS else f"{name[: _MAX_ITEM_CHARS - 1]}…" for name in names]
    more = f" and {len(shown) - _MAX_COLUMNS:,} more" if len(shown) > _MAX_COLUMNS else ""
    return ", ".join(map(printable, shown[:_MAX_COLUMNS])) + more


def _reasons(passed: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {printable(reason)}" for reason, count in passed.items())


def _unread(unread: Mapping[str, tuple[int, str]]) -> list[str]:
    return [
        f"{counted(count, 'value')} of {_columns([column])}" + (f", such as “{printable(example)}”" if example else "")
        for column, (count, example) in [*unread.items()][:_MAX_COLUMNS]
    ]


def item_and_day(document: Document | None) -> str:
    """Return what a document is about and its day, "" where neither is known.

    :param document: the document.
    """
    if document is None:
        return ""
    item = printable(document.item_title or "")
    if len(item) > _MAX_ITEM_CHARS:
        item = item[: _MAX_ITEM_CHARS - 1].rstrip() + "…"
    day = document.timestamp.date().isoformat() if document.timestamp else ""
    return ", ".join(part for part in (item, day) if part)


def masked_line(masked: Mapping[str, int], level: str) -> str:
    """Return in words what gave way to placeholders.

    :param masked: how many things, by kind.
    :param level: how much is masked.
    """
    found = ", ".join(f"{count:,} {printable(kind)}" for kind, count in masked.items())
    return f"masked in the texts ({level}): {found or 'nothing'}"


def indented(part: RenderableType, columns: int) -> RenderableType:
    """Return something moved to the right.

    :param part: anything that can be printed.
    :param columns: how far.
    """
    return Padding(part, (0, 0, 0, columns), expand=False)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun.

    :param count: the number.
    :param noun: in the singular; the plural has an s.
    """
    return f"{count:,} {noun}{'s' if count != 1 else ''}"
