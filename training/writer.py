"""Trains the writer as a LoRA on a small language model: passages to notes, and notes to a summary.

python -m training.rows --of writer --base models/smollm2-135m-instruct.gguf --languages en --out writer/rows.npz
python -m training.writer --base models/smollm2-135m-instruct.gguf --rows writer/rows.npz --out writer

A run that was stopped goes on. `--start` goes on from an adapter.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from training.lm import LanguageModel, Row, load_rows, padded, train, trainer_options

_HELD_OUT_ROWS = 8


def main() -> int:
    """Train, and write the adapter and the loss on what was held out."""
    options = _options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    epochs, held_out, _ = load_rows(options.rows)
    epochs = [epochs[epoch % len(epochs)] for epoch in range(options.epochs or len(epochs))]
    model = LanguageModel(options.base, options.rank, n_trained=options.trained_layers)
    if options.start:
        model.load(options.start)
    start = time.perf_counter()
    train(
        model,
        epochs,
        _loss,
        rate=options.rate,
        batch_tokens=options.batch_tokens,
        seed=options.seed,
        checkpoint=options.out / "checkpoint.pt",
        max_steps=options.steps,
        measure=lambda: _held_out_loss(model, held_out),
    )
    report = {
        "examples": len(epochs[0]),
        "epochs": len(epochs),
        "rank": options.rank,
        "rate": options.rate,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "loss, held out": round(_held_out_loss(model, held_out), 4),
    }
    model.save(options.out / "adapter.safetensors", {"kind": "writer"})
    (options.out / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    return 0


def _loss(model: LanguageModel, rows: list[Row]) -> torch.Tensor:
    """Return the mean loss of the tokens of the answers."""
    hidden = model.hidden(padded([[*row.prompt, *row.answer][:-1] for row in rows]))
    places = [(at, len(row.prompt) - 1 + n) for at, row in enumerate(rows) for n in range(len(row.answer))]
    chosen = hidden[[at for at, _ in places], [place for _, place in places]]
    targets = torch.tensor([token for row in rows for token in row.answer], device=hidden.device)
    return functional.cross_entropy(model.logits(chosen), targets)


def _held_out_loss(model: LanguageModel, rows: Sequence[Row]) -> float:
    model.eval()
    order = sorted(rows, key=lambda row: len(row.prompt) + len(row.answer))
    losses, weights = [], []
    with torch.inference_mode():
        for start in range(0, len(order), _HELD_OUT_ROWS):
            batch = list(order[start : start + _HELD_OUT_ROWS])
            losses.append(float(_loss(model, batch)))
            weights.append(sum(len(row.answer) for row in batch))
    return float(np.average(losses, weights=weights))


def _options() -> argparse.Namespace:
    parser = trainer_options(__doc__, rows="examples that `training.rows --of writer` wrote")
    parser.add_argument("--start", type=Path, help="adapter to go on from, of the same rank and base")
    parser.add_argument("--trained-layers", type=int, help="train only so many of the last blocks, in less time")
    parser.add_argument("--epochs", type=int, help="by default those of the rows, which repeat")
    parser.add_argument("--steps", type=int, help="stop earlier, after so many steps")
    parser.add_argument("--rate", type=float, default=8e-4)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
