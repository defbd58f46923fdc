"""How often a claim is ended by later words that do not end it, and how often one stands that they do end.

    python -m benchmarks.retirement

The cases are those of `tests/retirement.jsonl`: texts of several kinds, a claim that the earlier ones show, later ones,
and whether these end the claim. Intervals are exact ones for a share (Clopper and Pearson 1934).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from profilegen.backends import Options, Verifier, open_embedder, open_verifier
from profilegen.claims.passages import Passage
from profilegen.claims.retirement import Read, Retired, retire
from profilegen.language.predicates import predicate
from profilegen.llama.catalog import default_model
from profilegen.records import STANCES, Claim, Stance
from profilegen.vectors import Vectors

CASES = Path(__file__).parents[1] / "tests" / "retirement.jsonl"
_EARLIER, _LATER = "2024-01-01", "2025-01-01"
Case = Mapping[str, Any]


class Share(NamedTuple):
    """A share with its 95% interval: `part` of `n`."""

    part: int
    n: int

    def __str__(self) -> str:
        from scipy.stats import binomtest

        interval = binomtest(self.part, self.n).proportion_ci(method="exact")
        return f"{self.part} of {self.n} ({self.part / self.n:.0%}, {interval.low:.0%} to {interval.high:.0%})"


def main() -> int:
    """Print the shares of wrong and missed retirements, in all and by language, and the cases that were wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, default=CASES, help="JSON Lines of cases")
    parser.add_argument("--verifier", help="name or path of a verifier; by default that of each language")
    options = parser.parse_args()
    cases = [json.loads(line) for line in options.cases.read_text("utf-8").splitlines()]
    outcomes = retired(cases, options.verifier)
    for language in (None, *sorted({case["language"] for case in cases})):
        rows = [pair for pair in zip(cases, outcomes, strict=True) if language in (None, pair[0]["language"])]
        wrong = [ended for case, ended in rows if not case["retired"]]
        missed = [not ended for case, ended in rows if case["retired"]]
        print(f"{language or 'all'}: wrong retirements {Share(sum(wrong), len(wrong))}")
        print(f"{language or 'all'}: missed retirements {Share(sum(missed), len(missed))}")
    for case, ended in zip(cases, outcomes, strict=True):
        if ended and not case["retired"]:
            print(f"wrong ({case['why']}): {case['claim']} | {' '.join(case['later'])}")
    return 0


def retired(cases: Sequence[Case], verifier: str | None = None) -> list[bool]:
    """Return of each case whether its claim ends.

    :param cases: lines of a file of cases.
    :param verifier: name or path of a verifier; by default that of the language of each case.
    """
    ended: dict[int, bool] = {}
    for language in sorted({case["language"] for case in cases}):
        model, embedder = default_model("verifier", language), default_model("embedder", language)
        assert model
        assert embedder
        at = [number for number, case in enumerate(cases) if case["language"] == language]
        options = Options(workers=1)
        with open_embedder(embedder.name, options) as embed, open_verifier(verifier or model.name, options) as judge:
            for number, found in zip(at, _retire([cases[n] for n in at], judge, embed.embed), strict=True):
                ended[number] = bool(found.past)
    return [ended[number] for number in range(len(cases))]


def _retire(cases: Sequence[Case], verifier: Verifier, embed: Any) -> list[Retired]:
    def vectors(texts: Sequence[str]) -> Vectors:
        rows: Vectors = embed(texts)
        return rows

    return retire([_read(case) for case in cases], verifier, vectors)


def _read(case: Case) -> Read:
    """Return a case as `retire` takes it: the claim was last shown a year before the later texts."""
    stance, text = _stance(case["claim"], case["language"])
    claim = Claim(text=text, stance=stance, support=0.9, first=_EARLIER, last=_EARLIER, evidence=())
    earlier = [Passage(f"e{at}", text, day=_EARLIER) for at, text in enumerate(case["earlier"])]
    later = [
        Passage(f"l{at}", text, case.get("item"), case.get("rating"), _LATER) for at, text in enumerate(case["later"])
    ]
    return Read({"lifestyle" if stance == "is" else "interest": (claim,)}, [*earlier, *later], case["language"])


def _stance(claim: str, language: str) -> tuple[Stance, str]:
    for stance in STANCES:
        words = predicate(stance, "", language).strip()
        if words and claim.startswith(words):
            return stance, claim[len(words) :].strip()
    return "is", claim


if __name__ == "__main__":
    sys.exit(main())
