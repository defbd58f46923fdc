"""Averages adapters of one writer, such as those before and after `training.prefer`: python -m training.average --help.

The second begins where the first ended, so that their weights may be averaged (model soups, Wortsman et al. 2022, arXiv
2203.05482): what comes out is between the two.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file


def main() -> int:
    """Write the mean and print its hash."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapters", type=Path, nargs="+", help="safetensors files of the same base and rank")
    parser.add_argument("--reserve", type=float, default=0.0, help="added to the log-odds that its notes hold")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    options = parser.parse_args()
    each = [load_file(path) for path in options.adapters]
    if any(_shapes(tensors) != _shapes(each[0]) for tensors in each):
        parser.error("the adapters are not of the same base and rank")
    mean = {
        name: np.ascontiguousarray(np.mean([tensors[name].astype(np.float32) for tensors in each], axis=0)).astype(
            np.float16
        )
        for name in each[0]
    }
    save_file(mean, options.out, metadata={"kind": "writer", "reserve": str(options.reserve)})
    print(f"sha256 {hashlib.sha256(options.out.read_bytes()).hexdigest()}")
    return 0


def _shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in tensors.items()}


if __name__ == "__main__":
    sys.exit(main())
