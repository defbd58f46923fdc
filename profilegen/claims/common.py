"""What the documents of many users have in common: how frequent words are, and sentences that many share."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby, islice

import numpy as np
import numpy.typing as npt

from profilegen.claims.repeated import Tally
from profilegen.claims.spans import prose_spans, sentence_hash
from profilegen.language.tokens import words
from profilegen.records import Document, RepeatedSentences

MAX_DOCUMENTS = 20_000
"""As many documents are counted; more do not change what is frequent."""

_N_SLOTS = 1 << 16
_MAX_DOCUMENTS_PER_USER = 50
_MAX_CHARS_PER_DOCUMENT = 4_000
_MAX_SENTENCES = 200_000
# Two people do not write a sentence of this length by chance; a shorter one is shared if one user in twenty says it.
_LONG_CHARS = 40
_MIN_USERS, _MIN_SHARE_SHORT = 3, 0.05
# A word in fewer documents than this is as rare as any: names and misspellings tell no more than rare words.
_RAREST = 3
_NONE_REPEATED = RepeatedSentences()


@dataclass(frozen=True)
class Common:
    """How frequent words are, and which sentences many users share.

    :param n_documents: number of documents that were counted.
    :param word_counts: (2**16,) uint32, the number of documents with a word of that hash.
    :param sentences: (n,) uint64, sorted hashes of sentences that many users share.
    :param repeated: for a person: how many sentences many users share, or one writes again and again.
    """

    n_documents: int
    word_counts: npt.NDArray[np.uint32]
    sentences: npt.NDArray[np.uint64]
    repeated: RepeatedSentences = _NONE_REPEATED

    def is_shared(self, hash_of_sentence: int) -> bool:
        """Return whether many users share a sentence.

        :param hash_of_sentence: `sentence_hash` of it.
        """
        at = int(np.searchsorted(self.sentences, np.uint64(hash_of_sentence)))
        return at < len(self.sentences) and int(self.sentences[at]) == hash_of_sentence

    def rarity(self, word: str) -> float:
        """Return how rare a word is, from 0, in every document, to 1, in at most three: its scaled inverse frequency.

        Where nothing has been counted, every word is rare.

        :param word: as `words` gives it.
        """
        return float(self._rarities[_slot(word)])

    @cached_property
    def _rarities(self) -> npt.NDArray[np.float64]:
        """The rarity of each slot."""
        n = max(self.n_documents, int(self.word_counts.max()), _RAREST + 1)
        return np.asarray(np.log(n / np.maximum(self.word_counts, _RAREST)) / math.log(n / _RAREST))


def nothing_common() -> Common:
    """Return counts of no documents."""
    return Common(0, np.zeros(_N_SLOTS, np.uint32), np.zeros(0, np.uint64))


def count_common(documents: Iterable[Document]) -> Common:
    """Count the words and the shared sentences of a sample of documents in bounded memory.

    Sentences are counted by lossy counting (Manku and Motwani 2002, "Approximate frequency counts over data streams").

    :param documents: those of a user next to each other; 20,000 are counted at most, and 50 of a user.
    """
    word_counts = np.zeros(_N_SLOTS, np.uint32)
    long_ones: Counter[int] = Counter()
    short_ones: Counter[int] = Counter()
    tally = Tally()
    n_documents = n_users = 0
    for _, group in groupby(documents, key=lambda document: document.user_id):
        if n_documents >= MAX_DOCUMENTS:
            break
        sample = list(islice(group, _MAX_DOCUMENTS_PER_USER))
        n_users, n_documents = n_users + 1, n_documents + len(sample)
        found: list[dict[int, str]] = []
        for document in sample:
            text = document.text[:_MAX_CHARS_PER_DOCUMENT]
            word_counts[np.unique([_slot(word) for word in words(text)]).astype(np.intp)] += 1
            spans = prose_spans(text, document.user_id, _MAX_CHARS_PER_DOCUMENT)
            found.append({sentence_hash(text[start:end]): text[start:end] for start, end in spans})
        sentences = {key: sentence for each in found for key, sentence in each.items()}
        long_ones.update(key for key, sentence in sentences.items() if len(sentence) >= _LONG_CHARS)
        short_ones.update(key for key, sentence in sentences.items() if len(sentence) < _LONG_CHARS)
        repeated = repeated_sentences(found)
        for each in found:
            tally.add(each, repeated)
        for key, sentence in sentences.items():
            if key in repeated or long_ones[key] >= _MIN_USERS or short_ones[key] >= _MIN_USERS:
                tally.remember(key, sentence)
        long_ones, short_ones = _pruned(long_ones), _pruned(short_ones)
    shared = [key for key, count in long_ones.items() if count >= _MIN_USERS]
    shared += [key for key, count in short_ones.items() if count >= max(_MIN_USERS, _MIN_SHARE_SHORT * n_users)]
    of_many = np.array(sorted(shared), np.uint64)
    return Common(n_documents, word_counts, of_many, tally.result(of_many))


def repeated_sentences(hashes: Sequence[Iterable[int]]) -> frozenset[int]:
    """Return the sentences that a user writes again and again: in three documents and in one of ten.

    :param hashes: `sentence_hash` of the sentences of each document of the user.
    """
    counts: Counter[int] = Counter()
    for document in hashes:
        counts.update(set(document))
    enough = max(3, len(hashes) / 10)
    return frozenset(key for key, count in counts.items() if count >= enough)


def _pruned(counts: Counter[int]) -> Counter[int]:
    """Return the counts without those of one user where there are too many to hold."""
    while len(counts) > _MAX_SENTENCES:
        counts = Counter({key: count - 1 for key, count in counts.items() if count > 1})
    return counts


@lru_cache(maxsize=100_000)
def _slot(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace")) % _N_SLOTS
