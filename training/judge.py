"""Trains a language model as a verifier: it reads a text and a claim, and the likelihood of its answer is the verdict.

    python -m training.rows --of judge --base qwen2.5-coder-0.5b-instruct.gguf --out judge/rows.npz
    python -m training.judge --base qwen2.5-coder-0.5b-instruct.gguf --rows judge/rows.npz --out judge

With `--layers` only the first blocks of the model are used.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from training.lm import DEVICE, LanguageModel, Row, load_rows, padded, train, trainer_options
from training.measures import measure

ANSWERS = (" yes", " no", " opposite")
"""What the model answers for each label."""
_MEASURED_AT_ONCE = 64


def main() -> int:
    """Train, measure on what was held out, and write the adapter."""
    options = _options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    epochs, held_out, measured = load_rows(options.rows)
    epochs = [epochs[epoch % len(epochs)] for epoch in range(options.epochs)]
    model = LanguageModel(options.base, options.rank, options.layers, options.trained_layers)

    def loss(model: LanguageModel, batch: list[Row]) -> torch.Tensor:
        labels = torch.tensor([row.answer[0] for row in batch], device=DEVICE)
        return functional.cross_entropy(_logits(model, batch), labels, label_smoothing=0.05)

    start = time.perf_counter()
    train(
        model,
        epochs,
        loss,
        rate=options.rate,
        batch_tokens=options.batch_tokens,
        seed=options.seed,
        checkpoint=options.out / "checkpoint.pt",
    )
    report: dict[str, Any] = {
        "examples": len(epochs[0]),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "held out": measure(_predict(model, held_out), measured),
    }
    metadata = {"answers": "|".join(ANSWERS), "threshold": str(report["held out"]["all"]["threshold at 5% false"])}
    if options.layers:
        metadata["layers"] = str(options.layers)
    model.save(options.out / "adapter.safetensors", metadata)
    (options.out / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    return 0


def _logits(model: LanguageModel, batch: Sequence[Row]) -> torch.Tensor:
    """Return (n_rows, n_labels) logits of the answers; a row's answer is its label and the tokens of all answers."""
    hidden = model.hidden(padded([row.prompt for row in batch]))
    last = hidden[range(len(batch)), [len(row.prompt) - 1 for row in batch]]
    return model.logits(last, batch[0].answer[1:])


def _predict(model: LanguageModel, rows: Sequence[Row]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    model.eval()
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].prompt))
    scores = np.zeros((len(rows), len(ANSWERS)))
    with torch.inference_mode():
        for start in range(0, len(order), _MEASURED_AT_ONCE):
            chosen = order[start : start + _MEASURED_AT_ONCE]
            scores[chosen] = _logits(model, [rows[at] for at in chosen]).softmax(-1).cpu().numpy()
    return scores


def _options() -> argparse.Namespace:
    parser = trainer_options(__doc__, rows="examples that `training.rows --of judge` wrote")
    parser.add_argument("--layers", type=int, help="use only the first blocks")
    parser.add_argument("--trained-layers", type=int, help="train only so many of the last blocks, in less time")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5e-4)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
