"""The Snowball stemmers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any


def snowball(algorithm: str) -> Callable[[str], str]:
    """Return a function from a word in small letters to its stem, which several threads may call at once.

    Porter 2001, "Snowball: A language for stemming algorithms".

    :param algorithm: a name of `snowballstemmer.algorithms()`, such as `german`.
    """
    return partial(_stem, algorithm)


def _stem(algorithm: str, word: str) -> str:
    return str(_stemmer(algorithm).stemWord(word))


# A stemmer keeps the word that it works on, so that threads that share one get each other's stems.
_of_this_thread = threading.local()


def _stemmer(algorithm: str) -> Any:
    stemmers: dict[str, Any] = _of_this_thread.__dict__
    if algorithm not in stemmers:
        import snowballstemmer

        stemmers[algorithm] = snowballstemmer.stemmer(algorithm)
    return stemmers[algorithm]
