"""Fields become a Document, or an error says why not."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from profilegen.ingest.notation import USUAL, Notation
from profilegen.ingest.ratings import DEFAULT_SCALE, parse_rating
from profilegen.ingest.rows import BadRowError, describe_type
from profilegen.ingest.times import parse_time
from profilegen.ingest.values import parse_number, parse_price
from profilegen.language.cleaning import clean, fold
from profilegen.language.detection import detect_language
from profilegen.privacy import OPEN, PLACEHOLDER, Level, Privacy, mask, mask_code
from profilegen.privacy.pseudonyms import pseudonym
from profilegen.records import Document

MAX_TEXT_BYTES = 1_000_000
MAX_LABEL_CHARS = 1_000
MAX_USER_ID_CHARS = 512
MAX_CODE_CHARS = 4_096

_LABELS = ("title", "item_title", "brand", "event", "channel")
_CODES = ("item_id", "image")

_UNFIT_FOR_IDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# A user id that is shorter is a word or a number that may stand in a text for something else.
_MIN_OWN_CHARS = 4
# What stands where a text was taken away, or where a program found none.
_NO_TEXTS = frozenset(
    ("[deleted]", "[removed]", "[deleted by user]", "[ Removed by Reddit ]", "nan", "NaN", "null", "NULL")
)


class NoDocumentError(Exception):
    """These fields are whole and yet no document; the message says why, in few words."""


class NobodyError(NoDocumentError):
    """The user is a name that stands for nobody, such as `[deleted]`; the message is that name."""


class Made(NamedTuple):
    """A document, the fields whose values could not be read, and how many things of each kind were masked."""

    document: Document
    unread: dict[str, object]
    masked: Counter[str]


def make_document(
    fields: Mapping[str, object],
    notation: Notation = USUAL,
    nobody: Collection[str] = (),
    privacy: Privacy = OPEN,
) -> Made:
    """Return the document that fields make; its id depends on the user, the text and the item.

    :param fields: values by our names, as the file has them.
    :param notation: how the file writes ratings and times.
    :param nobody: names that stand for nobody, in small letters.
    :param privacy: what is masked, and whether the user gets a pseudonym.
    :raises NoDocumentError: there is no user or no text.
    :raises BadRowError: a user or a text that cannot be used.
    """
    given = {target: _present(value) for target, value in fields.items()}
    user_id = _user_id(given.get("user_id"))
    labels: dict[str, str | None] = {name: _label(given.get(name)) for name in _LABELS}
    codes = {name: _code(given.get(name)) for name in _CODES}
    written = _text(given.get("text"))
    text = written or labels["title"] or labels["item_title"]
    if not text:
        raise NoDocumentError("no text")
    if not user_id:
        raise NoDocumentError("no user")
    if user_id.casefold() in nobody:
        raise NobodyError(user_id)
    language = detect_language(text)
    hidden = _Hidden(privacy, language, user_id)
    masked = hidden.text(text) if written else hidden.label(text) or text
    if masked != text:
        language = detect_language(PLACEHOLDER.sub(" ", masked))
    # A title that stands for a text is not counted twice.
    labels = {
        name: masked[:MAX_LABEL_CHARS].rstrip() if label == text else hidden.label(label)
        for name, label in labels.items()
    }
    codes = {name: hidden.code(code) for name, code in codes.items()}
    if privacy.key is not None:
        user_id = pseudonym(user_id, privacy.key)
    item_id, item_title = codes["item_id"], labels["item_title"]
    same = f"{fold(masked)}\0{item_id or fold(item_title or '')}"
    rating, scale = _rating(given, notation)
    price, timestamp = parse_price(given.get("price")), parse_time(given.get("timestamp"), notation.order)
    parsed = {"rating": rating, "price": price, "timestamp": timestamp}
    unread = {
        name: given[name] for name, value in parsed.items() if value is None and given.get(name) not in (None, "")
    }
    document = Document(
        id=f"{user_id}-{hashlib.blake2b(same.encode(), digest_size=6).hexdigest()}",
        user_id=user_id,
        text=masked,
        language=language,
        title=labels["title"],
        item_id=item_id,
        item_title=item_title,
        brand=labels["brand"],
        rating=rating,
        rating_scale=scale,
        price=price,
        timestamp=timestamp,
        event=labels["event"],
        channel=labels["channel"],
        image=codes["image"],
    )
    return Made(document, unread, hidden.counts)


class _Hidden:
    """Masks the values of a row and counts what it masks.

    :param privacy: how much is masked; with a key, the author's own id is too.
    :param language: of the text of the row.
    :param user_id: the author.
    """

    def __init__(self, privacy: Privacy, language: str, user_id: str) -> None:
        self._level: Level = privacy.mask
        self._language = language
        self._own = user_id if privacy.key is not None and len(user_id) >= _MIN_OWN_CHARS else ""
        self.counts: Counter[str] = Counter()

    def label(self, label: str | None) -> str | None:
        """Return a name on one line without what identifies somebody, cut where it is endless."""
        return (label and self.text(label)[:MAX_LABEL_CHARS].rstrip()) or None

    def text(self, text: str) -> str:
        """Return a text without what identifies somebody."""
        masked = mask(text, self._level, self._language)
        self.counts += masked.counts
        return self._without_author(masked.text)

    def code(self, code: str | None) -> str | None:
        """Return an id or an address without what identifies somebody."""
        if code is None:
            return None
        masked = mask_code(code, self._level)
        self.counts += masked.counts
        return self._without_author(masked.text)

    def _without_author(self, text: str) -> str:
        if not self._own or self._own not in text:
            return text
        # A user may be called "email", which is no reason to break the placeholders of that name.
        parts = re.split(f"({PLACEHOLDER.pattern})", text)
        for at in range(0, len(parts), 2):
            parts[at], count = re.subn(rf"(?<!\w){re.escape(self._own)}(?!\w)", "[name]", parts[at])
            self.counts += Counter(name=count)
        return "".join(parts)


def _rating(given: Mapping[str, object], notation: Notation) -> tuple[float | None, float]:
    """Return a rating and the best one of its scale: as written with it, as a field says, as the file shows."""
    rating = parse_rating(given.get("rating"))
    if rating is None:
        return None, DEFAULT_SCALE
    said = parse_number(given.get("rating_scale"))
    scale = rating.scale or (said if said and said > 0 else notation.rating_scale)
    return (rating.value, scale) if scale and 0 <= rating.value <= scale else (None, DEFAULT_SCALE)


def _present(value: object) -> object:
    """Return the value, bytes as text, NaN as nothing."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise BadRowError("invalid UTF-8") from None
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _user_id(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with a gap comes as 1.0
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise BadRowError(f"the user is {describe_type(value)}, not a name or a number")
    if isinstance(value, int) and value.bit_length() > 128:
        raise BadRowError("the user id is a number of more than 38 digits")
    user_id = "" if value is None else str(value).strip()
    if len(user_id) > MAX_USER_ID_CHARS:
        raise BadRowError(f"the user id has {len(user_id):,} characters; at most {MAX_USER_ID_CHARS} are read")
    if _UNFIT_FOR_IDS.search(user_id):
        raise BadRowError("the user id has control characters")
    return user_id


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise BadRowError(f"the text is {describe_type(value)}, not a text")
    if not isinstance(value, str):
        return "" if value is None else str(value)
    if len(value) * 4 > MAX_TEXT_BYTES:
        size = len(value.encode(errors="replace"))
        if size > MAX_TEXT_BYTES:
            raise BadRowError(f"a text of {size:,} bytes; at most {MAX_TEXT_BYTES:,} are read")
    return "" if value.strip() in _NO_TEXTS else clean(value)


def _label(value: object) -> str | None:
    """Return a name on one line, not endless; a list or an object is no name."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    raw = str(value) if not isinstance(value, str) else value[: MAX_LABEL_CHARS * 10]
    return " ".join(clean(raw).split()) or None


def _code(value: object) -> str | None:
    """Return an id or an address as given, for it is compared and opened; None if it cannot be one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    code = str(value).strip()
    return code if 0 < len(code) <= MAX_CODE_CHARS and not _UNFIT_FOR_IDS.search(code) else None
