"""Has a writer note what texts of the training data show, to be judged by reading: python -m training.sheets --help.

What a verifier meets in a build are the notes of a writer, and these are false in other ways than the claims that
people think up. So a verifier has to learn from them. A line is a sheet of passages with notes; whoever reads it adds
to each note whether it `holds`, and by which passages it is `shown_by` or `why` it does not hold, and puts the file
into `data/judged`. The writer must not have been trained on these texts.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from profilegen.backends import Failure, Options, open_writer
from profilegen.claims.notes import notes_prompt, parse_notes
from profilegen.claims.passages import Passage
from training.examples import DATA

_SIZES = (3, 5, 6, 7, 8)
_PASSAGE_FIELDS = ("text", "item", "rating")


def main() -> int:
    """Write the sheets and the notes on them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("writer", help="name or path")
    parser.add_argument("--files", nargs="+", required=True, help="files of texts, such as pairs-h texts-j")
    parser.add_argument("--language", default="en")
    parser.add_argument("--most", type=int, default=500, help="sheets, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines to write")
    options = parser.parse_args()
    sheets = list(_sheets(options.files, options.language, options.seed))
    random.Random(options.seed).shuffle(sheets)
    sheets = sheets[: options.most]
    readings = [
        tuple(
            Passage(document=str(at), text=p.get("text", ""), item=p.get("item"), rating=p.get("rating"))
            for at, p in enumerate(passages)
        )
        for _, passages in sheets
    ]
    prompts = ((at, notes_prompt(reading, options.language, trained=True)) for at, reading in enumerate(readings))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with open_writer(options.writer, Options(workers=2)) as writer, options.out.open("w", encoding="utf-8") as lines:
        for at, answer in writer.write(prompts):
            if isinstance(answer, Failure):
                print(f"sheet {at}: {answer.reason}", file=sys.stderr)
                continue
            notes = parse_notes(
                answer.text,
                len(readings[at]),
                language=options.language,
                finished=answer.finished,
                sureness=answer.sureness,
            )
            form, passages = sheets[at]
            sheet = {
                "id": f"{options.out.stem}-{at:04}",
                "language": options.language,
                "form": form,
                "source": "ours",
                "writer": Path(options.writer).stem,
                "reserve": round(writer.reserve, 2),
                "passages": passages,
                "notes": [
                    {
                        "kind": note.kind,
                        "polarity": note.stance,
                        "text": note.text,
                        "passages": note.passages,
                        "sureness": note.sureness and round(note.sureness, 4),
                    }
                    for note in notes
                ],
            }
            lines.write(json.dumps(sheet, ensure_ascii=False) + "\n")
            lines.flush()
    return 0


def _sheets(files: Sequence[str], language: str, seed: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield forms and passages: those of a user, or some texts of pairs of the same form."""
    texts: dict[str, dict[str, dict[str, Any]]] = {}
    for name in files:
        folder = "users" if (DATA / "users" / f"{name}.jsonl").exists() else "pairs"
        for line in (DATA / folder / f"{name}.jsonl").read_text("utf-8").splitlines():
            record = json.loads(line)
            if record["language"] != language:
                continue
            if folder == "users":
                yield record["form"], record["passages"]
            else:
                passage = {field: record[field] for field in _PASSAGE_FIELDS if record.get(field) is not None}
                texts.setdefault(record["form"], {})[json.dumps(passage)] = passage
    generator = random.Random(seed)
    for form, of_form in texts.items():
        passages = list(of_form.values())
        generator.shuffle(passages)
        while passages:
            size = generator.choice(_SIZES)
            yield form, passages[:size]
            passages = passages[size:]


if __name__ == "__main__":
    sys.exit(main())
