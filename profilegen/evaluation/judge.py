"""Grades that a larger local model gives to a sample of profiles, with the texts they were made from beside them.

Grades are as reliable as the judge. A model overrates what it wrote itself, so use another one than the store's writer
(Panickssery et al. 2024, arXiv 2404.13076).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import jinja2
import numpy as np

from profilegen.backends import Answer, Choices, Options, Progress, Prompt, Shape, Writer, turns_from
from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.records import Document
from profilegen.resources import prompts_dir

GRADES = ("faithfulness", "specificity", "readability")
_GRADE = Choices(("1", "2", "3", "4", "5"))
_ANSWER: Shape = ("faithfulness: ", _GRADE, "\nspecificity: ", _GRADE, "\nreadability: ", _GRADE)
_PROFILES = 50
_ANSWER_TOKENS = 48
# Bytes of a user's documents in the prompt, few enough for the context of most models.
_SHOWN_BYTES = 3_600
_CONTEXT_TOKENS = 3_072
_SLOTS = 2


def judge_options(workers: int) -> Options:
    """Return how a judge works: few long prompts at a time.

    :param workers: processes that hold the model.
    """
    return Options(workers=workers, slots=_SLOTS, context_tokens=_CONTEXT_TOKENS)


def measure(dataset: Dataset, model: Writer, *, progress: Progress) -> list[Measured]:
    """Return the mean grade, 1 to 5, of each kind, over up to 50 profiles that a hash of the user chooses.

    :param dataset: the store's profiles and texts.
    :param model: the judge, opened with `judge_options`; it is closed afterwards.
    :param progress: called with the stage, profiles graded, and profiles in all.
    """
    rows = [row for row in dataset.rows_by_hash() if dataset.users[row].status == "ok"][:_PROFILES]
    grades: dict[int, tuple[int, ...]] = {}
    with model as writer:
        for done, (row, answer) in enumerate(writer.write(_prompts(dataset, rows))):
            progress("judge", done, len(rows))
            if isinstance(answer, Answer) and (parsed := _grades(answer.text)):
                grades[row] = parsed
    progress("judge", len(rows), len(rows))
    reason = f"{model.name} graded none of {len(rows)} profiles"
    if not grades:
        return [LeftOut(name=f"judge.{name}", reason=reason) for name in GRADES]
    table = np.array([grades[row] for row in rows if row in grades])
    return [
        share(f"judge.{name}", table[:, column], np.ones(len(table)), reason=reason)
        for column, name in enumerate(GRADES)
    ]


def _prompts(dataset: Dataset, rows: list[int]) -> Iterator[tuple[int, Prompt]]:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(prompts_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the output is a prompt, never HTML
    )
    template = environment.get_template("judge.en.prompt.jinja")
    for row in rows:
        user = dataset.users[row]
        turns = turns_from(
            template.render(
                documents=_shown(dataset.documents[row]),
                summary=_one_line(user.summary),
                claims=[(kind, _one_line(claim.text)) for kind, claim in user.iter_claims()],
            )
        )
        yield (
            row,
            Prompt(
                shared=turns[:-1],
                request=turns[-1][1],
                answer=_ANSWER,
                max_tokens=_ANSWER_TOKENS,
            ),
        )


def _shown(documents: tuple[Document, ...]) -> list[str]:
    """Return the latest documents, one a line, each cut to an equal share of the bytes."""
    latest = documents[::-1][:8]
    max_bytes = _SHOWN_BYTES // max(len(latest), 1)
    return [_cut(". ".join(filter(None, (document.item_title, document.text))), max_bytes) for document in latest]


def _cut(text: str, max_bytes: int) -> str:
    line = _one_line(text).encode("utf-8", "replace")
    return line.decode() if len(line) <= max_bytes else line[:max_bytes].decode("utf-8", "ignore") + "…"


def _one_line(text: str) -> str:
    """Join the lines of a text, so that it cannot look like a turn of the prompt."""
    return " ".join(text.split())


def _grades(answer: str) -> tuple[int, ...] | None:
    matches = [re.search(rf"{name}: ([1-5])", answer) for name in GRADES]
    return tuple(int(match[1]) for match in matches if match) if all(matches) else None
