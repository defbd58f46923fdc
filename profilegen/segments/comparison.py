"""The claims of a group beside those of other users: which say the same, and how many users each is true of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profilegen.backends import Verifier
from profilegen.language.predicates import predicate
from profilegen.language.registry import language_of
from profilegen.records import NEGATIVE_STANCES, Category, Claim, Kind, Stance
from profilegen.segments.group_claims import SharedClaim, UserClaims, best_evidence, log_odds_z
from profilegen.segments.likeness import Scale, content_words, is_function_word, is_inside, stems, words
from profilegen.vectors import Vectors

Flags = npt.NDArray[np.bool_]
Embed = Callable[[Sequence[str]], Vectors]

# Bounds of the work on one group.
_MAX_CANDIDATES = 60
_MAX_BEGINNINGS = 20
_MAX_VERIFIED = 12
_MAX_ALIKE = 2
_MAX_PAIRS_PER_CLAIM = 24
_BATCH = 256
# Texts of near vectors say the same, unless the verifier holds that less likely than this part of its threshold.
_LENIENCY = 0.25


class Ranked(NamedTuple):
    """A claim about the group, the vector of its text, and the stems of its words."""

    claim: SharedClaim
    vector: Vectors
    key: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The claims of several users, a row a claim.

    :param users: the users.
    :param owner: for each row, the position of its user in `users`.
    :param negative: (n_rows,) bool, whether a claim is against something.
    :param rows: (kind, claim) pairs.
    :param keys: for each row, its language and the stems of its words.
    :param vectors: (n_rows, n_dims) float32, centred, L2-normalised.
    """

    users: Sequence[UserClaims]
    owner: Sequence[int]
    negative: Flags
    rows: Sequence[tuple[Kind, Claim]]
    keys: Sequence[tuple[str, tuple[str, ...]]]
    vectors: Vectors

    @classmethod
    def of(cls, users: Sequence[UserClaims], scales: Mapping[str, Scale]) -> Table:
        """Return the table of users' claims.

        :param users: those without claims are left out.
        :param scales: of the embedder, by language.
        """
        users = [user for user in users if user.claims]
        rows = [row for user in users for row in user.claims]
        centred = [scales[user.language].centred(user.vectors) for user in users]
        return cls(
            users,
            [at for at, user in enumerate(users) for _ in user.claims],
            np.array([claim.stance in NEGATIVE_STANCES for _, claim in rows], bool),
            rows,
            [(user.language, stems(claim.text, user.language)) for user in users for _, claim in user.claims],
            np.concatenate(centred) if centred else np.zeros((0, 0), np.float32),
        )

    def without(self, user_ids: Collection[str]) -> Table:
        """Return the table without some users.

        :param user_ids: their ids; unknown ones are ignored.
        """
        position: dict[int, int] = {}
        for at, user in enumerate(self.users):
            if user.user_id not in user_ids:
                position[at] = len(position)
        if len(position) == len(self.users):
            return self
        rows = [row for row, owner in enumerate(self.owner) if owner in position]
        return Table(
            [self.users[at] for at in position],
            [position[self.owner[row]] for row in rows],
            self.negative[rows],
            [self.rows[row] for row in rows],
            [self.keys[row] for row in rows],
            self.vectors[rows],
        )

    def owners(self, flags: Flags) -> list[int]:
        """Return the users whom flagged rows are of, in order.

        :param flags: (n_rows,) bool.
        """
        return list(dict.fromkeys(self.owner[row] for row in np.flatnonzero(flags).tolist()))


@dataclass
class Candidate:
    """A claim that may be true of several members.

    :param kind: its kind.
    :param stance: what the text completes.
    :param text: its words.
    :param vector: (n_dims,) float32, centred.
    :param key: stems of its words.
    :param same: (n_rows,) bool, which claims of members say the same.
    :param related: (n_rows,) bool, which may say the same.
    :param strength: number of members whom it is true of, each counted by how near the claim is.
    :param outside: number of other users whom it is true of.
    :param strength_outside: the same, each counted by how near the claim is.
    """

    kind: Kind
    stance: Stance
    text: str
    vector: Vectors
    key: tuple[str, ...]
    same: Flags = field(default_factory=lambda: np.zeros(0, bool))
    related: Flags = field(default_factory=lambda: np.zeros(0, bool))
    strength: float = 0.0
    outside: int = 0
    strength_outside: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """The claims of a group beside those of others.

    :param language: ISO 639-1 code of the language of the group.
    :param inside: claims of members.
    :param outside: claims of others.
    :param scale: of the embedder, in that language.
    """

    language: str
    inside: Table
    outside: Table
    scale: Scale

    def embedded(self, texts: Sequence[str], embed: Embed) -> Vectors:
        """Return the centred vectors of texts in the language of the group.

        :param texts: any number.
        :param embed: texts to (n_texts, n_dims) float32, rows L2-normalised.
        """
        return self.scale.centred(embed(texts)) if texts else np.zeros((0, 0), np.float32)

    def candidates(self, embed: Embed) -> list[Candidate]:
        """Return claims that several members may share, those that set the group apart most first.

        They are the claims of members, and what they begin with: "hiking" of "hiking with children".

        :param embed: as in `embedded`.
        """
        own = [
            Candidate(kind, claim.stance, claim.text, vector, key)
            for (kind, claim), (language, key), vector in zip(
                self.inside.rows, self.inside.keys, self.inside.vectors, strict=True
            )
            if language == self.language and key
        ]
        beginnings = self._beginnings()
        vectors = self.embedded([text for _, _, text in beginnings], embed)
        own += [
            Candidate(kind, stance, text, vector, stems(text, self.language))
            for (kind, stance, text), vector in zip(beginnings, vectors, strict=True)
        ]
        different = list({(each.stance in NEGATIVE_STANCES, each.key): each for each in reversed(own)}.values())
        self._compare(different, self.inside)
        for each in different:
            each.strength = _strength(each, self.inside)
        best = sorted(different, key=lambda each: (-each.strength, len(each.text), each.text))[:_MAX_CANDIDATES]
        besides = [replace(each) for each in best]
        self._compare(besides, self.outside)
        for each, beside in zip(best, besides, strict=True):
            each.outside = len(self.outside.owners(beside.same))
            each.strength_outside = _strength(beside, self.outside)
        return sorted(best, key=self._order)

    def ranked(self, candidates: Sequence[Candidate], verifier: Verifier | None) -> list[Ranked]:
        """Return candidates as claims about the group, those that set it apart most first.

        With a verifier, those it has read.

        :param candidates: of `candidates()`.
        :param verifier: tells whether what a member wrote shows a candidate.
        """
        chosen = list(candidates)
        if verifier:
            chosen = []
            for each in candidates:
                if len(chosen) < _MAX_VERIFIED and sum(self._alike(each, other) for other in chosen) < _MAX_ALIKE:
                    chosen.append(each)
            self._verify(chosen, verifier)
        for each in chosen:
            each.strength = _strength(each, self.inside)
        chosen.sort(key=self._order)
        return [Ranked(self._claim(each), each.vector, each.key) for each in chosen if each.same.any()]

    def z(self, inside: float, outside: float) -> float:
        """Return how much a claim sets the group apart.

        :param inside: number of members whom it is true of.
        :param outside: number of others whom it is true of.
        """
        return log_odds_z(inside, len(self.inside.users), outside, len(self.outside.users))

    def _beginnings(self) -> list[tuple[Kind, Stance, str]]:
        """Return what several claims begin with, the commonest first."""
        shown = Counter(
            (kind, claim.stance, beginning)
            for (kind, claim), (language, _) in zip(self.inside.rows, self.inside.keys, strict=True)
            if language == self.language
            for beginning in _beginnings(claim, self.language)
        )
        common = [each for each, count in shown.items() if count > 1]
        return sorted(common, key=lambda each: (-shown[each], each))[:_MAX_BEGINNINGS]

    def _compare(self, candidates: Sequence[Candidate], table: Table) -> None:
        """Set which rows of a table say the same as each candidate, and which may."""
        if not table.rows:
            for each in candidates:
                each.same = each.related = np.zeros(0, bool)
            return
        for start in range(0, len(candidates), _BATCH):
            batch = candidates[start : start + _BATCH]
            cosines = np.stack([each.vector for each in batch]) @ table.vectors.T
            for each, row in zip(batch, cosines, strict=True):
                self._mark(each, row, table)

    def _mark(self, candidate: Candidate, cosines: Vectors, table: Table) -> None:
        """Set which rows of a table say the same as a candidate.

        :param cosines: (n_rows,) float32.
        """
        fits = table.negative == (candidate.stance in NEGATIVE_STANCES)
        candidate.same = fits & (cosines >= self.scale.same)
        candidate.related = fits & (cosines >= self.scale.related) & ~candidate.same
        # Where vectors say nothing of a language, only words are compared.
        rows = candidate.same | candidate.related if self.scale.related < 1 else fits
        for row in np.flatnonzero(rows).tolist():
            language, key = table.keys[row]
            if language != self.language or not key:
                continue
            if is_inside(candidate.key, key):
                candidate.same[row], candidate.related[row] = True, False
            elif is_inside(key, candidate.key):  # It says more than the user did.
                candidate.same[row], candidate.related[row] = False, True

    def _order(self, candidate: Candidate) -> tuple[float, int, str]:
        return -self.z(candidate.strength, candidate.strength_outside), len(candidate.key), candidate.text

    def _alike(self, one: Candidate, other: Candidate) -> bool:
        same_side = (one.stance in NEGATIVE_STANCES) == (other.stance in NEGATIVE_STANCES)
        return same_side and float(one.vector @ other.vector) >= self.scale.same

    def _verify(self, candidates: Sequence[Candidate], verifier: Verifier) -> None:
        """Correct what says the same by the verdicts on the members' own words."""
        asked = [(each, row) for each in candidates for row in self._doubtful(each)]
        pairs = [(self._words(row), predicate(each.stance, each.text, self.language)) for each, row in asked]
        for (each, row), verdict in zip(asked, verifier.verify(pairs), strict=True):
            if each.same[row]:
                least = _LENIENCY * verifier.threshold
                each.same[row] = verdict.label != "contradicted" and verdict.probability >= least
            else:
                each.same[row] = verdict.label == "shown"

    def _doubtful(self, candidate: Candidate) -> list[int]:
        """Return the nearest row of each member that may say the same in other words."""
        best: dict[int, int] = {}
        for row in np.argsort(-(self.inside.vectors @ candidate.vector), kind="stable").tolist():
            if candidate.same[row] or candidate.related[row]:
                best.setdefault(self.inside.owner[row], row)
        return [row for row in best.values() if self.inside.keys[row][1] != candidate.key][:_MAX_PAIRS_PER_CLAIM]

    def _words(self, row: int) -> str:
        """Return what a member wrote that shows a claim, or else the claim."""
        claim = self.inside.rows[row][1]
        quotes = [evidence.quote for evidence in claim.evidence if evidence.quote]
        return quotes[0] if quotes else predicate(claim.stance, claim.text, self.inside.keys[row][0])

    def _claim(self, candidate: Candidate) -> SharedClaim:
        owners = self.inside.owners(candidate.same)
        rows = np.flatnonzero(candidate.same).tolist()
        return SharedClaim(
            candidate.kind,
            candidate.stance,
            candidate.text,
            self.language,
            tuple(self.inside.users[owner].user_id for owner in owners),
            len(owners) / len(self.inside.users),
            candidate.outside / max(len(self.outside.users), 1),
            self.z(candidate.strength, candidate.strength_outside),
            best_evidence((self.inside.owner[row], self.inside.rows[row][1]) for row in rows),
            _common_category([self.inside.rows[row][1] for row in rows]),
        )


def _strength(candidate: Candidate, table: Table) -> float:
    """Return the number of users who say the same, each counted by the cosine, or as one with the same words.

    Of claims that say nearly the same, it is greatest for the one in the middle of them.
    """
    nearness: dict[int, float] = {}
    for row in np.flatnonzero(candidate.same).tolist():
        by_words = is_inside(candidate.key, table.keys[row][1])
        near = 1.0 if by_words else float(table.vectors[row] @ candidate.vector)
        nearness[table.owner[row]] = max(near, nearness.get(table.owner[row], 0.0))
    return sum(nearness.values())


def _common_category(claims: Sequence[Claim]) -> Category | None:
    """Return the category that most of the claims have."""
    counts = Counter(claim.category for claim in claims if claim.category)
    category, count = counts.most_common(1)[0] if counts else (None, 0)
    return category if 2 * count > len(claims) else None


def _beginnings(claim: Claim, language: str) -> Iterator[str]:
    """Give what stands before a word without meaning: "hiking" of "hiking with children".

    Of a predicate, at least two words of meaning: "works nights" of "works nights at a bakery". Only where blanks
    separate words, for there what a phrase is about stands first.
    """
    if not language_of(language).is_spaced:
        return
    spelled = words(claim.text, language)
    least = 2 if claim.stance == "is" else 1
    for end in range(1, len(spelled)):
        beginning = " ".join(spelled[:end])
        ends = is_function_word(spelled[end], language) and not is_function_word(spelled[end - 1], language)
        if ends and len(content_words(beginning, language)) >= least:
            yield beginning
