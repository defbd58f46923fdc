"""Chinese: words, which no spaces separate."""

from __future__ import annotations

from profilegen.language.record import Language


def _segment(text: str) -> list[str]:
    import rjieba

    return list(rjieba.cut(text))


LANGUAGE = Language("zh", "Chinese", segment=_segment, comma="、", colon="：")
