"""Claims about a user that the user's own documents support, each with quotes.

No model writes them. Candidates for interests are phrases of the user (`phrases`); candidates for the other kinds are
sentences with a cue of an editable list (`traits`). The embedder ranks them, and a claim needs the support of
documents.

How strongly a document supports a claim is a z-score: the cosine of claim and document, in standard deviations above
the mean cosine of the claim with a sample of all users' documents. So the thresholds hold for every embedder, whatever
the range of its cosines. Interests are chosen by maximal marginal relevance (Carbonell and Goldstein 1998).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from profilegen.claims.phrases import Candidate, Lexicon, Work, candidates, keys
from profilegen.claims.titles import compatible_model, modifier
from profilegen.claims.traits import Trait, find_cued
from profilegen.language.cleaning import fold
from profilegen.language.registry import language_of
from profilegen.language.sentences import sentence_spans
from profilegen.records import KINDS, Claim, Document, Evidence, Kind
from profilegen.vectors import Vectors, unit

# A user of many documents has more interests to tell.
_FEW_INTERESTS, MAX_INTERESTS = 6, 8
# Up to so many, what is known from one title alone may stand for an interest.
_MIN_INTERESTS = 5
MAX_TRAITS = 3
_MAX_CANDIDATES = 32
_MAX_CUED = 24
_MAX_QUOTES = 3
_MAX_EXAMPLES = 3
_MAX_QUOTE_CHARS = 240
_MIN_SUPPORT = 0.3
# A document that says the phrase carries it wholly; one that is like it carries it from the first of these
# deviations above chance on, wholly at the second.
_CARRIES_FROM, _CARRIES_WHOLLY = 2.5, 6.0
# A document that says the phrase is about it from here on.
_ABOUT, _PLAINLY_ABOUT = 1.0, 2.0
# A single word of running text, such as "table", is an interest only where the documents are about it.
_SINGLE_WORD_ABOUT = 2.0
# One document alone is half a reason: a claim of a single purchase never has more support than this.
_ONE_DOCUMENT = 0.5
# The same two bounds for a sentence that holds a cue of a trait, against the examples of the trait.
_TRAIT_FROM, _TRAIT_WHOLLY = 0.5, 2.5
_DIVERSITY = 0.35
_COVERAGE = 4.0  # how much better a phrase is that carries documents which none so far does
_ASIDE = 0.6  # the weight of a phrase that names no item itself


@dataclass(frozen=True)
class Background:
    """A sample of the documents of all users, for z-scores of cosines.

    :param vectors: (n_sample, n_dims) float32, rows L2-normalised.
    """

    vectors: Vectors

    def deviations(self, claims: Vectors, documents: Vectors) -> Vectors:
        """Return the z-scores of cosines, relative to the cosines of each claim with the sample.

        :param claims: (n_claims, n_dims) float32, rows L2-normalised.
        :param documents: (n_documents, n_dims) float32, rows L2-normalised.
        :return: (n_claims, n_documents) float32.
        """
        mean, covariance = self._moments
        spread = np.sqrt(np.maximum(((claims @ covariance) * claims).sum(axis=1, keepdims=True), 1e-12))
        return np.asarray((claims @ documents.T - (claims @ mean)[:, None]) / spread, np.float32)

    @cached_property
    def _moments(self) -> tuple[Vectors, Vectors]:
        """The mean (n_dims,) and covariance (n_dims, n_dims) of the sample, which give those of any cosine with it."""
        rows = self.vectors.astype(np.float64)
        mean = rows.mean(axis=0)
        covariance = rows.T @ rows / len(rows) - np.outer(mean, mean)
        return mean.astype(np.float32), covariance.astype(np.float32)


@dataclass(frozen=True)
class _Cued:
    """A sentence in which a cue of a trait stands."""

    trait: Trait
    document: int
    quote: str


@dataclass(frozen=True)
class Draft:
    """The candidates for the claims of a user; `texts` have to be embedded before `score`.

    :param documents: all documents of the user.
    :param language: ISO 639-1 code of the user's language.
    :param phrases: candidates for interests.
    :param cued: candidates for the other kinds.
    :param works: positions of documents whose item is a work, which has a name.
    """

    documents: tuple[Document, ...]
    language: str
    phrases: tuple[Candidate, ...]
    cued: tuple[_Cued, ...]
    works: frozenset[int] = frozenset()

    @property
    def texts(self) -> tuple[str, ...]:
        """The phrases, then the sentences."""
        return (*(phrase.text for phrase in self.phrases), *(cued.quote for cued in self.cued))


@dataclass(frozen=True)
class UserClaims:
    """The claims of a user.

    :param claims: claims by kind, the best supported first.
    :param vectors: by kind and position in it, the vector (n_dims,) of each claim.
    """

    claims: Mapping[Kind, tuple[Claim, ...]]
    vectors: Mapping[tuple[Kind, int], Vectors]

    @property
    def has_claims(self) -> bool:
        """Whether there is any claim."""
        return any(self.claims.values())


def draft(
    documents: Sequence[Document],
    language: str,
    traits: Sequence[Trait],
    lexicon: Lexicon,
    works: Sequence[Work | None] = (),
) -> Draft:
    """Return the candidates for the claims of a user, found by words alone.

    :param documents: all documents of the user.
    :param language: ISO 639-1 code of the user's language.
    :param traits: traits of all kinds.
    :param lexicon: phrases of all users; a phrase of running text that is not common must be in two documents.
    :param works: for each document the work that its item is, or None; empty if none is.
    """
    unsigned = _without_signatures(documents)
    phrases = [phrase for phrase in candidates(unsigned, language, lexicon, works) if _is_thing(phrase, lexicon)]
    cued = [
        _Cued(trait, position, document.text[start:end])
        for position, document in enumerate(unsigned)
        for trait, start, end in find_cued(document.text, language, traits)
    ]
    named = frozenset(position for position, work in enumerate(works) if work)
    return Draft(tuple(documents), language, tuple(phrases[:_MAX_CANDIDATES]), tuple(cued[:_MAX_CUED]), named)


def score(
    draft: Draft,
    vector_of: Callable[[str], Vectors],
    document_vectors: Vectors,
    background: Background,
    scale: TraitScale,
) -> UserClaims:
    """Return the claims that the documents support, chosen from the candidates.

    :param draft: the candidates.
    :param vector_of: returns the vector (n_dims,) of one of `draft.texts`, L2-normalised.
    :param document_vectors: (n_documents, n_dims) float32, rows L2-normalised, in the order of `draft.documents`.
    :param background: sample of the documents of all users.
    :param scale: z-scores of sentences.
    """
    scored = _ScoredPhrases.of(draft, vector_of, document_vectors, background)
    interests, rows = _interests(draft, scored)
    by_kind: dict[tuple[Kind, int], Vectors] = {("interest", at): scored.vectors[row] for at, row in enumerate(rows)}
    chosen: dict[Kind, list[Claim]] = {kind: [] for kind in KINDS}
    chosen["interest"] = interests
    for trait, claim in _traits(draft, vector_of, scale):
        if len(chosen[trait.kind]) == MAX_TRAITS:
            continue
        vector = scale.vector(trait, draft.language)
        if trait.kind == "value":
            claim, vector = _of_something(claim, vector, draft, scored)
        by_kind[trait.kind, len(chosen[trait.kind])] = vector
        chosen[trait.kind].append(claim)
    return UserClaims({kind: tuple(claims) for kind, claims in chosen.items()}, by_kind)


def _without_signatures(documents: Sequence[Document]) -> list[Document]:
    """Leave out the sentences that a user puts under most texts: they say nothing about what a text is about."""
    if len(documents) < 3:
        return list(documents)
    spans = [sentence_spans(document.text) for document in documents]
    counts = Counter(
        said
        for document, cuts in zip(documents, spans, strict=True)
        for said in {fold(document.text[start:end]) for start, end in cuts}
    )
    often = {said for said, count in counts.items() if count > len(documents) / 2 and len(said) > 20}
    if not often:
        return list(documents)
    kept = []
    for document, cuts in zip(documents, spans, strict=True):
        rest = [document.text[start:end] for start, end in cuts if fold(document.text[start:end]) not in often]
        kept.append(document.model_copy(update={"text": "\n".join(rest)}))
    return kept


@dataclass(frozen=True)
class _ScoredPhrases:
    """Scores of the phrases of a draft, a row each."""

    vectors: Vectors
    deviations: Vectors
    strengths: Vectors
    support: Vectors
    allowed: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls, draft: Draft, vector_of: Callable[[str], Vectors], documents: Vectors, background: Background
    ) -> _ScoredPhrases:
        if not draft.phrases:
            none, each = np.zeros((0, len(documents)), np.float32), np.zeros(0, np.float32)
            return cls(np.zeros((0, documents.shape[-1]), np.float32), none, none, each, each.astype(np.bool_))
        vectors = np.stack([vector_of(phrase.text) for phrase in draft.phrases])
        deviations = background.deviations(vectors, documents)
        strengths = _strengths(draft.phrases, deviations)
        support = _support(strengths)
        notable = [_is_notable(phrase, row) for phrase, row in zip(draft.phrases, deviations, strict=True)]
        return cls(vectors, deviations, strengths, support, (support >= _MIN_SUPPORT) & np.array(notable))


def _interests(draft: Draft, scored: _ScoredPhrases) -> tuple[list[Claim], list[int]]:
    """Return the claims, and the rows of their phrases."""
    if not draft.phrases:
        return [], []
    scores = _interest_scores(draft.phrases, scored)
    firm = scored.allowed & np.array([_is_multiword(phrase) or len(phrase.documents) > 1 for phrase in draft.phrases])
    most = _most_interests(scored.deviations.shape[1])
    chosen = _diverse(draft.phrases, scores, scored, firm, most)
    chosen = _diverse(draft.phrases, scores, scored, scored.allowed, _MIN_INTERESTS, chosen)
    claims = []
    for row in chosen:
        strengths = scored.strengths[row]
        places = [int(at) for at in np.argsort(-strengths, kind="stable") if strengths[at] > 0]
        quotes = _quotes(draft, draft.phrases[row].text, places)
        support = round(float(scored.support[row]), 2)
        phrase = draft.phrases[row]
        text = _with_examples(draft, phrase)
        trait = phrase.work or (phrase.text if text != phrase.text else None)
        claims.append(Claim(text=text, name=trait, support=support, evidence=quotes))
    return claims, chosen


def _with_examples(draft: Draft, phrase: Candidate) -> str:
    """Return a phrase with what short titles call it, where several documents share it, or else with what it is for.

    "gift card (Red Robin, Best Buy)", "wallet case (for Galaxy S21)".
    """
    titles = [draft.documents[place].item_title or "" for place in phrase.documents if place not in draft.works]
    if not _is_multiword(phrase) or phrase.work:
        return phrase.text
    before = ""
    names = [modifier(title, phrase.key, draft.language) for title in titles] if len(phrase.documents) > 1 else []
    if not any(names):
        before, names = "for ", [compatible_model(title, phrase.text, phrase.key, draft.language) for title in titles]
    examples = list(dict.fromkeys(name for name in names if name))[:_MAX_EXAMPLES]
    return f"{phrase.text} ({before}{', '.join(examples)})" if examples else phrase.text


def _of_something(claim: Claim, vector: Vectors, draft: Draft, scored: _ScoredPhrases) -> tuple[Claim, Vectors]:
    """Say with a value in what the user looks for it: the thing that the documents it rests on are most about."""
    cited = {evidence.document for evidence in claim.evidence}
    places = [place for place, document in enumerate(draft.documents) if document.id in cited]
    rows = [
        row for row, phrase in enumerate(draft.phrases) if scored.allowed[row] and _names_thing(phrase, draft.language)
    ]
    about = scored.deviations[np.ix_(rows, places)].mean(axis=1)
    if not len(about) or about.max() < _PLAINLY_ABOUT:
        return claim, vector
    row = rows[int(about.argmax())]
    parentheses = language_of(draft.language).parentheses
    text = claim.text + parentheses.format(draft.phrases[row].work or draft.phrases[row].text)
    return claim.model_copy(update={"text": text, "name": claim.text}), unit(vector + scored.vectors[row])


def _names_thing(phrase: Candidate, language: str) -> bool:
    """Tell whether a phrase says in what a value is looked for: an item, or what several texts are about."""
    if not language_of(language).is_spaced:  # Where most things have names of one word.
        return len(phrase.text) > 1 and (phrase.weight > _ASIDE or len(phrase.documents) > 1)
    return _is_multiword(phrase) and phrase.weight > _ASIDE


def _strengths(phrases: Sequence[Candidate], deviations: Vectors) -> Vectors:
    """Return (n_phrases, n_documents) in 0 to 1: how strongly each document carries each phrase."""
    strengths = np.clip((deviations - _CARRIES_FROM) / (_CARRIES_WHOLLY - _CARRIES_FROM), 0, 1)
    for row, phrase in enumerate(phrases):
        said = list(phrase.documents)
        # A document may say a phrase by the way ("every inch"): then it is not about it.
        strengths[row, said] = np.where(deviations[row, said] > _ABOUT, 1.0, strengths[row, said])
    return np.asarray(strengths, np.float32)


def _support(strengths: Vectors) -> Vectors:
    """Return the support of each row: one minus the chance that every document that carries it is an accident."""
    return np.asarray(1 - np.prod(1 - _ONE_DOCUMENT * strengths, axis=-1), np.float32)


def _interest_scores(phrases: Sequence[Candidate], scored: _ScoredPhrases) -> Vectors:
    weights = np.array([phrase.weight for phrase in phrases], np.float32)
    several = np.array([_is_multiword(phrase) for phrase in phrases], np.float32)
    near = scored.deviations.mean(axis=1)
    return np.asarray(near + 2.0 * scored.support + 0.5 * weights + 0.3 * several, np.float32)


def _diverse(
    phrases: Sequence[Candidate],
    scores: Vectors,
    scored: _ScoredPhrases,
    allowed: npt.NDArray[np.bool_],
    most: int,
    already: Sequence[int] = (),
) -> list[int]:
    """Add rows to those chosen already until there are so many, none that says one again.

    By maximal marginal relevance (Carbonell and Goldstein 1998), and by the documents that only this row carries, so
    that what a user wrote of once is not crowded out by what the user wrote of often.
    """
    chosen = list(already)
    rows = [
        row
        for row in map(int, np.flatnonzero(allowed))
        if not any(_is_redundant(phrases[row], phrases[other]) for other in chosen)
    ]
    if not rows:
        return chosen
    low, high = scores[rows].min(), scores[rows].max()
    scaled = (scores - low) / max(float(high - low), 1e-6)
    alike = scored.vectors @ scored.vectors.T
    covers = np.clip(scored.deviations / _CARRIES_WHOLLY, 0, 1.5)
    covered = covers[chosen].max(axis=0, initial=0.0)
    while rows and len(chosen) < most:
        new = np.maximum(covers - covered, 0).mean(axis=1)
        gains = {row: _gain(row, scaled, alike, chosen) + _COVERAGE * float(new[row]) for row in rows}
        best = max(gains, key=gains.__getitem__)
        chosen.append(best)
        covered = np.maximum(covered, covers[best])
        rows = [row for row in rows if row != best and not _is_redundant(phrases[row], phrases[best])]
    return chosen


def _most_interests(n_documents: int) -> int:
    return min(MAX_INTERESTS, max(_FEW_INTERESTS, 3 + n_documents // 2))


def _is_thing(phrase: Candidate, lexicon: Lexicon) -> bool:
    return phrase.weight > _ASIDE or len(phrase.documents) > 1 or lexicon.is_common(phrase.key)


def _is_multiword(phrase: Candidate) -> bool:
    return phrase.work is not None or len(phrase.key) > 1


def _is_notable(phrase: Candidate, deviations: Vectors) -> bool:
    """Tell whether a phrase may be an interest: said of two documents, or what one document is plainly about."""
    if len(phrase.documents) > 1:
        said = deviations[list(phrase.documents)]
        return phrase.weight > _ASIDE or _is_multiword(phrase) or bool(said.mean() > _SINGLE_WORD_ABOUT)
    if len(phrase.text) < 2:
        return False
    names_item = phrase.weight > _ASIDE and _is_multiword(phrase)
    return bool(deviations[phrase.documents[0]] > (_ABOUT if names_item else _PLAINLY_ABOUT))


def _gain(row: int, scaled: Vectors, alike: Vectors, chosen: Sequence[int]) -> float:
    near = max((float(alike[row, other]) for other in chosen), default=0.0)
    return (1 - _DIVERSITY) * float(scaled[row]) - _DIVERSITY * near


def _is_redundant(phrase: Candidate, other: Candidate) -> bool:
    """Tell whether the words of one are among the other's, or both name the same kind of thing."""
    one, two = set(phrase.key), set(other.key)
    said = phrase.text in other.text or other.text in phrase.text
    same_thing = phrase.key[-1] == other.key[-1] and not (phrase.work or other.work)
    return said or one <= two or two <= one or same_thing


def _quotes(draft: Draft, claim: str, places: Iterable[int]) -> tuple[Evidence, ...]:
    wanted = keys(claim, draft.language)
    found = []
    for place in places:
        document = draft.documents[place]
        found.append(Evidence(document=document.id, quote=quote(document.text, wanted, draft.language)))
        if len(found) == _MAX_QUOTES:
            break
    return tuple(found)


def quote(text: str, wanted: frozenset[str], language: str) -> str:
    """Return the sentence of a text that shares most words with a claim; of equals, the longer one.

    :param text: text of a document.
    :param wanted: `phrases.keys` of the claim.
    :param language: ISO 639-1 code of the user's language.
    """
    best, best_score = "", (-1, -1)
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        words = keys(sentence, language)
        score = (len(words & wanted), min(len(words), 12))
        if score > best_score and len(sentence) <= _MAX_QUOTE_CHARS:
            best, best_score = sentence, score
    return best or text[:_MAX_QUOTE_CHARS].strip()


class TraitScale:
    """Z-scores of the cosines between sentences and the examples of each trait."""

    def __init__(self, vectors: Mapping[tuple[str, str], Vectors], background: Background) -> None:
        """Compute the mean and the deviation of the cosines of each trait with the sample.

        :param vectors: by trait id and language, vectors of examples, (n_examples, n_dims) float32, rows L2-normalised.
        :param background: sample of the documents of all users.
        """
        self._vectors = dict(vectors)
        self._chance = {}
        for key, rows in self._vectors.items():
            nearest = (background.vectors @ rows.T).max(axis=1)
            self._chance[key] = float(nearest.mean()), max(float(nearest.std()), 1e-6)

    def deviation(self, trait: Trait, language: str, sentence: Vectors) -> float:
        """Return the z-score of the cosine with the nearest example.

        :param trait: the trait.
        :param language: ISO 639-1 code of a language of the trait.
        :param sentence: (n_dims,) float32, L2-normalised.
        """
        key = trait.id, language
        mean, spread = self._chance[key]
        return (float((self._vectors[key] @ sentence).max()) - mean) / spread

    def vector(self, trait: Trait, language: str) -> Vectors:
        """Return the mean vector (n_dims,) of the examples of a trait, L2-normalised.

        :param trait: the trait.
        :param language: ISO 639-1 code of a language of the trait.
        """
        return unit(self._vectors[trait.id, language].mean(axis=0))


def _traits(draft: Draft, vector_of: Callable[[str], Vectors], scale: TraitScale) -> list[tuple[Trait, Claim]]:
    traits = {cued.trait.id: cued.trait for cued in draft.cued}
    best: dict[str, dict[int, tuple[float, str]]] = {}
    for cued in draft.cued:
        deviation = scale.deviation(cued.trait, draft.language, vector_of(cued.quote))
        strength = float(np.clip((deviation - _TRAIT_FROM) / (_TRAIT_WHOLLY - _TRAIT_FROM), 0, 1))
        places = best.setdefault(cued.trait.id, {})
        if strength > places.get(cued.document, (0.0, ""))[0]:
            places[cued.document] = strength, cued.quote
    claims = []
    for trait_id, places in best.items():
        support = float(_support(np.array([strength for strength, _ in places.values()], np.float32)))
        if support < _MIN_SUPPORT:
            continue
        ranked = sorted(places.items(), key=lambda item: (-item[1][0], item[0]))[:_MAX_QUOTES]
        evidence = tuple(Evidence(document=draft.documents[at].id, quote=words) for at, (_, words) in ranked)
        name = traits[trait_id].names[draft.language]
        claims.append((traits[trait_id], Claim(text=name, support=round(support, 2), evidence=evidence)))
    return sorted(claims, key=lambda item: (-item[1].support, item[0].id))


def trait_vectors(traits: Sequence[Trait], embed: Callable[[Sequence[str]], Vectors]) -> dict[tuple[str, str], Vectors]:
    """Return the vectors of the examples of all traits, for a `TraitScale`.

    :param traits: traits of all kinds.
    :param embed: `Embedder.embed`.
    """
    places = [(trait.id, language) for trait in traits for language in trait.examples]
    examples = [trait.examples[language] for trait in traits for language in trait.examples]
    vectors = embed([text for texts in examples for text in texts])
    ends = np.cumsum([len(texts) for texts in examples])
    return dict(zip(places, np.split(vectors, ends[:-1]), strict=True))
