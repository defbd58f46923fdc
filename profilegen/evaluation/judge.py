"""An independent judge: whether a text shows a statement about its writer, asked of another model than a build uses.

A verifier answers with a probability, a writer with yes or no. Figures of a judge are as good as the judge, so its
answers are compared with those of a person where there are any, and each figure is asked with users exchanged too. A
model overrates what it wrote itself (Panickssery et al. 2024, arXiv 2404.13076).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jinja2
import numpy as np
import numpy.typing as npt

from profilegen.backends import (
    Answer,
    Choices,
    Options,
    Prompt,
    Verifier,
    Writer,
    open_verifier,
    open_writer,
    turns_from,
)
from profilegen.errors import ModelError, UsageError
from profilegen.llama.catalog import is_pulled
from profilegen.resources import prompts_dir

Pairs = Sequence[tuple[str, str]]
"""Texts, each with a statement about who wrote it."""
Probabilities = npt.NDArray[np.float64]

DEFAULT = "qwen2.5-coder-1.5b-instruct"
_YES_OR_NO = Choices(("yes", "no"))
_ANSWER_TOKENS = 4
_CONTEXT_TOKENS = 2_048
_SLOTS = 4
# No tokenizer makes more tokens than bytes: so long a text, a statement and the question fit in the context.
_MAX_BYTES = 1_500


class Judge(NamedTuple):
    """A model that says whether texts show statements: its name, its answers as probabilities, and how to close it.

    An answer affirms from `threshold` on.
    """

    name: str
    ask: Callable[[Pairs], Probabilities]
    close: Callable[[], None]
    threshold: float = 0.5


def open_judge(source: str | None, *, workers: int, others: Sequence[str]) -> Judge | str:
    """Return a judge, or the reason why there is none.

    :param source: name or path of a writer or a verifier; None for the default, which is not downloaded for this.
    :param workers: processes that hold the model.
    :param others: names of the models that made the store, which cannot judge it.
    :raises ModelError: the named model does not exist or cannot be fetched.
    """
    if source is None and not is_pulled(DEFAULT):
        return f"no judge: `profilegen models pull {DEFAULT}`, or name another model with --judge"
    options = Options(workers=workers, slots=_SLOTS, context_tokens=_CONTEXT_TOKENS)
    try:
        verifier = open_verifier(source or DEFAULT, options)
        judge = Judge(verifier.name, _verdicts(verifier), verifier.close, verifier.threshold)
    except (ModelError, UsageError):
        writer = open_writer(source or DEFAULT, options)
        judge = Judge(writer.name, _answers(writer), writer.close)
    if judge.name in others:
        judge.close()
        return f"{judge.name} made this store and cannot judge it; name another model with --judge"
    return judge


def _verdicts(verifier: Verifier) -> Callable[[Pairs], Probabilities]:
    def ask(pairs: Pairs) -> Probabilities:
        return np.array([verdict.probability for verdict in verifier.verify(pairs)])

    return ask


def _answers(writer: Writer) -> Callable[[Pairs], Probabilities]:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(prompts_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # The output is a prompt, never HTML.
    )
    template = environment.get_template("judge.en.prompt.jinja")

    def ask(pairs: Pairs) -> Probabilities:
        """Return 1 for yes, 0 for no, NaN where there is no answer.

        :param pairs: texts and statements.
        """
        probabilities = np.full(len(pairs), np.nan)
        prompts = ((at, _prompt(template, text, statement)) for at, (text, statement) in enumerate(pairs))
        for at, answer in writer.write(prompts):
            if isinstance(answer, Answer):
                probabilities[at] = answer.text.strip() == "yes"
        return probabilities

    return ask


def _prompt(template: jinja2.Template, text: str, statement: str) -> Prompt:
    turns = turns_from(template.render(text=_one_line(text), statement=_one_line(statement)))
    return Prompt(shared=turns[:-1], request=turns[-1][1], answer=_YES_OR_NO, max_tokens=_ANSWER_TOKENS)


def _one_line(text: str) -> str:
    """Join the lines of a text, so that it cannot look like a turn of the prompt, and cut it."""
    line = " ".join(text.split()).encode("utf-8", "replace")
    return line.decode() if len(line) <= _MAX_BYTES else line[:_MAX_BYTES].decode("utf-8", "ignore") + "…"
