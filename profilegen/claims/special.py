"""Claims about special subjects, such as health or faith, which are held back unless they are asked for.

`prompts/special.toml` has claims about each subject and everyday claims near to them, in several languages. A logistic
regression learns the difference from the vectors that the store's embedder gives these, so any embedder will do, and
one for many languages knows the subjects in languages without examples. Of 139 special claims of another file
(tests/special.jsonl, 11 languages) multilingual-e5 has 99% held back, and 7% of 145 everyday ones near to them;
MiniLM, which reads English alone, 93% of 45 and 15% of 40.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from profilegen.resources import prompts_dir
from profilegen.vectors import Vectors, unit_rows

_FILE = "special.toml"
_EVERYDAY = "everyday"
# Chosen by cross-validation on special.toml: of its special claims 93% are held back, of its everyday ones, many of
# which are near to special subjects, 6% (English; MiniLM and multilingual-e5 differ by one in a hundred).
_MAX_EVERYDAY = 0.65
_INVERSE_REGULARISATION = 10.0


@dataclass(frozen=True)
class SpecialSubjects:
    """What tells special subjects by a vector.

    :param names: of the subjects and of `everyday`, (n_subjects,).
    :param centre: (n_dims,) float32, mean of the vectors learned from.
    :param weights: (n_dims, n_subjects) float32.
    :param biases: (n_subjects,) float32.
    """

    names: tuple[str, ...]
    centre: Vectors
    weights: Vectors
    biases: Vectors


def learn_special_subjects(embed: Callable[[Sequence[str]], Vectors]) -> SpecialSubjects:
    """Return what tells special subjects by the vectors of an embedder.

    :param embed: `Embedder.embed`.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    examples = [
        (claim, subject)
        for subject, languages in tomllib.loads((prompts_dir() / _FILE).read_text("utf-8")).items()
        for claims in languages.values()
        for claim in claims
    ]
    vectors = embed([claim for claim, _ in examples])
    centre = vectors.mean(axis=0)
    model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=1_000)
    with threadpool_limits(1):  # On busy cores, threads that wait for each other take a hundred times as long.
        model.fit(unit_rows(vectors - centre), [subject for _, subject in examples])
    return SpecialSubjects(
        tuple(map(str, model.classes_)),
        np.asarray(centre, np.float32),
        np.asarray(model.coef_.T, np.float32),
        np.asarray(model.intercept_, np.float32),
    )


def special_subjects(claims: Vectors, subjects: SpecialSubjects) -> list[str | None]:
    """Return the special subject that each claim is about, None for everyday ones.

    :param claims: (n_claims, n_dims) float32, rows L2-normalised: vectors of the claims as predicates.
    :param subjects: as of `learn_special_subjects`, with the same embedder.
    """
    if not len(claims):
        return []
    scores = unit_rows(claims - subjects.centre) @ subjects.weights + subjects.biases
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    everyday = subjects.names.index(_EVERYDAY)
    special = shares[:, everyday] <= _MAX_EVERYDAY
    shares[:, everyday] = -1
    return [subjects.names[best] if held else None for held, best in zip(special, shares.argmax(axis=1), strict=True)]
