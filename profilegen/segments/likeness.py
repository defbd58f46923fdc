"""Which short texts say the same, by vectors and by words."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from profilegen.claims.taxonomy import Taxonomy
from profilegen.language.cleaning import fold
from profilegen.language.words import function_words, split_words, stem
from profilegen.vectors import Vectors, unit_rows

# In standard deviations of the cosines of texts that have nothing to do with each other, after their mean vector is
# subtracted. Of thirty hand-written pairs, half of which say the same, about 24 (MiniLM) and 20 (e5) are on the right
# side of the first. What lies between the two is for a verifier to tell.
_SAME, _RELATED = 4.8, 3.5
_CACHE_SIZE = 50_000


@dataclass(frozen=True)
class Scale:
    """What the cosines of an embedder mean in one language.

    :param mean: (n_dims,) float32, what all texts have in common; to be subtracted.
    :param same: cosine from which two short texts say the same.
    :param related: cosine below which they do not.
    """

    mean: Vectors
    same: float
    related: float

    def centred(self, vectors: Vectors) -> Vectors:
        """Return vectors without what all texts have in common.

        :param vectors: (n_texts, n_dims) float32.
        :return: the same shape, rows L2-normalised.
        """
        return unit_rows(vectors - self.mean)


def measure_scale(vectors: Vectors) -> Scale:
    """Return the scale of an embedder from texts about many different things, such as the names of a taxonomy.

    A fixed list, not the claims of the users, who may all say the same.

    :param vectors: (n_texts, n_dims) float32, rows L2-normalised.
    """
    mean = vectors.mean(axis=0)
    centred = unit_rows(vectors - mean)
    cosines = (centred @ centred.T)[np.triu_indices(len(centred), 1)]
    chance, deviation = (float(cosines.mean()), float(cosines.std())) if cosines.size else (0.0, 0.1)
    return Scale(mean, chance + _SAME * deviation, chance + _RELATED * deviation)


def scales(
    languages: Sequence[str], taxonomy: Taxonomy, embed: Callable[[Sequence[str]], Vectors]
) -> Mapping[str, Scale]:
    """Return the scale of an embedder in each language; in one that the taxonomy does not know, that of its first.

    :param languages: ISO 639-1 codes.
    :param taxonomy: its names are the texts.
    :param embed: texts to (n_texts, n_dims) float32, rows L2-normalised.
    """
    texts = {
        language: tuple(dict.fromkeys(text for node in taxonomy.nodes for text in node.texts_in(language)[:3]))
        for language in languages
    }
    measured = {names: measure_scale(embed(names)) for names in sorted(set(texts.values()))}
    return {language: measured[names] for language, names in texts.items()}


def is_inside(words: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Return whether one list of words stands in another, together and in order.

    :param words: not empty.
    :param others: any.
    """
    size = len(words)
    return any(others[at : at + size] == words for at in range(len(others) - size + 1))


@lru_cache(maxsize=_CACHE_SIZE)
def stems(text: str, language: str) -> tuple[str, ...]:
    """Return the stems of all words of a text in their order, without marks.

    :param text: a short text.
    :param language: ISO 639-1 code of its language.
    """
    return tuple(stem(word, language) for word in words(text, language))


@lru_cache(maxsize=_CACHE_SIZE)
def content_words(text: str, language: str) -> tuple[str, ...]:
    """Return the words of a text that have a meaning by themselves, in small letters.

    :param text: a short text.
    :param language: ISO 639-1 code of its language.
    """
    return tuple(word for word in words(text, language) if not is_function_word(word, language))


def is_function_word(word: str, language: str) -> bool:
    """Return whether a word has no meaning by itself: an article, a pronoun.

    :param word: in small letters.
    :param language: ISO 639-1 code of its language.
    """
    return word in function_words(language)


def words(text: str, language: str) -> tuple[str, ...]:
    """Return the words of a text in small letters, without marks.

    :param text: a short text.
    :param language: ISO 639-1 code of its language.
    """
    pieces = split_words(fold(text), language)
    return tuple(word for piece in pieces for word in _without_marks(piece).split())


def _without_marks(text: str) -> str:
    """Return a text with blanks for punctuation and symbols; hyphens and apostrophes inside words stay."""
    blanked = (" " if unicodedata.category(char)[0] in "PSZC" and char not in "-'’" else char for char in text)
    return " ".join(stripped for word in "".join(blanked).split() if (stripped := word.strip("-'’")))
