"""Hashes of all runs of six words, or of twelve characters without spaces, in some bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

WORDS = 6
"""How many words in a row are a run."""
CHARACTERS = 12
"""How many characters in a row are one too, in scripts whose characters take three bytes, such as Chinese."""

_CHARACTER_BYTES = 3 * CHARACTERS
_BATCH_BYTES = 1 << 20
_BETWEEN = b"\x01"
"""Stands between texts that are hashed together; no cleaned text has it."""
_STEP = 0x9E3779B97F4A7C15  # odd, so that it has an inverse
_STEP_BACK = pow(_STEP, -1, 1 << 64)
_OF_CHARACTERS = np.uint64(0x51A7_C0DE_51A7_C0DE)


def runs_of(data: bytes, *, are_texts: bool = False) -> Hashes:
    """Return the hash of every run in some bytes, in order, with repetitions.

    A word is a row of ASCII letters and digits, whatever their case, and of bytes beyond ASCII. So neither spaces nor
    punctuation nor line breaks between words matter.

    :param data: text in UTF-8, with anything between.
    :param are_texts: whether it is texts with `_BETWEEN` between, into which no run reaches.
    """
    parts = [
        _runs(data[start : start + _BATCH_BYTES + 2**16], are_texts=are_texts)
        for start in range(0, len(data), _BATCH_BYTES)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def runs_of_texts(texts: Iterable[str]) -> Iterator[Hashes]:
    """Yield the hashes of the runs of texts, those of many texts at once; no run reaches into the next text.

    :param texts: any.
    """
    batch: list[bytes] = []
    size = 0
    for text in texts:
        batch.append(text.encode("utf-8", "replace"))
        size += len(batch[-1])
        if size >= _BATCH_BYTES:
            yield runs_of(_BETWEEN.join(batch), are_texts=True)
            batch, size = [], 0
    if batch:
        yield runs_of(_BETWEEN.join(batch), are_texts=True)


def found_among(runs: Hashes, wanted: Hashes) -> NDArray[np.bool_]:
    """Return which of the wanted runs are among some runs, (n_wanted,).

    :param runs: any, in any order.
    :param wanted: sorted, each once.
    """
    found = np.zeros(len(wanted), np.bool_)
    if len(wanted):
        at = np.minimum(np.searchsorted(wanted, runs), len(wanted) - 1)
        found[at[wanted[at] == runs]] = True
    return found


def _runs(data: bytes, *, are_texts: bool) -> Hashes:
    raw = np.frombuffer(data, np.uint8)
    values, in_word = _tables()
    powers, back = _powers()
    sums = np.zeros(len(raw) + 1, np.uint64)
    np.cumsum(values[raw] * powers[: len(raw)], out=sums[1:])
    edges = np.flatnonzero(np.diff(in_word[raw], prepend=0, append=0))
    starts, ends = edges[::2], edges[1::2]
    words = _mixed((sums[ends] - sums[starts]) * back[starts])
    n_runs = max(len(words) - WORDS + 1, 0)
    of_words = np.zeros(n_runs, np.uint64)
    for at in range(WORDS):
        of_words = of_words * np.uint64(_STEP) + words[at : at + n_runs]
    if are_texts:
        text_numbers = np.cumsum(raw == _BETWEEN[0], dtype=np.int64)[starts]
        of_words = of_words[text_numbers[:n_runs] == text_numbers[WORDS - 1 :][:n_runs]]
    # Windows of bytes that begin with a character and hold only characters of three bytes or more.
    wide = np.cumsum((raw < 0x80) | ((raw >= 0xC0) & (raw < 0xE0)), dtype=np.int64)
    n_windows = max(len(raw) - _CHARACTER_BYTES + 1, 0)
    first = raw[:n_windows] >= 0xE0
    before = np.concatenate([[0], wide])
    begins = np.flatnonzero(first & (before[_CHARACTER_BYTES:][:n_windows] == before[:n_windows]))
    of_characters = _mixed((sums[begins + _CHARACTER_BYTES] - sums[begins]) * back[begins] + _OF_CHARACTERS)
    return np.concatenate([_mixed(of_words), of_characters])


def _mixed(hashes: Hashes) -> Hashes:
    hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return hashes ^ (hashes >> np.uint64(29))


@cache
def _tables() -> tuple[Hashes, NDArray[np.int8]]:
    """Return a random number for each byte, the same for both cases of a letter, and whether it belongs to a word."""
    values = np.random.default_rng(6).integers(1, 2**63, 256, np.uint64)
    values[ord("A") : ord("Z") + 1] = values[ord("a") : ord("z") + 1]
    in_word = np.array([byte >= 0x80 or chr(byte).isalnum() for byte in range(256)], np.int8)
    return values, in_word


@cache
def _powers() -> tuple[Hashes, Hashes]:
    """Return the powers of the step and of its inverse, for as many bytes as are hashed at once."""
    n_bytes = _BATCH_BYTES + 2**16 + 1
    powers = [np.full(n_bytes, step, np.uint64) for step in (_STEP, _STEP_BACK)]
    for row in powers:
        row[0] = 1
    return np.multiply.accumulate(powers[0]), np.multiply.accumulate(powers[1])
