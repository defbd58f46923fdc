"""Plates of cars: Chinese and British ones by their form, others where they are called so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint

HINT = Hint(
    ("plate", " reg", "registr", "车牌", "kennzeichen", "matrícula", "immatricul"),
    (
        re.compile(r"\d\d(?<=[A-Z]{2}\d\d) ?[A-Z]{3}"),
        re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Z]"),
    ),
)

_FORMS = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-HJ-NP-Z][·•. -]?"
    r"(?:[A-HJ-NP-Z0-9]{5}|[DF][A-HJ-NP-Z0-9]\d{4}|\d{5}[DF])(?:[挂学警港澳]|(?![A-Za-z0-9]))"
    r"|(?<![A-Za-z0-9])[A-Z]{2}\d\d ?[A-Z]{3}(?![A-Za-z0-9])"
)
_NAMED = re.compile(
    r"(?:(?:licen[sc]e|number|car) plate|plate (?:number|no)|\bplates?\b|\breg(?:istration)?(?: (?:number|no"
    r"|plate))?|车牌号?码?|"
    r"kennzeichen|matrícula|immatriculation)[^\w\n]{0,3}(?:is|was|are|是|为)?[^\w\n]{0,3}"
    r"(?P<value>(?=[A-Z0-9 ·-]{0,9}\d)[A-Z0-9]{1,4}(?:[ ·-]?[A-Z0-9]{1,4}){1,3})(?![A-Za-z0-9])"
)


def find(text: str, language: str) -> Iterator[Found]:
    """Yield plates of cars.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    for match in _FORMS.finditer(text):
        yield Found(*match.span(), "plate")
    for match in _NAMED.finditer(text):
        yield Found(*match.span("value"), "plate")
