"""The form of an answer as a grammar of llguidance (Lark with extensions, or a JSON schema).

llguidance: https://github.com/guidance-ai/llguidance, `docs/syntax.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from profilegen.backends import Alternatives, Choices, JsonSchema, Numbers, Part, Parts, Repeat, Shape

T = TypeVar("T")


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
    rules: dict[str, str] = {}
    start = _sequence((answer,) if isinstance(answer, Choices) else answer, frozenset(), rules)
    return "\n".join([f"start: {start}", *(f"{name}: {rule}" for name, rule in rules.items())])


def _sequence(parts: Parts, after: frozenset[str], rules: dict[str, str]) -> str:
    """Return the rule of a sequence, and add the rules that it refers to.

    :param after: the characters that may follow the sequence.
    """
    if not parts:
        raise ValueError("the form of its answer is empty")
    ends = [*(_first_characters(part) for part in parts[1:]), after]
    return " ".join(_rule(part, end, rules) for part, end in zip(parts, ends, strict=True))


def _rule(part: Part, after: frozenset[str], rules: dict[str, str]) -> str:
    """Return the rule of one part.

    :param after: the characters that may follow. They end a free text: the lexemes of llguidance are greedy, and one
        that may contain the next literal never ends.
    """
    if isinstance(part, str):
        return _literal(part)
    if isinstance(part, Choices):
        return f"({' | '.join(map(_literal, _some(part.options)))})"
    if isinstance(part, Alternatives):
        return f"({' | '.join(_sequence(option, after, rules) for option in _some(part.options))})"
    if isinstance(part, Repeat):
        rule = _named(_sequence(part.parts, after | {part.separator[:1]}, rules), rules)
        return f"{rule} ({_literal(part.separator)} {rule}){{{part.at_least - 1},{part.at_most - 1}}}"
    if isinstance(part, Numbers):
        return _numbers(part, rules)
    if "" in after:
        raise ValueError("the form of its answer has two free texts with nothing between them")
    excluded = "".join(sorted(re.escape(each) for each in after | {*part.without} if each.isprintable()))
    return f"/[^\\x00-\\x1f\\x7f{excluded.replace('/', chr(92) + '/')}]{{1,{part.max_chars}}}/"


def _numbers(part: Numbers, rules: dict[str, str]) -> str:
    """Return the rule of ascending numbers: each of them names those that may follow it."""
    following: dict[tuple[int, int], str] = {}
    for left in range(1, part.at_most + 1):
        for number in range(part.last, 0, -1):
            larger = [following[other, left - 1] for other in range(number + 1, part.last + 1) if left > 1]
            rest = f' ("," ({" | ".join(larger)}))?' if larger else ""
            following[number, left] = _named(f"{_literal(str(number))}{rest}", rules)
    return f"({' | '.join(_some([following[number, part.at_most] for number in range(1, part.last + 1)]))})"


def _named(rule: str, rules: dict[str, str]) -> str:
    """Add a rule and return its name."""
    name = f"r{len(rules)}"
    rules[name] = rule
    return name


def _first_characters(part: Part) -> frozenset[str]:
    """Return the characters that a part may begin with; "" stands for any, and of an empty literal there is none."""
    if isinstance(part, str):
        return frozenset(part[:1])
    if isinstance(part, Choices):
        return frozenset(option[0] for option in part.options if option)
    if isinstance(part, Alternatives):
        return frozenset().union(*(_first_characters(option[0]) for option in part.options if option))
    if isinstance(part, Repeat):
        return _first_characters(part.parts[0]) if part.parts else frozenset()
    return frozenset("123456789") if isinstance(part, Numbers) else frozenset({""})


def _some(options: Sequence[T]) -> Sequence[T]:
    if not options:
        raise ValueError("the form of its answer has a choice without options")
    return options


def _literal(text: str) -> str:
    """Return a text as a literal of Lark, which is written as in JSON."""
    if not text:
        raise ValueError("the form of its answer has an empty text")
    return json.dumps(text, ensure_ascii=False)
