"""Measures a verifier as the gate of a build: which notes of users that were held out stand, and which traps do.

    python -m training.gate verifier.gguf

A note may stand on a passage, a sentence, or several passages together, so that a false one has more chances to stand
than in pairs of one text and one claim. The threshold of a verifier is chosen here.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from profilegen.backends import Options, open_verifier
from profilegen.claims.notes import Note
from profilegen.claims.passages import Passage
from profilegen.claims.verification import Case, check
from training.examples import Example, held_out_users
from training.measures import binary, measure


def main() -> int:
    """Check notes and traps, and print figures by language and form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verifier", help="name or path")
    parser.add_argument("--languages", nargs="*", default=[], help="only these")
    parser.add_argument("--users", type=int, default=400, help="how many users, at most")
    parser.add_argument("--out", type=Path, help="JSON file for the probabilities and what holds")
    options = parser.parse_args()
    users = [user for user in held_out_users() if not options.languages or user["language"] in options.languages]
    users = users[: options.users]
    cases, rows = [], []
    for user in users:
        notes = [Note(n["kind"], n["polarity"], n["text"], tuple(n["passages"])) for n in user["notes"]]
        traps = [Note("lifestyle", "is", trap["claim"], (trap["passage"],)) for trap in user["traps"]]
        reading = tuple(
            Passage(document=str(at), text=p.get("text", ""), item=p.get("item"), rating=p.get("rating"))
            for at, p in enumerate(user["passages"])
        )
        cases.append(Case([*notes, *traps], reading, user["language"]))
        labels = [0] * len(notes) + [1] * len(traps)
        rows += [Example("", "", label, user["language"], user["form"], user["id"]) for label in labels]
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


if __name__ == "__main__":
    sys.exit(main())
