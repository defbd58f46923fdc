"""Names that stand for nobody, or for many, such as `[deleted]`: the list in `prompts/nobody.txt`."""

from __future__ import annotations

from profilegen.resources import prompts_dir, resource


def names_of_nobody() -> frozenset[str]:
    """Return the names in small letters."""
    path = prompts_dir() / "nobody.txt"
    lines = (path if path.is_file() else resource("prompts/nobody.txt")).read_text("utf-8").splitlines()
    return frozenset(line.strip().casefold() for line in lines if line.strip() and not line.startswith("# "))
