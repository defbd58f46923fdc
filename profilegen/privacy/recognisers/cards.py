"""Bank cards: numbers of an issuer's length and beginning whose check digit is right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.recognisers.numbers import HINT as HINT
from profilegen.privacy.recognisers.numbers import Run, runs, windows

# Beginnings of numbers and how long they are: Visa, Mastercard, American Express, Discover, Diners Club, JCB,
# UnionPay, Maestro, Mir. A Visa of 13 digits is no longer issued, and looks like a German article number.
_ISSUED = re.compile(
    r"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|(?:50|5[6-9]|6[379])\d{14}|220[0-4]\d{12}"
)
_NAMED = re.compile(
    r"(?:card|visa|mastercard|amex|unionpay|kreditkarte|karte|carte|tarjeta|cartão|карт\w{0,3}|卡号|银行卡|储蓄卡"
    r"|信用卡|账号|帐号|卡)"
    r"[^\d\n]{0,20}$"
)
# As cards are written: four digits a group, with or without what is left over; American Express 4-6-5, UnionPay 6-13.
_GROUPINGS = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2)})
_MAX_GROUPS = 5


def find(text: str, language: str) -> Iterator[Found]:
    """Yield numbers of bank cards.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    for run in runs(text):
        if len(run.text) >= 14:
            end = -1
            for part in windows(run, 14, 19, _MAX_GROUPS):
                if part.start >= end and _is_card(part):
                    end = part.end
                    yield Found(part.start, end, "card")


def _is_card(run: Run) -> bool:
    from stdnum import luhn

    sizes = tuple(end - start for start, end in run.groups)
    if run.is_glued or (len(sizes) > 1 and sizes not in _GROUPINGS):
        return False
    digits = run.digits
    is_issued = _ISSUED.fullmatch(digits) or (len(digits) >= 16 and _NAMED.search(run.before))
    return bool(is_issued and luhn.is_valid(digits))
