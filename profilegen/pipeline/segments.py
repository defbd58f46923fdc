"""The stage that describes the segments: what sets each apart, its name, its criterion and its summary."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from profilegen.backends import Answer, Progress, Verifier, Writer
from profilegen.claims.taxonomy import Taxonomy
from profilegen.language.cleaning import fold
from profilegen.language.registry import DEFAULT_CODE, language_of
from profilegen.pipeline.fingerprints import fingerprint
from profilegen.pipeline.models import Models
from profilegen.profiles import summaries
from profilegen.records import KINDS, BuiltWith, Claim, Kind, Segment
from profilegen.resources import prompts_hash
from profilegen.segments import composed
from profilegen.segments.comparison import Table
from profilegen.segments.distinctive import distinctive_claims
from profilegen.segments.group_claims import GroupClaims, UserClaims, sample_members
from profilegen.segments.likeness import Scale, scales
from profilegen.segments.written import Wording, can_write, check_wordings, parse_wording, segment_prompt
from profilegen.store import overlay
from profilegen.store.ledger import Ledger
from profilegen.store.ledger.segments import GROUP_PROFILES
from profilegen.vectors import Vectors, unit

"""Where the ledger has name, criterion and summary of each group of segments."""
# Counted up when the same profiles would now give other segments, so that stores are brought up to date.
METHOD = "8"
_ALL_DESCRIBED = "segments described from"
"""Under which the ledger has the hash of what all segments were last described from at once."""
# Users that every group is compared with.
_OTHERS = 1_000
# A segment is described again when its nearest ones are others.
_NEIGHBOURS = 2
_MAX_CLAIMS_OF_A_KIND = 5
_MAX_KEYPHRASES = 10
_MAX_EXEMPLARS = 5


@dataclass(frozen=True)
class Group:
    """A group of users before it is described.

    :param group_id: its id.
    :param members: ids of its users, the most typical first.
    :param centroid: (n_dims,) float32, L2-normalised.
    """

    group_id: str
    members: tuple[str, ...]
    centroid: Vectors


def update_segments(
    ledger: Ledger,
    taxonomy: Taxonomy,
    models: Models,
    progress: Progress,
    *,
    settle: bool = False,
    only_bare: bool = False,
) -> int:
    """Describe the segments whose members, their profiles, or nearest segments have changed.

    :param ledger: has profiles and memberships, and gets the segments.
    :param taxonomy: what the categories of the profiles are of.
    :param models: of this build.
    :param progress: called with the segments described and to be described.
    :param settle: describe all segments where any profile is another than when that was last done, since each is
        compared with other users.
    :param only_bare: describe only segments, and groups of them, from which all words were taken.
    :return: how many segments were described.
    """
    user_ids, vectors = ledger.user_matrix()
    segment_of = {row.user_id: row.segment_id for row in ledger.memberships()}
    groups = groups_of(segment_of, user_ids, vectors)
    hashes = _hashes(ledger, groups, taxonomy, models)
    stored = ledger.segment_hashes()
    described_from = fingerprint(*(f"{id_}\0{hash_}" for id_, hash_ in sorted(hashes.items())))
    if settle and ledger.get_meta(_ALL_DESCRIBED) != described_from:
        stored = dict.fromkeys(stored, "")
    kept = {
        segment.id: segment
        for segment in ledger.segments()
        if stored[segment.id] == hashes.get(segment.id) or (only_bare and stored[segment.id])
    }
    changed = [group for group in groups if group.group_id not in kept]
    taken = [segment.name for segment in kept.values()]
    described = describe_groups(ledger, changed, taken, taxonomy, models, progress)
    if groups and len(described) == len(groups):
        ledger.set_meta(_ALL_DESCRIBED, described_from)
    above: dict[str, Sequence[str]] = ledger.get_meta("segment groups") or {}
    every = {
        segment.id: segment.model_copy(update={"groups": tuple(above.get(segment.id, ()))})
        for segment in (*kept.values(), *described)
    }
    made_of = hashes | {id_: stored[id_] for id_ in kept}
    ledger.put_segments((every[group.group_id], made_of[group.group_id], group.centroid) for group in groups)
    levels = max(map(len, above.values()), default=0)
    of_level = [
        {user: above[segment][level] for user, segment in segment_of.items() if len(above.get(segment, ())) > level}
        for level in range(levels)
    ]
    higher = [group for group_of in of_level for group in groups_of(group_of, user_ids, vectors)]
    names = [segment.name for segment in every.values()]
    _update_higher(ledger, higher, names, taxonomy, models, progress, only_bare=only_bare)
    return len(described)


def _update_higher(
    ledger: Ledger,
    groups: Sequence[Group],
    names: Sequence[str],
    taxonomy: Taxonomy,
    models: Models,
    progress: Progress,
    *,
    only_bare: bool,
) -> None:
    """Store names, criteria and summaries of the groups of segments, by id; those that have changed are made again.

    No quotes and no members are stored with them.

    :param names: names of the segments, which no group gets.
    """
    hashes = _hashes(ledger, groups, taxonomy, models)
    before: dict[str, dict[str, str]] = ledger.get_meta(GROUP_PROFILES) or {}
    kept = {
        id_: row
        for id_, row in before.items()
        if id_ in hashes and (row["hash"] == hashes[id_] or (only_bare and row["hash"]))
    }
    changed = [group for group in groups if group.group_id not in kept]
    taken = [*names, *(row["name"] for row in kept.values())]
    for found in describe_groups(ledger, changed, taken, taxonomy, models, progress):
        kept[found.id] = {
            "name": found.name,
            "criterion": found.criterion,
            "summary": found.summary,
            "hash": hashes[found.id],
        }
    if kept != before:
        ledger.set_meta(GROUP_PROFILES, kept)


def groups_of(group_of: Mapping[str, str], user_ids: Sequence[str], vectors: Vectors) -> list[Group]:
    """Return groups of users, the largest first. They may be segments or what is above them in a hierarchy.

    :param group_of: id of the group of each user.
    :param user_ids: ids of the users, in the order of `vectors`.
    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    """
    rows: dict[str, list[int]] = {}
    for row, user_id in enumerate(user_ids):
        if user_id in group_of:
            rows.setdefault(group_of[user_id], []).append(row)
    groups = []
    for group_id, of_group in rows.items():
        inside = vectors[of_group]
        centroid = unit(inside.mean(axis=0))
        order = np.argsort(-(inside @ centroid), kind="stable")
        groups.append(Group(group_id, tuple(user_ids[of_group[at]] for at in order), centroid))
    return sorted(groups, key=lambda group: (-len(group.members), group.group_id))


def describe_groups(
    ledger: Ledger,
    groups: Sequence[Group],
    taken: Collection[str],
    taxonomy: Taxonomy,
    models: Models,
    progress: Progress,
) -> list[Segment]:
    """Return the segments that groups are, in the same order.

    :param ledger: has the profiles of all users.
    :param groups: the groups, of any level of a hierarchy.
    :param taken: names that no group gets.
    :param taxonomy: what the categories of the profiles are of.
    :param models: of this build. In a language without a verifier, claims are counted by words and vectors, and no
        summary is written.
    :param progress: called with the groups described and all.
    """
    if not groups:
        return []
    progress("segment profiles", 0, len(groups))
    sample = sorted(ledger.profile_hashes(), key=lambda user: hashlib.sha256(user.encode(errors="replace")).digest())
    others = _user_claims(ledger, sample[:_OTHERS], models)
    languages = {*ledger.user_languages(), *(user.language for user in others)}
    of_scale = dict(scales(sorted(languages), taxonomy, models.embedder.embed))
    table = Table.of(others, of_scale)
    found = []
    for done, group in enumerate(groups, 1):
        members = _user_claims(ledger, sample_members(group.members), models)
        rare = {user.language for user in members} - of_scale.keys()
        of_scale.update(scales(sorted(rare), taxonomy, models.embedder.embed))
        found.append(
            distinctive_claims(
                group.group_id,
                members,
                table,
                n_members=len(group.members),
                scales=of_scale,
                taxonomy=taxonomy,
                embed=models.embedder.embed,
                verifier=models.verifier(_main_language(members)),
            )
        )
        progress("segment profiles", done, len(groups))
    wordings = _wordings(found, of_scale, models)
    names = _names(found, wordings, taken)
    summary_of = _summaries(found, models)
    return [
        _segment(group, claims, name, wording, summary_of[group.group_id], models)
        for group, claims, name, wording in zip(groups, found, names, wordings, strict=True)
    ]


def _hashes(ledger: Ledger, groups: Sequence[Group], taxonomy: Taxonomy, models: Models) -> dict[str, str]:
    """Return the hash of what each group is described from."""
    profile_hashes = ledger.profile_hashes()
    decided = {user: [each.id for each in ledger.decisions_of(user)] for user in ledger.decided_users()}
    used = (models.embedder, *models.writers, *models.verifiers)
    makers = [METHOD, taxonomy.hash, prompts_hash(), *(model.fingerprint for model in used)]
    neighbours = _neighbours(groups)
    return {
        group.group_id: fingerprint(
            *makers,
            *(f"{user}\0{profile_hashes.get(user)}\0{decided.get(user)}" for user in sorted(group.members)),
            *neighbours[group.group_id],
        )
        for group in groups
    }


def _neighbours(groups: Sequence[Group]) -> dict[str, list[str]]:
    """Return the ids of the nearest groups of each."""
    if not groups:
        return {}
    centroids = np.stack([group.centroid for group in groups])
    nearest = {}
    for at, group in enumerate(groups):  # A row at a time, since there may be thousands.
        likeness = centroids @ group.centroid
        likeness[at] = -np.inf
        order = np.argsort(-likeness, kind="stable")[: min(_NEIGHBOURS, len(groups) - 1)]
        nearest[group.group_id] = sorted(groups[each].group_id for each in order)
    return nearest


def _user_claims(ledger: Ledger, user_ids: Sequence[str], models: Models) -> list[UserClaims]:
    """Return the claims of users with reviewers' decisions applied, and their vectors."""
    vectors: dict[tuple[Kind, str], Vectors] = {}
    for rows in ledger.claims_of(user_ids).values():
        vectors.update({(row.kind, row.text): row.vector for row in rows})
    profiles = [profile for user_id in user_ids if (profile := overlay.profile(ledger, user_id))]
    missing = sorted({(kind, claim.text) for each in profiles for kind, claim in each.iter_claims()} - vectors.keys())
    vectors.update(zip(missing, models.embedder.embed([text for _, text in missing]), strict=True))
    return [
        UserClaims(
            profile.user_id,
            profile.language,
            tuple(profile.iter_claims()),
            np.array([vectors[kind, claim.text] for kind, claim in profile.iter_claims()], np.float32),
        )
        for profile in profiles
    ]


def _main_language(members: Sequence[UserClaims]) -> str:
    counts = Counter(user.language for user in members)
    return min(counts, key=lambda code: (-counts[code], code)) if counts else DEFAULT_CODE


def _wordings(found: Sequence[GroupClaims], of_scale: Mapping[str, Scale], models: Models) -> list[Wording]:
    """Return what the writer wrote of each group and the claims show; nothing where there is no such thing."""
    wordings = [Wording()] * len(found)
    for language in sorted({group.language for group in found}):
        writer, verifier = models.writer(language), models.verifier(language)
        if writer is None or writer.trained:  # Trained writers know notes and summaries only.
            continue
        places = [
            at for at, group in enumerate(found) if group.language == language and can_write(group, writer.languages)
        ]
        for at, answer in writer.write((at, segment_prompt(found[at])) for at in places):
            if isinstance(answer, Answer):
                wordings[at] = parse_wording(answer, found[at])
        cases = [(wordings[at], found[at]) for at in places]
        for at, wording in zip(places, check_wordings(cases, verifier, models.embedder.embed, of_scale), strict=True):
            wordings[at] = wording
    return wordings


def _names(found: Sequence[GroupClaims], wordings: Sequence[Wording], taken: Collection[str]) -> list[str]:
    """Return a name for each group, no two alike."""
    folded = {fold(name) for name in taken}
    names = []
    for group, wording in zip(found, wordings, strict=True):

        def candidates(group: GroupClaims = group, wording: Wording = wording) -> Iterator[str]:
            """Give the writer's name first, and then those that are composed."""
            if wording.name:
                yield from composed.extended_names(wording.name, group)
            yield from composed.compose_names(group)

        name = composed.unlike_others(candidates(), folded, group.group_id)
        folded.add(fold(name))
        names.append(name)
    return names


def _summaries(found: Sequence[GroupClaims], models: Models) -> dict[str, tuple[str, summaries.Made]]:
    """Return the summary of each group and how it was made.

    The writer tells what holds of most members, where its sentences stand; what holds of fewer is listed.
    """
    drafts: dict[str, summaries.Draft] = {}
    for language in sorted({group.language for group in found}):
        writer, verifier = models.writer(language), models.verifier(language)
        if writer and verifier:
            of_language = {
                group.group_id: summaries.start_draft(
                    _claims(group, composed.MOST), language, "segment", trained=writer.trained
                )
                for group in found
                if group.language == language and can_write(group, writer.languages)
            }
            for _ in range(summaries.ROUNDS):
                of_language = _next_drafts(of_language, models, writer, verifier)
            drafts |= of_language
    texts: dict[str, tuple[str, summaries.Made]] = {}
    for group in found:
        draft = drafts.get(group.group_id)
        if draft and draft.sentences:
            told, rest = summaries.summary_text(draft.sentences, group.language), composed.list_many(group)
            blank = " " if language_of(group.language).is_spaced else ""
            texts[group.group_id] = f"{told}{blank}{rest}".strip(), "mixed" if rest else "writer"
        else:
            texts[group.group_id] = composed.compose_description(group), "template"
    return texts


def _next_drafts(
    drafts: Mapping[str, summaries.Draft], models: Models, writer: Writer, verifier: Verifier
) -> dict[str, summaries.Draft]:
    """Return drafts after the writer was asked once more, and its sentences were checked."""
    prompts = {key: summaries.next_prompts(draft) for key, draft in drafts.items()}
    asked = [((key, at), prompt) for key, of_draft in prompts.items() for at, prompt in enumerate(of_draft)]
    answers = dict(writer.write(asked))
    answered = {
        key: summaries.with_answers(drafts[key], [answers[key, at] for at in range(len(of_draft))])
        if of_draft
        else draft
        for (key, draft), of_draft in zip(drafts.items(), prompts.values(), strict=True)
    }
    checked = summaries.check_drafts(list(answered.values()), verifier, models.embedder.embed)
    return dict(zip(answered, checked, strict=True))


def _claims(group: GroupClaims, least_share: float = 0.0) -> dict[Kind, tuple[Claim, ...]]:
    """Return what is claimed of a group, by kind; on request only what holds of a share of members or more."""
    shared = [claim for claim in group.shared if claim.share >= least_share]
    return {
        kind: tuple(claim.claim() for claim in shared if claim.kind == kind)[:_MAX_CLAIMS_OF_A_KIND] for kind in KINDS
    }


def _segment(
    group: Group,
    claims: GroupClaims,
    name: str,
    wording: Wording,
    summary: tuple[str, summaries.Made],
    models: Models,
) -> Segment:
    writer, verifier = models.writer(claims.language), models.verifier(claims.language)
    evidence = [each for claim in claims.distinctive for each in claim.evidence[:1]]
    evidence += [each for claim in claims.distinctive for each in claim.evidence[1:]]
    criterion = wording.criterion or composed.compose_criterion(claims)
    return Segment(
        id=group.group_id,
        name=name,
        criterion=composed.criterion_in_words(criterion, claims.language),
        size=len(group.members),
        language=claims.language,
        claims=_claims(claims),
        summary=summary[0],
        keyphrases=tuple(claim.text for claim in claims.distinctive)[:_MAX_KEYPHRASES],
        members=group.members,
        exemplars=tuple(dict.fromkeys(each.document for each in evidence))[:_MAX_EXEMPLARS],
        built_with=BuiltWith(
            embedder=models.embedder.name,
            writer=writer.name if writer else "",
            verifier=verifier.name if verifier else "",
            prompt=prompts_hash(),
            summary=summary[1],
        ),
    )
