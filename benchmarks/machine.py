"""The machine of a measurement: processor, versions, and its best rate of matrix products."""

from __future__ import annotations

import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

_PACKAGES = (
    "profilegen",
    "llama-cpp-python",
    "chromadb",
    "hdbscan",
    "umap-learn",
    "numpy",
    "xllamacpp",
    "sentence-transformers",
    "torch",
)
_MATRIX = 1_536
_PEAK_ROUNDS = 5


def machine() -> dict[str, Any]:
    """Return what a reader needs in order to compare the figures with others: processor, memory, versions, load."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "load_before": round(os.getloadavg()[0], 2),
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def matrix_peak_gflops() -> float:
    """Return the best rate of float32 matrix products, 1,536 square, with a process of one thread on every core.

    Shares of peak are relative to this. Quantised products use 8-bit instructions, several of which fit in the time of
    one float32 product, so a share above 1 is possible.
    """
    with ProcessPoolExecutor(cores(), get_context("spawn"), _one_thread) as pool:
        list(pool.map(_gflops, range(cores())))  # all processes have started and imported numpy
        return max(sum(pool.map(_gflops, range(cores()))) for _ in range(_PEAK_ROUNDS))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = names.get("model name") or platform.machine()
    if "flags" not in names:
        return name
    shown = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile") if flag in names["flags"]]
    family = f"family {names.get('cpu family')} model {names.get('model')}"
    return f"{name} ({family}; {' '.join(shown)})"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _one_thread() -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _gflops(_: int) -> float:
    import numpy as np

    a = np.ones((_MATRIX, _MATRIX), np.float32)
    start = time.perf_counter()
    a @ a
    return 2 * _MATRIX**3 / (time.perf_counter() - start) / 1e9
