"""Exports that are known by their shape: one module a source, one table of them in `registry`."""
