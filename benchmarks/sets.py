"""All figures of `profilegen evaluate` on data sets of many kinds, as one table.

    python -m benchmarks.sets --sets chats,posts --writer qwen2.5-coder-1.5b-instruct --users 60

A data set is a folder with `reviews.jsonl`, and where there are any with `labels.csv`, `personas.jsonl`,
`queries.jsonl` and `heldout.jsonl`. Stores and figures are kept, so that a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import profilegen
from benchmarks.corpus import read_users, write_users
from profilegen.config import load_settings
from profilegen.errors import ProfilegenError
from profilegen.evaluation import Evaluation, evaluate
from profilegen.evaluation.judged import claim_text, quoted

_SHARED = Path(__file__).parents[2] / "shared" / "data"
_FILES = {
    "labels": "labels.csv",
    "truth_file": "personas.jsonl",
    "queries": "queries.jsonl",
    "heldout": "heldout.jsonl",
}
# What labels are made from cannot be an input: of these sets the column is left out.
_LEFT_OUT = {"posts": ("channel",)}


def main() -> int:
    """Build and measure each set that is not measured yet, and print the table of all."""
    options = _options()
    names = options.sets.split(",") if options.sets else _sets_in(options.folder)
    evaluations: dict[str, Evaluation] = {}
    for name in names:
        try:
            evaluations[name] = _measured(name, options)
        except ProfilegenError as error:
            print(f"{name}: {error}", file=sys.stderr)
    print(table(evaluations))
    if options.to_read:
        stores = {name: _store(name, options) for name in evaluations}
        print(f"{_write_claims(stores, options.to_read)} claims to read: {options.to_read}", file=sys.stderr)
    return 0 if len(evaluations) == len(names) else 1


def table(evaluations: Mapping[str, Evaluation]) -> str:
    """Return a Markdown table of figures by set; a cell has the value, its interval, chance and the plain method.

    :param evaluations: by name of the set.
    """
    figures = {name: {figure.name: figure for figure in made.figures} for name, made in evaluations.items()}
    rows = list(dict.fromkeys(name for of_set in figures.values() for name in of_set))
    heads = [f"{name} ({made.users} users)" for name, made in evaluations.items()]
    lines = ["| figure | " + " | ".join(heads) + " |", "|---" * (len(figures) + 1) + "|"]
    for row in rows:
        cells = []
        for of_set in figures.values():
            figure = of_set.get(row)
            if figure is None:
                cells.append("")
                continue
            beside = [("chance", figure.chance), ("plain", figure.plain)]
            said = "".join(f"; {name} {value:.3f}" for name, value in beside if value is not None)
            cells.append(f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}{said})")
        lines.append(f"| `{row}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _measured(name: str, options: argparse.Namespace) -> Evaluation:
    """Return the figures of a set, which are kept beside its store; the store is brought up to date first."""
    folder, store = options.folder / name, _store(name, options)
    texts = _texts(name, folder, store.with_suffix(".jsonl"), options.users)
    start = time.perf_counter()
    models = {"writer": options.writer, "verifier": options.verifier, "embedder": options.embedder}
    report = profilegen.build(texts, store=store, remove=True, **models)
    print(f"{name}: {report.users} users, built in {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    result = store.with_suffix(".figures.json")
    if result.exists():
        kept = Evaluation.model_validate_json(result.read_bytes())
        if kept.revision == _revision(store):
            return kept
    files = {option: folder / file for option, file in _FILES.items() if (folder / file).is_file()}
    made = evaluate(
        load_settings(store=store),
        **files,
        judge_model=options.judge,
        quick=options.quick,
        judgements=options.judgements,
    )
    result.write_text(made.model_dump_json(), "utf-8")
    return made


def _texts(name: str, folder: Path, path: Path, n_users: int | None) -> Path:
    """Write the texts of some users, every label in proportion, without the columns that labels were made from."""
    users = read_users(folder / "reviews.jsonl")[:n_users]
    left_out = _LEFT_OUT.get(name, ())
    stripped = [
        user.__class__(user.user_id, tuple({k: v for k, v in row.items() if k not in left_out} for row in user.rows))
        for user in users
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_users(stripped, path)


def _write_claims(stores: Mapping[str, Path], path: Path) -> int:
    """Write claims for a person to read, who adds `holds`; what is in the file already is kept. Return their number."""
    read = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    known = {(row["user_id"], row["claim"]) for row in read}
    rows = [row for store in stores.values() for row in _claims(store) if (row["user_id"], row["claim"]) not in known]
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return len(rows)


def _claims(store: Path, most: int = 25) -> Iterator[dict[str, object]]:
    """Yield one claim of each of some users, the claim that comes first in the order of its text."""
    with profilegen.open_store(store) as opened:
        users = [user for user in opened.users() if any(True for _ in user.iter_claims())]
        for user in users[:: max(len(users) // most, 1)][:most]:
            claim = min((claim for _, claim in user.iter_claims()), key=lambda claim: claim.text[::-1])
            text = quoted(claim, list(opened.documents(user.user_id)))
            yield {"user_id": user.user_id, "text": text, "claim": claim_text(claim, user), "holds": None}


def _revision(store: Path) -> str:
    from profilegen.store.ledger import open_ledger

    with open_ledger(store, read_only=True) as ledger:
        return str(ledger.revision())


def _store(name: str, options: argparse.Namespace) -> Path:
    writer = Path(options.writer).stem if options.writer else "default"
    return Path(options.stores) / f"{name}-{writer}-{options.users or 'all'}"


def _sets_in(folder: Path) -> Sequence[str]:
    return sorted(path.parent.name for path in folder.glob("*/reviews.jsonl"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=_SHARED, help="directory of the data sets")
    parser.add_argument("--sets", help="names of data sets, joined with commas; by default all in the directory")
    parser.add_argument("--stores", type=Path, default=Path("bench-stores"), help="directory of stores and figures")
    parser.add_argument("--users", type=int, help="users a set; by default all")
    parser.add_argument("--writer", help="name or path of a writer; by default the catalogue's")
    parser.add_argument("--verifier", help="name or path of a verifier; by default it follows the texts")
    parser.add_argument("--embedder", help="name or path of an embedder; by default it follows the texts")
    parser.add_argument("--judge", help="name or path of the model that judges claims")
    parser.add_argument("--judgements", type=Path, help="claims that a person has read")
    parser.add_argument("--to-read", type=Path, help="JSON Lines to which claims for a person to read are added")
    parser.add_argument("--quick", action="store_true", help="leave out stability and the default judge")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
