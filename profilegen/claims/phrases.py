"""Noun phrases of a user's own words, as candidates for what a profile may claim."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from profilegen.claims.word_lists import (
    SIDE_WORDS,
    generic,
    is_code,
    is_measure,
    judging,
    mass,
    not_first,
    not_last,
)
from profilegen.language.cleaning import fold
from profilegen.language.registry import language_of
from profilegen.language.words import (
    Key,
    function_words,
    has_name,
    is_common_noun,
    is_nominal,
    may_be_noun,
    parts_of_speech,
    stem,
    tagged_words,
)
from profilegen.records import Document

if TYPE_CHECKING:
    import inflect

Phrase = tuple[str, Key, float, bool]
"""Text, key, weight, and whether no word before it belongs to it: it is all of a noun phrase, or begins a compound."""

_MAX_WORDS = 3
# Of a phrase that is said once and not known, so many words: with more, it is half a title.
_MAX_UNKNOWN_WORDS = 2
_MAX_CHARS = 60
_MAX_HAN = 8
# A phrase is known from this many users on, and common from this share of them.
_MIN_SAY, _KNOWN_SHARE, _COMMON_SHARE = 3, 0.002, 0.01
# A phrase is part of a longer one if more than this share of those who say it say the longer one.
_MOSTLY = 0.5
_WORD = re.compile(r"[^\W_]+(?:['’.\-&+][^\W_]+)*")
_HAN = re.compile(r"[㐀-鿿]")
_NOUN_TAGS = frozenset(["n", "nz", "ns", "nt", "nrt", "ng", "vn", "eng"])
_TITLE_TAGS = _NOUN_TAGS | frozenset(["v", "a", "b", "an", "nr"])
# The segmenter guesses some clauses to be nouns; adverbs and verbs of judgement give them away.
_NOT_IN_NOUNS = frozenset("很太不没挺真是有超")
# Plurals that describe what comes after them.
_PLURALS_BEFORE_NOUNS = frozenset(
    [
        "sports",
        "kids",
        "women",
        "men",
        "boys",
        "girls",
        "games",
        "arts",
        "crafts",
        "toddlers",
        "ladies",
        "adults",
        "pets",
    ]
)


@dataclass(frozen=True)
class Candidate:
    """A phrase of a user. `documents` are positions in the user's list; `weight` is 1 where it names an item.

    `work` is the name alone, where the text names a work and its kind.
    """

    text: str
    key: Key
    documents: tuple[int, ...]
    weight: float
    work: str | None = None


class Work(NamedTuple):
    """A book, a film, a game or the like: its name, what one of its kind is called, and what it is one of."""

    name: str
    kind: str
    genre: str

    def in_words(self, language: str) -> str:
        """Return name and kind as a phrase; a name that says the kind does without.

        :param language: ISO 639-1 code.
        """
        if self.kind.casefold() in self.name.casefold():
            return self.name
        return self.name + language_of(language).parentheses.format(self.kind)


@dataclass(frozen=True)
class Lexicon:
    """How many users use each phrase.

    What nobody else says ("looked like a walnut") is a turn of phrase, a brand or half a title; what several say
    is a thing.

    :param n_users: number of users counted.
    :param counts: number of users by the key of the phrase; fewer than three are left out.
    """

    n_users: int = 0
    counts: Mapping[Key, int] = field(default_factory=dict)

    @cached_property
    def _begun(self) -> frozenset[Key]:
        return frozenset(key[:-1] for key in self.counts if len(key) > 1 and self.goes_on(key[:-1], key[-1]))

    def is_begun(self, key: Key) -> bool:
        """Tell whether a phrase is mostly said with one and the same word after it: it is part of a longer one.

        :param key: key of the phrase.
        """
        return key in self._begun

    def knows(self, key: Key) -> bool:
        """Tell whether so many users say a phrase that it names a thing.

        :param key: key of the phrase.
        """
        return self.counts.get(key, 0) >= max(_MIN_SAY, _KNOWN_SHARE * self.n_users)

    def goes_on(self, key: Key, after: str) -> bool:
        """Tell whether a phrase is mostly said with this word after it, as "disposable face" is with masks.

        What is left of a term without its last word is none (Frantzi and Ananiadou 1996 on nested terms).

        :param key: key of the phrase.
        :param after: stem of the word.
        """
        longer = (*key, after)[-_MAX_WORDS:]
        return self.counts.get(longer, 0) > _MOSTLY * self.counts.get(longer[:-1], 0)

    def is_common(self, key: Key) -> bool:
        """Tell whether so many users say a phrase that it counts in running text too.

        :param key: key of the phrase.
        """
        return self.counts.get(key, 0) >= max(_MIN_SAY, _COMMON_SHARE * self.n_users)


def lexicon(users: Iterable[tuple[Sequence[Document], str]]) -> Lexicon:
    """Count the users of each phrase.

    :param users: documents and ISO 639-1 language of each user.
    """
    counts: Counter[Key] = Counter()
    n_users = 0
    for documents, language in users:
        n_users += 1
        counts.update({key for document in documents for _, key, *_ in _phrases(document, language, None)})
    return Lexicon(n_users, {key: count for key, count in counts.items() if count >= _MIN_SAY})


def in_plural(text: str, language: str) -> str:
    """Return an English phrase in the plural if it ends with a noun that is counted, and is no name.

    :param text: the phrase.
    :param language: ISO 639-1 code of the phrase; one of another language is returned as it is.
    """
    last = text.rpartition(" ")[2]
    if not last.islower() or last.endswith(("s", "ing")) or stem(last, language) in mass(language):
        return text
    tags = parts_of_speech(last, language)
    if "NN1" not in tags or tags[0] in ("NN2", "NP0"):  # feet, children; brands
        return text
    # With a word before it: by itself, "mine" is a pronoun to inflect.
    plural = _english().plural_noun(f"the {last}")
    return text.removesuffix(last) + plural.removeprefix("the ")


@cache
def _english() -> inflect.engine:
    """Return what knows English plurals; threads may share it, since only its `def…` methods change it."""
    import inflect  # which takes a tenth of a second

    return inflect.engine()


def candidates(
    documents: Sequence[Document], language: str, known: Lexicon, works: Sequence[Work | None] = ()
) -> list[Candidate]:
    """Return the phrases of a user's documents, those in more documents and in item titles first.

    Phrases that differ only in inflection are one; the form that stands first is shown. What the user says in one
    document and hardly anybody else says is cut to what is known of it: "makana vitamin serum" is a vitamin serum.

    :param documents: all documents of the user.
    :param language: ISO 639-1 code of the user's language.
    :param known: phrases of all users.
    :param works: for each document the work that its item is, or None; empty if none is. The name of a work is a whole.
    """
    found: dict[Key, tuple[str, set[int], float]] = {}
    cut: set[Key] = set()
    named: dict[Key, str] = {}
    genres: set[Key] = set()
    for position, document in enumerate(documents):
        if work := works[position] if works else None:
            name_key, genre_key = _name_key(work.name, language), _name_key(work.genre, language)
            named[name_key] = work.name
            genres.add(genre_key)
            for key, text in ((name_key, work.in_words(language)), (genre_key, work.genre)):
                shown, places, _ = found.get(key, (text, set(), 0.0))
                found[key] = (shown, places | {position}, 1.0)
            document = document.model_copy(update={"item_title": None})
        for text, key, weight, whole in _phrases(document, language, known):
            if not whole and len(key) > _MAX_UNKNOWN_WORDS and language_of(language).is_spaced:
                cut.add(key)
            shown, places, best = found.get(key, (text, set(), 0.0))
            places.add(position)
            found[key] = (shown, places, max(best, weight))

    def is_thing(text: str, key: Key) -> bool:
        return known.knows(key) or not (key in cut or has_name(text, language))

    def is_part(key: Key) -> bool:
        # Of a longer term, or of a title that has a word twice.
        twice = len(set(key)) < len(key)
        return known.is_begun(key) or twice or (is_code(key[-1]) and not known.knows(key))

    rows = [
        Candidate(text, key, tuple(sorted(at)), weight, named.get(key))
        for key, (text, at, weight) in found.items()
        if key in named or ((len(at) > 1 or (key not in genres and is_thing(text, key))) and not is_part(key))
    ]
    return sorted(
        rows, key=lambda row: (-len(row.documents) * row.weight, not known.knows(row.key), -row.weight, row.text)
    )


def heads(phrase: str, language: str) -> list[tuple[str, Key]]:
    """Return a phrase and the shorter phrases that end it (butterfly hair clips, hair clips, clips) with keys.

    A name stands for itself only.

    :param phrase: text of a claim.
    :param language: ISO 639-1 code of its language.
    """
    if is_name(phrase, language):
        return [(phrase, _name_key(phrase, language))]
    words = phrase.split() if language_of(language).is_spaced else [word for word, _ in tagged_words(phrase, language)]
    return [(text, key) for text, key, *_ in _endings(words, language, 1.0)]


def keys(text: str, language: str) -> frozenset[str]:
    """Return the dictionary forms of the words of a text that carry meaning.

    :param text: any text.
    :param language: ISO 639-1 code of the text.
    """
    if not language_of(language).is_spaced:
        return frozenset(word for word, _ in tagged_words(fold(text), language) if word not in function_words(language))
    words = _WORD.findall(fold(text))
    return frozenset(stem(word, language) for word in words if word not in function_words(language))


def is_name(text: str, language: str) -> bool:
    """Tell whether a text is written like the name of a work: each word but small ones begins with a capital.

    :param text: a phrase.
    :param language: ISO 639-1 code of the phrase.
    """
    words = _WORD.findall(text)
    great = [word for word in words if word[0].isupper()]
    small = all(word[0].isdigit() or word in function_words(language) for word in words if word not in great)
    return small and any(word[1:].islower() for word in great)


def _name_key(name: str, language: str) -> Key:
    words = [stem(word, language) for word in _WORD.findall(fold(name))]
    telling = tuple(word for word in words if word not in function_words(language))
    return telling or tuple(words) or (name,)


def _phrases(document: Document, language: str, known: Lexicon | None) -> Iterator[Phrase]:
    """Give each phrase, with repetition.

    Of an item title, also the phrases inside that are known: many titles are heaps of words, with the name of the
    thing somewhere in them. Without a lexicon, all of them.
    """
    if document.item_title:
        yield from _item_phrases(document, language, known)
    own = ". ".join(part for part in (document.title, document.text) if part)
    spaced = language_of(language).is_spaced
    pieces = _spaced_pieces(own, language) if spaced else _unspaced_pieces(own, language, _NOUN_TAGS)
    for words in pieces:
        yield from _endings(words, language, 0.5)


def _item_phrases(document: Document, language: str, known: Lexicon | None) -> Iterator[Phrase]:
    title = document.item_title or ""
    is_spaced = language_of(language).is_spaced
    if not is_spaced or _HAN.search(title):
        for words in _unspaced_pieces(title, "zh" if is_spaced else language, _TITLE_TAGS):
            yield from _endings(words, language, 1.0)
        return
    if document.brand and fold(title).startswith(fold(document.brand)):
        title = title[len(document.brand) :]
    for number, (words, side) in enumerate(_title_pieces(title, language)):
        weight = 0.6 if side else 1.0 if number == 0 else 0.8
        yield from _endings(words, language, weight)
        yield from _beginnings(words, language, weight, known)


def _beginnings(words: Sequence[str], language: str, weight: float, known: Lexicon | None) -> Iterator[Phrase]:
    """Give the known phrases inside a run of words, the longer first, none that is part of the one before."""
    longer_told = True
    for end in range(len(words) - 1, 1, -1):
        phrases = list(_endings(words[:end], language, weight))
        if known is not None:
            after = stem(words[end].casefold(), language)
            phrases = [
                phrase
                for phrase in phrases
                if len(phrase[1]) > 1
                and known.knows(phrase[1])
                and not (longer_told and known.goes_on(phrase[1], after))
            ]
        longer_told = bool(phrases)
        yield from phrases


def _endings(words: Sequence[str], language: str, weight: float) -> Iterator[Phrase]:
    """Give the phrases that end a run of words: what stands last in a noun phrase is what it is about."""
    han = not language_of(language).is_spaced
    stems = [stem(word.casefold(), language) for word in words]
    end = len(words)
    while end and (stems[end - 1] in not_last(language) or not (han or may_be_noun(words[end - 1], language))):
        end -= 1
    for start in range(max(0, end - _MAX_WORDS), end):
        chosen = words[start:end]
        if start and _modifies(words[start - 1], words[start], language):
            continue
        if any(is_measure(word, language) for word in chosen):
            continue
        text = ("" if han else " ").join(chosen)
        if len(text) > (_MAX_HAN if han else _MAX_CHARS):
            continue
        key = tuple(stems[start:end])
        if key[0] in not_first(language) or judging(language).intersection(key):
            continue
        if not generic(language).issuperset(key):
            yield text, key, weight, start == 0 or (end - start > 1 and _modifies(chosen[0], chosen[1], language))


def _modifies(word: str, after: str, language: str) -> bool:
    """Tell whether a noun belongs to a word in -ing after it: headphones are noise cancelling, not cancelling."""
    is_participle = parts_of_speech(after.casefold(), language)[:1] == ("VVG",)
    return is_participle and parts_of_speech(word.casefold(), language)[:1] == ("NN1",)


def _title_pieces(title: str, language: str) -> Iterator[tuple[list[str], bool]]:
    """Give the noun phrases of an item title, and whether one is aside."""
    side = False
    run: list[str] = []
    for word, gap in _words(title):
        stops = word in function_words(language) or word in SIDE_WORDS or is_measure(word, language)
        if run and (gap or stops or _begins_phrase(word, run[-1], language)):
            yield run, side
            run = []
        if gap:
            side = False
        if word in SIDE_WORDS:
            side = True
        elif not stops:
            run.append(word)
    if run:
        yield run, side


def _begins_phrase(word: str, before: str, language: str) -> bool:
    """Tell whether a word after another begins a new noun phrase, though no mark or stop word stands between.

    Titles pile up names ("Hair Clips Butterfly Barrettes", "Fidget Sphere Educational Toys"): a plural ends one, and
    an adjective after a noun begins one.
    """
    ended = parts_of_speech(before.casefold(), language)[:1]
    if ended == ("NN2",):
        return before.casefold() not in _PLURALS_BEFORE_NOUNS
    return ended == ("NN1",) and parts_of_speech(word.casefold(), language) == ("AJ0",)


def _spaced_pieces(text: str, language: str) -> Iterator[list[str]]:
    """Give the runs of nouns and adjectives of a text."""
    run: list[str] = []
    for word, gap in _words(text):
        fits = word.casefold() not in function_words(language) and is_nominal(word, language)
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
        between = text[last : match.start()]
        gap = bool(between.strip()) or "\n" in between or text[max(0, last - 2) : last] in ("'s", "’s")
        last = match.end()
        yield _shown(match.group().replace("’", "'").removesuffix("'s"), loud), gap


def _shown(word: str, loud: bool) -> str:
    """Return a word in small letters unless its capitals are its name (USB, iPhone)."""
    shouted = loud or (len(word) == 4 and is_common_noun(word.lower(), "en"))
    acronym = word.isupper() and 2 <= len(word) <= 4 and not shouted
    mixed = not word.isupper() and any(map(str.isupper, word[1:])) and "-" not in word
    return word if acronym or mixed else word.lower()


def _unspaced_pieces(text: str, language: str, tags: frozenset[str]) -> Iterator[list[str]]:
    """Give the runs of words that are of these parts of speech, of a text without spaces between words."""
    run: list[str] = []
    for word, tag in tagged_words(text, language):
        fits = tag in tags and not _NOT_IN_NOUNS.intersection(word)
        # A lone letter or a unit beside a number ("30ml") is read as a foreign word.
        if fits and word not in function_words(language) and not (word.isascii() and len(word) < 3):
            run.append(word)
            continue
        if run:
            yield run
        run = []
    if run:
        yield run
