"""Measures a verifier as the gate of a build: which notes of users that were held out stand, and which traps do.

    python -m training.gate verifier.gguf

A note may stand on a passage, a sentence, or several passages together, so that a false one has more chances to stand
than in pairs of one text and one claim. The threshold of a verifier is chosen here.

`--judged FILES` measures on notes of a writer that were judged by reading (`data/judged`), which are what a build
meets; name files that the verifier was not trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from profilegen.backends import Options, Verifier, open_verifier
from profilegen.claims.notes import Note
from profilegen.claims.passages import Passage
from profilegen.claims.support import log_odds
from profilegen.claims.verification import Case, CheckedNote, check
from training.examples import held_out_users, judged_sheets, sheet_passages
from training.measures import Array, Measured, binary, measure


def main() -> int:
    """Check notes and traps, and print figures by language and form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verifier", help="name or path")
    parser.add_argument("--languages", nargs="*", default=[], help="only these")
    parser.add_argument("--users", type=int, default=400, help="how many users, at most")
    parser.add_argument("--out", type=Path, help="JSON file for the probabilities and what holds")
    parser.add_argument("--judged", nargs="*", default=[], help="measure on these files of judged notes instead")
    options = parser.parse_args()
    if options.judged:
        return _judged(options.verifier, options.judged)
    users = [user for user in held_out_users() if not options.languages or user["language"] in options.languages]
    users = users[: options.users]
    cases, rows = [], []
    for user in users:
        notes = [Note(n["kind"], n["polarity"], n["text"], tuple(n["passages"])) for n in user["notes"]]
        traps = [Note("lifestyle", "is", trap["claim"], (trap["passage"],)) for trap in user["traps"]]
        cases.append(Case([*notes, *traps], _reading(user), user["language"]))
        labels = [0] * len(notes) + [1] * len(traps)
        rows += [Measured(label, user["language"], user["form"]) for label in labels]
    with open_verifier(options.verifier, Options(workers=2)) as verifier:
        checked = [note for notes in check(cases, verifier) for note in notes]
        threshold = verifier.threshold
    shown = np.array([note.probability for note in checked])
    report = measure(np.stack([shown, 1 - shown], axis=1), rows)
    report["at the threshold of the verifier"] = binary(shown, np.array([row.label == 0 for row in rows]), threshold)
    print(json.dumps(report, indent=1))
    if options.out:
        pairs = [[float(each), row.label == 0] for each, row in zip(shown, rows, strict=True)]
        options.out.write_text(json.dumps(pairs))
    return 0


def _judged(name: str, files: Sequence[str]) -> int:
    """Check the notes of writers, and print how many of those that stand hold, by writer and by kind."""
    sheets = [sheet for sheet in judged_sheets() if sheet["file"] in files]
    rows = [(sheet, note) for sheet in sheets for note in sheet["notes"]]
    with open_verifier(name, Options(workers=2)) as verifier:
        checked, alone = _checked(sheets, verifier, with_sureness=True), _checked(sheets, verifier, with_sureness=False)
    holds = np.array([note["holds"] for _, note in rows])
    signs = {
        "the verifier alone": np.array([note.probability for note in alone]),
        "the writer's sureness alone": np.array([note.get("sureness") or 1.0 for _, note in rows]),
        "both": np.array([note.probability for note in checked]),
        "shared words alone": np.array([_shared_words(note["text"], sheet) for sheet, note in rows]),
    }
    stands = np.array([note.label == "shown" for note in checked])
    stood = np.array([note.label == "shown" for note in alone])
    kinds = np.array([note["kind"] for _, note in rows])
    writers = np.array([sheet.get("writer", "") for sheet, _ in rows])
    groups = [("all", kinds == kinds)]
    groups += [(value, of == value) for of in (writers, kinds) for value in sorted(set(of))]
    report = {
        group: {
            "notes": int(chosen.sum()),
            "hold": round(float(holds[chosen].mean()), 3),
            "stand": _standing(stands[chosen], holds[chosen]),
            "would stand by the verifier alone": _standing(stood[chosen], holds[chosen]),
            "quotes from passages that show it": _right_quotes(rows, checked, chosen & holds),
            "area under the curve": {
                sign: round(float(roc_auc_score(holds[chosen], values[chosen])), 3) for sign, values in signs.items()
            },
        }
        for group, chosen in groups
        if 0 < holds[chosen].sum() < chosen.sum()
    }
    print(json.dumps(report, indent=1))
    odds = [log_odds(signs["the writer's sureness alone"]), log_odds(signs["the verifier alone"])]
    features = np.stack([*odds, kinds == "interest", kinds == "value"], axis=1).astype(float)
    for writer in sorted(set(writers)) if len(set(writers)) > 1 else []:
        own = writers == writer
        fitted = LogisticRegression(C=3).fit(features[~own], holds[~own])
        area = roc_auc_score(holds[own], fitted.decision_function(features[own]))
        print(json.dumps({f"area of {writer}, fitted on the notes of the others": round(float(area), 3)}))
    model = LogisticRegression(C=3).fit(features, holds)
    names = ("sureness", "verdict", "interest", "value")
    weights = {name: round(float(weight), 2) for name, weight in zip(names, model.coef_[0], strict=True)}
    print(json.dumps({"weights that fit these notes": weights | {"neither": round(float(model.intercept_[0]), 2)}}))
    return 0


def _checked(sheets: Sequence[dict[str, Any]], verifier: Verifier, *, with_sureness: bool) -> list[CheckedNote]:
    cases = [
        Case(
            [
                Note(
                    note["kind"],
                    note["polarity"],
                    note["text"],
                    tuple(note["passages"]),
                    note.get("sureness") if with_sureness else None,
                )
                for note in sheet["notes"]
            ],
            _reading(sheet),
            sheet["language"],
            sheet.get("reserve", 0.0) if with_sureness else 0.0,
        )
        for sheet in sheets
    ]
    return [note for notes in check(cases, verifier) for note in notes]


def _right_quotes(
    rows: Sequence[tuple[dict[str, Any], dict[str, Any]]], checked: Sequence[CheckedNote], chosen: Array
) -> float | None:
    """Return the share of quotes that are of passages which show the note, of the chosen ones that stand."""
    right = [
        int(quote.document) + 1 in rows[at][1]["shown_by"]
        for at in np.flatnonzero(chosen).tolist()
        for quote in checked[at].evidence
    ]
    return round(float(np.mean(right)), 3) if right else None


def _standing(stands: Array, holds: Array) -> dict[str, Any]:
    return {
        "n": int(stands.sum()),
        "of these hold": round(float(holds[stands].mean()), 3) if stands.any() else None,
        "of those that hold": round(float(stands[holds].mean()), 3),
    }


def _reading(record: dict[str, Any]) -> tuple[Passage, ...]:
    """Return the passages of a user or a sheet."""
    return tuple(
        Passage(document=str(at), text=p.get("text", ""), item=p.get("item"), rating=p.get("rating"))
        for at, p in enumerate(record["passages"])
    )


def _shared_words(text: str, sheet: dict[str, Any]) -> float:
    """Return the largest share of a note's words that one passage has too: what needs no model."""
    words = set(text.casefold().split())
    return max(len(words & set(passage.casefold().split())) for passage in sheet_passages(sheet)) / len(words)


if __name__ == "__main__":
    sys.exit(main())
