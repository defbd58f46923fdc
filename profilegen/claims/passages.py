"""Passages: what of a user's documents a writer reads, picked within a budget of tokens and split into readings."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from profilegen.claims.common import Common, repeated_sentences
from profilegen.claims.notes import passage_text
from profilegen.claims.spans import Span, prose_spans, sentence_hash
from profilegen.language.first_person import count_first_person
from profilegen.language.tokens import estimate_tokens, is_in_grapheme, words
from profilegen.records import Document
from profilegen.vectors import Vectors, unit, unit_rows

BUDGET = 1_500
"""Default number of tokens that are read of a user."""

MAX_PASSAGE_CHARS = 280
MAX_TITLES = 24

_MAX_ITEM_CHARS = 80

_MAX_DOCUMENTS = 2_000
_MAX_CHARS, _MIN_CHARS_PER_DOCUMENT, _MAX_CHARS_PER_DOCUMENT = 4_000_000, 2_000, 40_000
_MAX_PASSAGES_PER_DOCUMENT, _MIN_PASSAGES = 6, 100
# Number, period and line break of a passage in a prompt.
_TOKENS_PER_PASSAGE = 4

_SELF_WEIGHT, _INFO_WEIGHT, _TYPICAL_WEIGHT, _RECENT_WEIGHT, _LIKENESS_WEIGHT = 1.0, 1.0, 1.0, 0.1, 0.6
_COST_EXPONENT = 0.5
# Greetings and phrases of politeness are worth less: on chats 12% of the tokens (169 of a user are read instead of
# 192), and 1 of 100 persona sentences.
_MIN_VALUE = 0.5
_SAME_DOCUMENT, _SAME_ITEM_OR_DAY = 0.6, 0.2
_MAX_SHARED_WEIGHT = 0.85
# This share of texts is taken for unlike a given one, but not where all are nearly the same.
_UNLIKE_SHARE, _MAX_LOWEST = 0.1, 0.9
_RECENT_HALF = 20
_TITLE_SHARE = 0.25


@dataclass(frozen=True)
class Passage:
    """A part of a document as a writer reads it.

    :param document: id of the document.
    :param text: one span of the document's text, word for word; "" where only an item is known.
    :param item: what the text is about: title of the item, else the heading of the text.
    :param rating: the user's rating of the item, of five; None where there is none.
    :param day: day of the document, as in `2025-03-01`.
    :param language: ISO 639-1 code of the text, `und` if unknown.
    """

    document: str
    text: str
    item: str | None = None
    rating: float | None = None
    day: str | None = None
    language: str = "und"


def select_passages(
    documents: Sequence[Document],
    vectors: Vectors,
    *,
    budget: int = BUDGET,
    common: Common,
) -> list[Passage]:
    """Return what is read of a user: passages about the user that say something, typical and various ones.

    Passages are picked one after another by maximal marginal relevance (Carbonell and Goldstein 1998) until the
    budget is used. The work is bounded: of more than 2,000 documents a sample is looked at, half of it the most recent.
    Titles that came without text fill what texts leave of the budget, and a quarter of it at least.

    :param documents: all documents of the user.
    :param vectors: (n_documents, n_dims) float32, one of each document; a row of zeros where there is none.
    :param budget: of tokens, as `passage_tokens` counts them.
    :param common: counts of a sample of everybody's documents.
    :return: passages in the order of time, those of one document in the order of the document.
    """
    sampled = _sampled(documents)
    documents = [documents[row] for row in sampled]
    unit_vectors = unit_rows(vectors[sampled])
    is_title = list(map(_is_title, documents))
    titles, texts = ([row for row, title in enumerate(is_title) if title == kind] for kind in (True, False))
    picked_titles = _pick_titles(documents, titles, unit_vectors, budget)
    reserved = min(sum(map(passage_tokens, picked_titles)), round(_TITLE_SHARE * budget) if texts else budget)
    candidates = _candidates(documents, texts, unit_vectors, common)
    picked = _pick(candidates, unit_vectors, budget - reserved, common)
    left = budget - sum(passage_tokens(candidate.passage) for candidate in picked)
    chosen_titles = list(_fitting(picked_titles, left))
    order = {document.id: (document.timestamp or _NO_TIME, row) for row, document in enumerate(documents)}
    passages = [candidate.passage for candidate in sorted(picked, key=lambda each: (each.row, each.start))]
    return sorted([*passages, *chosen_titles], key=lambda passage: order[passage.document])


def readings(
    passages: Sequence[Passage], *, max_tokens: int = 600, max_passages: int = 10
) -> list[tuple[Passage, ...]]:
    """Split passages into readings, in such a way that one more passage changes as few of them as possible.

    Where a reading ends depends on hashes of the passages around, so that after an insertion the ends soon are the
    same again (content-defined chunking, Muthitacharoen et al. 2001). A reading has passages of one language; those
    of a language with little text are read together with the language that has most.

    :param passages: as `select_passages` gives them.
    :param max_tokens: of a reading, as `passage_tokens` counts them; a passage that is longer is a reading by itself.
    :param max_passages: of a reading.
    :return: readings in the order of their languages, the most written one first, and of their passages.
    """
    return [
        tuple(reading)
        for group in _by_language(passages)
        for reading in _chunks(group, max_tokens=max_tokens, max_passages=max_passages)
    ]


def reading_hash(reading: Sequence[Passage]) -> str:
    """Return a hash of all that a reading holds.

    :param reading: some passages.
    """
    return hashlib.blake2b(orjson.dumps([asdict(passage) for passage in reading]), digest_size=16).hexdigest()


def passage_tokens(passage: Passage) -> int:
    """Return about how many tokens a passage takes in a prompt.

    :param passage: the passage.
    """
    return _TOKENS_PER_PASSAGE + estimate_tokens(passage_text(passage.text, passage.item, passage.rating))


# --- documents --------------------------------------------------------------------------------------------

_NO_TIME = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _sampled(documents: Sequence[Document]) -> list[int]:
    """Return the positions of the documents that are looked at: all, or the most recent and a sample by hash."""
    if len(documents) <= _MAX_DOCUMENTS:
        return list(range(len(documents)))
    half = _MAX_DOCUMENTS // 2
    dated = [row for row, document in enumerate(documents) if document.timestamp]
    recent = set(sorted(dated, key=lambda row: documents[row].timestamp or _NO_TIME)[-half:])
    others = (row for row in range(len(documents)) if row not in recent)
    by_hash = sorted(others, key=lambda row: (zlib.crc32(documents[row].id.encode("utf-8", "replace")), row))
    return sorted(recent | set(by_hash[: _MAX_DOCUMENTS - len(recent)]))


def _is_title(document: Document) -> bool:
    """Return whether a document has no text of its author.

    Ingest puts a title where there is no text. A heading alone is the author's, unless something says that the row
    is about an item.
    """
    if document.text in ("", document.item_title):
        return True
    about_item = document.item_id or document.event or document.brand or document.rating or document.price
    return document.text == document.title and bool(about_item)


def _passage(document: Document, text: str) -> Passage:
    heading = document.title if document.title not in (None, document.text) else None
    return Passage(
        document=document.id,
        text=text,
        item=_shortened(document.item_title or (heading if text else document.title or document.text) or ""),
        rating=None if document.stars is None else round(document.stars, 1),
        day=document.timestamp.date().isoformat() if document.timestamp else None,
        language=document.language if text else "und",
    )


def _shortened(title: str) -> str | None:
    """Return the beginning of a title: shops put all that is known of an item into it."""
    if len(title) <= _MAX_ITEM_CHARS:
        return title or None
    cut = max(title.rfind(" ", _MAX_ITEM_CHARS // 2, _MAX_ITEM_CHARS), 0) or _MAX_ITEM_CHARS
    while cut > 1 and is_in_grapheme(title, cut):
        cut -= 1
    return title[:cut].rstrip(" ,;:-–|(/，、")


# --- texts ------------------------------------------------------------------------------------------------


class _Candidate(NamedTuple):
    """A passage that may be read, and what speaks for it."""

    passage: Passage
    row: int
    start: int
    words: frozenset[str]
    value: float


def _candidates(
    documents: Sequence[Document], rows: Sequence[int], vectors: Vectors, common: Common
) -> list[_Candidate]:
    """Return the passages of documents, without sentences that others or the user himself use again and again."""
    limit = min(max(_MAX_CHARS // max(len(rows), 1), _MIN_CHARS_PER_DOCUMENT), _MAX_CHARS_PER_DOCUMENT)
    spans = {row: prose_spans(documents[row].text, documents[row].user_id, limit) for row in rows}
    hashes = {row: [sentence_hash(documents[row].text[a:b]) for a, b in spans[row]] for row in rows}
    repeated = repeated_sentences(list(hashes.values()))
    bonus = _bonus(documents, rows, vectors)
    own: list[_Candidate] = []
    copied: list[_Candidate] = []
    for row in rows:
        document = documents[row]
        shared = [key in repeated or common.is_shared(key) for key in hashes[row]]
        is_copy = all(shared)
        kept = [span for span, is_shared in zip(spans[row], shared, strict=True) if is_copy or not is_shared]
        found = (_candidate(document, row, span, common, bonus[row]) for span in _joined(document.text, kept))
        telling = [each for each in found if each.value - bonus[row] >= _MIN_VALUE or document.item_title]
        best = sorted(telling, key=lambda candidate: (-candidate.value, zlib.crc32(candidate.passage.text.encode())))
        best = best[: max(_MAX_PASSAGES_PER_DOCUMENT, _MIN_PASSAGES // len(rows))]
        # What is said of an item counts even in words that many use.
        (copied if is_copy and not document.item_title else own).extend(best)
    return own or copied


def _joined(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Give spans of adjacent sentences that are no longer than a passage."""
    start = end = -1
    for first, last in spans:
        if start >= 0 and last - start <= MAX_PASSAGE_CHARS and not text[end:first].strip():
            end = last
            continue
        if start >= 0:
            yield start, end
        start, end = first, last
    if start >= 0:
        yield start, end


def _candidate(document: Document, row: int, span: Span, common: Common, bonus: float) -> _Candidate:
    text = document.text[slice(*span)]
    found = frozenset(words(text))
    about_self = 1 - 0.5 ** count_first_person(text, document.language)
    rare = sum(common.rarity(word) ** 2 for word in found)
    value = _SELF_WEIGHT * about_self + _INFO_WEIGHT * (1 - 0.5 ** (rare / 2)) + bonus
    return _Candidate(_passage(document, text), row, span[0], found, value)


def _bonus(documents: Sequence[Document], rows: Sequence[int], vectors: Vectors) -> dict[int, float]:
    """Return what is worth in a document, whatever its sentences: being typical of the user, and recent."""
    if not rows:
        return {}
    typical = _above_chance(vectors[rows] @ unit(vectors[rows].mean(axis=0)))
    recency = _recency(documents, rows)
    return {
        row: _TYPICAL_WEIGHT * float(likeness) + _RECENT_WEIGHT * recency[row]
        for row, likeness in zip(rows, typical, strict=True)
    }


def _recency(documents: Sequence[Document], rows: Sequence[int]) -> dict[int, float]:
    """Return how recent documents are: 1 for the newest, half as much after 20 newer ones; 0 without a time."""
    dated = [row for row in rows if documents[row].timestamp]
    dated.sort(key=lambda row: documents[row].timestamp or _NO_TIME)
    recency = dict.fromkeys(rows, 0.0)
    recency.update((row, 1 / (1 + n_newer / _RECENT_HALF)) for n_newer, row in enumerate(reversed(dated)))
    return recency


def _pick(candidates: Sequence[_Candidate], vectors: Vectors, budget: int, common: Common) -> list[_Candidate]:
    """Return the candidates that are worth most of the budget, each as unlike those before as can be."""
    if not candidates:
        return []
    rows = np.array([candidate.row for candidate in candidates])
    own_vectors = vectors[rows]
    values = np.array([candidate.value for candidate in candidates])
    costs = np.array([passage_tokens(candidate.passage) for candidate in candidates])
    items = np.array([candidate.passage.item or "" for candidate in candidates])
    days = np.array([candidate.passage.day or "" for candidate in candidates])
    likeness = np.zeros(len(candidates))
    is_open = np.ones(len(candidates), bool)
    picked: list[_Candidate] = []
    while (is_open := is_open & (costs <= budget)).any():
        gains = (values - _LIKENESS_WEIGHT * likeness) / costs**_COST_EXPONENT
        at = int(np.argmax(np.where(is_open, gains, -np.inf)))
        is_open[at] = False
        if any(_is_same(candidates[at].words, other.words, common) for other in picked):
            continue
        picked.append(candidates[at])
        budget -= int(costs[at])
        cosines = _above_chance(own_vectors @ own_vectors[at])
        cosines[rows == rows[at]] = _SAME_DOCUMENT
        same = ((items == items[at]) & (items != "")) | ((days == days[at]) & (days != ""))
        likeness = np.maximum(likeness, cosines + _SAME_ITEM_OR_DAY * same)
    return picked


def _above_chance(cosines: Vectors) -> Vectors:
    """Return cosines as shares of the range that these texts have; those of some embedders are never below 0.7."""
    lowest = min(max(float(np.quantile(cosines, _UNLIKE_SHARE)), 0.0), _MAX_LOWEST)
    return np.asarray(np.maximum((cosines - lowest) / (1 - lowest), 0), np.float32)


def _is_same(words_of_one: frozenset[str], words_of_other: frozenset[str], common: Common) -> bool:
    """Return whether two texts are nearly the same: most words of the shorter one, by rarity, are in the other."""
    shared = words_of_one & words_of_other
    if 2 * len(shared) < min(len(words_of_one), len(words_of_other)):
        return False
    weight = min(sum(map(common.rarity, one)) for one in (words_of_one, words_of_other))
    return sum(map(common.rarity, shared)) >= _MAX_SHARED_WEIGHT * weight


# --- titles -----------------------------------------------------------------------------------------------


def _pick_titles(documents: Sequence[Document], rows: Sequence[int], vectors: Vectors, budget: int) -> list[Passage]:
    """Return titles in the order in which they are picked: typical, rated high or low, recent, and various."""
    if not rows:
        return []
    own_vectors = vectors[np.array(rows)]
    ratings = np.array([np.nan if (stars := documents[row].stars) is None else stars for row in rows], float)
    recency = _recency(documents, rows)
    typical = own_vectors @ own_vectors.mean(axis=0)
    values = typical + _strength(ratings) + _RECENT_WEIGHT * np.array([recency[row] for row in rows])
    likeness = np.zeros(len(rows))
    is_open = np.ones(len(rows), bool)
    picked: list[Passage] = []
    while is_open.any() and len(picked) < MAX_TITLES:
        at = int(np.argmax(np.where(is_open, values - likeness, -np.inf)))
        is_open[at] = False
        passage = _passage(documents[rows[at]], "")
        if passage.item and all(passage.item != other.item for other in picked):
            picked.append(passage)
            likeness = np.maximum(likeness, own_vectors @ own_vectors[at])
    return list(_fitting(picked, budget))


def _strength(ratings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far each rating is from the mean, 1 for the highest and the lowest ones, 0 where there is none."""
    rated = ratings[~np.isnan(ratings)]
    if not len(rated) or rated.min() == rated.max():
        return np.zeros(len(ratings))
    mean = rated.mean()
    above, below = (ratings - mean) / (rated.max() - mean), (mean - ratings) / (mean - rated.min())
    return np.asarray(np.nan_to_num(np.maximum(above, below)), np.float64)


def _fitting(passages: Sequence[Passage], budget: int) -> Iterator[Passage]:
    for passage in passages:
        cost = passage_tokens(passage)
        if cost <= budget:
            budget -= cost
            yield passage


# --- readings ---------------------------------------------------------------------------------------------

_MIN_LANGUAGE_CHARS, _MIN_LANGUAGE_PASSAGES = 100, 2


def _by_language(passages: Sequence[Passage]) -> list[list[Passage]]:
    """Return the passages by language, that with most text first; languages of little text join it."""
    chars: Counter[str] = Counter()
    n_passages: Counter[str] = Counter()
    for passage in passages:
        if passage.language != "und":
            chars[passage.language] += len(passage.text)
            n_passages[passage.language] += 1
    order = sorted(chars, key=lambda code: (-chars[code], code))
    main = order[0] if order else "und"
    own = {code for code in order if chars[code] >= _MIN_LANGUAGE_CHARS or n_passages[code] >= _MIN_LANGUAGE_PASSAGES}
    groups: defaultdict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        groups[passage.language if passage.language in own else main].append(passage)
    return [groups[code] for code in dict.fromkeys([main, *order]) if groups[code]]


def _chunks(passages: Sequence[Passage], *, max_tokens: int, max_passages: int) -> Iterator[Sequence[Passage]]:
    """Give runs of passages that fit. Each but the last ends before the least hash in the second half of what fits."""
    costs = [passage_tokens(passage) for passage in passages]
    hashes = [reading_hash([passage]) for passage in passages]
    start = 0
    while start < len(passages):
        end, tokens = start, 0
        while end < len(passages) and end - start < max_passages and tokens + costs[end] <= max_tokens:
            tokens += costs[end]
            end += 1
        end = max(end, start + 1)
        if end < len(passages) and end - start > 1:
            end = min(range(start + (end - start + 1) // 2, end + 1), key=lambda at: hashes[at])
        yield passages[start:end]
        start = end
