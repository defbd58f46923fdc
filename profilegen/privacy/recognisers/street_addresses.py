"""Postal addresses: a street with a number of a house, with the flat, the place and the postcode beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint, words

_ENGLISH_STREETS = (
    r"Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Terrace|Ter|Way|Close|"
    r"Crescent|Cres|Gardens|Grove|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Row|Mews|Trail|Walk|Hill"
)
_ENGLISH_WORDS = (
    *words(
        """street road avenue ave lane drive boulevard blvd court place square terrace close cres gardens
        grove parkway pkwy highway hwy circle mews trail walk"""
    ),
    *(" st", " rd", " ln", " dr", " ct", " pl", " sq", " ter", " way", " cir", " row", " hill"),
)
_GERMAN_WORDS = ("straße", "strasse", "str.", "gasse", "platz", "allee", "weg ")
_ROMANCE_WORDS = tuple(
    f"{word} " for word in words("rue impasse quai chemin calle avenida avda. paseo plaza via viale piazza")
)
_OTHER_WORDS = ("avenue ", "boulevard ", "rua ", "travessa ", "ulica ", "ul. ", "улица ", "ул. ")
_CHINESE_WORDS = (*"号號栋幢座", "单元", "丁目")
HINT = Hint(
    (*_ENGLISH_WORDS, "box", *_GERMAN_WORDS, *_ROMANCE_WORDS, *_OTHER_WORDS, *_CHINESE_WORDS),
    digit=True,
)

# A word of the name begins with a capital or is a number of a street: "221B Baker Street", "350 5th Ave".
_WORD = r"(?:[A-Z][^\W\d_]{0,24}(?:['’-][^\W\d_]{1,24})?\.?|\d{1,3}(?:st|nd|rd|th))"
_STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI"
    r"|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"
)
_POSTCODE = r"(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)"
_UNIT = r"(?i:apt|apartment|unit|suite|ste|flat|room|rm|floor|#)\.? ?#?\w{1,6}"
_PLACE = r"[A-Z][^\W\d_]{1,24}(?:[ '’-][A-Z][^\W\d_]{1,24}){0,2}(?!\w)"
_ENGLISH = re.compile(
    rf"\d(?<![\w.,$£€/:-]\d)\d{{0,4}}(?:[-/]\d{{1,5}})?[A-Za-z]?,? (?:{_WORD} ){{1,4}}(?:{_ENGLISH_STREETS})\b\.?"
    rf"(?: (?:[NS][EW]?|[EW])\b\.?)?(?:,? {_UNIT}\b)?(?:,? {_PLACE})?(?:,? {_STATE},? \d{{5}}(?:-\d{{4}})?"
    rf"|,? {_POSTCODE})?"
    rf"(?![\w])"
)
# Small letters: then the word for street is written out, and what stands before it is no word of direction or amount.
_SMALL = re.compile(
    r"\d(?<![\w.,$£€/:-]\d)\d{1,4}[a-z]? (?!(?:of|the|a|to|in|on|at|mile|miles|more|times|days?|years?|different"
    r"|other|or|and|from)\b)"
    r"[a-z]{3,16} (?:[a-z]{3,16} )?(?:street|avenue|boulevard|ave|blvd)\b(?: (?:apt|unit|#) ?\w{1,5})?"
)
_UNIT_BEFORE = re.compile(rf"(?<!\w){_UNIT},? ?\Z")
_BOX = re.compile(
    r"\bP\.? ?O\.? Box (?:No\.? )?\d{1,6}\b(?:,? [A-Z][\w'’.-]{1,24}){0,3}(?:,? [A-Z]{2} \d{5}(?:-\d{4})?)?", re.I
)
_TOWN = r"(?:,? \d{4,5} [^\W\d_][\w.-]{1,24}(?: [A-Z][\w.-]{1,24}){0,2})?"
_GERMAN = re.compile(
    rf"(?<!\w)(?:[A-ZÄÖÜ][\w.-]{{0,24}}[ -]){{0,3}}[A-ZÄÖÜ][\w-]{{0,24}}(?:straße|strasse|str\.|gasse|platz|allee"
    rf"|weg) ?\d{{1,4}}[a-z]?\b{_TOWN}"
    rf"|(?<!\w)(?:[A-ZÄÖÜ][\w.-]{{0,24}}[ -]){{1,3}}(?:Straße|Strasse|Str\.|Gasse|Platz|Allee"
    rf"|Weg) \d{{1,4}}[a-z]?\b{_TOWN}"
)
_OTHERS = re.compile(
    rf"\b\d{{1,4}}(?: ?(?:bis|ter))?,? (?i:rue|avenue|boulevard|impasse|quai"
    rf"|chemin) (?:[\w'’-]{{1,24}} ?){{1,5}}{_TOWN}"
    rf"|\b(?i:calle|avenida|avda\.|paseo|plaza|via|viale|piazza|rua|travessa|ulica|ul\.|улица"
    rf"|ул\.) (?:[\w.'’-]{{1,24}} ){{0,4}}?"
    rf"[A-ZÀ-ÖØ-ÞА-Я][\w.'’-]{{0,24}},? (?:n[.º°]* ?|д\. ?)?\d{{1,4}}\b{_TOWN}"
)
_CHINESE = re.compile(
    r"(?:[路街巷弄道]|胡同|大街|大道)\s?(?:[东西南北中]段?)?\s?\d{1,5}\s?(?:[弄巷]\s?\d{1,4}\s?)?[号號](?![线店])(?:[院楼]|之\d)?"
    r"|(?:小区|花园|公寓|新村|家园|苑|大厦|广场|社区|村|庄)\s?\d{1,3}\s?(?:号楼|栋|幢|座|单元|号院)"
    r"|丁目\s?\d{1,3}"
)
_CHINESE_TAIL = re.compile(
    r"(?:\s?(?:[A-Za-z]|\d{1,5}|[一二三四五六七八九十]{1,3})\s?(?:号楼|号院|栋|幢|座|单元|室|房|楼|层|号|門"
    r"|门)){1,5}(?:\s?\d{3,4}(?!\d))?|\s?\d{3,4}(?!\d)"
)
_CHINESE_HEAD = re.compile(r"[\u4e00-\u9fff0-9A-Za-z]{1,36}\Z")
# What comes before an address and is no part of it.
_CHINESE_BEFORE = re.compile(
    r"地址|位于|寄到|送到|发到|住址|家住|搬到|快递到|来到|去了|[在到是于至寄住我你他她去从往了给]"
)

_MAX_UNIT_CHARS = 20
_PATTERNS = (
    (_ENGLISH_WORDS, (_ENGLISH, _SMALL)),
    (("box",), (_BOX,)),
    (_GERMAN_WORDS, (_GERMAN,)),
    ((*_ROMANCE_WORDS, *_OTHER_WORDS), (_OTHERS,)),
)


def find(text: str, language: str) -> Iterator[Found]:
    """Yield postal addresses.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    lowered = text.lower()
    for hints, patterns in _PATTERNS:
        if any(word in lowered for word in hints):
            for match in (match for pattern in patterns for match in pattern.finditer(text)):
                unit = _UNIT_BEFORE.search(text, max(0, match.start() - _MAX_UNIT_CHARS), match.start())
                start = unit.start() if unit else match.start()
                yield Found(start, match.start() + len(match[0].rstrip(" ,")), "address")
    if not any(word in lowered for word in _CHINESE_WORDS):
        return
    for match in _CHINESE.finditer(text):
        tail = _CHINESE_TAIL.match(text, match.end())
        yield Found(_chinese_start(text, match.start()), tail.end() if tail else match.end(), "address")


def _chinese_start(text: str, street: int) -> int:
    """Return where an address begins whose street has its last character at a position."""
    head = _CHINESE_HEAD.search(text, max(0, street - 36), street)
    if head is None:
        return street
    start = head.start()
    for before in _CHINESE_BEFORE.finditer(text, start, street - 1):
        start = before.end()
    return start
