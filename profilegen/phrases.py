"""Noun phrases of a user's own words, as candidates for what a profile may claim."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from profilegen.records import Document
from profilegen.text import fold

_MAX_WORDS = 3
_MAX_HAN = 8
_WORD = re.compile(r"[^\W_]+(?:['’.\-&+][^\W_]+)*")
_HAN = re.compile(r"[㐀-鿿]")
# Tags of HanTa within this log-probability of a word's best one count as possible.
_TAG_MARGIN = 3.0
# Words after one of these in a title say whom or what an item is for, not what it is.
_SIDE_WORDS = frozenset("for with by in to from of on at as without compatible replacement".split())


@dataclass(frozen=True)
class Candidate:
    """A phrase of a user. `documents` are positions in the user's list; `weight` is 1 where it names an item."""

    text: str
    key: tuple[str, ...]
    documents: tuple[int, ...]
    weight: float


def candidates(documents: Sequence[Document], language: str) -> list[Candidate]:
    """Return the phrases of a user's documents, those in more documents and in item titles first.

    Phrases that differ only in inflection are one; the form that stands first is shown.
    """
    found: dict[tuple[str, ...], tuple[str, set[int], float]] = {}
    for position, document in enumerate(documents):
        for text, key, weight in _phrases(document, language):
            shown, places, best = found.get(key, (text, set(), 0.0))
            places.add(position)
            found[key] = (shown, places, max(best, weight))
    rows = [Candidate(text, key, tuple(sorted(at)), weight) for key, (text, at, weight) in found.items()]
    return sorted(rows, key=lambda row: (-len(row.documents) * row.weight, -row.weight, row.text))


def keys(text: str, language: str) -> frozenset[str]:
    """Return the dictionary forms of the words of a text that carry meaning."""
    if language in _NO_SPACES:
        return frozenset(word for word, _ in _segmented(fold(text)) if word not in _stop_words(language))
    words = _WORD.findall(fold(text))
    return frozenset(_lemma(word, language) for word in words if word not in _stop_words(language))


def _phrases(document: Document, language: str) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Give (text, key, weight) of each phrase, with repetition."""
    if document.item_title:
        yield from _item_phrases(document, language)
    own = ". ".join(part for part in (document.title, document.text) if part)
    pieces = _han_pieces(own) if language in _NO_SPACES else _spaced_pieces(own, language)
    for words in pieces:
        yield from _endings(words, language, 0.5)


def _item_phrases(document: Document, language: str) -> Iterator[tuple[str, tuple[str, ...], float]]:
    title = document.item_title or ""
    if language in _NO_SPACES or _HAN.search(title):
        for words in _han_pieces(title):
            yield from _endings(words, language, 1.0)
        return
    if document.brand and fold(title).startswith(fold(document.brand)):
        title = title[len(document.brand) :]
    for number, (words, side) in enumerate(_title_pieces(title, language)):
        weight = 0.6 if side else 1.0 if number == 0 else 0.8
        yield from _endings(words, language, weight)


def _endings(
    words: Sequence[str], language: str, weight: float
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Give the phrases that end a run of words: what stands last in a noun phrase is what it is about."""
    han = language in _NO_SPACES
    end = len(words)
    while end and not (han or _is_noun(words[end - 1], language)):
        end -= 1
    for start in range(max(0, end - _MAX_WORDS), end):
        chosen = words[start:end]
        if not han and chosen[0].isdigit():
            continue
        text = ("" if han else " ").join(chosen)
        if len(text) < 2 or (han and len(text) > _MAX_HAN) or len(text) > 60:
            continue
        yield text, tuple(_lemma(word.casefold(), language) for word in chosen), weight


def _title_pieces(title: str, language: str) -> Iterator[tuple[list[str], bool]]:
    """Give the runs of words of an item title between stop words and punctuation, and whether one is aside."""
    side = False
    run: list[str] = []
    for word, gap in _words(title):
        stops = word.casefold() in _stop_words(language) or word.casefold() in _SIDE_WORDS
        if (gap or stops) and run:
            yield run, side
            run = []
        if gap:
            side = False
        if word.casefold() in _SIDE_WORDS:
            side = True
        elif not stops:
            run.append(word)
    if run:
        yield run, side


def _spaced_pieces(text: str, language: str) -> Iterator[list[str]]:
    """Give the runs of nouns and adjectives of a text."""
    run: list[str] = []
    for word, gap in _words(text):
        fits = word.casefold() not in _stop_words(language) and _may_stand_in_noun_phrase(word, language)
        if (gap or not fits) and run:
            yield run
            run = []
        if fits:
            run.append(word)
    if run:
        yield run


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """Give each word as it is to be shown, and whether punctuation stands before it."""
    loud = sum(map(str.isupper, text)) > 0.6 * max(1, sum(map(str.isalpha, text)))
    last = 0
    for match in _WORD.finditer(text):
        gap = bool(text[last : match.start()].strip()) or "\n" in text[last : match.start()]
        last = match.end()
        yield _shown(match.group(), loud), gap


def _shown(word: str, loud: bool) -> str:
    """Return a word in small letters unless its capitals are its name (USB, iPhone)."""
    acronym = word.isupper() and 2 <= len(word) <= 4 and not loud
    mixed = not word.isupper() and any(map(str.isupper, word[1:])) and "-" not in word
    return word if acronym or mixed else word.lower()


def _han_pieces(text: str) -> Iterator[list[str]]:
    """Give the runs of nouns, and of adjectives and verbs that stand before a noun, of a Chinese text."""
    run: list[str] = []
    for word, tag in _segmented(text):
        noun = tag[:1] == "n" and tag != "nr" or tag in ("vn", "an", "eng", "l", "j")
        if noun and word not in _stop_words("zh") and (len(word) > 1 or run):
            run.append(word)
            continue
        if run:
            yield run
        run = []
    if run:
        yield run


@cache
def _stop_words(language: str) -> frozenset[str]:
    from stop_words import StopWordError, get_stop_words

    try:
        words = frozenset(get_stop_words(language))
    except StopWordError:
        return frozenset()
    if language == "en":
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        words |= ENGLISH_STOP_WORDS
    return words


_NO_SPACES = frozenset(("zh",))


def _segmented(text: str) -> list[tuple[str, str]]:
    """Return (word, part of speech) pairs of a Chinese text."""
    import rjieba

    return list(rjieba.tag(text))


@lru_cache(maxsize=200_000)
def _analysis(word: str, language: str) -> tuple[str, frozenset[str]]:
    """Return the dictionary form of a word and its possible parts of speech; unknown languages: none."""
    tagger = _tagger(language)
    if tagger is None or not word.isascii():
        return word, frozenset()
    tags = tagger.tag_word(word)
    possible = frozenset(tag for tag, score in tags if score > tags[0][1] - _TAG_MARGIN)
    noun = [tag for tag in possible if tag.startswith("NN")]
    lemma = str(tagger.analyze(word, pos=noun[0])[0]) if noun else str(tagger.analyze(word)[0])
    return lemma, possible


@cache
def _tagger(language: str) -> Any:
    from HanTa.HanoverTagger import HanoverTagger

    models = {"en": "morphmodel_en.pgz", "de": "morphmodel_ger.pgz", "nl": "morphmodel_dutch.pgz"}
    return HanoverTagger(models[language]) if language in models else None


def _lemma(word: str, language: str) -> str:
    return _analysis(word, language)[0].casefold()


def _is_noun(word: str, language: str) -> bool:
    if any(map(str.isdigit, word)):
        return False
    tags = _analysis(word.casefold(), language)[1]
    return not tags or any(tag.startswith(("NN", "NP")) for tag in tags)


def _may_stand_in_noun_phrase(word: str, language: str) -> bool:
    if any(map(str.isdigit, word)):
        return True
    tags = _analysis(word.casefold(), language)[1]
    return not tags or any(tag.startswith(("NN", "NP", "AJ")) for tag in tags)


def unique(phrases: Iterable[str], language: str) -> Iterator[str]:
    """Give the phrases that are not, in other inflection, one given before."""
    seen: set[tuple[str, ...]] = set()
    for phrase in phrases:
        key = tuple(sorted(keys(phrase, language)))
        if key not in seen:
            seen.add(key)
            yield phrase
