"""How fast profilegen is, beside what one would have without it: `python -m benchmarks`."""
