"""The stage that makes claims of checked notes, has them summed up, and stores the profiles of users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from profilegen.backends import Answer, Failure, Progress, Prompt, Verifier, Writer
from profilegen.claims.consolidation import Answers, Consolidated, consolidate, merge_questions
from profilegen.claims.passages import Passage
from profilegen.claims.readings import Reading
from profilegen.claims.retirement import Read, retire
from profilegen.claims.special import SpecialSubjects, learn_special_subjects
from profilegen.claims.trend import timeline
from profilegen.claims.verification import CheckedNote
from profilegen.config import Settings
from profilegen.errors import UnreadableTextError
from profilegen.language.predicates import predicate
from profilegen.pipeline.fingerprints import fingerprint
from profilegen.pipeline.models import Models
from profilegen.pipeline.names import share_names
from profilegen.pipeline.reading import Failures
from profilegen.profiles import user_profile
from profilegen.profiles.summaries import Draft, check_drafts, finished, next_prompts, start_draft, with_answers
from profilegen.records import BuiltWith, Claim, PastClaim, UserProfile, batches
from profilegen.resources import prompts_hash
from profilegen.store.ledger import ClaimVector, Ledger, UserDocuments
from profilegen.vectors import Vectors

_USERS_PER_BATCH = 64


def outdated_users(ledger: Ledger, models: Models, settings: Settings, also: Collection[str] = ()) -> dict[str, str]:
    """Return the hash to store with a new profile, by id of the users whose profile is missing or out of date.

    :param ledger: has users and profiles.
    :param models: of this build.
    :param settings: of this build.
    :param also: ids of users whose profile is out of date for another reason.
    """
    method = fingerprint(
        user_profile.METHOD,
        prompts_hash(),
        settings.read,
        settings.special_subjects,
        settings.half_life_days,
        *(model.fingerprint for model in (*models.writers, *models.verifiers)),
    )
    have = ledger.profile_hashes()
    return {
        user_id: made_of
        for user_id, user_hash in ledger.user_hashes().items()
        if have.get(user_id) != (made_of := f"{user_hash}-{method}") or user_id in also
    }


def write_profiles(
    ledger: Ledger,
    wanted: Mapping[str, str],
    failures: Failures,
    models: Models,
    settings: Settings,
    progress: Progress,
) -> Made:
    """Make the profiles of users from their checked notes and store them; return what was made.

    The profile of a user whom a model failed at gets no hash, so that the next build tries again.

    :param ledger: has the readings, and gets the profiles, a batch at a time.
    :param wanted: the hash to store with the profile, by user id.
    :param failures: why a model failed, by id of the users that it failed at; gets those that it fails at here.
    :param models: of this build.
    :param settings: of this build.
    :param progress: called with profiles done and in all.
    """
    if not wanted:
        return Made(0, 0)
    subjects = learn_special_subjects(models.embedder.embed)
    allowed = subjects.names if settings.special_subjects else ()
    done = ended = 0
    for batch in batches(sorted(wanted), _USERS_PER_BATCH):
        progress("profiles", done, len(wanted))
        cases = list(_cases(ledger, batch))
        made = _made(cases, subjects, allowed, failures, models, settings.half_life_days)
        ledger.put_profiles(
            (
                _profile(case, failures.get(case.user.user_id), models),
                "" if case.user.user_id in failures else wanted[case.user.user_id],
                vectors,
            )
            for case, vectors in made
        )
        done += len(batch)
        ended += sum(len(case.past) for case, _ in made)
    share_names(ledger, subjects.centre)
    progress("profiles", done, len(wanted))
    return Made(done, ended)


class Made(NamedTuple):
    """How many profiles were made, and how many claims of them later words ended."""

    profiles: int
    ended: int


@dataclass(frozen=True)
class _Case:
    """A user whose profile is made.

    :param checked: the checked notes of all readings.
    :param passages: of all readings.
    :param claims: made of the notes.
    :param past: claims that later words ended.
    :param draft: of the summary; None where there is nothing to sum up.
    """

    user: UserDocuments
    language: str
    checked: tuple[CheckedNote, ...] = ()
    passages: tuple[Passage, ...] = ()
    claims: Consolidated | None = None
    past: tuple[PastClaim, ...] = ()
    draft: Draft | None = None


def _cases(ledger: Ledger, user_ids: Sequence[str]) -> Iterator[_Case]:
    stored = ledger.readings_of(user_ids)
    for user in ledger.iter_users(user_ids, with_vectors=False):
        readings = [Reading.model_validate_json(row.record) for row in stored.get(user.user_id, ())]
        checked = tuple(note for reading in readings for note in reading.checked)
        passages = tuple(passage for reading in readings for passage in reading.passages)
        yield _Case(user, user_profile.main_language(user.documents), checked, passages)


def _made(
    cases: Sequence[_Case],
    subjects: SpecialSubjects,
    allowed: Sequence[str],
    failures: Failures,
    models: Models,
    half_life_days: float,
) -> list[tuple[_Case, list[ClaimVector]]]:
    """Return cases with claims, drafts and the vectors of the claims; of a user whom a model fails at, none of them."""
    try:
        done = _with_claims(cases, subjects, allowed, models, half_life_days)
        done = _summed_up(_without_ended(done, models), models)
        vectors = _claim_vectors(done, models)
    except UnreadableTextError as error:
        if len(cases) == 1:
            failures[cases[0].user.user_id] = str(error)
            nothing = replace(cases[0], checked=())
            return [(each, []) for each in _with_claims([nothing], subjects, allowed, models, half_life_days)]
        alone = (_made([case], subjects, allowed, failures, models, half_life_days) for case in cases)
        return [each for of_one in alone for each in of_one]
    return [(case, vectors[case.user.user_id]) for case in done]


def _with_claims(
    cases: Sequence[_Case],
    subjects: SpecialSubjects,
    allowed: Sequence[str],
    models: Models,
    half_life_days: float,
) -> list[_Case]:
    """Return the cases with claims; the embedder and each verifier are called once for all of them."""
    texts = sorted({note.claim for case in cases for note in case.checked})
    rows = dict(zip(texts, models.embedder.embed(texts), strict=True)) if texts else {}
    n_dims = models.embedder.dimensions
    vectors = [np.array([rows[note.claim] for note in c.checked], np.float32).reshape(-1, n_dims) for c in cases]
    questions: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for case, matrix in zip(cases, vectors, strict=True):
        questions[case.language].update(merge_questions(case.checked, matrix, subjects.centre))
    answers: dict[str, Answers] = {}
    for language, pairs in questions.items():
        verifier = models.verifier(language)
        asked = sorted(pairs)
        answers[language] = dict(zip(asked, verifier.verify(asked), strict=True)) if verifier and asked else {}
    return [
        replace(
            case,
            claims=consolidate(
                case.checked,
                matrix,
                subjects,
                answers=answers[case.language],
                allowed=allowed,
                written=timeline(case.user.documents, half_life_days),
            ),
        )
        for case, matrix in zip(cases, vectors, strict=True)
    ]


def _without_ended(cases: Sequence[_Case], models: Models) -> list[_Case]:
    """Return the cases without the claims that later words ended; each verifier is called once for all of them."""
    left = list(cases)
    for verifier in models.verifiers:
        places = [at for at, case in enumerate(left) if models.verifier(case.language) is verifier and case.claims]
        users = [Read(case.claims.claims, case.passages, case.language) for at in places if (case := left[at]).claims]
        for at, retired in zip(places, retire(users, verifier, models.embedder.embed), strict=True):
            claims = left[at].claims
            assert claims is not None
            left[at] = replace(left[at], claims=claims._replace(claims=retired.claims), past=retired.past)
    return left


def _summed_up(cases: Sequence[_Case], models: Models) -> list[_Case]:
    """Return the cases with finished drafts of their summaries."""
    drafts: dict[str, Draft] = {}
    languages = {case.user.user_id: case.language for case in cases}
    for case in cases:
        writer = models.writer(case.language)
        if case.claims and any(case.claims.claims.values()):
            drafts[case.user.user_id] = start_draft(
                case.claims.claims, case.language, trained=bool(writer and writer.trained)
            )
    for writer in models.writers:
        mine = {id_: draft for id_, draft in drafts.items() if models.writer(languages[id_]) is writer}
        while asked := {id_: prompts for id_, draft in mine.items() if (prompts := next_prompts(draft))}:
            answers = _answers(writer, asked)
            answered = {id_: with_answers(mine[id_], answers[id_]) for id_ in asked}
            for verifier in models.verifiers:
                ids = [id_ for id_ in answered if models.verifier(languages[id_]) is verifier]
                checked = _checked([answered[id_] for id_ in ids], verifier, models)
                answered |= dict(zip(ids, checked, strict=True))
            mine |= answered
            drafts |= answered
    return [replace(case, draft=drafts.get(case.user.user_id)) for case in cases]


def _answers(writer: Writer, asked: Mapping[str, Sequence[Prompt]]) -> dict[str, list[Answer | Failure]]:
    keys = ((id_, number) for id_, prompts in asked.items() for number in range(len(prompts)))
    given = dict(writer.write((key, asked[key[0]][key[1]]) for key in keys))
    return {id_: [given[id_, number] for number in range(len(prompts))] for id_, prompts in asked.items()}


def _checked(drafts: Sequence[Draft], verifier: Verifier, models: Models) -> list[Draft]:
    return check_drafts(drafts, verifier, models.embedder.embed) if drafts else []


def _profile(case: _Case, failure: str | None, models: Models) -> UserProfile:
    assert case.claims is not None
    summary = finished(case.draft) if case.draft else user_profile.NO_SUMMARY
    writer, verifier = models.writer(case.language), models.verifier(case.language)
    made = BuiltWith(
        embedder=models.embedder.name,
        writer=writer.name if writer else "",
        verifier=verifier.name if verifier else "",
        prompt=prompts_hash(),
        summary=summary.made,
    )
    unread = None
    if writer is None or verifier is None:
        job, names = ("writer", models.writers) if writer is None else ("verifier", models.verifiers)
        known = ", ".join(model.name for model in names) or "there is none"
        unread = f"the language {case.language} is not known to the {job} ({known}); name another with --{job}"
    return user_profile.profile(
        case.user.user_id,
        case.user.documents,
        case.language,
        case.claims.claims,
        summary,
        made,
        past=case.past,
        left_out=case.claims.left_out,
        failure=failure,
        reason=unread,
    )


def _claim_vectors(cases: Sequence[_Case], models: Models) -> dict[str, list[ClaimVector]]:
    """Return what users are found by, by user id: their claims as predicates."""
    claims = {
        case.user.user_id: [
            (kind, at, claim, _words(claim, case.language))
            for kind, of_kind in (case.claims.claims if case.claims else {}).items()
            for at, claim in enumerate(of_kind)
        ]
        for case in cases
    }
    texts = sorted({words for rows in claims.values() for *_, words in rows})
    vectors: dict[str, Vectors] = dict(zip(texts, models.embedder.embed(texts), strict=True)) if texts else {}
    return {
        user_id: [ClaimVector(kind, at, claim.text, claim.support, vectors[words]) for kind, at, claim, words in rows]
        for user_id, rows in claims.items()
    }


def _words(claim: Claim, language: str) -> str:
    """Return the words of a claim that it is found by: what is liked as it is, what is not with its stance."""
    return predicate(claim.stance, claim.text, language) if claim.polarity == "negative" else claim.text
