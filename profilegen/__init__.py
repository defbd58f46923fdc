"""Profiles of users and segments from what they wrote, each claim with the words it rests on.

>>> import profilegen
>>> report = profilegen.build("reviews.jsonl", store="store")  # doctest: +SKIP
>>> with profilegen.open_store("store") as store:  # doctest: +SKIP
...     for user in store.search("people who train dogs"):
...         print(user.user_id, user.why)
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from profilegen.config import BuildOptions
    from profilegen.errors import InputError, ModelError, ProfilegenError, RemovalError, StoreError, UsageError
    from profilegen.records import BuildReport, Claim, Document, Evidence, SearchResult, Segment, UserProfile
    from profilegen.store.store import Store, open_store

__version__ = "0.1.0"

__all__ = [
    "BuildReport",
    "Claim",
    "Document",
    "Evidence",
    "InputError",
    "ModelError",
    "ProfilegenError",
    "RemovalError",
    "SearchResult",
    "Segment",
    "Store",
    "StoreError",
    "UsageError",
    "UserProfile",
    "build",
    "open_store",
]


def build(
    *sources: str | Path,
    store: str | Path = "store",
    mapping: Mapping[str, str] | None = None,
    add: bool = False,
    re_embed: bool = False,
    remove: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    **settings: Unpack[BuildOptions],
) -> BuildReport:
    """Read what users wrote from files and bring the store up to date with it.

    :param sources: files, directories, or `-` for standard input.
    :param store: directory of the store; it is made if there is none.
    :param mapping: our field to the name of the column that holds it, such as `{"text": "body"}`.
    :param add: keep what is in the store and not in the sources.
    :param re_embed: embed everything again where the store was made with another embedder.
    :param remove: allow to remove many users: more than a tenth of those in the store, or more than ten.
    :param progress: called with the stage, what is done of it, and how much there is or 0.
    :param settings: fields of `profilegen.config.Settings`, such as `writer`, `seed` or `workers`; what is not given
        comes from the environment and `profilegen.toml`.
    :return: what was done: counts, times, bad lines.
    :raises RemovalError: many users would be removed, and `remove` does not allow it; the store is as it was.
    :raises ProfilegenError: the work cannot be done; the message says what to do.
    """
    from profilegen.config import load_settings
    from profilegen.pipeline.build import build as run

    chosen = load_settings(store=Path(store), **settings)
    names = [str(source) for source in sources]
    return run(names, chosen, mapping=mapping, add=add, re_embed=re_embed, remove=remove, progress=progress)


_HOMES = {name: "profilegen.errors" for name in __all__ if name.endswith("Error")} | {
    "Store": "profilegen.store.store",
    "open_store": "profilegen.store.store",
}


def __getattr__(name: str) -> Any:
    """Import what is offered when it is asked for, so that the command line starts quickly."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "profilegen.records")), name)
