"""Trains the verifier: a small encoder reads a text and a claim and says shown, not shown or contradicted.

    python -m training.verifier --base models/all-minilm-l6-v2.gguf --out verifier

A run that was stopped goes on from the checkpoint in its directory. `--start` goes on from an adapter; `--new` names
files that it has not seen, to which `--beside` times as many other examples are added, lest it forget.

The base is the GGUF file of an encoder of the BERT family, tokenised by llama.cpp as it will be later. LoRA (Hu et
al. 2021, arXiv 2106.09685) keeps what has to be shipped small; rank 0 trains all weights of the layers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from peft import LoraConfig, get_peft_model
from safetensors.numpy import load_file
from transformers import BertConfig, BertForSequenceClassification

from training.examples import LABELS, Example, examples, is_held_out
from training.measures import binary, measure, plain_methods

Array = npt.NDArray[Any]

GGUF_NAMES = {
    "token_embd": "embeddings.word_embeddings",
    "position_embd": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}
"""Names of an encoder's parts in the library transformers, by those of llama.cpp."""

HEAD = {
    "cls.weight": "bert.pooler.dense.weight",
    "cls.bias": "bert.pooler.dense.bias",
    "cls.output.weight": "classifier.weight",
    "cls.output.bias": "classifier.bias",
}
"""The same of the head."""

MAX_TOKENS = 256
_BATCH_TOKENS = 2_048
_WARMUP_SHARE = 0.06


def main() -> int:
    """Train, measure on what was held out, and on a file of statements if one is named."""
    options = _options()
    random.seed(options.seed)
    np.random.seed(options.seed)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenize, separator, padding = tokenizer(options.base)
    model = load_base(options.base)
    if options.start:
        apply_adapter(model, options.start)
    if options.rank:
        targets = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
        config = LoraConfig(
            r=options.rank,
            lora_alpha=2 * options.rank,
            lora_dropout=0.05,
            target_modules=targets,
            modules_to_save=["classifier", "pooler"],
            bias="none",
        )
        model = get_peft_model(model, config)
    else:
        model.bert.embeddings.requires_grad_(False)
        model.bert.encoder.layer[: -(options.trained_layers or len(model.bert.encoder.layer))].requires_grad_(False)
    everything = [example for example in examples() if example.language in options.languages or not options.languages]
    train = [example for example in everything if not is_held_out(example)]
    held_out = [example for example in everything if is_held_out(example)]
    groups = sorted({example.group for example in train})
    random.Random(0).shuffle(groups)
    kept = set(groups[: round(options.fraction * len(groups))])
    train = _at_most([example for example in train if example.group in kept], options.most)
    if options.new:
        new = [example for example in train if example.file in options.new]
        others = [example for example in train if example.file not in options.new]
        beside = min(options.beside * len(new), len(others))
        train = [*new, *random.Random(options.seed).sample(others, beside)]

    def encode(rows: Sequence[tuple[str, str]]) -> list[list[int]]:
        return [_tokens(tokenize, separator, text, claim) for text, claim in rows]

    train_ids = encode([(example.text, example.claim) for example in train])
    mean = np.mean([len(row) for row in train_ids])
    print(f"{len(train):,} examples of {mean:.0f} tokens, {len(held_out):,} held out", flush=True)
    _train(model, train_ids, [e.label for e in train], padding, options)
    scores = predict(model, encode([(e.text, e.claim) for e in held_out]), padding)
    report: dict[str, Any] = {"train": len(train), "held out": measure(scores, held_out)}
    report["plain methods, held out"] = plain_methods(train, held_out)
    threshold = report["held out"]["all"]["threshold at 5% false"]
    if options.statements:
        rows = [json.loads(line) for line in options.statements.read_text("utf-8").splitlines()]
        found = predict(model, encode([(row["text"], row["claim"]) for row in rows]), padding)[:, 0]
        holds = np.array([row["holds"] for row in rows])
        ascii_only = np.array([row["text"].isascii() for row in rows])
        for name, chosen in (("ASCII", ascii_only), ("other", ~ascii_only)):
            report[f"statements, {name}"] = binary(found[chosen], holds[chosen], threshold)
    print(json.dumps(report, indent=1))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        merged = model.merge_and_unload() if options.rank else model
        torch.save(merged.state_dict(), options.out / "merged.pt")
        (options.out / "report.json").write_text(json.dumps(report, indent=1))
    return 0


def _at_most(rows: Sequence[Example], most: int | None) -> list[Example]:
    """Return at most so many examples of a language, drawn by chance."""
    if most is None:
        return list(rows)
    by_language: dict[str, list[Example]] = {}
    for row in rows:
        by_language.setdefault(row.language, []).append(row)
    generator = random.Random(0)
    return [row for of in by_language.values() for row in generator.sample(of, min(most, len(of)))]


def tokenizer(base: Path) -> tuple[Callable[[str], list[int]], int, int]:
    """Return a function from text to tokens without special ones, the separator's id, and the padding's.

    :param base: a GGUF file.
    """
    from llama_cpp import Llama

    vocabulary = Llama(str(base), vocab_only=True, verbose=False)
    fields = GGUFReader(base).fields
    separator = int(fields["tokenizer.ggml.seperator_token_id"].contents())
    padding = int(fields["tokenizer.ggml.padding_token_id"].contents())
    first = int(fields["tokenizer.ggml.bos_token_id"].contents())

    def tokenize(text: str) -> list[int]:
        tokens = vocabulary.tokenize(text.encode("utf-8", "replace"), add_bos=False, special=False)
        return [token for token in tokens if token not in (first, separator)]

    tokenize.first = first  # type: ignore[attr-defined]
    return tokenize, separator, padding


def load_base(base: Path) -> BertForSequenceClassification:
    """Return the encoder of a GGUF file with a new head for the three labels.

    :param base: the file, of llama.cpp's architecture `bert`.
    """
    reader = GGUFReader(base)
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.ggml.")}
    weights = {t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).astype(np.float32)) for t in reader.tensors}
    config = BertConfig(
        vocab_size=weights["token_embd.weight"].shape[0],
        hidden_size=int(fields["bert.embedding_length"]),
        num_hidden_layers=int(fields["bert.block_count"]),
        num_attention_heads=int(fields["bert.attention.head_count"]),
        intermediate_size=int(fields["bert.feed_forward_length"]),
        max_position_embeddings=weights["position_embd.weight"].shape[0],
        type_vocab_size=weights["token_types.weight"].reshape(-1, int(fields["bert.embedding_length"])).shape[0],
        layer_norm_eps=float(fields["bert.attention.layer_norm_epsilon"]),
        num_labels=len(LABELS),
        # Drawing random numbers for dropout takes a fifth of a processor's time; few epochs do without it.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )
    model = BertForSequenceClassification(config)
    state = {}
    for name, tensor in weights.items():
        parts = name.split(".")
        prefix = f"encoder.layer.{parts[1]}." if parts[0] == "blk" else ""
        state[f"{prefix}{GGUF_NAMES[parts[-2]]}.{parts[-1]}"] = tensor
    state["embeddings.token_type_embeddings.weight"] = state["embeddings.token_type_embeddings.weight"].reshape(
        config.type_vocab_size, config.hidden_size
    )
    missing, unexpected = model.bert.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    assert all("pooler" in name or "position_ids" in name for name in missing), missing
    return model


def apply_adapter(model: BertForSequenceClassification, path: Path) -> None:
    """Change an encoder as an adapter says, which was made of it before.

    :param model: as of `load_base`.
    :param path: safetensors file that `training.adapter` wrote.
    """
    state = model.state_dict()
    tensors = {name: torch.from_numpy(values.astype(np.float32)) for name, values in load_file(path).items()}
    for name, tensor in tensors.items():
        kind = name.rpartition(".")[2]
        if kind == "lora_b":
            state[torch_name(f"{name.removesuffix('lora_b')}weight")] += tensor @ tensors[f"{name[:-1]}a"]
        elif kind != "lora_a":
            state[torch_name(name)] = tensor
    model.load_state_dict(state)


def torch_name(name: str) -> str:
    """Return the name that the library transformers has for a tensor of llama.cpp.

    :param name: such as `blk.0.attn_q.weight` or `cls.output.bias`.
    """
    if name in HEAD:
        return HEAD[name]
    _, layer, part, kind = name.split(".")
    return f"bert.encoder.layer.{layer}.{GGUF_NAMES[part]}.{kind}"


def predict(model: torch.nn.Module, rows: Sequence[Sequence[int]], padding: int) -> Array:
    """Return (n_rows, n_labels) probabilities.

    :param model: trained.
    :param rows: tokens of text and claim.
    :param padding: id of the padding token.
    """
    model.eval()
    found = np.zeros((len(rows), len(LABELS)))
    with torch.inference_mode():
        for batch in _batches(rows, sorted(range(len(rows)), key=lambda at: len(rows[at]))):
            ids, mask = _padded([rows[at] for at in batch], padding)
            found[batch] = model(input_ids=ids, attention_mask=mask).logits.softmax(-1).double().numpy()
    return found


def _train(
    model: torch.nn.Module, rows: Sequence[Sequence[int]], labels: Sequence[int], padding: int, options: Any
) -> None:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    print(f"{sum(p.numel() for p in parameters):,} weights are trained", flush=True)
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.01)
    steps = options.epochs * sum(1 for _ in _shuffled(rows, 0))
    warmup = max(1, round(_WARMUP_SHARE * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))
    )
    targets = torch.tensor(labels)
    checkpoint = options.out / "checkpoint.pt" if options.out else None
    begin = 0
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        begin = state["step"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        print(f"goes on after step {begin}", flush=True)
    start, step = time.perf_counter(), 0
    for epoch in range(options.epochs):
        model.train()
        losses: list[float] = []
        for batch in _shuffled(rows, options.seed + epoch):
            if step < begin:
                step += 1
                continue
            ids, mask = _padded([rows[at] for at in batch], padding)
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
                logits = model(input_ids=ids, attention_mask=mask).logits
            loss = torch.nn.functional.cross_entropy(logits.float(), targets[batch], label_smoothing=0.05)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            step += 1
            if step % 50 == 0:
                left = (time.perf_counter() - start) / (step - begin) * (steps - step)
                print(f"step {step} of {steps}, loss {np.mean(losses[-50:]):.3f}, {left:.0f} s left", flush=True)
            if checkpoint and step % 200 == 0:
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
                torch.save({**state, "schedule": schedule.state_dict()}, checkpoint.with_suffix(".part"))
                checkpoint.with_suffix(".part").replace(checkpoint)
        print(f"epoch {epoch + 1}, {time.perf_counter() - start:.0f} s", flush=True)


def _tokens(tokenize: Callable[[str], list[int]], separator: int, text: str, claim: str) -> list[int]:
    """Return first, text, separator, claim, separator; a text that is too long loses its end."""
    claimed = tokenize(claim)[:64]
    first: int = tokenize.first  # type: ignore[attr-defined]
    return [first, *tokenize(text)[: MAX_TOKENS - 3 - len(claimed)], separator, *claimed, separator]


def _shuffled(rows: Sequence[Sequence[int]], seed: int) -> Iterator[list[int]]:
    """Give batches of like lengths in random order."""
    generator = random.Random(seed)
    noisy = sorted(range(len(rows)), key=lambda at: len(rows[at]) + generator.uniform(0, 12))
    batches = list(_batches(rows, noisy))
    generator.shuffle(batches)
    return iter(batches)


def _batches(rows: Sequence[Sequence[int]], order: Sequence[int]) -> Iterator[list[int]]:
    batch: list[int] = []
    longest = 0
    for at in order:
        longest = max(longest, len(rows[at]))
        if batch and longest * (len(batch) + 1) > _BATCH_TOKENS:
            yield batch
            batch, longest = [], len(rows[at])
        batch.append(int(at))
    if batch:
        yield batch


def _padded(rows: Sequence[Sequence[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), padding)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    return ids, mask


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="GGUF file of the encoder")
    parser.add_argument("--out", type=Path, help="directory for the weights and the report")
    parser.add_argument("--start", type=Path, help="adapter to go on from, of the same base")
    parser.add_argument("--new", nargs="*", default=[], help="files to train on, such as pairs-g, with others")
    parser.add_argument("--beside", type=int, default=1, help="other examples for each of the new ones")
    parser.add_argument("--rank", type=int, default=0, help="of LoRA; 0 trains all weights of the layers")
    parser.add_argument("--trained-layers", type=int, help="train only so many of the last layers, in less time")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--fraction", type=float, default=1.0, help="of the texts, for a learning curve")
    parser.add_argument("--most", type=int, help="examples of a language, at most")
    parser.add_argument("--languages", nargs="*", default=[], help="only these")
    parser.add_argument("--statements", type=Path, help="JSON Lines with text, claim and holds, to measure on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has such products")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
