"""Chinese: words, which no spaces separate."""

from __future__ import annotations

from profilegen.language.record import Language


def _segment(text: str) -> list[tuple[str, str]]:
    import rjieba

    return list(rjieba.tag(text))


LANGUAGE = Language("zh", "Chinese", segment=_segment, comma="、", colon="：", parentheses="（{}）", others="其他")
