"""Writes docs/gallery.md: python docs/make_gallery.py [--writer WRITER ...]; `make gallery` does so.

The first ten users of each shipped sample by a hash of their ids, whoever they are, as each writer wrote them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import profilegen
from profilegen.language.predicates import predicate
from profilegen.publish.pages import environment
from profilegen.records import KINDS, Document, UserProfile
from profilegen.resources import resource

PAGE = Path(__file__).with_name("gallery.md")
SAMPLES = {"sample": "Reviews", "posts": "Posts", "chats": "Chats"}
USERS = 10
# Longer texts are cut: the page shows whom a profile is of, not all that he wrote.
_TEXT_CHARS = 280
_TEXTS = 12


class Entry(NamedTuple):
    """A user: what he wrote, and the profiles by each writer."""

    user_id: str
    documents: Sequence[Document]
    profiles: Sequence[UserProfile]


def main() -> None:
    """Build a store of each sample with each writer, as far as it is not built yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writer", action="append", help="name or path of a writer; may be repeated")
    parser.add_argument("--verifier", help="name or path of the verifier")
    parser.add_argument("--stores", type=Path, default=Path("gallery-stores"), help="directory of the stores")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args()
    stores = {}
    for name in SAMPLES:
        stores[name] = [build(name, writer, options.verifier, options.stores) for writer in options.writer or [None]]
    options.page.write_text(render(stores), "utf-8")
    print(f"wrote {options.page}")


def build(sample: str, writer: str | None, verifier: str | None, folder: Path) -> Path:
    """Return the store of a sample with a writer; what is built already is not built again.

    :param sample: name of the sample.
    :param writer: name or path of the writer; None for the default.
    :param verifier: name or path of the verifier; None for the default.
    :param folder: directory of the stores.
    """
    store = folder / f"{sample}-{Path(writer).stem if writer else 'default'}"
    profilegen.build(resource(f"examples/{sample}.jsonl"), store=store, writer=writer, verifier=verifier)
    return store


def render(stores: dict[str, list[Path]]) -> str:
    """Return the page.

    :param stores: of each sample those by each writer.
    """
    pages = environment(Path(__file__).parent)
    pages.filters |= {"cut": _cut, "claim": lambda claim, language: predicate(claim.stance, claim.text, language)}
    return str(
        pages.get_template("gallery.md.jinja").render(
            samples={SAMPLES[name]: (name, _entries(paths)) for name, paths in stores.items()},
            kinds=KINDS.values(),
            users=USERS,
            texts=_TEXTS,
        )
    )


def first_users(user_ids: Sequence[str]) -> list[str]:
    """Return the first users by a hash of their ids, which no one can have chosen.

    :param user_ids: of all users, in any order.
    """
    return sorted(user_ids, key=lambda user: blake2b(user.encode(), digest_size=8).digest())[:USERS]


def _entries(paths: Sequence[Path]) -> list[Entry]:
    opened = [profilegen.open_store(path) for path in paths]
    try:
        users = [{user.user_id: user for user in store.users()} for store in opened]
        return [
            Entry(user_id, list(opened[0].documents(user_id)), [profiles[user_id] for profiles in users])
            for user_id in first_users(list(users[0]))
        ]
    finally:
        for store in opened:
            store.close()


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_CHARS else f"{line[:_TEXT_CHARS].rstrip()}…"


if __name__ == "__main__":
    main()
