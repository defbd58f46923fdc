"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from profilegen.errors import UsageError


class MaskLevel(StrEnum):
    """How much of a text gives way to placeholders."""

    off = "off"
    standard = "standard"
    strict = "strict"


def readable(value: str | None) -> str | None:
    """Return an argument of the command line, checked for valid UTF-8.

    :param value: the argument, None if it was not given.
    :raises UsageError: it is not valid UTF-8.
    """
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise UsageError(f"{value!r} is not valid UTF-8") from None
    return value


def mapping_of(pairs: Sequence[str] | None) -> dict[str, list[str]]:
    """Return what `--map` says: paths by field, in order.

    :param pairs: each a field, an equals sign and a path.
    :raises UsageError: one is something else.
    """
    mapping: dict[str, list[str]] = {}
    for pair in pairs or ():
        field, equals, path = (readable(pair) or "").partition("=")
        if not (field.strip() and equals and path.strip()):
            raise UsageError(
                f"--map wants FIELD=COLUMN, as in --map text=body, or a path such as user_id=author.id, not {pair!r}"
            )
        mapping.setdefault(field.strip(), []).append(path.strip())
    return mapping


Files = Annotated[list[str], typer.Argument(help="Files, directories or ZIP archives to read, - for standard input.")]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=PATH",
        help="Where a field is: a column, a path such as author.id, or :VALUE. Repeatable, also for one field.",
    ),
]
User = Annotated[str | None, typer.Option(metavar="NAME", help="The user of texts that name none.", callback=readable)]
Store = Annotated[Path | None, typer.Option("--store", "-s", help="Directory of the store. [default: store]")]
Category = Annotated[
    str | None,
    typer.Option(
        help="Only users with an interest in this category or one below it, by id or name.", callback=readable
    ),
]
Pseudonyms = Annotated[
    str | None,
    typer.Option(
        metavar="KEYFILE",
        callback=readable,
        help="Put pseudonyms for user ids, by the key of this file, which is made if there is none.",
    ),
]
Mask = Annotated[
    MaskLevel | None,
    typer.Option(
        help="What gives way to placeholders such as [email]: what identifies somebody by itself; strict: also names, "
        "dates of birth, plates and all links. [default: standard]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Count = Annotated[int, typer.Option("-n", min=1, max=1000, help="How many users.")]
Embedder = Annotated[str | None, typer.Option(help="Name or path of the embedding model. [default: follows the data]")]
Writer = Annotated[
    str | None,
    typer.Option(
        help="Name or path of the writing model; of A,B the first that knows a language. [default: follows the data]"
    ),
]
Verifier = Annotated[
    str | None,
    typer.Option(help="Name or path of the verifying model; A,B for a cascade. [default: follows the data]"),
]
MinSegmentUsers = Annotated[
    int | None,
    typer.Option(min=1, help="Withhold words and size of segments of fewer users. [default: 5]"),
]
Workers = Annotated[int | None, typer.Option(min=1, max=256, help="Processes that run models. [default: one a core]")]
