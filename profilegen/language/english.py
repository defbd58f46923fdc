"""English: stems and parts of speech."""

from __future__ import annotations

from functools import cache
from typing import Any

from profilegen.language.record import Language
from profilegen.language.stemming import snowball

# The tagger's work grows with the square of the length, and what is longer is no word.
_MAX_WORD_CHARS = 30
# Tags within this log-probability of the likeliest one count as possible.
_TAG_MARGIN = 3.0
# Below this log-probability the tagger is guessing from a word's letters.
_MIN_LOG_PROBABILITY = -25.0


def _parts_of_speech(word: str) -> tuple[str, ...]:
    """Return the likely parts of speech of a word; a word that the dictionary does not hold is a name, `NP0`."""
    if not word.isascii():
        return ()
    if len(word) > _MAX_WORD_CHARS:
        return ("NP0",)
    tags = _tagger().tag_word(word)
    best = tags[0][1]
    if best < _MIN_LOG_PROBABILITY:
        return ("NP0",)
    return tuple(tag for tag, log_probability in tags if log_probability > best - _TAG_MARGIN)


@cache
def _tagger() -> Any:
    # Threads may share it: `tag_word` only reads.
    from HanTa.HanoverTagger import HanoverTagger

    return HanoverTagger("morphmodel_en.pgz")


LANGUAGE = Language("en", "English", stem=snowball("english"), parts_of_speech=_parts_of_speech)
