"""Trains the verifier: a small encoder reads a text and a claim and says shown, not shown or contradicted.

    python -m training.rows --of verifier --base models/all-minilm-l6-v2.gguf --languages en --out verifier/rows.npz
    python -m training.verifier --base models/all-minilm-l6-v2.gguf --rows verifier/rows.npz --out verifier

A run that was stopped goes on from the checkpoint in its directory. `--start` goes on from an adapter.

The base is the GGUF file of an encoder of the BERT family, tokenised by llama.cpp as it will be later. LoRA (Hu et
al. 2021, arXiv 2106.09685) keeps what has to be shipped small; rank 0 trains all weights of the layers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
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

from training.lm import DEVICE, load_rows
from training.measures import LABELS, measure

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

_MEASURED_TOKENS = 8_192
_WARMUP_SHARE = 0.06


def main() -> int:
    """Train, measure on what was held out, and on a file of statements if one is named."""
    options = _options()
    random.seed(options.seed)
    np.random.seed(options.seed)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
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
    model = model.to(DEVICE)
    padding = int(GGUFReader(options.base).fields["tokenizer.ggml.padding_token_id"].contents())
    (train, *_), held_out, measured = load_rows(options.rows)
    print(f"{len(train):,} examples, {len(held_out):,} held out", flush=True)
    _train(model, [row.prompt for row in train], [row.answer[0] for row in train], padding, options)
    scores = predict(model, [row.prompt for row in held_out], padding)
    report: dict[str, Any] = {"train": len(train), "held out": measure(scores, measured)}
    print(json.dumps(report, indent=1))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        merged = model.merge_and_unload() if options.rank else model
        torch.save({name: tensor.cpu() for name, tensor in merged.state_dict().items()}, options.out / "merged.pt")
        (options.out / "report.json").write_text(json.dumps(report, indent=1))
    return 0


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
        for batch in _batches(rows, sorted(range(len(rows)), key=lambda at: len(rows[at])), _MEASURED_TOKENS):
            ids, mask = _padded([rows[at] for at in batch], padding)
            found[batch] = model(input_ids=ids, attention_mask=mask).logits.softmax(-1).double().cpu().numpy()
    return found


def _train(
    model: torch.nn.Module, rows: Sequence[Sequence[int]], labels: Sequence[int], padding: int, options: Any
) -> None:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    print(f"{sum(p.numel() for p in parameters):,} weights are trained", flush=True)
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.01)
    steps = options.epochs * sum(1 for _ in _shuffled(rows, options.batch_tokens, 0))
    warmup = max(1, round(_WARMUP_SHARE * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))
    )
    targets = torch.tensor(labels, device=DEVICE)
    checkpoint = options.out / "checkpoint.pt" if options.out else None
    begin = 0
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=DEVICE)
        begin = state["step"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        print(f"goes on after step {begin}", flush=True)
    start, step = time.perf_counter(), 0
    for epoch in range(options.epochs):
        model.train()
        losses: list[torch.Tensor] = []
        for batch in _shuffled(rows, options.batch_tokens, options.seed + epoch):
            if step < begin:
                step += 1
                continue
            ids, mask = _padded([rows[at] for at in batch], padding)
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=options.bfloat16):
                logits = model(input_ids=ids, attention_mask=mask).logits
            loss = torch.nn.functional.cross_entropy(logits.float(), targets[batch], label_smoothing=0.05)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
            step += 1
            if step % 50 == 0:
                left = (time.perf_counter() - start) / (step - begin) * (steps - step)
                print(
                    f"step {step} of {steps}, loss {torch.stack(losses[-50:]).mean():.3f}, {left:.0f} s left",
                    flush=True,
                )
            if checkpoint and step % 200 == 0:
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
                torch.save({**state, "schedule": schedule.state_dict()}, checkpoint.with_suffix(".part"))
                checkpoint.with_suffix(".part").replace(checkpoint)
        print(f"epoch {epoch + 1}, {time.perf_counter() - start:.0f} s", flush=True)


def _shuffled(rows: Sequence[Sequence[int]], batch_tokens: int, seed: int) -> Iterator[list[int]]:
    """Give batches of like lengths in random order."""
    generator = random.Random(seed)
    noisy = sorted(range(len(rows)), key=lambda at: len(rows[at]) + generator.uniform(0, 12))
    batches = list(_batches(rows, noisy, batch_tokens))
    generator.shuffle(batches)
    return iter(batches)


def _batches(rows: Sequence[Sequence[int]], order: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    longest = 0
    for at in order:
        longest = max(longest, len(rows[at]))
        if batch and longest * (len(batch) + 1) > batch_tokens:
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
    return ids.to(DEVICE), mask.to(DEVICE)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="GGUF file of the encoder")
    parser.add_argument("--rows", type=Path, required=True, help="examples that `training.rows --of verifier` wrote")
    parser.add_argument("--out", type=Path, help="directory for the weights and the report")
    parser.add_argument("--start", type=Path, help="adapter to go on from, of the same base")
    parser.add_argument("--rank", type=int, default=0, help="of LoRA; 0 trains all weights of the layers")
    parser.add_argument("--trained-layers", type=int, help="train only so many of the last layers, in less time")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--batch-tokens", type=int, default=2_048)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has such products")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
