"""Whether sentences say what the claims say that they were written from, and no more."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from profilegen.backends import Verifier
from profilegen.language.cleaning import fold
from profilegen.language.words import function_words
from profilegen.records import Sentence
from profilegen.vectors import Vectors

Embed = Callable[[Sequence[str]], Vectors]
"""Texts to vectors, as `Embedder.embed`."""

# Of 3,700 English sentences of summaries 55% reach this share with all notes and 9% without the one that they tell; of
# 1,020 Chinese ones 79% and 8% (`python -m training.told`); the verifier does the rest.
_MIN_KNOWN_SHARE = 0.7
# Korean verbs change with their place in a sentence: half of the words there are as strict (65% and 5% of 92).
_MIN_KNOWN_SHARES = {"ko": 0.5}
# The share of a claim's words that a sentence has which tells the claim.
_MIN_TOLD_SHARE = 0.5
# Two words are near with this share of common character trigrams (Dice), as `hikes` and `hiking`.
_MIN_NEARNESS = 0.5


class Ground(NamedTuple):
    """A claim that sentences are written from.

    :param predicate: the claim as a predicate, such as `dislikes slow films`.
    :param text: its text, such as `slow films`.
    :param against: words of the predicate that say that it is against something, which a sentence that tells the
        claim has to have; "" of other claims, and for a writer that finds words of its own.
    """

    predicate: str
    text: str
    against: str = ""


class Unchecked(NamedTuple):
    """Sentences that were written from claims.

    :param sentences: the sentences.
    :param grounds: the claims.
    :param language: ISO 639-1 code of both.
    """

    sentences: tuple[str, ...]
    grounds: tuple[Ground, ...]
    language: str


def check_sentences(cases: Sequence[Unchecked], verifier: Verifier, embed: Embed) -> list[list[Sentence | None]]:
    """Return each sentence with the positions of the claims that it tells, None where it says something else.

    A sentence tells the claims that it shares half of their words with, and the one with the nearest vector. It
    stands if the verifier takes it for shown by the claims, and if seven of ten of its content words, and all its
    numbers and names, are near to words of those that it tells.

    :param cases: sentences and claims of any number of users.
    :param verifier: reads the claims as the text and the sentence as the claim.
    :param embed: the embedder.
    """
    predicates = [[ground.predicate for ground in case.grounds] for case in cases]
    texts = {text for case, claims in zip(cases, predicates, strict=True) for text in (*case.sentences, *claims)}
    vectors = dict(zip(sorted(texts), embed(sorted(texts)), strict=True)) if texts else {}
    told: dict[tuple[int, int], tuple[int, ...]] = {}
    pairs: dict[tuple[int, int], tuple[str, str]] = {}
    shown: set[tuple[int, int]] = set()
    for at, case in enumerate(cases):
        for number, sentence in enumerate(case.sentences):
            similar = [float(vectors[sentence] @ vectors[claim]) for claim in predicates[at]]
            positions = _told(sentence, case, similar)
            grounds = [case.grounds[position] for position in positions]
            if not grounds or not _is_near(sentence, grounds, case.language):
                continue
            told[at, number] = positions
            if _is_verbatim(sentence, grounds):
                shown.add((at, number))
            else:
                pairs[at, number] = "\n".join(predicates[at]), sentence.rstrip(".。।")
    verdicts = dict(zip(pairs, verifier.verify(list(pairs.values())), strict=True)) if pairs else {}
    shown |= {key for key, verdict in verdicts.items() if verdict.label == "shown"}
    return [
        [
            Sentence(text=sentence, claims=told[at, number]) if (at, number) in shown else None
            for number, sentence in enumerate(case.sentences)
        ]
        for at, case in enumerate(cases)
    ]


def _told(sentence: str, case: Unchecked, similar: Sequence[float]) -> tuple[int, ...]:
    """Return the positions of the claims that a sentence tells.

    :param similar: the similarity of each claim to the sentence.
    """
    if not case.grounds:
        return ()
    words = content_units(sentence, case.language)
    nearest = max(range(len(similar)), key=similar.__getitem__)
    return tuple(
        position
        for position, ground in enumerate(case.grounds)
        if position == nearest or shared_units(content_units(ground.text, case.language), words) >= _MIN_TOLD_SHARE
    )


def _is_near(sentence: str, grounds: Sequence[Ground], language: str) -> bool:
    """Return whether the words of a sentence are those of the claims that it tells."""
    known = tuple(unit for ground in grounds for unit in content_units(ground.predicate, language))
    folded = fold(" ".join(ground.predicate for ground in grounds))
    if any(number not in folded for number in re.findall(r"\d+", fold(sentence))):
        return False
    if not _has_all(sentence, [ground.against for ground in grounds]):
        return False
    if any(shared_units(content_units(name, language), known) < 1 for name in _names(sentence, language)):
        return False
    return shared_units(content_units(sentence, language), known) >= _MIN_KNOWN_SHARES.get(language, _MIN_KNOWN_SHARE)


def _has_all(sentence: str, phrases: Sequence[str]) -> bool:
    """Return whether a sentence has all words of some phrases, or forms of them."""
    words = _units(sentence, frozenset())
    return all(any(_are_near(unit, word) for word in words) for unit in _units(" ".join(phrases), frozenset()))


_NOUNS_IN_CAPITALS = frozenset({"de"})


def _names(sentence: str, language: str) -> list[str]:
    """Return the words with a capital letter that do not begin the sentence, in languages that mark names so."""
    words = [] if language in _NOUNS_IN_CAPITALS else sentence.split()[1:]
    return [word for word in (word.lstrip("\"'“„«‘(") for word in words) if word[:1].isupper()]


def _is_verbatim(sentence: str, grounds: Sequence[Ground]) -> bool:
    """Return whether a sentence consists of claims, which need not be verified again."""
    rest = fold(sentence)
    for claim in sorted((fold(ground.predicate) for ground in grounds), key=len, reverse=True):
        rest = rest.replace(claim, " ")
    return not re.search(r"\w", rest)


def shared_units(units: Sequence[str], among: Sequence[str]) -> float:
    """Return the share of units that are near to one of the others; 1 without units.

    :param units: as of `content_units`.
    :param among: the others.
    """
    return sum(any(_are_near(unit, other) for other in among) for unit in units) / len(units) if units else 1.0


# Scripts without spaces between words. Each Han character means something; katakana and the others are cut into
# threes; hiragana stands between the words.
_HAN = "\u3400-\u9fff\uf900-\ufaff"
_UNSPACED = f"{_HAN}\u30a0-\u30ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
# Vowel signs of the Indic scripts and tone marks are no letters to `\w`.
_WORD = re.compile(rf"[{_HAN}]|[\u30a0-\u30ff]+|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+|[\w\u0900-\u0dff]+")
_HIRAGANA = re.compile("[\u3041-\u309f]+")


@lru_cache(maxsize=10_000)
def content_units(text: str, language: str) -> tuple[str, ...]:
    """Return the folded words of a text that mean something, or all; where no spaces separate words, pieces of them.

    :param text: a sentence or a claim.
    :param language: ISO 639-1 code of its language.
    """
    return _units(text, function_words(language)) or _units(text, frozenset())


def _units(text: str, ignored: frozenset[str]) -> tuple[str, ...]:
    units: list[str] = []
    for word in _WORD.findall(_HIRAGANA.sub(" ", fold(text))):
        if re.match(f"[{_UNSPACED}]", word):
            units += [word[at : at + 3] for at in range(max(1, len(word) - 2))]
        elif len(word) > 1 and word not in ignored:
            units.append(word)
    return tuple(units)


@lru_cache(maxsize=100_000)
def _are_near(word: str, other: str) -> bool:
    if word == other:
        return True
    if min(len(word), len(other)) < 3 or re.match(f"[{_UNSPACED}]", word):
        return False
    ours, theirs = _trigrams(word), _trigrams(other)
    return 2 * len(ours & theirs) >= _MIN_NEARNESS * (len(ours) + len(theirs))


@lru_cache(maxsize=10_000)
def _trigrams(word: str) -> frozenset[str]:
    framed = unicodedata.normalize("NFD", f"^{word}$")  # The letters of a Hangul syllable are characters then.
    return frozenset(framed[at : at + 3] for at in range(len(framed) - 2))
