"""Descriptions of segments: what the users of a cluster have in common and what distinguishes them from others."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from profilegen.claims.categories import category_ids
from profilegen.claims.phrases import heads
from profilegen.claims.taxonomy import Taxonomy
from profilegen.language.registry import language_of
from profilegen.language.words import Key
from profilegen.profiles.summaries import SummaryInput
from profilegen.records import KINDS, BuiltWith, Claim, Evidence, Kind, Segment, UserProfile
from profilegen.vectors import Vectors, unit

# Counted up when the same profiles would now give other segments, so that stores are brought up to date.
METHOD = "7"
# The kinds of claims that the summary of a segment names.
_TOLD_KINDS = ("interest", "value")
_MAX_KEYPHRASES = 10
_MAX_INTERESTS = 5
_MAX_TRAITS = 3
_MAX_QUOTES = 3
_MAX_EXEMPLARS = 5
_NAME_PARTS = 3
# A segment is called after the group of categories that this share of its users has more than users at large do, with
# the categories in it of which the same is true; after a second one of either that is nearly as frequent.
_GROUP_SHARE, _SECOND_GROUP = 0.3, 0.7
_CATEGORY_SHARE, _SMALL_CATEGORY_SHARE, _SECOND_CATEGORY = 0.25, 0.1, 0.5
_NAMING_USERS = 3  # fewer are an accident
_RANKED = 40
# A phrase is left out where a longer one that ends in it is used by more than this share of its users.
_ABSORBS = 0.5
# A segment has a trait that this share of its users has, and this many times as many as elsewhere.
_MIN_SHARE, _MIN_LIFT = 0.1, 1.15
# A user is near a phrase from this many standard deviations above users at large on.
_NEAR = 1.5


@dataclass
class _Seen:
    """How many users say a thing, in which words, and the best evidence for it."""

    users: int = 0
    shown: Counter[str] = field(default_factory=Counter)
    evidence: list[tuple[float, Evidence]] = field(default_factory=list)

    def add(self, text: str, claim: Claim) -> None:
        self.users += 1
        self.shown[text] += 1
        if claim.evidence:
            self.evidence.append((-claim.support, claim.evidence[0]))
            self.evidence.sort(key=lambda row: (row[0], row[1].document))
            del self.evidence[_MAX_QUOTES:]

    def most_shown(self) -> str:
        return min(self.shown, key=lambda text: (-self.shown[text], text))

    def best_evidence(self) -> tuple[Evidence, ...]:
        return tuple(evidence for _, evidence in self.evidence)


@dataclass
class _Tally:
    """What the profiles of one segment in one language say, counted by user."""

    language: str = "en"
    users: int = 0
    phrases: dict[Key, _Seen] = field(default_factory=lambda: defaultdict(_Seen))
    traits: dict[tuple[str, str], _Seen] = field(default_factory=lambda: defaultdict(_Seen))
    categories: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)

    def add(self, profile: UserProfile, taxonomy: Taxonomy) -> None:
        self.users += 1
        given = {claim.category.id for claim in profile.interests if claim.category}
        # A claim that a person has kept may have a category of another taxonomy than that of now.
        self.categories.update(given & taxonomy.by_id.keys())
        self.groups.update(category_ids(profile, taxonomy) - given)
        found: dict[Key, tuple[str, Claim]] = {}
        for kind, claim in profile.iter_claims():
            if kind == "interest":
                for text, key in heads(claim.shared_name, profile.language):
                    found.setdefault(key, (text, claim))
            else:
                self.traits[kind, claim.shared_name].add(claim.shared_name, claim)
        for key, (text, claim) in found.items():
            self.phrases[key].add(text, claim)


class _Everywhere:
    """What the profiles of all segments say, to tell one apart."""

    def __init__(self, tallies: Sequence[_Tally], taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self.alone = len(tallies) == 1
        self._users = sum(tally.users for tally in tallies)
        self._phrases: Counter[Key] = Counter()
        self._traits: Counter[tuple[str, str]] = Counter()
        self._nodes: Counter[str] = Counter()
        for tally in tallies:
            self._phrases.update({key: seen.users for key, seen in tally.phrases.items()})
            self._traits.update({key: seen.users for key, seen in tally.traits.items()})
            self._nodes.update(tally.categories + tally.groups)
        self._mean = self._phrases.total() / max(len(tallies), 1)

    def share(self, kind: str, text: str) -> float:
        return self._traits[kind, text] / max(self._users, 1)

    def category_name(self, tally: _Tally) -> str:
        """Return what sets a segment apart as "Group: Category · Category", or one of both, or nothing."""
        groups = self._leading(tally, tally.groups, _GROUP_SHARE, _SECOND_GROUP)
        inside = {
            node: users
            for node, users in tally.categories.items()
            if not groups or not set(groups).isdisjoint(self._taxonomy.lineage(node))
        }
        kinds = self._leading(tally, inside, _CATEGORY_SHARE, _SECOND_CATEGORY)
        if groups and not kinds:  # A group alone says little.
            kinds = self._leading(tally, inside, _SMALL_CATEGORY_SHARE, _SECOND_CATEGORY)
        colon = language_of(tally.language).colon
        return colon.join(self._called(nodes, tally.language) for nodes in (groups, kinds) if nodes)

    def _called(self, nodes: Sequence[str], language: str) -> str:
        return " · ".join(self._taxonomy.by_id[node].name(language) for node in nodes)

    def _leading(self, tally: _Tally, users_of: Mapping[str, int], least: float, second: float) -> list[str]:
        """Return the node that most of a segment's users have beyond users at large, and one apart from it."""
        lifts = {
            node: users / tally.users - (0 if self.alone else self._nodes[node] / self._users)
            for node, users in users_of.items()
            if users >= min(_NAMING_USERS, tally.users)
        }
        ranked = sorted(lifts, key=lambda node: (-lifts[node], node))
        if not ranked or lifts[ranked[0]] < least:
            return []
        first, *others = ranked
        for other in others:
            if lifts[other] < max(least, second * lifts[first]):
                break
            if first not in self._taxonomy.lineage(other) and other not in self._taxonomy.lineage(first):
                return [first, other]
        return [first]

    def class_tf_idf(self, tally: _Tally) -> dict[Key, float]:
        """Return the weight of each phrase that two users say, if any do; a part of a longer one is left out."""
        often = {key: seen.users for key, seen in tally.phrases.items() if seen.users > 1}
        counts = often or {key: seen.users for key, seen in tally.phrases.items()}
        inner = {
            key[start:]
            for key, count in counts.items()
            for start in range(1, len(key))
            if count > _ABSORBS * counts.get(key[start:], count)
        }
        return {
            key: count / tally.users * math.log(1 + self._mean / self._phrases[key])
            for key, count in counts.items()
            if key not in inner
        }


@dataclass(frozen=True)
class Sketch:
    """A segment without its summary.

    `members` are user ids, the nearest to the centre first; `exemplars` are document ids; `centroid` is (n_dims,)
    float32, L2-normalised.
    """

    segment_id: str
    language: str
    name: str
    keyphrases: tuple[str, ...]
    claims: Mapping[Kind, tuple[Claim, ...]]
    members: tuple[str, ...]
    exemplars: tuple[str, ...]
    centroid: Vectors

    def summary_input(self) -> SummaryInput:
        """Return the claims that the summary names."""
        return SummaryInput(
            subject="segment",
            language=self.language,
            claims={kind: tuple(claim.text for claim in self.claims[kind]) for kind in _TOLD_KINDS},
        )

    def segment(self, summary: str, built_with: BuiltWith) -> Segment:
        """Return the segment with its summary.

        :param summary: text written from `summary_input()`.
        :param built_with: the models and prompts that the segment was made with.
        """
        return Segment(
            id=self.segment_id,
            name=self.name,
            size=len(self.members),
            language=self.language,
            keyphrases=self.keyphrases,
            claims=self.claims,
            summary=summary,
            members=self.members,
            exemplars=self.exemplars,
            built_with=built_with,
        )


def new_id(members: Iterable[str]) -> str:
    """Return the id of a new segment: a hash of its first members, whatever their order.

    :param members: user ids.
    """
    digest = hashlib.sha256("\0".join(sorted(members)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"seg-{digest[:6]}"


def sketch(
    profiles: Iterable[UserProfile],
    segment_of: Mapping[str, str],
    user_ids: Sequence[str],
    vectors: Vectors,
    embed: Callable[[Sequence[str]], Vectors],
    taxonomy: Taxonomy,
) -> list[Sketch]:
    """Describe every segment, the largest first.

    Phrases are ranked by class-based TF-IDF (Grootendorst 2022, arXiv 2203.05794) times how much nearer they are to the
    centre of the segment than to the other centres.

    :param profiles: profiles of all users, in any order; read once.
    :param segment_of: segment id by user id.
    :param user_ids: ids of all users, in the order of `vectors`.
    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param embed: returns the vectors of phrases, (n_phrases, n_dims) float32, rows L2-normalised.
    :param taxonomy: the taxonomy that the categories of the profiles belong to.
    """
    tallies = _tallies(profiles, segment_of, taxonomy)
    rows: dict[str, list[int]] = defaultdict(list)
    for row, user_id in enumerate(user_ids):
        rows[segment_of[user_id]].append(row)
    ids = sorted(rows, key=lambda segment_id: (-len(rows[segment_id]), segment_id))
    centroids = np.stack([unit(vectors[rows[segment_id]].mean(axis=0)) for segment_id in ids])
    everywhere = _Everywhere(list(tallies.values()), taxonomy)
    ranked = {segment_id: _ranked(tallies[segment_id], everywhere) for segment_id in ids}
    texts = sorted({phrase.text for phrases in ranked.values() for phrase in phrases})
    vector_of = dict(zip(texts, embed(texts), strict=False))
    named: Counter[str] = Counter()
    sketches = []
    for at, segment_id in enumerate(ids):
        tally = tallies[segment_id]
        inside = vectors[rows[segment_id]]
        order = np.argsort(-(inside @ centroids[at]), kind="stable")
        chosen = _keyphrases(ranked[segment_id], vector_of, centroids, at)
        interests = tuple(
            _interest(tally, phrase, vector_of[phrase.text], vectors, inside) for phrase in chosen[:_MAX_INTERESTS]
        )
        keyphrases = tuple(phrase.text for phrase in chosen)
        name = _name(everywhere.category_name(tally), keyphrases, tally.language, named)
        named[name] += 1
        sketches.append(
            Sketch(
                segment_id=segment_id,
                language=tally.language,
                # A person asks for a segment by its name, so no two have the same.
                name=f"{name} ({named[name]})" if named[name] > 1 else name,
                keyphrases=keyphrases,
                claims={kind: _traits(tally, everywhere, kind) for kind in KINDS} | {"interest": interests},
                members=tuple(user_ids[rows[segment_id][place]] for place in order),
                exemplars=_exemplars(interests),
                centroid=centroids[at],
            )
        )
    return sketches


def _tallies(
    profiles: Iterable[UserProfile], segment_of: Mapping[str, str], taxonomy: Taxonomy
) -> Mapping[str, _Tally]:
    """Return the tally of each segment, of the users who write in the language that most of its users write in."""
    by_language: dict[str, dict[str, _Tally]] = defaultdict(dict)
    for profile in profiles:
        if segment_id := segment_of.get(profile.user_id):
            tally = by_language[segment_id].setdefault(profile.language, _Tally(profile.language))
            tally.add(profile, taxonomy)
    most = {
        segment_id: max(tallies.values(), key=lambda tally: (tally.users, tally.language))
        for segment_id, tallies in by_language.items()
    }
    return defaultdict(_Tally, most)


class _Phrase(NamedTuple):
    """A phrase of a segment, in the words that most of its users have, with its weight among all segments' phrases."""

    key: Key
    text: str
    weight: float


def _ranked(tally: _Tally, everywhere: _Everywhere) -> list[_Phrase]:
    """Return the phrases of most weight, the heaviest first."""
    weights = everywhere.class_tf_idf(tally)
    best = sorted(weights, key=lambda key: (-weights[key], key))[:_RANKED]
    return [_Phrase(key, tally.phrases[key].most_shown(), weights[key]) for key in best]


def _keyphrases(
    ranked: Sequence[_Phrase], vector_of: Mapping[str, Vectors], centroids: Vectors, at: int
) -> list[_Phrase]:
    """Return the phrases that tell the segment apart, the best first."""
    if not ranked:
        return []
    likeness = np.stack([vector_of[phrase.text] for phrase in ranked]) @ centroids.T
    others = np.delete(likeness, at, axis=1)
    apart = likeness[:, at] - (others.mean(axis=1) if others.size else 0.0)
    scores = np.array([phrase.weight for phrase in ranked]) * np.maximum(apart, 0.01)
    chosen: list[_Phrase] = []
    for row in np.argsort(-scores, kind="stable"):
        if len(chosen) == _MAX_KEYPHRASES:
            break
        if not any(_says_again(ranked[row].key, other.key) for other in chosen):
            chosen.append(ranked[row])
    return chosen


def _says_again(key: Key, other: Key) -> bool:
    return set(key) <= set(other) or set(other) <= set(key) or key[-1] == other[-1]


def _interest(tally: _Tally, phrase: _Phrase, vector: Vectors, everybody: Vectors, inside: Vectors) -> Claim:
    """Return the claim; its support is the share of members that are nearer to it than users at large are."""
    chance = everybody @ vector
    near = (inside @ vector - chance.mean()) / max(float(chance.std()), 1e-6) >= _NEAR
    evidence = tally.phrases[phrase.key].best_evidence()
    return Claim(text=phrase.text, support=round(float(near.mean()), 2), evidence=evidence)


def _traits(tally: _Tally, everywhere: _Everywhere, kind: str) -> tuple[Claim, ...]:
    """Return the traits that many members have and more than elsewhere; support is the share of members.

    Where there is one segment only, there is no elsewhere.
    """
    traits = []
    for (trait_kind, text), seen in tally.traits.items():
        share = seen.users / tally.users
        lift = share / everywhere.share(trait_kind, text)
        if (
            trait_kind == kind
            and share >= _MIN_SHARE
            and seen.users >= min(2, tally.users)
            and (lift >= _MIN_LIFT or everywhere.alone)
        ):
            claim = Claim(text=text, support=round(share, 2), evidence=seen.best_evidence())
            traits.append((share * lift, claim))
    return tuple(claim for _, claim in sorted(traits, key=lambda row: (-row[0], row[1].text))[:_MAX_TRAITS])


def _exemplars(interests: Iterable[Claim]) -> tuple[str, ...]:
    """Return documents that show what the segment is about: those the interests rest on, one of each in turn."""
    ordered = [
        claim.evidence[place].document
        for place in range(_MAX_QUOTES)
        for claim in interests
        if place < len(claim.evidence)
    ]
    return tuple(dict.fromkeys(ordered))[:_MAX_EXEMPLARS]


def _name(category: str, phrases: Sequence[str], language: str, named: Mapping[str, int]) -> str:
    """Return the category, with a phrase where a segment has that name already; without a category, the phrases."""
    if category:
        return f"{category} ({phrases[0]})" if named.get(category) and phrases else category
    if not phrases:
        return language_of(language).others
    joined = language_of(language).comma.join(phrases[:_NAME_PARTS])
    return joined[:1].upper() + joined[1:]
