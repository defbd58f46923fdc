"""Claims about special subjects are held back, and what identifies a person is no claim."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from profilegen.backends import open_embedder
from profilegen.claims.special import learn_special_subjects, special_subjects
from profilegen.llama.catalog import ResolvedModel
from profilegen.privacy.identifying import has_identifier

# By the hand that wrote prompts/special.toml, before anything was measured. Neither examples nor threshold were chosen
# on these; everyday examples were added once after the figures had been seen, because of other claims.
ROWS = [json.loads(line) for line in Path(__file__).with_name("special.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("embedder", "languages"),
    [("all-minilm-l6-v2", {"en"}), ("multilingual-e5-small", {row["language"] for row in ROWS})],
)
def test_most_special_claims_are_held_back_and_most_others_are_not(
    models: dict[str, ResolvedModel], embedder: str, languages: set[str]
) -> None:
    rows = [row for row in ROWS if row["language"] in languages]
    with open_embedder(embedder) as opened:
        subjects = learn_special_subjects(opened.embed)
        held = [*map(bool, special_subjects(opened.embed([row["claim"] for row in rows]), subjects))]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])  # special, of which held; everyday, of which held
    for row, is_held in zip(rows, held, strict=True):
        for group in ("all", row["language"]):
            at = 0 if row["subject"] else 2
            counts[group][at] += 1
            counts[group][at + 1] += is_held
    for group, (special, special_held, everyday, everyday_held) in counts.items():
        precision = special_held / max(special_held + everyday_held, 1)
        print(f"{group:>4} recall {special_held / special:.2f} of {special}, precision {precision:.2f}, ", end="")
        print(f"everyday held back {everyday_held / everyday:.2f} of {everyday}")
    special, special_held, everyday, everyday_held = counts["all"]
    assert special_held / special >= 0.85
    assert everyday_held / everyday <= 0.2


@pytest.mark.parametrize(
    "claim",
    [
        "follows @jane_doe",
        "writes from jane.doe@example.org",
        "likes https://example.org/a",
        "likes www.example.org",
        "posts at example.com/jane",
        "can be reached at (555) 123-4567",
        "can be reached at +49 170 1234567",
        "lives in 10115 Berlin",
        "lives at 12 Elm Street",
        "lives near SW1A 1AA",
        "wohnt in der Lindenstraße 7",
        "vit au 12 rue de la Paix",
        "vive en calle de Alcalá 45",
        "住在南京路100号",
    ],
)
def test_what_identifies_a_person_is_known_by_its_shape(claim: str) -> None:
    assert has_identifier(claim)


@pytest.mark.parametrize(
    "claim",
    [
        "walks 10,000 steps a day",
        "likes films of 1995-1999",
        "has 3 cats and 12 hens",
        "likes Route 66",
        "has lived in the street for 20 years",
        "uses Node.js 18",
        "likes a 9.5/10 film",
        "想要一台1500元的电脑",
        "wants 2 x 16 GB of memory",
        "likes Formula 1 and Boeing 747",
    ],
)
def test_other_numbers_and_names_identify_nobody(claim: str) -> None:
    assert not has_identifier(claim)
