"""What the values of a column look like: ratings, times, sentences, names, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from profilegen.ingest.paths import values_at
from profilegen.ingest.ratings import parse_rating, scale_of
from profilegen.ingest.times import Order, parse_time

_MAX_DEPTH = 4
# Less than this share of values that can be read, and a column is something else.
_MIN_READABLE = 0.5


def values_of(rows: Sequence[Mapping[str, object]], path: str) -> list[object]:
    """Return the values of a column that are not empty.

    :param rows: some rows.
    :param path: the name of the column, or a path.
    """
    found = (decoded(value) for row in rows for value in values_at(row, path))
    return [value for value in found if not _is_empty(value)]


def decoded(value: object) -> object:
    """Return a value, bytes as text.

    :param value: as a format gives it.
    """
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _is_empty(value: object) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def nested_paths(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the paths to values inside of objects, but not of lists, in their order.

    :param rows: some rows.
    """
    found: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, Mapping) and not _NO_STEP.search(str(name)):
                found.update(dict.fromkeys(_paths(value, str(name), 1)))
    return list(found)


# A name with these, or without any character, cannot stand in a path.
_NO_STEP = re.compile(r"[.\[\]]|^$|^:")


def _paths(value: Mapping[str, object], above: str, depth: int) -> Iterator[str]:
    for name, inner in value.items():
        if _NO_STEP.search(str(name)):
            continue
        if not isinstance(inner, Mapping | list):
            yield f"{above}.{name}"
        elif isinstance(inner, Mapping) and depth < _MAX_DEPTH:
            yield from _paths(inner, f"{above}.{name}", depth + 1)


def describe_no_rating(values: Sequence[object], *, is_score: bool, is_of_posts: bool) -> str | None:
    """Return why the values of a column are no ratings, None where they may be.

    :param values: of the column.
    :param is_score: whether it is called a score, which ratings and votes are.
    :param is_of_posts: whether columns beside it are those of posts that people vote on.
    """
    ratings = [rating for value in values if (rating := parse_rating(value)) is not None]
    if len(ratings) < _MIN_READABLE * len(values):
        return f"its values are no ratings, such as {_example(values, parse_rating)}"
    plain = [rating.value for rating in ratings if rating.scale is None]
    if not plain:
        return None
    if is_score and is_of_posts:
        return "it counts votes"
    span = f"{min(plain):g} to {max(plain):g}"
    if scale_of(plain) is None:
        return f"its values, {span}, are on no usual scale of ratings; they may count votes"
    # People who rate at all mostly like what they rate; votes are few for most and many for some.
    if is_score and (min(plain) < 0 or (max(plain) > 10 and median(plain) <= max(plain) / 5)):
        return f"its values, {span} and mostly small, seem to count votes"
    return None


def describe_no_time(values: Sequence[object]) -> str | None:
    """Return why the values of a column are no times, None where they may be.

    :param values: of the column.
    """
    read = sum(_is_time(value) for value in values)
    if read < _MIN_READABLE * len(values):
        return f"its values are no times, such as {_example(values, _is_time)}"
    return None


def _is_time(value: object) -> bool:
    return any(parse_time(value, Order(day_first, serial=True)) is not None for day_first in (True, False))


def are_clock_times(values: Sequence[object]) -> bool:
    """Return whether values are times of day, such as `21:15`.

    :param values: of a column.
    """
    clock = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([AaPp]\.?[Mm]\.?)?")
    return bool(values) and all(clock.fullmatch(str(value).strip()) for value in values)


def is_prose(values: Sequence[object]) -> bool:
    """Return whether values are texts that people write: of several words each, various, and mostly sentences.

    :param values: of a column.
    """
    texts = [value for value in values if isinstance(value, str)]
    if not texts or len(texts) < len(values) or len(set(texts)) < len(texts) / 2:
        return False
    if words_per_value(texts) < 4:
        return False
    tokens = [token for text in texts for token in text[:1_000].split()]
    if sum(not re.search(r"[\d|_/]", token) for token in tokens) < 0.7 * len(tokens):
        return False
    return (
        words_per_value(texts) >= 8 or sum(bool(re.search(r"[.!?。！？…]", text)) for text in texts) >= len(texts) / 2
    )


def words_per_value(values: Sequence[object]) -> float:
    """Return how many words values have on average; two characters without spaces between words are one.

    :param values: of a column.
    """
    texts = [value[:10_000] for value in values if isinstance(value, str)]
    if not texts:
        return 0.0
    words = sum(len(text.split()) + len(_UNSPACED.findall(text)) / 2 for text in texts)
    return words / len(texts)


_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]")


def repeats(values: Sequence[object], *, share: float = 0.5) -> bool:
    """Return whether values come again: ten or more, of which at most a share are different, and not all the same.

    :param values: of a column.
    :param share: of values that are different; 1 for fewer than all.
    """
    different = len(set(map(str, values)))
    if share == 1:
        return 1 < different < len(values)
    return len(values) >= 10 and 1 < different <= share * len(values)


def depends_on(rows: Sequence[Mapping[str, object]], key: str, column: str) -> bool | None:
    """Return whether rows of the same key have the same value in a column, None where no key comes again.

    :param rows: some rows.
    :param key: a column or path.
    :param column: a column or path.
    """
    by_key: dict[str, list[str]] = {}
    for row in rows:
        keys, values = values_of([row], key), values_of([row], column)
        if keys and values:
            by_key.setdefault(str(keys[0]), []).append(str(values[0]))
    several = [values for values in by_key.values() if len(values) > 1]
    if not several or len({value for values in several for value in values}) == 1 < len(by_key):
        return None
    return sum(len(set(values)) == 1 for values in several) >= 0.9 * len(several)


def _example(values: Sequence[object], reads: Callable[[object], object]) -> str:
    return repr(next(str(value)[:40] for value in values if not reads(value)))
