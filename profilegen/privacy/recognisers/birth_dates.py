"""Dates of birth, where the words before a date call it so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint, words

HINT = Hint((*words("""born birth dob d.o.b 出生 生日 生于 gebor geburt née né nacid nascid nato nata род"""),))

_MONTH = r"[^\W\d_]{3,10}\.?"
_DATE = (
    r"(?:(?:19|20)\d\d[./年-] ?\d{1,2}[./月-] ?\d{1,2}日?|\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?(?: of| de)? {_MONTH},?(?: de)? (?:19|20)\d\d|{_MONTH} \d{{1,2}}(?:st|nd|rd"
    rf"|th)?,? (?:19|20)\d\d"
    r"|(?:19|20)\d{6}|\d{1,2}月\d{1,2}[日号]|(?:农历|阴历)?(?:19|20)?\d\d年\d{1,2}月(?:\d{1,2}[日号]?)?)(?![\d])"
)
_BORN = re.compile(
    r"(?:\bborn(?: on| in)?|\bbirth ?date|\bdate of birth|\bd\.?o\.?b\.?|\bbirthday(?:'s| is| was)?(?: on)?"
    r"|出生日期|出生年月|出生于|生于|出生"
    r"|生日|geboren am|geburtsdatum|geburtstag|\bnée? le|\bnacid[oa] el|\bnascid[oa] em|\bnat[oa] il|дата рождения"
    r"|родил\w{1,3})"
    rf"[\s:：=,是为の]{{0,4}}(?P<date>{_DATE})|(?P<date_zh>(?:19|20)\d\d年\d{{1,2}}月\d{{1,2}}[日号]?)(?:出生|生人"
    rf"|生日)",
    re.IGNORECASE,
)


def find(text: str, language: str) -> Iterator[Found]:
    """Yield dates of birth.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    for match in _BORN.finditer(text):
        yield Found(*match.span("date" if match["date"] else "date_zh"), "birthdate")
