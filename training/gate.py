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
from sklearn.metrics import roc_auc_score

from profilegen.backends import Options, open_verifier
from profilegen.claims.notes import Note
from profilegen.claims.passages import Passage
from profilegen.claims.verification import Case, check
from training.examples import held_out_users, judged_sheets, sheet_passages
from training.measures import Measured, binary, measure


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
    """Check the notes of a writer, and print how many of those that stand hold, by kind."""
    sheets = [sheet for sheet in judged_sheets() if sheet["file"] in files]
    cases, rows = [], []
    for sheet in sheets:
        notes = [Note(n["kind"], n["polarity"], n["text"], tuple(n["passages"])) for n in sheet["notes"]]
        cases.append(Case(notes, _reading(sheet), sheet["language"]))
        rows += [(sheet, note) for note in sheet["notes"]]
    with open_verifier(name, Options(workers=2)) as verifier:
        checked = [note for notes in check(cases, verifier) for note in notes]
        threshold = verifier.threshold
    holds = np.array([note["holds"] for _, note in rows])
    shown = np.array([note.probability for note in checked])
    stands = np.array([note.label == "shown" for note in checked])
    words = np.array([_shared_words(note["text"], sheet) for sheet, note in rows])
    kinds = np.array([note["kind"] for _, note in rows])
    report = {
        kind: {
            "notes": int(chosen.sum()),
            "hold": round(float(holds[chosen].mean()), 3),
            "stand": int(stands[chosen].sum()),
            "of these hold": round(float(holds[chosen & stands].mean()), 3) if (chosen & stands).any() else None,
            "of those that hold, stand": round(float(stands[chosen & holds].mean()), 3),
            "area under the curve": round(float(roc_auc_score(holds[chosen], shown[chosen])), 3),
            "area, by shared words alone": round(float(roc_auc_score(holds[chosen], words[chosen])), 3),
        }
        for kind, chosen in [("all", kinds == kinds), *((kind, kinds == kind) for kind in sorted(set(kinds)))]
    }
    print(json.dumps({"threshold": threshold, **report}, indent=1))
    return 0


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
