"""What identifies a person and is never a claim: handles, addresses, links and long numbers, known by their shape."""

from __future__ import annotations

import re

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
)
_IDENTIFIER = re.compile("|".join(f"(?:{shape})" for shape in _SHAPES), re.IGNORECASE)


def has_identifier(text: str) -> bool:
    """Return whether a text holds a handle, an e-mail or postal address, a link, or a number of five digits or more.

    Names of persons are not recognised: no shape tells a friend from a singer.

    :param text: a claim, or a sentence of a summary.
    """
    return _IDENTIFIER.search(text) is not None
