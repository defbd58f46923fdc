"""Trains the writer: passages to notes, and notes to a summary, as a LoRA on a small language model.

python -m training.writer --base models/smollm2-135m-instruct.gguf --languages en --out writer

`--start` goes on from an adapter; `--new` names files that it has not seen, to which as many other users are added,
lest it forget.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from profilegen.claims.notes import NOTES_TURN, Note, format_notes, numbered, passage_text
from profilegen.language.predicates import predicate
from profilegen.profiles.summaries import SUMMARY_TURN
from training.examples import DATA
from training.lm import LanguageModel, Row, Tokenizer, padded, train

_MERGED_SHARE = 0.5
_MAX_PASSAGES = 12
_MAX_TOKENS = 1_000

User = dict[str, Any]


def main() -> int:
    """Train, and write the adapter and the loss on what was held out."""
    options = _options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenizer = Tokenizer(options.base)
    users = [user for user in read_users() if user["language"] in options.languages or not options.languages]
    held_out = [user for user in users if is_held_out(user)]
    kept = [user for user in users if not is_held_out(user)]
    if options.new:
        new = [user for user in kept if user["file"] in options.new]
        others = [user for user in kept if user["file"] not in options.new]
        kept = [*new, *random.Random(options.seed).sample(others, min(len(new), len(others)))]
    epochs = [list(_epoch(kept, tokenizer, options.seed + epoch)) for epoch in range(options.epochs)]
    measured = [*(_notes_row([user], tokenizer) for user in held_out)]
    measured += [_summary_row(user, tokenizer) for user in held_out if user["summary"]]
    tokens = sum(len(row.prompt) + len(row.answer) for row in epochs[0])
    print(f"{len(kept):,} users, {len(epochs[0]):,} examples, {tokens:,} tokens an epoch", flush=True)
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
    )
    report = {
        "users": len(kept),
        "held out": len(held_out),
        "epochs": options.epochs,
        "steps": options.steps,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "loss, held out": round(_held_out_loss(model, measured), 4),
    }
    model.save(options.out / "adapter.safetensors", {"kind": "writer"})
    (options.out / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    return 0


def read_users() -> list[User]:
    """Return the users of the training data in the order of the files, each with the name of its file."""
    return [
        {**json.loads(line), "file": path.stem}
        for path in sorted((DATA / "users").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]


def is_held_out(user: User) -> bool:
    """Tell whether a user is for measuring: one of sixteen, by hash.

    :param user: the user.
    """
    return hashlib.sha256(user["id"].encode()).digest()[0] < 16


def _epoch(users: Sequence[User], tokenizer: Tokenizer, seed: int) -> Iterator[Row]:
    """Give the examples of an epoch. Half of the users are read together with others of the same form.

    So the number of passages says nothing of how much there is to note, and there are sheets as long as those
    of a build.
    """
    generator = random.Random(seed)
    order = sorted(users, key=lambda user: (user["language"], user["form"], generator.random()))
    group: list[User] = []
    for user in order:
        same = group and (group[0]["language"], group[0]["form"]) == (user["language"], user["form"])
        fits = sum(len(each["passages"]) for each in [*group, user]) <= _MAX_PASSAGES
        if group and not (same and fits and generator.random() < _MERGED_SHARE):
            yield _notes_row(group, tokenizer)
            group = []
        group.append(user)
        if user["summary"]:
            yield _summary_row(user, tokenizer)
    if group:
        yield _notes_row(group, tokenizer)


def _notes_row(users: Sequence[User], tokenizer: Tokenizer) -> Row:
    passages: list[str] = []
    notes: list[Note] = []
    for user in users:
        notes += [
            Note(n["kind"], n["polarity"], n["text"], tuple(number + len(passages) for number in sorted(n["passages"])))
            for n in user["notes"]
        ]
        passages += [passage_text(p.get("text", ""), p.get("item"), p.get("rating")) for p in user["passages"]]
    notes.sort(key=lambda note: note.passages[0])
    answer = tokenizer.plain(format_notes(notes))
    prompt = tokenizer.chat(NOTES_TURN, numbered(passages))
    return Row(prompt[-_MAX_TOKENS:], [*answer[:_MAX_TOKENS], tokenizer.end])


def _summary_row(user: User, tokenizer: Tokenizer) -> Row:
    claims = [predicate(note["polarity"], note["text"], user["language"]) for note in user["notes"]]
    return Row(
        tokenizer.chat(SUMMARY_TURN, "\n".join(claims)), [*tokenizer.plain(user["summary"].strip()), tokenizer.end]
    )


def _loss(model: LanguageModel, rows: list[Row]) -> torch.Tensor:
    """Return the mean loss of the tokens of the answers."""
    hidden = model.hidden(padded([[*row.prompt, *row.answer][:-1] for row in rows]))
    places = [(at, len(row.prompt) - 1 + n) for at, row in enumerate(rows) for n in range(len(row.answer))]
    chosen = hidden[[at for at, _ in places], [place for _, place in places]]
    targets = torch.tensor([token for row in rows for token in row.answer])
    return functional.cross_entropy(model.logits(chosen), targets)


def _held_out_loss(model: LanguageModel, rows: Sequence[Row]) -> float:
    model.eval()
    order = sorted(rows, key=lambda row: len(row.prompt) + len(row.answer))
    losses, weights = [], []
    with torch.inference_mode():
        for start in range(0, len(order), 8):
            batch = list(order[start : start + 8])
            losses.append(float(_loss(model, batch)))
            weights.append(sum(len(row.answer) for row in batch))
    return float(np.average(losses, weights=weights))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="GGUF file of the language model")
    parser.add_argument("--out", type=Path, required=True, help="directory for the adapter, the state and the report")
    parser.add_argument("--start", type=Path, help="adapter to go on from, of the same rank and base")
    parser.add_argument("--new", nargs="*", default=[], help="files to train on, such as texts-i, with as many others")
    parser.add_argument("--rank", type=int, default=16, help="of LoRA")
    parser.add_argument("--trained-layers", type=int, help="train only so many of the last blocks, in less time")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, help="stop earlier, after so many steps")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--batch-tokens", type=int, default=4_096)
    parser.add_argument("--languages", nargs="*", default=[], help="only these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
