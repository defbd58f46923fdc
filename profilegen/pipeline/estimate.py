"""How long the writers of a build will take, said before they start."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from profilegen.backends import Progress, Writer
from profilegen.config import Settings
from profilegen.language.tokens import estimate_tokens
from profilegen.llama.catalog import load_catalog
from profilegen.llama.speed import estimate_seconds
from profilegen.pipeline.models import Models
from profilegen.profiles.user_profile import main_language
from profilegen.store.ledger import Ledger

_FEW_USERS, _SAMPLE_USERS = 20, 40
# Tokens of a reading besides its passages, of the notes on it, and of a summary with its prompt, as they mostly are.
_TOKENS_A_READING, _READ_AROUND, _NOTES, _SUMMARY_READ, _SUMMARY = 450, 40, 90, 90, 60


def time_needed(
    ledger: Ledger, wanted: Collection[str], models: Models, settings: Settings, progress: Progress
) -> str | None:
    """Return a sentence on how long the writers will take, None for few users or writers whose speed is not known.

    :param ledger: has the users and their documents.
    :param wanted: ids of the users whose profiles are made.
    :param models: of this build.
    :param settings: of this build.
    :param progress: called when the speed of a writer is measured.
    :raises ModelError: a model cannot be loaded.
    """
    if len(wanted) < _FEW_USERS:
        return None
    sample = sorted(wanted, key=lambda user: hashlib.sha256(user.encode("utf-8", "surrogatepass")).digest())
    sample = sample[:_SAMPLE_USERS]
    seconds = 0.0
    names: dict[str, None] = {}
    n_read = 0
    for user in ledger.iter_users(sample, with_vectors=False):
        writer = models.writer(main_language(user.documents))
        if writer is None:
            continue
        tokens = min(settings.read, sum(estimate_tokens(document.text) for document in user.documents))
        n_readings = -(-tokens // _TOKENS_A_READING)
        needed = estimate_seconds(
            writer,
            tokens_read=tokens + n_readings * _READ_AROUND + _SUMMARY_READ,
            tokens_written=n_readings * _NOTES + _SUMMARY,
            workers=settings.workers,
            progress=progress,
        )
        if needed is None:
            return None
        seconds += needed
        n_read += 1
        names[writer.name] = None
    if not names:
        return None
    total = seconds / len(sample) * len(wanted)
    faster = _faster(models.writers)
    advice = f"; faster: --writer {faster}" if faster and total > 600 else ""
    readable = round(n_read / len(sample) * len(wanted))
    return f"reading {readable:,} users with {', '.join(names)} takes {_duration(total)}{advice}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(10, round(seconds, -1)):.0f} seconds"
    if seconds < 5_400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3_600:.1f} hours"


def _faster(writers: Collection[Writer]) -> str | None:
    """Return the largest writer of our own that is smaller than those in use and knows their languages."""
    catalog = load_catalog()
    sizes = [catalog[writer.name].size_mb for writer in writers if writer.name in catalog]
    if len(sizes) < len(writers):
        return None
    wanted = {code for writer in writers for code in writer.languages}
    smaller = [
        model
        for model in catalog.values()
        if model.trained
        and model.job == "writer"
        and model.size_mb < min(sizes)
        and ({*model.languages} >= wanted or "*" in model.languages)
    ]
    return max(smaller, key=lambda model: model.size_mb).name if smaller else None
