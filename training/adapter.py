"""Writes what training changed in a model as a small adapter: python -m training.adapter --help.

What changed in a matrix is factored by singular values, which keeps a LoRA of that rank as it is. The adapter has the
names of llama.cpp; `training.merge` merges it into the base. The weights of several runs that went on from the same
adapter may be averaged (model soups, Wortsman et al. 2022, arXiv 2203.05482).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from training.measures import LABELS
from training.verifier import GGUF_NAMES, HEAD, load_base

_HEAD_NAMES = {theirs: ours for ours, theirs in HEAD.items()}


def main() -> int:
    """Write the adapter and print its hash."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="GGUF file that the training began with")
    parser.add_argument(
        "--weights", type=Path, nargs="+", required=True, help="merged.pt of the training; of several, the mean"
    )
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--threshold", type=float, required=True, help="probability from which a claim counts as shown")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    options = parser.parse_args()
    before = load_base(options.base).state_dict()
    trained = [torch.load(path, map_location="cpu", weights_only=True) for path in options.weights]
    after = {key: torch.stack([each[key].double() for each in trained]).mean(0).float() for key in trained[0]}
    names = {theirs: ours for ours, theirs in GGUF_NAMES.items()}
    tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float16]]] = {}
    lost = []
    for key, weights in after.items():
        if key in _HEAD_NAMES:
            tensors[_HEAD_NAMES[key]] = weights.numpy().astype(np.float16)
            continue
        if not key.startswith("bert.encoder.layer."):
            continue
        change = (weights - before[key]).double()
        if not change.abs().max() > 1e-7:
            continue
        path, _, kind = key.rpartition(".")
        _, _, _, layer, rest = path.split(".", 4)
        if weights.ndim == 1:
            tensors[f"blk.{layer}.{names[rest]}.{kind}"] = weights.numpy().astype(np.float16)
            continue
        left, sizes, right = torch.linalg.svd(change, full_matrices=False)
        lost.append(float((sizes[options.rank :] ** 2).sum() / (sizes**2).sum()))
        root = sizes[: options.rank].sqrt()
        name = f"blk.{layer}.{names[rest]}"
        tensors[f"{name}.lora_a"] = (root[:, None] * right[: options.rank]).numpy().astype(np.float16)
        tensors[f"{name}.lora_b"] = (left[:, : options.rank] * root).numpy().astype(np.float16)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    # safetensors writes an array's memory as it lies there.
    tensors = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    save_file(tensors, options.out, metadata={"labels": "|".join(LABELS), "threshold": str(options.threshold)})
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(f"{options.out}: {options.out.stat().st_size:,} bytes, {len(lost)} matrices, at most {max(lost):.1e} lost")
    print(f"sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
