"""How much a prompt should hold: what a summary is worth, and what it costs, by how many interests it is given.

The users are those of a finished store, so the claims are the same for every budget. A summary is worth what it tells
of its user: by its text alone the user's documents are looked for among everybody's (`identify` of `profilegen
evaluate`, of the summary without the list of claims).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import cores
from benchmarks.measures import Section

_BUDGETS = (1, 2, 3, 4, 5, 6, 8)
_FIRST = 10


def measure(store: Path, *, users: int) -> Section:
    """Write the summaries of so many users anew under each budget.

    :param store: a finished store; it is only read.
    """
    section = Section(
        f"The summaries of {users} users, written with so many interests each at most (and what they care about and "
        "how they live); found: users whose documents come among the first ten by the summary alone."
    )
    with _opened(store) as (profiles, found, writer):
        told = [profile for profile in profiles if profile.status == "ok" and profile.language == "en"][:users]
        list(_written(told[:1], writer, 1))  # not counted: it loads the model
        for budget in _BUDGETS:
            start = time.perf_counter()
            answers = dict(_written(told, writer, budget))
            seconds = time.perf_counter() - start
            texts = [answers[profile.user_id].text for profile in told]
            read = sum(answer.prompt_tokens for answer in answers.values())
            wrote = sum(answer.answer_tokens for answer in answers.values())
            section.add(f"budget.{budget}.found", "share", [found([profile.user_id for profile in told], texts)])
            section.add(f"budget.{budget}.repetitive", "share", [_repetitive(texts)])
            section.add(f"budget.{budget}.seconds", "s a user", [seconds / len(told)])
            section.add(f"budget.{budget}.prompt", "tokens a user", [read / len(told)])
            section.add(f"budget.{budget}.answer", "tokens a user", [wrote / len(told)])
    return section


@contextmanager
def _opened(store: Path) -> Iterator[tuple[Sequence[Any], Any, Any]]:
    """Give the profiles, how to find users by texts, and the writer."""
    import numpy as np

    from profilegen import open_store
    from profilegen.backends import Options, open_writer
    from profilegen.llama.catalog import default_model
    from profilegen.store import overlay
    from profilegen.store.ledger import open_ledger

    model = default_model("writer", "en")
    assert model is not None
    with open_ledger(store, read_only=True) as ledger, open_store(store) as opened:
        profiles = list(overlay.profiles(ledger))
        ids, vectors = ledger.user_matrix()
        row_of = {user_id: row for row, user_id in enumerate(ids)}

        def found(user_ids: Sequence[str], texts: Sequence[str]) -> float:
            likeness = opened.embed(texts) @ vectors.T
            own = np.array([row_of[user_id] for user_id in user_ids])
            before = (likeness > likeness[np.arange(len(own)), own][:, None]).sum(axis=1)
            return float((before < _FIRST).mean())

        with open_writer(model.name, Options(workers=cores())) as writer:
            yield profiles, found, writer


def _written(profiles: Sequence[Any], writer: Any, budget: int) -> Iterator[tuple[str, Any]]:
    from profilegen.backends import Answer
    from profilegen.profiles import summaries

    summaries._MAX_INTERESTS["user"] = budget
    prompts = [
        (profile.user_id, summaries.prompt(summaries.SummaryInput.of_user(profile.language, profile.claims)))
        for profile in profiles
    ]
    for user_id, answer in writer.write(prompts):
        if not isinstance(answer, Answer):
            raise RuntimeError(answer.reason)
        yield user_id, answer


def _repetitive(texts: Sequence[str]) -> float:
    from profilegen.profiles.summaries import is_repetitive

    return sum(map(is_repetitive, texts)) / len(texts)
