"""What is never said of a person: what a recogniser finds, placeholders, and what might be a part of either.

Claims are short and in a writer's words: all in small letters, a number without what it is. So less is asked of them
than of texts, which are masked only where something is surely found.
"""

from __future__ import annotations

import re

from profilegen.privacy.found import KINDS
from profilegen.privacy.masking import mask

_SHAPES = (
    r"(?<!\w)@\w+",  # a handle
    r"\S@\S+\.\w",  # an e-mail address
    r"\b(?:https?|ftp)://|\bwww\.\w",
    r"\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|[a-z]{2})/\S",  # a link without its scheme
    r"\d{5}",  # a postcode, an account, an order
    r"(?<!\d)\+?\(?\d(?:[\s().-]{0,2}\d){8}",  # a telephone number
    r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b",  # a British postcode
    # A house number beside a word for street.
    r"\b\d{1,4}[a-z]?,? (?:[^\W\d]+ ){1,3}(?:street|st|road|rd|avenue|ave|lane|drive|boulevard|blvd|court)\b",
    r"(?:straße|strasse|str\.|gasse|platz|allee|\bweg) \d",
    r"\b(?:rue|calle|via|rua|avenida|ulica|ul\.|улица|ул\.) (?:[^\W\d]+ ){1,4}?\d",
    r"\b\d{1,4},? (?:rue|avenue|boulevard) [^\W\d]",
    r"[路街道巷弄]\s?\d+\s?[号號]|丁目\s?\d",
    # A placeholder, whole or in the words of a writer: "has an [email] address", "phone is [phone".
    rf"\[(?:{'|'.join(KINDS)})\b",
)
_IDENTIFIER = re.compile("|".join(f"(?:{shape})" for shape in _SHAPES), re.IGNORECASE)


def has_identifier(text: str) -> bool:
    """Return whether a text holds a handle, an address, a link, a number of five digits or more, or a placeholder.

    Names of persons are not recognised: no shape tells a friend from a singer.

    :param text: a claim.
    """
    return bool(_IDENTIFIER.search(text) or mask(text).counts)
