"""How long `profilegen --help` takes."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.measures import Section


def measure(*, rounds: int) -> Section:
    """Start the command line repeatedly; the first start, which compiles Python files, is not counted.

    :param rounds: number of starts that are counted.
    """
    section = Section("Seconds until `profilegen --help` has printed and ended.")
    section.add("startup.help", "s", [_help() for _ in range(rounds + 1)][1:])
    section.facts["target at most"] = 0.3
    return section


def _help() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "profilegen", "--help"], check=True, capture_output=True)
    return time.perf_counter() - start
