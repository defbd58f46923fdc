"""The stage that finds claims and has the profiles of users written.

Evidence for the next users is gathered while the writer works on those before, and a finished user is stored at
once, so that memory is bounded and a killed build loses only the users in flight.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from profilegen.backends import Answer, Failure, Progress, Prompt
from profilegen.claims import evidence, phrases
from profilegen.claims.categories import Categoriser
from profilegen.claims.phrases import Lexicon
from profilegen.claims.taxonomy import shipped_taxonomy
from profilegen.claims.traits import Trait, load_traits
from profilegen.claims.works import works_of
from profilegen.pipeline.fingerprints import fingerprint
from profilegen.pipeline.models import Models
from profilegen.profiles import summaries, user_profile
from profilegen.profiles.summaries import SummaryInput
from profilegen.records import BuiltWith, Document, UserProfile, batches
from profilegen.segments.user_vectors import document_vectors
from profilegen.store.categories import open_categoriser
from profilegen.store.ledger import (
    ClaimVector,
    Ledger,
    UserDocuments,
)
from profilegen.store.vector_cache import load_vectors, save_vectors
from profilegen.vectors import Vectors

_USERS_PER_BATCH = 64
_PROFILES_PER_WRITE = 8
_BACKGROUND_USERS = 256
_LEXICON_USERS = 2_000
_MAX_CACHED_PHRASES = 50_000
T = TypeVar("T")


def update_profiles(ledger: Ledger, models: Models, progress: Progress) -> int:
    """Write the profiles that are missing or made from something else.

    :param ledger: has users and documents, and gets the profiles.
    :param models: of this build.
    :param progress: called with profiles done and in all.
    :return: how many profiles were written.
    """
    method = fingerprint(user_profile.METHOD, summaries.templates_hash(), models.writer.fingerprint)
    have = ledger.profile_hashes()
    wanted = {
        user_id: made_of
        for user_id, user_hash in ledger.user_hashes().items()
        if have.get(user_id) != (made_of := f"{user_hash}-{method}")
    }
    done = 0

    def on_done(count: int) -> None:
        nonlocal done
        done += count
        progress("profiles", done, len(wanted))

    if wanted:
        progress("profiles", 0, len(wanted))
    write_profiles(ledger, wanted, models, on_done)
    return done


def start_models(ledger: Ledger, models: Models, prompts: int = 1) -> None:
    """Begin to load the models beside other work; the writer only if it knows the language of some of the users.

    :param ledger: has the languages of the users.
    :param models: of this build.
    :param prompts: how many the writer is going to get, at least.
    """
    models.embedder.start()
    languages = Counter(ledger.user_languages())
    known = [code for code, _ in languages.most_common() if summaries.can_write_in(code, models.writer.languages)]
    if known:
        models.writer.start(summaries.shared_turns(known[0]), prompts=prompts)


def write_profiles(ledger: Ledger, wanted: Mapping[str, str], models: Models, on_done: Callable[[int], None]) -> None:
    """Make the profile of each user named and store it.

    :param ledger: has users and documents, and gets the profiles, a few at a time.
    :param wanted: the hash to store with the profile, by user id.
    :param models: of this build.
    :param on_done: called with the number of profiles stored since the last call.
    """
    finished = _finished_profiles(ledger, wanted, models)
    while batch := list(islice(finished, _PROFILES_PER_WRITE)):
        ledger.put_profiles(batch)
        on_done(len(batch))


def remove_lexicon(ledger: Ledger) -> None:
    """Remove the counts of users' phrases, which may hold words of users who are gone; the next stage counts again.

    :param ledger: holds the counts.
    """
    ledger.set_meta("lexicon", None)


@dataclass(frozen=True)
class _Case:
    """A user with claims, whose summary is to be written."""

    user_id: str
    documents: Sequence[Document]
    language: str
    claims: evidence.UserClaims

    @property
    def summary_input(self) -> SummaryInput:
        return SummaryInput.of_user(self.language, self.claims.claims)


def _finished_profiles(
    ledger: Ledger, wanted: Mapping[str, str], models: Models
) -> Iterator[tuple[UserProfile, str, list[ClaimVector]]]:
    if wanted:
        start_models(ledger, models, len(wanted))
    in_progress: dict[str, _Case] = {}
    ready: list[tuple[UserProfile, list[ClaimVector]]] = []

    def prompts() -> Iterator[tuple[str, Prompt]]:
        """Give a prompt for each user whose language the writer knows; the others need no writer."""
        for case in _cases(ledger, wanted, models):
            if summaries.can_write(case.summary_input, models.writer.languages):
                in_progress[case.user_id] = case
                yield case.user_id, summaries.prompt(case.summary_input)
            else:
                ready.append(_composed(case, models))

    for user_id, answer in models.writer.write(prompts()):
        ready.append(_answered(in_progress.pop(user_id), answer, models))
        while ready:
            profile, claims = ready.pop()
            yield profile, _stored_hash(profile, wanted), claims
    for profile, claims in ready:
        yield profile, _stored_hash(profile, wanted), claims


def _stored_hash(profile: UserProfile, wanted: Mapping[str, str]) -> str:
    """Return the hash of what a profile was made from; none for a failed one, so that it is tried again."""
    return "" if profile.status == "failed" else wanted[profile.user_id]


def _cases(ledger: Ledger, wanted: Mapping[str, str], models: Models) -> Iterator[_Case]:
    """Give each user with claims, a batch of users at a time; each phrase is embedded once."""
    if not wanted:
        return
    traits = load_traits()
    background = _background(ledger)
    scale = evidence.TraitScale(_trait_vectors(ledger, traits, models), background)
    lexicon = _lexicon(ledger)
    vector_of: dict[str, Vectors] = {}
    with open_categoriser(ledger, shipped_taxonomy(), models.embedder.embed) as categoriser:
        for users in batches(ledger.iter_users(wanted), _USERS_PER_BATCH):
            drafts = [_draft(user, traits, lexicon, categoriser) for user in users]
            if len(vector_of) > _MAX_CACHED_PHRASES:
                vector_of.clear()
            missing = sorted({text for draft in drafts for text in draft.texts} - vector_of.keys())
            vector_of.update(zip(missing, models.embedder.embed(missing), strict=False))
            for user, draft in zip(users, drafts, strict=True):
                vectors = document_vectors(user.text_vectors, user.item_vectors)
                found = evidence.score(draft, vector_of.__getitem__, vectors, background, scale)
                yield _Case(user.user_id, user.documents, draft.language, found)


def _draft(user: UserDocuments, traits: Sequence[Trait], lexicon: Lexicon, categoriser: Categoriser) -> evidence.Draft:
    """Return what may be claimed of a user; nothing of one who wrote too little."""
    language = user_profile.main_language(user.documents)
    if not user_profile.has_enough_text(user.documents):
        return evidence.draft((), language, traits, lexicon)
    vectors = document_vectors(user.text_vectors, user.item_vectors)
    works = works_of(user.documents, vectors, language, categoriser)
    return evidence.draft(user.documents, language, traits, lexicon, works)


def _trait_vectors(ledger: Ledger, traits: Sequence[Trait], models: Models) -> dict[tuple[str, str], Vectors]:
    """Return the vectors of the examples of traits, embedded again only for another list or embedder."""
    made_of = [models.embedder.fingerprint, summaries.templates_hash()]
    if saved := load_vectors(ledger, "trait_vectors", made_of):
        return {(trait, language): rows for key, rows in saved.items() for trait, language in [key.split()]}
    found = evidence.trait_vectors(traits, models.embedder.embed)
    save_vectors(ledger, "trait_vectors", made_of, {" ".join(key): rows for key, rows in found.items()})
    return found


def _lexicon(ledger: Ledger) -> Lexicon:
    """Return the counts of users' phrases, made again when users are many more or fewer, or a list was edited."""
    n_users = ledger.counts().users
    stored = ledger.get_meta("lexicon")
    if (
        stored
        and stored["made_of"] == [user_profile.METHOD, summaries.templates_hash()]
        and 0.8 < n_users / max(stored["of_users"], 1) < 1.25
    ):
        return Lexicon(stored["n_users"], {tuple(key): count for key, count in stored["counts"]})
    sample = sorted(ledger.user_ids(), key=_hash_order)[:_LEXICON_USERS]
    users = ledger.iter_users(sample, with_vectors=False)
    found = phrases.lexicon((user.documents, user_profile.main_language(user.documents)) for user in users)
    value = {
        "made_of": [user_profile.METHOD, summaries.templates_hash()],
        "of_users": n_users,
        "n_users": found.n_users,
        "counts": sorted(found.counts.items()),
    }
    ledger.set_meta("lexicon", value)
    return found


def _background(ledger: Ledger) -> evidence.Background:
    """Sample documents by a hash of their users, so that a new user hardly changes the sample."""
    users = sorted(ledger.user_ids(), key=_hash_order)[:_BACKGROUND_USERS]
    sample = [document_vectors(user.text_vectors, user.item_vectors) for user in ledger.iter_users(users)]
    return evidence.Background(np.concatenate(sample))


def _hash_order(user_id: str) -> str:
    return hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _answered(case: _Case, answer: Answer | Failure, models: Models) -> tuple[UserProfile, list[ClaimVector]]:
    if isinstance(answer, Failure):
        return _profile(case, "", built_with(models, by_writer=True), failure=answer.reason)
    if not (summary := summaries.parse_answer(answer, case.summary_input)):
        return _composed(case, models)
    return _profile(case, summary, built_with(models, by_writer=True))


def _composed(case: _Case, models: Models) -> tuple[UserProfile, list[ClaimVector]]:
    summary = summaries.compose(case.summary_input) if case.claims.has_claims else ""
    return _profile(case, summary, built_with(models, by_writer=False, empty=not summary))


def _profile(
    case: _Case, summary: str, built_with: BuiltWith, failure: str | None = None
) -> tuple[UserProfile, list[ClaimVector]]:
    profile = user_profile.profile(
        case.user_id, case.documents, case.language, case.claims, summary, built_with, failure=failure
    )
    positions: dict[str, int] = {}
    claims = []
    for kind, claim in profile.iter_claims():
        at = positions.get(kind, 0)
        positions[kind] = at + 1
        claims.append(ClaimVector(kind, at, claim.text, claim.support, case.claims.vectors[kind, at]))
    return profile, claims


def built_with(models: Models, *, by_writer: bool, empty: bool = False) -> BuiltWith:
    """Return what a profile says of how it was made.

    :param models: the models of this build.
    :param by_writer: whether the writer wrote its summary, or a template.
    :param empty: there is no summary.
    """
    return BuiltWith(
        embedder=models.embedder.name,
        writer=models.writer.name,
        prompt=summaries.templates_hash(),
        summary="none" if empty else "writer" if by_writer else "template",
    )
