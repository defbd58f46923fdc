"""Profiles of users and segments from what they wrote, each claim with quotes.

`build` makes a store or brings it up to date, `open_store` reads and searches one, `forget` removes users for good. The
records that they return, the table `KINDS` of kinds of claims, and all errors can be imported from here too.

>>> import profilegen
>>> report = profilegen.build("reviews.jsonl", store="store")  # doctest: +SKIP
>>> with profilegen.open_store("store") as store:  # doctest: +SKIP
...     for result in store.search("people who train dogs"):
...         print(result.user_id, result.why)
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from profilegen.config import BuildOptions
    from profilegen.errors import InputError, ModelError, ProfilegenError, RemovalError, StoreError, UsageError
    from profilegen.records import (
        KINDS,
        BadLine,
        Behaviour,
        BuildReport,
        BuiltWith,
        Category,
        CategoryCount,
        Claim,
        ClaimReview,
        Document,
        Evidence,
        FieldSource,
        FileReading,
        LeftOut,
        NearSegment,
        PastClaim,
        ProfileReview,
        RepeatedSentences,
        SearchResult,
        Segment,
        SegmentChange,
        SegmentGroup,
        Sentence,
        SkippedFile,
        UserProfile,
    )
    from profilegen.records.forgetting import ForgetReceipt, FoundTrace, TraceReport
    from profilegen.store.store import Store, open_store

__version__ = "0.1.0"

__all__ = [
    "KINDS",
    "BadLine",
    "Behaviour",
    "BuildReport",
    "BuiltWith",
    "Category",
    "CategoryCount",
    "Claim",
    "ClaimReview",
    "Document",
    "Evidence",
    "FieldSource",
    "FileReading",
    "ForgetReceipt",
    "FoundTrace",
    "InputError",
    "LeftOut",
    "ModelError",
    "NearSegment",
    "PastClaim",
    "ProfileReview",
    "ProfilegenError",
    "RemovalError",
    "RepeatedSentences",
    "SearchResult",
    "Segment",
    "SegmentChange",
    "SegmentGroup",
    "Sentence",
    "SkippedFile",
    "Store",
    "StoreError",
    "TraceReport",
    "UsageError",
    "UserProfile",
    "build",
    "find_traces",
    "forget",
    "open_store",
]


def build(
    *sources: str | Path,
    store: str | Path = "store",
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    user: str | None = None,
    add: bool = False,
    re_embed: bool = False,
    remove: bool = False,
    settle: bool = False,
    allow_forgotten: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    **settings: Unpack[BuildOptions],
) -> BuildReport:
    """Build a store from the texts of users, or bring it up to date with them.

    :param sources: files, directories, or `-` for standard input.
    :param store: directory of the store, which is created if it does not exist.
    :param mapping: where the fields of `Document` are, such as `{"text": "body", "user_id": "author.id"}`: the name of
        a column, a path, `:` and a constant, or a list of these.
    :param user: the user of texts that name none.
    :param add: keep the documents of the store that are not in the sources.
    :param re_embed: embed all documents again if the store was built with another embedder.
    :param remove: allow the build to remove many users: more than a tenth of those in the store, or more than ten.
    :param settle: do what small builds put off: count anew what is common, cluster all users, describe all segments.
    :param allow_forgotten: take in users again whom `forget` removed; else their rows are passed over and counted.
    :param progress: called with the name of a stage, the number of items done, and the total or 0 if it is unknown.
    :param settings: fields of `profilegen.config.Settings`, such as `writer`, `seed` or `workers`; others come from the
        environment and `profilegen.toml`.
    :return: counts, times and bad lines.
    :raises RemovalError: many users would be removed, and `remove` does not allow it; the store is unchanged.
    :raises ProfilegenError: the build is impossible; the message says what to do.
    """
    from profilegen.config import load_settings
    from profilegen.pipeline.build import build as run

    chosen = load_settings(store=Path(store), **settings)
    names = [str(source) for source in sources]
    return run(
        names,
        chosen,
        mapping=mapping,
        user=user,
        add=add,
        re_embed=re_embed,
        remove=remove,
        settle=settle,
        allow_forgotten=allow_forgotten,
        progress=progress,
    )


def forget(
    users: Sequence[str],
    *,
    store: str | Path = "store",
    progress: Callable[[str, int, int], None] | None = None,
    **settings: Unpack[BuildOptions],
) -> ForgetReceipt:
    """Remove users from a store for good, with all that was made of their texts, and look for traces of them.

    :param users: their ids.
    :param store: directory of the store.
    :param progress: as of `build`.
    :param settings: as of `build`; the models are those that describe segments again.
    :return: what was removed, and what is not done yet: see its `pending`.
    :raises UsageError: there is no such user; nothing is changed.
    :raises ProfilegenError: the store is missing, in use or damaged.
    """
    from profilegen.config import load_settings
    from profilegen.pipeline.forgetting import forget as run

    return run(users, load_settings(store=Path(store), **settings), progress=progress)


def find_traces(users: Sequence[str], *, store: str | Path = "store", texts: Sequence[str | Path] = ()) -> TraceReport:
    """Look for users in every byte of every file of a store.

    :param users: their ids.
    :param store: directory of the store.
    :param texts: files with their texts, where the store has them no longer.
    :return: which files hold ids of the users, or words of their texts.
    :raises ProfilegenError: the store or the files cannot be read.
    """
    from profilegen.pipeline.forgetting import find_traces as run

    return run(users, Path(store), texts=[str(path) for path in texts])


_MODULES = {name: "profilegen.errors" for name in __all__ if name.endswith("Error")} | {
    "ForgetReceipt": "profilegen.records.forgetting",
    "FoundTrace": "profilegen.records.forgetting",
    "TraceReport": "profilegen.records.forgetting",
    "Store": "profilegen.store.store",
    "open_store": "profilegen.store.store",
}


def __getattr__(name: str) -> Any:
    # Imports on first use, so that the command line starts quickly.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "profilegen.records")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
