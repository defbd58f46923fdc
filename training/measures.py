"""How well verdicts tell which claims hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.examples import Example

Array = npt.NDArray[Any]


def measure(scores: Array, rows: Sequence[Example]) -> dict[str, Any]:
    """Return figures over all examples, by language and by form.

    :param scores: (n_rows, n_labels) probabilities.
    :param rows: the examples.
    """
    holds = np.array([row.label == 0 for row in rows])
    everything = binary(scores[:, 0], holds)
    threshold = everything["threshold at 5% false"]
    right = scores.argmax(1) == np.array([row.label for row in rows])
    report: dict[str, Any] = {"all": everything, "three labels right": round(float(right.mean()), 3)}
    for what in ("language", "form"):
        for value in sorted({getattr(row, what) for row in rows}):
            chosen = np.array([getattr(row, what) == value for row in rows])
            if 0 < holds[chosen].sum() < chosen.sum() and chosen.sum() >= 20:
                report[f"{what} {value}"] = binary(scores[chosen, 0], holds[chosen], threshold)
    return report


def plain_methods(train: Sequence[Example], held_out: Sequence[Example]) -> dict[str, dict[str, float]]:
    """Return the figures of what needs no reading: the claim's words alone, and words that text and claim share.

    :param train: examples to learn from.
    :param held_out: examples to measure on.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    holds = np.array([row.label == 0 for row in held_out])
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform([row.claim for row in train])
    model = LogisticRegression(max_iter=2_000).fit(features, [row.label == 0 for row in train])
    claim_only = model.predict_proba(vectorizer.transform([row.claim for row in held_out]))[:, 1]
    words = [(set(row.text.casefold().split()), set(row.claim.casefold().split())) for row in held_out]
    shared = np.array([len(text & claim) / max(len(claim), 1) for text, claim in words])
    return {"the claim's words alone": binary(claim_only, holds), "shared words": binary(shared, holds)}


def binary(shown: Array, holds: Array, threshold: float | None = None) -> dict[str, float]:
    """Return how well the probability of `shown` tells which claims hold.

    :param shown: (n,) probabilities.
    :param holds: (n,) whether the claim holds.
    :param threshold: at which a claim stands; without one, that at which at most 5% of the false ones do.
    """
    at_5 = float(np.sort(shown[~holds])[::-1][int(0.05 * (~holds).sum())]) if (~holds).any() else 0.5
    strict = at_5 if threshold is None else threshold
    return {
        "n": len(holds),
        "right at .5": round(float(((shown > 0.5) == holds).mean()), 3),
        "false that pass at .5": round(float((shown[~holds] > 0.5).mean()), 3),
        "true that stand at .5": round(float((shown[holds] > 0.5).mean()), 3),
        "right at threshold": round(float(((shown > strict) == holds).mean()), 3),
        "false that pass at threshold": round(float((shown[~holds] > strict).mean()), 3),
        "true that stand at threshold": round(float((shown[holds] > strict).mean()), 3),
        "true that stand at 5% false of this set": round(float((shown[holds] > at_5).mean()), 3),
        "threshold at 5% false": round(strict, 4),
        "brier": round(float(((shown - holds) ** 2).mean()), 4),
    }
