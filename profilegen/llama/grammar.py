"""The form of an answer as a grammar of llguidance (Lark with extensions, or a JSON schema).

llguidance: https://github.com/guidance-ai/llguidance, `docs/syntax.md`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from profilegen.backends import Choices, JsonSchema, Shape, Text


def grammar_of(answer: Shape) -> str:
    """Return the grammar that an answer of this form follows.

    :param answer: the form.
    :raises ValueError: the form allows no text.
    """
    if isinstance(answer, JsonSchema):
        from llguidance import LLMatcher

        # With fixed blanks, the text between two values is known and need not be generated.
        blanks: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
        return str(LLMatcher.grammar_from_json_schema(dict(answer.schema), overrides=blanks))
    parts = (answer,) if isinstance(answer, Choices) else answer
    if not parts:
        raise ValueError("the form of its answer is empty")
    following = [*parts[1:], ""]
    return "start: " + " ".join(_rule(part, after) for part, after in zip(parts, following, strict=True))


def _rule(part: str | Choices | Text, after: str | Choices | Text) -> str:
    """Return the rule of one part.

    :param after: the part that follows. Its first characters end a free text: the lexemes of llguidance are greedy,
        and one that may contain the next literal never ends.
    """
    if isinstance(part, str):
        return _literal(part)
    if isinstance(part, Choices):
        if not part.options:
            raise ValueError("the form of its answer has a choice without options")
        return f"({' | '.join(map(_literal, part.options))})"
    if isinstance(after, Text):
        raise ValueError("the form of its answer has two free texts with nothing between them")
    ends = (after,) if isinstance(after, str) else after.options
    excluded = "".join(sorted({re.escape(end[0]) for end in ends if end}))
    return f"/[^\\x00-\\x1f\\x7f{excluded.replace('/', chr(92) + '/')}]{{1,{part.max_chars}}}/"


def _literal(text: str) -> str:
    """Return a text as a literal of Lark, which is written as in JSON."""
    if not text:
        raise ValueError("the form of its answer has an empty text")
    return json.dumps(text, ensure_ascii=False)
