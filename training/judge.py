"""Trains a language model as a verifier: it reads a text and a claim, and the likelihood of its answer is the verdict.

    python -m training.judge --base qwen2.5-coder-0.5b-instruct.gguf --layers 16 --out judge

With `--layers` only the first blocks of the model are used.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from training.examples import examples, is_held_out
from training.lm import LanguageModel, Row, Tokenizer, padded, train
from training.measures import binary, measure

ANSWERS = (" yes", " no", " opposite")
"""What the model answers for each label."""
_MAX_TEXT_TOKENS, _MAX_CLAIM_TOKENS = 220, 64


def main() -> int:
    """Train, measure on what was held out and on a file of statements, and write the adapter."""
    options = _options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenizer = Tokenizer(options.base)
    answers = [tokenizer.plain(answer)[0] for answer in ANSWERS]
    everything = [example for example in examples() if example.language in options.languages or not options.languages]
    kept = [example for example in everything if not is_held_out(example)]
    held_out = [example for example in everything if is_held_out(example)]
    rows = [Row(prompt(tokenizer, each.text, each.claim), [each.label]) for each in kept]
    print(f"{len(rows):,} examples of {np.mean([len(row.prompt) for row in rows]):.0f} tokens", flush=True)
    model = LanguageModel(options.base, options.rank, options.layers, options.trained_layers)

    def loss(model: LanguageModel, batch: list[Row]) -> torch.Tensor:
        labels = torch.tensor([row.answer[0] for row in batch])
        return functional.cross_entropy(_logits(model, batch, answers), labels, label_smoothing=0.05)

    start = time.perf_counter()
    train(
        model,
        [rows] * options.epochs,
        loss,
        rate=options.rate,
        batch_tokens=options.batch_tokens,
        seed=options.seed,
        checkpoint=options.out / "checkpoint.pt",
    )
    scores = _predict(model, [Row(prompt(tokenizer, e.text, e.claim), [e.label]) for e in held_out], answers)
    report: dict[str, Any] = {
        "train": len(rows),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "held out": measure(scores, held_out),
    }
    if options.statements:
        statements = [json.loads(line) for line in options.statements.read_text("utf-8").splitlines()]
        shown = _predict(model, [Row(prompt(tokenizer, s["text"], s["claim"]), [0]) for s in statements], answers)[:, 0]
        holds = np.array([row["holds"] for row in statements])
        threshold = report["held out"]["all"]["threshold at 5% false"]
        report["statements"] = binary(shown, holds, threshold)
    metadata = {"answers": "|".join(ANSWERS), "threshold": str(report["held out"]["all"]["threshold at 5% false"])}
    if options.layers:
        metadata["layers"] = str(options.layers)
    model.save(options.out / "adapter.safetensors", metadata)
    (options.out / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    return 0


def prompt(tokenizer: Tokenizer, text: str, claim: str) -> list[int]:
    """Return the tokens of the question; a text that is too long loses its end.

    :param tokenizer: of the model.
    :param text: the text.
    :param claim: about who wrote it.
    """
    question = f"\n\nClaim: {' '.join(claim.split())}\nShown:"
    return [*tokenizer.plain(text)[:_MAX_TEXT_TOKENS], *tokenizer.plain(question)[: _MAX_CLAIM_TOKENS + 8]]


def _logits(model: LanguageModel, batch: Sequence[Row], answers: Sequence[int]) -> torch.Tensor:
    hidden = model.hidden(padded([row.prompt for row in batch]))
    last = hidden[range(len(batch)), [len(row.prompt) - 1 for row in batch]]
    return model.logits(last, answers)


def _predict(
    model: LanguageModel, rows: Sequence[Row], answers: Sequence[int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    model.eval()
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].prompt))
    scores = np.zeros((len(rows), len(answers)))
    with torch.inference_mode():
        for start in range(0, len(order), 16):
            chosen = order[start : start + 16]
            scores[chosen] = _logits(model, [rows[at] for at in chosen], answers).softmax(-1).numpy()
    return scores


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="GGUF file of the language model")
    parser.add_argument("--out", type=Path, required=True, help="directory for the adapter, the state and the report")
    parser.add_argument("--rank", type=int, default=16, help="of LoRA")
    parser.add_argument("--layers", type=int, help="use only the first blocks")
    parser.add_argument("--trained-layers", type=int, help="train only so many of the last blocks, in less time")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--batch-tokens", type=int, default=2_048)
    parser.add_argument("--languages", nargs="*", default=[], help="only these")
    parser.add_argument("--statements", type=Path, help="JSON Lines with text, claim and holds, to measure on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
