"""A language model of a GGUF file in torch, with LoRA, trained on prompts and answers.

The model keeps llama.cpp's names and layout of weights (rotary positions in pairs for `llama`, in halves for
`qwen2`), so that an adapter needs no conversion. LoRA: Hu et al. 2021, arXiv 2106.09685. The matrices that read the
same input (query, key and value; gate and up) share the first factor.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from training.measures import Measured

_MARK = "\0request\0"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""Where the models are trained."""
# Without instructions for products of bfloat16, a processor takes a hundred times as long for them.
_HAS_BFLOAT16 = torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()
_DTYPE = torch.bfloat16 if _HAS_BFLOAT16 else torch.float32
_WARMUP_SHARE = 0.05


class Row(NamedTuple):
    """A prompt and its answer, in tokens."""

    prompt: list[int]
    answer: list[int]


class Example(Protocol):
    """What can be trained on: a prompt and an answer, in tokens."""

    @property
    def prompt(self) -> list[int]:
        """Tokens that are given."""

    @property
    def answer(self) -> list[int]:
        """Tokens that are to follow."""


Learned = TypeVar("Learned", bound=Example)


class Tokenizer:
    """Turns prompts into tokens as the writer's engine does.

    :param path: the GGUF file.
    """

    def __init__(self, path: Path) -> None:
        # Where there are rows already, neither is needed.
        import llama_cpp

        from profilegen.llama import native
        from profilegen.llama.chat_template import ChatTemplate

        self._native = native
        self._model = native.load_model(str(path))
        self.vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.template = ChatTemplate.from_model(self._model, self.vocab)
        self.end = int(llama_cpp.llama_vocab_eos(self.vocab))

    def plain(self, text: str) -> list[int]:
        """Return the tokens of a text, in which no control token is read.

        :param text: any text.
        """
        tokens: list[int] = self._native.tokenize(self.vocab, text, special=False, parse_special=False)
        return tokens

    def chat(self, system: str, request: str) -> list[int]:
        """Return the tokens of a chat up to its answer.

        :param system: the first turn.
        :param request: the user's turn.
        """
        messages = [{"role": "system", "content": system}, {"role": "user", "content": _MARK}]
        before, _, after = self.template.render(messages).rpartition(_MARK)
        ends = (self._native.tokenize(self.vocab, text, special=False, parse_special=True) for text in (before, after))
        return [*next(ends), *self.plain(request), *next(ends)]


class Adapted(nn.Module):  # type: ignore[misc, unused-ignore]
    """A frozen matrix, or several that read the same input, with a low-rank change.

    :param weights: matrices (n_out, n_in), by their names in the file.
    :param biases: of some of them.
    :param rank: of the change; 0 for none.
    :param scale: of the change.
    """

    def __init__(self, weights: dict[str, Tensor], biases: dict[str, Tensor], rank: int, scale: float) -> None:
        super().__init__()
        self.names = {name: weight.shape[0] for name, weight in weights.items()}
        self.register_buffer("weight", torch.cat(list(weights.values())).to(_DTYPE), persistent=False)
        bias = torch.cat([biases.get(name, torch.zeros(size)) for name, size in self.names.items()])
        self.register_buffer("bias", bias.to(_DTYPE) if biases else None, persistent=False)
        n_out, n_in = self.weight.shape
        if rank:
            self.a = nn.Parameter(torch.randn(rank, n_in) / n_in**0.5)
            self.b = nn.Parameter(torch.zeros(n_out, rank))
        self.rank, self.scale = rank, scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the product with the changed matrix.

        :param x: (..., n_in), of the dtype of the weights.
        """
        product = functional.linear(x, self.weight, self.bias)
        if not self.rank:
            return product
        down = functional.linear(x, self.a.to(x.dtype))
        return product.add(functional.linear(down, self.b.to(x.dtype)), alpha=self.scale)


class Layer(nn.Module):  # type: ignore[misc, unused-ignore]
    """A block of the transformer: attention and a gated feed-forward network, each behind a norm."""

    def __init__(self, number: int, weights: dict[str, Tensor], shape: Shape, rank: int, scale: float) -> None:
        super().__init__()
        self.shape = shape

        def adapted(*names: str) -> Adapted:
            full = [f"blk.{number}.{name}" for name in names]
            biases = {name: weights[f"{name}.bias"] for name in full if f"{name}.bias" in weights}
            return Adapted({name: weights[f"{name}.weight"] for name in full}, biases, rank, scale)

        self.qkv = adapted("attn_q", "attn_k", "attn_v")
        self.out = adapted("attn_output")
        self.gate_up = adapted("ffn_gate", "ffn_up")
        self.down = adapted("ffn_down")
        for name in ("attn_norm", "ffn_norm"):
            self.register_buffer(name, weights[f"blk.{number}.{name}.weight"], persistent=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the block's output.

        :param x: (n_rows, n_tokens, n_embd), of the dtype of the weights.
        :param cos: (n_tokens, head_dim / 2) of the rotary positions.
        :param sin: the same.
        """
        shape, (rows, tokens, _) = self.shape, x.shape
        sizes = [shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim, shape.kv_heads * shape.head_dim]
        parts = self.qkv(_norm(x, self.attn_norm, shape.epsilon)).split(sizes, -1)
        q, k, v = (part.view(rows, tokens, -1, shape.head_dim).transpose(1, 2) for part in parts)
        turned = _rotate(torch.cat([q, k], 1).float(), cos, sin, shape.halves)
        q, k = turned.split([shape.heads, shape.kv_heads], 1)
        # In float32 on processors: the library's bfloat16 attention is slower there.
        q, k, v = (part.to(x.dtype if x.is_cuda else torch.float32) for part in (q, k, v))
        groups = shape.heads // shape.kv_heads
        if not x.is_cuda:
            k, v = (part.repeat_interleave(groups, 1) for part in (k, v))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=x.is_cuda).to(x.dtype)
        x = x + self.out(attended.transpose(1, 2).reshape(rows, tokens, -1))
        gate, up = self.gate_up(_norm(x, self.ffn_norm, shape.epsilon)).chunk(2, -1)
        result: Tensor = x + self.down(functional.silu(gate) * up)
        return result


class Shape(NamedTuple):
    """The numbers of a model that its forward pass needs."""

    heads: int
    kv_heads: int
    head_dim: int
    epsilon: float
    theta: float
    halves: bool


class LanguageModel(nn.Module):  # type: ignore[misc, unused-ignore]
    """A decoder of the architecture `llama` or `qwen2` with LoRA in every block, or in the last ones.

    :param path: the GGUF file.
    :param rank: of LoRA.
    :param n_layers: use only the first blocks.
    :param n_trained: number of blocks with LoRA, the last ones; training them alone takes less time.
    """

    def __init__(self, path: Path, rank: int, n_layers: int | None = None, n_trained: int | None = None) -> None:
        super().__init__()
        reader = GGUFReader(path)
        fields = {n: field.contents() for n, field in reader.fields.items() if not n.startswith("tokenizer.ggml.")}
        arch = fields["general.architecture"]
        weights = {
            tensor.name: torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
            for tensor in reader.tensors
        }
        heads, n_embd = int(fields[f"{arch}.attention.head_count"]), int(fields[f"{arch}.embedding_length"])
        self.shape = Shape(
            heads=heads,
            kv_heads=int(fields[f"{arch}.attention.head_count_kv"]),
            head_dim=n_embd // heads,
            epsilon=float(fields[f"{arch}.attention.layer_norm_rms_epsilon"]),
            theta=float(fields.get(f"{arch}.rope.freq_base", 10_000.0)),
            halves=arch == "qwen2",
        )
        self.rank, self.scale = rank, 2.0
        n_layers = n_layers or int(fields[f"{arch}.block_count"])
        self.first_trained = n_layers - min(n_trained or n_layers, n_layers)
        self.layers = nn.ModuleList(
            Layer(n, weights, self.shape, rank if n >= self.first_trained else 0, self.scale) for n in range(n_layers)
        )
        self.register_buffer("embedding", weights["token_embd.weight"].to(_DTYPE), persistent=False)
        output = weights.get("output.weight", weights["token_embd.weight"])
        self.register_buffer("output", output.to(_DTYPE), persistent=False)
        self.register_buffer("norm", weights["output_norm.weight"], persistent=False)
        self.to(DEVICE)

    def hidden(self, ids: Tensor) -> Tensor:
        """Return the last hidden states, normalised.

        :param ids: (n_rows, n_tokens); rows are padded on the right, which a causal model does not see.
        """
        x = self.embedding[ids]
        cos, sin = (angles.to(x.device) for angles in _positions(ids.shape[1], self.shape))
        with torch.no_grad():
            for layer in self.layers[: self.first_trained]:
                x = layer(x, cos, sin)
        for layer in self.layers[self.first_trained :]:
            x = layer(x, cos, sin)
        return _norm(x, self.norm, self.shape.epsilon)

    def logits(self, hidden: Tensor, tokens: Sequence[int] | None = None) -> Tensor:
        """Return float32 logits of all tokens, or of some.

        :param hidden: (n, n_embd).
        :param tokens: indices in the vocabulary.
        """
        rows = self.output if tokens is None else self.output[torch.tensor(tokens, device=hidden.device)]
        return functional.linear(hidden, rows).float()

    def load(self, path: Path) -> None:
        """Take over the changes of an adapter that `save` wrote.

        :param path: safetensors file of the same rank and the same base.
        """
        tensors = {name: torch.from_numpy(values.astype(np.float32)) for name, values in load_file(path).items()}
        for module in self.modules():
            if isinstance(module, Adapted) and module.rank:
                parts = [tensors[f"{name}.lora_b"] / self.scale for name in module.names]
                module.b.data.copy_(torch.cat(parts))
                module.a.data.copy_(tensors[f"{next(iter(module.names))}.lora_a"])

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        """Write the adapter: `NAME.lora_a` and `NAME.lora_b` for each matrix, the scale in the latter.

        :param path: safetensors file to write.
        :param metadata: what else the file says.
        """
        tensors: dict[str, Any] = {}
        for module in self.modules():
            if isinstance(module, Adapted) and module.rank:
                parts = module.b.detach().cpu().split(list(module.names.values()))
                for name, part in zip(module.names, parts, strict=True):
                    tensors[f"{name}.lora_a"] = module.a.detach().cpu().numpy().astype(np.float16)
                    tensors[f"{name}.lora_b"] = np.ascontiguousarray((self.scale * part).numpy().astype(np.float16))
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path, metadata=metadata)


def train(
    model: LanguageModel,
    epochs: Sequence[Sequence[Learned]],
    loss_of: Callable[[LanguageModel, list[Learned]], Tensor],
    *,
    rate: float,
    batch_tokens: int,
    seed: int,
    checkpoint: Path,
    max_steps: int | None = None,
    measure: Callable[[], float] | None = None,
) -> None:
    """Train the adapter; a run that was stopped goes on from its last checkpoint.

    :param model: what is trained.
    :param epochs: rows of each epoch.
    :param loss_of: loss of a batch of rows.
    :param rate: highest learning rate; it falls linearly to 0.
    :param batch_tokens: tokens of a batch, padding counted.
    :param seed: of the order.
    :param checkpoint: file for the state.
    :param max_steps: number of steps, at most; by default all batches of the epochs.
    :param measure: a loss to print after each epoch.
    """
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
    batches: list[list[Learned]] = []
    ends: list[int] = []
    for epoch, rows in enumerate(epochs):
        lengths = [len(row.prompt) + len(row.answer) for row in rows]
        batches += [[rows[at] for at in batch] for batch in _shuffled(lengths, batch_tokens, seed + epoch)]
        ends.append(len(batches))
    steps = min(max_steps or len(batches), len(batches))
    warmup = max(1, round(_WARMUP_SHARE * steps))
    print(f"{sum(p.numel() for p in parameters):,} weights are trained in {steps} steps", flush=True)
    begin = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=DEVICE)
        begin = state["step"]
        model.load_state_dict(state["model"], strict=False)
        optimizer.load_state_dict(state["optimizer"])
        print(f"goes on after step {begin}", flush=True)
    start, losses = time.perf_counter(), list[Tensor]()
    model.train()
    for step in range(begin, steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min((step + 1) / warmup, (steps - step) / max(1, steps - warmup))
        loss = loss_of(model, batches[step])
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        if (step + 1) % 25 == 0 or step + 1 == steps:
            left = (time.perf_counter() - start) / (step + 1 - begin) * (steps - step - 1)
            mean = torch.stack(losses[-25:]).mean()
            print(f"step {step + 1} of {steps}, loss {mean:.3f}, {left / 60:.0f} min left", flush=True)
        if measure and step + 1 in ends:
            print(f"epoch {ends.index(step + 1) + 1}: loss of what was held out {measure():.4f}", flush=True)
            model.train()
        if (step + 1) % 50 == 0 or step + 1 == steps:
            state = {"step": step + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)


def save_rows(
    path: Path, epochs: Sequence[Sequence[Row]], held_out: Sequence[Row], measured: Sequence[Measured] = ()
) -> None:
    """Write examples to a file.

    :param path: file to write, .npz.
    :param epochs: examples of each epoch.
    :param held_out: examples that are measured on.
    :param measured: what a verifier is measured by, for each of these.
    """
    arrays: dict[str, Any] = {"measured": np.frombuffer(json.dumps(measured).encode(), np.uint8)}
    for name, rows in [*((str(epoch), rows) for epoch, rows in enumerate(epochs)), ("held out", held_out)]:
        arrays[f"{name} tokens"] = np.array([token for row in rows for part in row for token in part], np.int32)
        arrays[f"{name} lengths"] = np.array([[len(part) for part in row] for row in rows], np.int32).reshape(-1, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def load_rows(path: Path) -> tuple[list[list[Row]], list[Row], list[Measured]]:
    """Return the examples of each epoch, those that are held out and what a verifier is measured by.

    :param path: file that `save_rows` wrote.
    """
    with np.load(path) as arrays:
        rows = {name.removesuffix(" lengths"): _rows(arrays, name) for name in arrays if name.endswith(" lengths")}
        measured = [Measured(*each) for each in json.loads(arrays["measured"].tobytes())]
    held_out = rows.pop("held out")
    return [rows[str(epoch)] for epoch in range(len(rows))], held_out, measured


def trainer_options(description: str | None, *, rows: str) -> argparse.ArgumentParser:
    """Return a parser of the options that all trainers of language models have.

    :param description: of the trainer.
    :param rows: what its examples are, and what writes them.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="GGUF file of the language model")
    parser.add_argument("--rows", type=Path, required=True, help=rows)
    parser.add_argument("--out", type=Path, required=True, help="directory for the adapter, the state and the report")
    parser.add_argument("--rank", type=int, default=16, help="of LoRA")
    parser.add_argument("--batch-tokens", type=int, default=4_096)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return (n_rows, longest) token ids, with zeros on the right.

    :param rows: token ids.
    """
    ids = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
    return ids.to(DEVICE)


def _rows(arrays: Mapping[str, Any], name: str) -> list[Row]:
    lengths = arrays[name]
    if not len(lengths):
        return []
    parts = np.split(arrays[name.replace(" lengths", " tokens")], np.cumsum(lengths.reshape(-1))[:-1])
    return [Row(prompt.tolist(), answer.tolist()) for prompt, answer in zip(parts[::2], parts[1::2], strict=True)]


def _shuffled(lengths: Sequence[int], batch_tokens: int, seed: int) -> list[list[int]]:
    """Return batches of like lengths in random order."""
    generator = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda at: lengths[at] * generator.uniform(0.85, 1.15))
    batches: list[list[int]] = []
    longest = 0
    for at in order:
        longest = max(longest, lengths[at])
        if not batches or longest * (len(batches[-1]) + 1) > batch_tokens:
            batches.append([])
            longest = lengths[at]
        batches[-1].append(at)
    generator.shuffle(batches)
    return batches


def _norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    if x.is_cuda:  # It reckons in float32 by itself.
        return functional.rms_norm(x, (x.shape[-1],), weight.to(x.dtype), epsilon)
    return functional.rms_norm(x.float(), (x.shape[-1],), weight, epsilon).to(x.dtype)


def _positions(n_tokens: int, shape: Shape) -> tuple[Tensor, Tensor]:
    frequencies = shape.theta ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
    angles = torch.arange(n_tokens).float()[:, None] * frequencies
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor, halves: bool) -> Tensor:
    if halves:
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
