"""How many interests a summary should name: how well it identifies its user, and what it costs.

The users are those of a finished store, so the claims are the same for every budget. A summary identifies its user if
the user's documents are among the first ten by its text (`identify.hit10` of `profilegen evaluate`, of the summary
without the list of claims).
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


def measure(store: Path, user_ids: Sequence[str], *, max_users: int) -> Section:
    """Write the summaries of a sample of users under each budget.

    :param store: a finished store; it is only read.
    :param user_ids: users, of whom the first are the sample.
    :param max_users: size of the sample; fewer where fewer have a profile in English.
    """
    with _opened(store) as (profiles, share_found, writer):
        english = {user.user_id: user for user in profiles if user.status == "ok" and user.language == "en"}
        sample = [english[user_id] for user_id in user_ids if user_id in english][:max_users]
        section = Section(
            f"The summaries of {len(sample)} users, naming at most so many interests (and values and lifestyle); "
            "found: users whose documents are among the first ten by the summary alone."
        )
        list(_write(sample[:1], writer, 1))  # not counted: it loads the model
        for budget in _BUDGETS:
            start = time.perf_counter()
            answers = dict(_write(sample, writer, budget))
            seconds = time.perf_counter() - start
            texts = [answers[user.user_id].text for user in sample]
            n_read = sum(answer.prompt_tokens for answer in answers.values())
            n_written = sum(answer.answer_tokens for answer in answers.values())
            section.add(f"budget.{budget}.found", "share", [share_found([user.user_id for user in sample], texts)])
            section.add(f"budget.{budget}.repetitive", "share", [_share_repetitive(texts)])
            section.add(f"budget.{budget}.seconds", "s a user", [seconds / len(sample)])
            section.add(f"budget.{budget}.prompt", "tokens a user", [n_read / len(sample)])
            section.add(f"budget.{budget}.answer", "tokens a user", [n_written / len(sample)])
    return section


@contextmanager
def _opened(store: Path) -> Iterator[tuple[Sequence[Any], Any, Any]]:
    """Yield the profiles, a function for the share of users found by texts, and the writer."""
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

        def share_found(user_ids: Sequence[str], texts: Sequence[str]) -> float:
            cosines = opened.embed(texts) @ vectors.T
            own = np.array([row_of[user_id] for user_id in user_ids])
            n_better = (cosines > cosines[np.arange(len(own)), own][:, None]).sum(axis=1)
            return float((n_better < _FIRST).mean())

        with open_writer(model.name, Options(workers=cores())) as writer:
            yield profiles, share_found, writer


def _write(profiles: Sequence[Any], writer: Any, budget: int) -> Iterator[tuple[str, Any]]:
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


def _share_repetitive(texts: Sequence[str]) -> float:
    from profilegen.profiles.summaries import is_repetitive

    return sum(map(is_repetitive, texts)) / len(texts)
