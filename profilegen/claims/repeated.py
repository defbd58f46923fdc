"""Sentences that many texts have, such as footers and templates: how many they are, and where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from profilegen.records import RepeatedSentences

# Sentences whose words are remembered until it is known which are repeated.
_MAX_TEXTS = 10_000
_MAX_EXAMPLES, _MAX_EXAMPLE_CHARS = 2, 100


class Tally:
    """Remembers which document has which sentences, by their hashes, until it is known which many documents have."""

    def __init__(self) -> None:
        self._documents: list[tuple[npt.NDArray[np.uint64], frozenset[int]]] = []
        self._texts: dict[int, str] = {}

    def add(self, hashes: Collection[int], repeated: frozenset[int]) -> None:
        """Remember a document.

        :param hashes: of its sentences.
        :param repeated: hashes of those that its author writes again and again.
        """
        self._documents.append((np.array(sorted(set(hashes)), np.uint64), repeated.intersection(hashes)))

    def remember(self, hash_of_sentence: int, sentence: str) -> None:
        """Remember the words of a sentence that may turn out to be repeated.

        :param hash_of_sentence: its hash.
        :param sentence: its words.
        """
        if len(self._texts) < _MAX_TEXTS and hash_of_sentence not in self._texts:
            self._texts[hash_of_sentence] = " ".join(sentence[: 2 * _MAX_EXAMPLE_CHARS].split())

    def result(self, shared: npt.NDArray[np.uint64]) -> RepeatedSentences:
        """Return how many sentences are repeated, and in how many documents.

        :param shared: (n,) uint64, hashes of the sentences that many users share.
        """
        counts: Counter[int] = Counter()
        n_documents = 0
        for hashes, repeated in self._documents:
            found = repeated.union(hashes[np.isin(hashes, shared)].tolist()) if len(shared) else repeated
            counts.update(found)
            n_documents += bool(found)
        return RepeatedSentences(
            sentences=len(counts),
            documents=n_documents,
            of_documents=len(self._documents),
            examples=tuple(self._examples(key for key, _ in counts.most_common())),
        )

    def _examples(self, keys: Iterable[int]) -> list[str]:
        texts = [self._texts[key] for key in keys if key in self._texts][:_MAX_EXAMPLES]
        return [text if len(text) <= _MAX_EXAMPLE_CHARS else f"{text[: _MAX_EXAMPLE_CHARS - 1]}…" for text in texts]
