"""Merges an adapter into the model that it was trained on: python -m training.merge BASE.gguf ADAPTER OUT.gguf."""

from __future__ import annotations

import sys
from pathlib import Path

from profilegen.llama.adapters import merge_adapter

if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"usage: {__doc__}")
    merge_adapter(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), name=Path(sys.argv[3]).stem)
