"""Teaches a writer to prefer the notes that are right to those that it wrote itself on texts it had not seen.

    python -m training.rows --of preferences --sheets sheets.jsonl --base BASE.gguf --out preferences.npz
    python -m training.prefer --base BASE.gguf --start adapter.safetensors --rows preferences.npz --out preferred

A writer that only learned from right notes writes too many, since none of its own mistakes is ever shown to it. Here
each example is a prompt, the notes of the training data and the writer's own (SPIN, Chen et al. 2024, arXiv
2401.01335, with the loss of DPO, Rafailov et al. 2023, arXiv 2305.18290, and the likelihood of the right notes beside
it, lest these become rarer too).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from training.lm import LanguageModel, Row, load_rows, padded, train, trainer_options

_SHARPNESS = 0.1
"""What DPO calls beta."""
_LIKELIHOOD_WEIGHT = 1.0
_AT_ONCE = 16


class Preference(NamedTuple):
    """A prompt, the right answer, the writer's own, and the log-likelihoods of both before."""

    prompt: list[int]
    answer: list[int]
    rejected: list[int]
    answer_before: float
    rejected_before: float


def main() -> int:
    """Train, and write the adapter."""
    options = _options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    (right, own), _, _ = load_rows(options.rows)
    model = LanguageModel(options.base, options.rank)
    model.load(options.start)
    before = _before(model, [*right, *own])
    examples = [
        Preference(row.prompt, row.answer, other.answer, before[at], before[len(right) + at])
        for at, (row, other) in enumerate(zip(right, own, strict=True))
    ]
    train(
        model,
        [examples] * options.epochs,
        _loss,
        rate=options.rate,
        batch_tokens=options.batch_tokens,
        seed=options.seed,
        checkpoint=options.out / "checkpoint.pt",
    )
    gaps = [before[at] - before[len(right) + at] for at in range(len(right))]
    report = {"examples": len(examples), "preferred before": round(float(np.mean(np.array(gaps) > 0)), 3)}
    model.save(options.out / "adapter.safetensors", {"kind": "writer", "reserve": str(options.reserve)})
    (options.out / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    return 0


def _likelihoods(model: LanguageModel, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n_rows,) log-likelihoods of the answers, and their numbers of tokens."""
    hidden = model.hidden(padded([[*row.prompt, *row.answer][:-1] for row in rows]))
    places = [(at, len(row.prompt) - 1 + n) for at, row in enumerate(rows) for n in range(len(row.answer))]
    logits = model.logits(hidden[[at for at, _ in places], [place for _, place in places]])
    targets = torch.tensor([token for row in rows for token in row.answer], device=hidden.device)
    of_token = -functional.cross_entropy(logits, targets, reduction="none")
    owners = torch.tensor([at for at, _ in places], device=hidden.device)
    sums = torch.zeros(len(rows), device=hidden.device).index_add(0, owners, of_token)
    return sums, torch.tensor([len(row.answer) for row in rows], device=hidden.device)


def _before(model: LanguageModel, rows: Sequence[Row]) -> list[float]:
    model.eval()
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].prompt))
    found = [0.0] * len(rows)
    with torch.inference_mode():
        for start in range(0, len(order), _AT_ONCE):
            chosen = order[start : start + _AT_ONCE]
            sums, _ = _likelihoods(model, [rows[at] for at in chosen])
            for at, value in zip(chosen, sums.tolist(), strict=True):
                found[at] = value
    return found


def _loss(model: LanguageModel, batch: list[Preference]) -> torch.Tensor:
    rows = [Row(each.prompt, each.answer) for each in batch] + [Row(each.prompt, each.rejected) for each in batch]
    sums, lengths = _likelihoods(model, rows)
    answers, others = sums[: len(batch)], sums[len(batch) :]
    answers_before = torch.tensor([each.answer_before for each in batch], device=sums.device)
    others_before = torch.tensor([each.rejected_before for each in batch], device=sums.device)
    margin = (answers - answers_before) - (others - others_before)
    likelihood = -(answers.sum() / lengths[: len(batch)].sum())
    return -functional.logsigmoid(_SHARPNESS * margin).mean() + _LIKELIHOOD_WEIGHT * likelihood


def _options() -> argparse.Namespace:
    parser = trainer_options(__doc__, rows="preferences that `training.rows --of preferences` wrote")
    parser.add_argument("--start", type=Path, required=True, help="adapter of the writer")
    parser.add_argument("--reserve", type=float, default=0.0, help="added to the log-odds that its notes hold")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1e-4)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
