"""Prints how many sentences of summaries are made of the words of their notes, and of all but the one they tell.

    python -m training.told

`profiles/grounding.py` lets a sentence stand only from some share on, which is read off here.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

from profilegen.language.predicates import predicate
from profilegen.language.sentences import sentence_spans
from profilegen.profiles.grounding import content_units, shared_units
from training.examples import read_users

_SHARES = (0.5, 0.6, 0.7, 0.8)
_MIN_SENTENCES = 25


def main() -> int:
    """Print, by language, the shares of sentences that reach a share of known words."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for user in read_users():
        language = user["language"]
        notes = [content_units(predicate(n["polarity"], n["text"], language), language) for n in user["notes"]]
        if len(notes) < 2:
            continue
        for start, end in sentence_spans(user["summary"]):
            words = content_units(user["summary"][start:end], language)
            told = max(range(len(notes)), key=lambda at: shared_units(notes[at], words))
            rest = [note for at, note in enumerate(notes) if at != told]
            known = [tuple(unit for note in of for unit in note) for of in (notes, rest)]
            found[language].append((shared_units(words, known[0]), shared_units(words, known[1])))
    print("language | sentences | " + " | ".join(f"from {share:.0%}: with all notes, without one" for share in _SHARES))
    for language, shares in sorted(found.items(), key=lambda item: -len(item[1])):
        if len(shares) >= _MIN_SENTENCES:
            values = np.array(shares)
            cells = ((values >= least).mean(axis=0) for least in _SHARES)
            print(f"{language} | {len(values)} | " + " | ".join(f"{whole:.0%}, {less:.0%}" for whole, less in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
