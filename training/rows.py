"""Turns the training data into examples as tokens, for the writer, the verifier, or a language model as a verifier.

    python -m training.rows --of writer --base models/smollm2-135m-instruct.gguf --languages en --out rows.npz

The file can be taken to another machine, such as one with a GPU, that has neither profilegen nor llama.cpp. `--new`
names files that an adapter has not seen, to which `--beside` times as many other examples are added, lest it forget
the rest when the training goes on from it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from profilegen.claims.notes import NOTES_TURN, Note, format_notes, numbered, passage_text
from profilegen.language.predicates import predicate
from profilegen.profiles.summaries import SUMMARY_TURN
from training import examples, judge
from training.examples import Example, read_users
from training.lm import Row, Tokenizer, save_rows
from training.measures import Measured, binary

_MERGED_SHARE = 0.5
_MAX_PASSAGES = 12
_MAX_TOKENS = 1_000
_MAX_ENCODER_TOKENS = 256
_MAX_CLAIM_TOKENS = 64
_MAX_JUDGED_TOKENS = 220

User = dict[str, Any]
Kept = TypeVar("Kept")


def main() -> int:
    """Write the examples."""
    options = _options()
    if options.of == "writer":
        _write_writer(options)
    elif options.of == "preferences":
        _write_preferences(options)
    else:
        _write_verifier(options)
    return 0


def _write_writer(options: argparse.Namespace) -> None:
    tokenizer = Tokenizer(options.base)
    users = [user for user in read_users() if user["language"] in options.languages or not options.languages]
    held_out = [user for user in users if is_held_out(user)]
    kept = _chosen([user for user in users if not is_held_out(user)], lambda user: str(user["file"]), options)
    kept = random.Random(options.seed).sample(kept, round(options.fraction * len(kept)))
    epochs = [list(_epoch(kept, tokenizer, options.seed + epoch)) for epoch in range(options.epochs)]
    measured = [*(_notes_row([user], tokenizer) for user in held_out)]
    measured += [_summary_row(user, tokenizer) for user in held_out if user["summary"]]
    save_rows(options.out, epochs, measured)
    tokens = sum(len(row.prompt) + len(row.answer) for row in epochs[0])
    print(f"{len(kept):,} users, {len(epochs[0]):,} examples, {tokens:,} tokens an epoch")
    print(f"{len(held_out):,} users held out")


def _write_preferences(options: argparse.Namespace) -> None:
    """Write right answers as the first epoch and a writer's own as the second, where they differ.

    Right are the notes of the training data, and, of a sheet that was judged, those of the writer's that hold.
    """
    tokenizer = Tokenizer(options.base)
    users = read_users()
    right_of = {_key(user["passages"]): _notes_row([user], tokenizer) for user in users}
    held_out = {_key(user["passages"]) for user in users if is_held_out(user)}
    right, own = [], []
    for line in options.sheets.read_text("utf-8").splitlines():
        sheet = json.loads(line)
        if _key(sheet["passages"]) in held_out:
            continue
        theirs = _notes_row([sheet], tokenizer)
        answers = [right_of.get(_key(sheet["passages"]))]
        if any("holds" in note for note in sheet["notes"]):
            held = [{**note, "passages": note["shown_by"]} for note in sheet["notes"] if note.get("holds")]
            answers.append(_notes_row([{**sheet, "notes": held}], tokenizer))
        for answer in answers:
            if answer and answer.answer != theirs.answer:
                right.append(answer)
                own.append(theirs)
    save_rows(options.out, [right, own], [])
    print(f"{len(right):,} preferences")


def _key(passages: Sequence[dict[str, Any]]) -> str:
    fields = ("text", "item", "rating")
    return json.dumps([[passage.get(field) or "" for field in fields] for passage in passages])


def _write_verifier(options: argparse.Namespace) -> None:
    encoded = _judge_row(options.base) if options.of == "judge" else _encoder_row(options.base)
    everything = [each for each in examples.examples() if each.language in options.languages or not options.languages]
    train = [each for each in everything if not examples.is_held_out(each)]
    held_out = [each for each in everything if examples.is_held_out(each)]
    groups = sorted({each.group for each in train})
    random.Random(options.seed).shuffle(groups)
    kept = set(groups[: round(options.fraction * len(groups))])
    train = _at_most([each for each in train if each.group in kept], options.most, options.new)
    train = _chosen(train, lambda each: each.file, options)
    measured = [Measured(each.label, each.language, each.form) for each in held_out]
    save_rows(options.out, [[*map(encoded, train)]], [*map(encoded, held_out)], measured)
    print(f"{len(train):,} examples, {len(held_out):,} held out; without reading, on these:")
    print(json.dumps(plain_methods(train, held_out), indent=1))


def _chosen(rows: list[Kept], file_of: Callable[[Kept], str], options: argparse.Namespace) -> list[Kept]:
    """Return all, or the rows of new files and so many others for each of them."""
    if not options.new:
        return rows
    new = [row for row in rows if file_of(row) in options.new]
    others = [row for row in rows if file_of(row) not in options.new]
    beside = random.Random(options.seed).sample(others, min(options.beside * len(new), len(others)))
    return [*new * options.repeat, *beside]


def _at_most(rows: Sequence[Example], most: int | None, new: Sequence[str]) -> list[Example]:
    """Return at most so many examples of a language, drawn by chance, and all of the new files."""
    if most is None:
        return list(rows)
    by_language: dict[str, list[Example]] = {}
    for row in rows:
        if row.file not in new:
            by_language.setdefault(row.language, []).append(row)
    generator = random.Random(0)
    drawn = [row for of in by_language.values() for row in generator.sample(of, min(most, len(of)))]
    return [*(row for row in rows if row.file in new), *drawn]


def _judge_row(base: Path) -> Callable[[Example], Row]:
    """Return a function to the question as tokens, and the label with the first tokens of all answers.

    A text that is too long loses its end.
    """
    tokenizer = Tokenizer(base)
    answers = [tokenizer.plain(answer)[0] for answer in judge.ANSWERS]

    def row(example: Example) -> Row:
        question = f"\n\nClaim: {' '.join(example.claim.split())}\nShown:"
        text = tokenizer.plain(example.text)[:_MAX_JUDGED_TOKENS]
        return Row([*text, *tokenizer.plain(question)[: _MAX_CLAIM_TOKENS + 8]], [example.label, *answers])

    return row


def _encoder_row(base: Path) -> Callable[[Example], Row]:
    """Return a function to first, text, separator, claim and separator as tokens, and the label.

    A text that is too long loses its end.
    """
    from gguf import GGUFReader
    from llama_cpp import Llama

    vocabulary = Llama(str(base), vocab_only=True, verbose=False)
    fields = GGUFReader(base).fields
    separator = int(fields["tokenizer.ggml.seperator_token_id"].contents())
    first = int(fields["tokenizer.ggml.bos_token_id"].contents())

    def plain(text: str) -> list[int]:
        tokens = vocabulary.tokenize(text.encode("utf-8", "replace"), add_bos=False, special=False)
        return [token for token in tokens if token not in (first, separator)]

    def row(example: Example) -> Row:
        claim = plain(example.claim)[:_MAX_CLAIM_TOKENS]
        text = plain(example.text)[: _MAX_ENCODER_TOKENS - 3 - len(claim)]
        return Row([first, *text, separator, *claim, separator], [example.label])

    return row


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


def is_held_out(user: User) -> bool:
    """Tell whether a user is for measuring: one of sixteen, by hash.

    :param user: the user.
    """
    return hashlib.sha256(user["id"].encode()).digest()[0] < 16


def _epoch(users: Sequence[User], tokenizer: Tokenizer, seed: int) -> Iterator[Row]:
    """Give the examples of an epoch. Half of the users are read together with others of the same form.

    So the number of passages says nothing of how much there is to note, and there are sheets as long as those
    of a build.
    """
    generator = random.Random(seed)
    order = sorted(users, key=lambda user: (user["language"], user["form"], generator.random()))
    group: list[User] = []
    for user in order:
        same = group and (group[0]["language"], group[0]["form"]) == (user["language"], user["form"])
        fits = sum(len(each["passages"]) for each in [*group, user]) <= _MAX_PASSAGES
        if group and not (same and fits and generator.random() < _MERGED_SHARE):
            yield _notes_row(group, tokenizer)
            group = []
        group.append(user)
        if user["summary"]:
            yield _summary_row(user, tokenizer)
    if group:
        yield _notes_row(group, tokenizer)


def _notes_row(users: Sequence[User], tokenizer: Tokenizer) -> Row:
    passages: list[str] = []
    notes: list[Note] = []
    for user in users:
        notes += [
            Note(n["kind"], n["polarity"], n["text"], tuple(number + len(passages) for number in sorted(n["passages"])))
            for n in user["notes"]
        ]
        passages += [passage_text(p.get("text", ""), p.get("item"), p.get("rating")) for p in user["passages"]]
    notes.sort(key=lambda note: note.passages[0])
    answer = tokenizer.plain(format_notes(notes))
    prompt = tokenizer.chat(NOTES_TURN, numbered(passages))
    return Row(prompt[-_MAX_TOKENS:], [*answer[:_MAX_TOKENS], tokenizer.end])


def _summary_row(user: User, tokenizer: Tokenizer) -> Row:
    claims = [predicate(note["polarity"], note["text"], user["language"]) for note in user["notes"]]
    return Row(
        tokenizer.chat(SUMMARY_TURN, "\n".join(claims)), [*tokenizer.plain(user["summary"].strip()), tokenizer.end]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--of", choices=["writer", "preferences", "verifier", "judge"], required=True, help="what is trained"
    )
    parser.add_argument("--base", type=Path, required=True, help="GGUF file of the model")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    parser.add_argument("--sheets", type=Path, help="of preferences: notes of a writer, from `training.sheets`")
    parser.add_argument("--new", nargs="*", default=[], help="files to train on, such as texts-i, with others")
    parser.add_argument("--beside", type=int, default=1, help="other examples for each of the new ones")
    parser.add_argument("--repeat", type=int, default=1, help="how often each of the new ones stands there")
    parser.add_argument("--most", type=int, help="of a verifier: examples of a language, at most, beside the new ones")
    parser.add_argument("--epochs", type=int, default=3, help="of the writer; in each, other users are read together")
    parser.add_argument("--languages", nargs="*", default=[], help="only these")
    parser.add_argument("--fraction", type=float, default=1.0, help="of the users or texts, for a learning curve")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.of == "preferences" and not (options.sheets and options.sheets.is_file()):
        parser.error("preferences need --sheets, a file that `training.sheets` wrote")
    return options


if __name__ == "__main__":
    sys.exit(main())
