"""What a build masks, by which key users get pseudonyms, and whether that suits the store."""

from __future__ import annotations

from collections.abc import Callable

from profilegen.config import Settings
from profilegen.errors import UsageError
from profilegen.privacy import Privacy
from profilegen.privacy.pseudonyms import check_place, key_mark, make_key, read_key
from profilegen.store.ledger import Ledger

_MASK, _KEY = "mask", "pseudonyms"


def chosen_privacy(settings: Settings, announce: Callable[[str], None] | None = None) -> Privacy:
    """Return what the settings say of masks and pseudonyms; a key file that does not exist is made.

    :param settings: of the build.
    :param announce: called with a sentence where a key is made.
    :raises UsageError: the key file lies in the store, cannot be read or made, or is none.
    """
    path = settings.pseudonyms
    if path is None:
        return Privacy(settings.mask)
    check_place(path, settings.store)
    if not path.exists():
        make_key(path)
        if announce:
            announce(
                f"made the key file {path}; every later build of this store needs it, and whoever has it can tell who "
                "a pseudonym is: keep it safe, and apart from the store"
            )
    return Privacy(settings.mask, read_key(path))


def check_privacy(ledger: Ledger, privacy: Privacy, *, add: bool) -> None:
    """Refuse a build that would mix texts masked in one way with texts masked in another, or pseudonyms with user ids.

    :param ledger: of the store.
    :param privacy: what the build is to do.
    :param add: whether texts stay in the store that are not read again.
    :raises UsageError: it would.
    """
    mask, mark = ledger.get_meta(_MASK) or "off", ledger.get_meta(_KEY)
    if privacy.key is not None and not mark and ledger.is_anybody_forgotten():
        raise UsageError(
            "users of this store were forgotten by their ids, and would come in again as pseudonyms; take their rows "
            "out of the files and build another store"
        )
    if not ledger.counts().documents:
        return
    if mark and privacy.key is None:
        raise UsageError("the users of this store are pseudonyms; name their key file with --pseudonyms")
    if mark and privacy.key is not None and key_mark(privacy.key) != mark:
        raise UsageError("the pseudonyms of this store were made with another key; name its file with --pseudonyms")
    if add and privacy.key is not None and not mark:
        raise UsageError("with --add, users would stay who are no pseudonyms; build from all files, without --add")
    if add and mask != privacy.mask:
        raise UsageError(
            f"the texts of this store were masked with --mask {mask} and would stay so with --add; build from all "
            f"files, without --add, or say --mask {mask}"
        )


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
