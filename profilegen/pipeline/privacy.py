"""What a build masks, by which key users get pseudonyms, and whether that suits the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from profilegen.config import Settings
from profilegen.errors import UsageError
from profilegen.privacy import Privacy
from profilegen.privacy.pseudonyms import check_place, has_no_key, key_mark, make_key, read_key
from profilegen.store.ledger import Ledger

_MASK, _KEY = "mask", "pseudonyms"


def chosen_privacy(
    ledger: Ledger, settings: Settings, *, add: bool, announce: Callable[[str], None] | None = None
) -> Privacy:
    """Return what the settings say of masks and pseudonyms, once it suits the store; only then is a key file made.

    :param ledger: of the store.
    :param settings: of the build.
    :param add: whether texts stay in the store that are not read again.
    :param announce: called with a sentence where a key is made.
    :raises UsageError: texts masked in one way would be mixed with texts masked in another, or pseudonyms with user
        ids or those of another key; the key file lies in the store, cannot be read or made, or is none.
    """
    path = settings.pseudonyms
    if path is not None:
        check_place(path, settings.store)
    has_documents, has_forgotten = bool(ledger.counts().documents), ledger.is_anybody_forgotten()
    mark = ledger.get_meta(_KEY) if has_documents or has_forgotten else None
    if mark and path is None:
        raise UsageError("the users of this store are pseudonyms; name their key file with --pseudonyms")
    if path is not None and not mark and has_forgotten:
        raise UsageError(
            "users of this store were forgotten by their ids, and would come in again as pseudonyms; take their rows "
            "out of the files and build another store"
        )
    if add and has_documents:
        _check_added(ledger, settings, has_pseudonyms=bool(mark))
    return Privacy(settings.mask, None if path is None else _key(path, mark, announce))


def _check_added(ledger: Ledger, settings: Settings, *, has_pseudonyms: bool) -> None:
    """Refuse to add texts to those that are masked in another way, or pseudonyms to user ids."""
    if settings.pseudonyms is not None and not has_pseudonyms:
        raise UsageError("with --add, users would stay who are no pseudonyms; build from all files, without --add")
    mask = ledger.get_meta(_MASK) or "off"
    if mask != settings.mask:
        raise UsageError(
            f"the texts of this store were masked with --mask {mask} and would stay so with --add; build from all "
            f"files, without --add, or say --mask {mask}"
        )


def _key(path: Path, mark: str | None, announce: Callable[[str], None] | None) -> bytes:
    """Return the key of a file, which is made for a store that has none."""
    if has_no_key(path):
        if mark:
            raise UsageError(
                f"there is no file {path}, and the users of this store are pseudonyms; name their key file with "
                "--pseudonyms"
            )
        make_key(path)
        if announce:
            announce(
                f"made the key file {path}; every later build of this store needs it, and whoever has it can tell who "
                "a pseudonym is: keep it safe, and apart from the store"
            )
    key = read_key(path)
    if mark and key_mark(key) != mark:
        raise UsageError(
            f"the pseudonyms of this store were made with another key than that of {path}; name its file with "
            "--pseudonyms"
        )
    return key


def record_key(ledger: Ledger, privacy: Privacy) -> None:
    """Note in the store which key its pseudonyms are made with, before the first of them is taken into it.

    :param ledger: of the store.
    :param privacy: what the build does.
    """
    if privacy.key is not None:
        ledger.set_meta(_KEY, key_mark(privacy.key))


def record_mask(ledger: Ledger, privacy: Privacy) -> None:
    """Note in the store how its texts are masked, once all of them are.

    :param ledger: of the store.
    :param privacy: what the build did.
    """
    if ledger.get_meta(_MASK) != privacy.mask:
        ledger.set_meta(_MASK, privacy.mask)
