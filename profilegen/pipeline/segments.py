"""The stage that describes the segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from profilegen.backends import Answer, Progress
from profilegen.claims.taxonomy import Taxonomy
from profilegen.pipeline.fingerprints import fingerprint
from profilegen.pipeline.models import Models
from profilegen.pipeline.profiles import built_with
from profilegen.profiles import summaries
from profilegen.profiles.summaries import SummaryInput
from profilegen.records import BuiltWith, Segment
from profilegen.segments import description
from profilegen.segments.description import Sketch
from profilegen.store import overlay
from profilegen.store.ledger import (
    Ledger,
)
from profilegen.vectors import Vectors


def update_segments(ledger: Ledger, taxonomy: Taxonomy, models: Models, progress: Progress) -> int:
    """Describe the segments again if any member or profile changed, since each is set apart from all others.

    :param ledger: has profiles and memberships, and gets the segments.
    :param taxonomy: what the categories of the profiles are of.
    :param models: of this build.
    :param progress: called when the stage begins and ends.
    :return: how many segments were described.
    """
    profile_hashes = ledger.profile_hashes()
    memberships = ledger.memberships()
    groups = ledger.get_meta("segment groups") or {}
    made_of = fingerprint(
        description.METHOD,
        taxonomy.hash,
        repr(sorted(groups.items())),
        *(f"{row.user_id}\0{row.segment_id}\0{profile_hashes.get(row.user_id)}" for row in memberships),
        *ledger.claim_decision_ids(),
    )
    stored = ledger.segment_hashes()
    if stored and set(stored.values()) == {made_of}:
        return 0
    progress("segment profiles", 0, 1)
    user_ids, vectors = ledger.user_matrix()
    segment_of = {row.user_id: row.segment_id for row in memberships}

    def embed_phrases(phrases: Sequence[str]) -> Vectors:
        """Return (n_phrases, n_dims) float32; embedded are those that are no interest of a user, which has a vector.

        :param phrases: in any order.
        """
        known = ledger.interest_vectors(phrases)
        missing = [phrase for phrase in phrases if phrase not in known]
        known |= dict(zip(missing, models.embedder.embed(missing), strict=False))
        return np.array([known[phrase] for phrase in phrases], np.float32)

    sketches = description.sketch(overlay.profiles(ledger), segment_of, user_ids, vectors, embed_phrases, taxonomy)
    # By fingerprint, since another file can have the same name.
    before = ledger.segments() if ledger.get_meta("segments_writer") == models.writer.fingerprint else ()
    summary_of = _summaries(sketches, before, models)
    ledger.set_meta("segments_writer", models.writer.fingerprint)
    ledger.put_segments(
        (
            sketch.segment(*summary_of[sketch.segment_id]).model_copy(
                update={"groups": tuple(groups.get(sketch.segment_id, ()))}
            ),
            made_of,
            sketch.centroid,
        )
        for sketch in sketches
    )
    progress("segment profiles", 1, 1)
    return len(sketches)


def _summaries(
    sketches: Sequence[Sketch], before: Iterable[Segment], models: Models
) -> dict[str, tuple[str, BuiltWith]]:
    """Return summary and makers by segment id; a summary of `before` that tells the same is kept.

    :param before: segments whose summaries the same writer wrote.
    """
    inputs = {sketch.segment_id: sketch.summary_input() for sketch in sketches}
    kept = {
        segment.id: (segment.summary, segment.built_with)
        for segment in before
        if segment.id in inputs and _still_tells(segment, inputs[segment.id])
    }
    new = {segment_id: summary_input for segment_id, summary_input in inputs.items() if segment_id not in kept}
    known = {
        segment_id: summary_input
        for segment_id, summary_input in new.items()
        if summaries.can_write(summary_input, models.writer.languages)
    }
    answers = models.writer.write(
        (segment_id, summaries.prompt(summary_input)) for segment_id, summary_input in known.items()
    )
    written = {
        segment_id: summary
        for segment_id, answer in answers
        if isinstance(answer, Answer) and (summary := summaries.parse_answer(answer, inputs[segment_id]))
    }
    composed = {
        segment_id: (
            written.get(segment_id) or summaries.compose(summary_input),
            built_with(models, by_writer=segment_id in written),
        )
        for segment_id, summary_input in new.items()
    }
    return kept | composed


def _still_tells(segment: Segment, summary_input: SummaryInput) -> bool:
    """Tell whether a summary was made from the same claims and templates."""
    claims = {kind: tuple(claim.text for claim in segment.claims[kind]) for kind in summary_input.claims}
    same = claims == summary_input.claims and segment.language == summary_input.language
    return same and segment.built_with.prompt == summaries.templates_hash()
