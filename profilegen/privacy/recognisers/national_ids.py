"""Numbers that a state gives a person: by form and check digit, and whatever is called so (passport, licence)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint, words

HINT = Hint(patterns=(re.compile(r"\d(?:[ .\-/]?\d){4}"),))

# The form that a number is written in, and python-stdnum's module that knows its check digits. Only numbers whose form
# or check digits make a number of something else unlikely; all others have to be called by their name.
_FORMS = (
    (r"\d{6} ?\d{8} ?\d{3}[\dX]", "cn.ric"),
    (r"\d{3}-\d{2}-\d{4}", "us.ssn"),
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf"),
    (r"(?<!\d{4}[ -])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?! ?\d)", "in_.aadhaar"),
    (r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", "in_.pan"),
    (r"\d{8}-?[A-Z]", "es.dni"),
    (r"[XYZ]-?\d{7}-?[A-Z]", "es.nie"),
    (r"[A-Z]{6}[0-9L-V]{2}[A-EHLMPRST][0-9L-V]{2}[A-Z][0-9L-V]{3}[A-Z]", "it.codicefiscale"),
    (r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d", "fr.nir"),
    (r"\d{6}-[1-8]\d{6}", "kr.rrn"),
    (r"756\.\d{4}\.\d{4}\.\d{2}", "ch.ssn"),
    (r"\d\d\.\d\d\.\d\d[-.]\d{3}[-.]\d\d", "be.nn"),
    (r"(?:\d\d)?\d{6}[-+]\d{4}", "se.personnummer"),
    (r"\d{6}[-+A]\d{3}[0-9A-Y]", "fi.hetu"),
    (r"\d{6} ?\d{5}", "no.fodselsnummer"),
    (r"\d\d?\.\d{3}\.\d{3}-[\dK]", "cl.rut"),
    (r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", "mx.curp"),
    (r"\d-\d{4}-\d{5}-\d\d-\d", "th.pin"),
    (r"[1-9]\d{10}", "tr.tckimlik"),
    (r"[1-9]\d{12}", "ro.cnp"),
)
_FORM = re.compile(
    "(?:" + "|".join(f"(?P<f{at}>{form})" for at, (form, _) in enumerate(_FORMS)) + r")(?![A-Za-z0-9]|[-.]\d)", re.I
)
# Where a form may begin: at a digit, or some letters before one.
_START = re.compile(r"\d(?<![0-9.]\d)")
_LETTERS = re.compile(r"(?<![A-Za-z0-9.])[A-Za-z]{1,6}-?\Z")
_MAX_LETTERS = 7
# Great Britain's national insurance number and Hong Kong's identity card, which python-stdnum does not know.
_UNCHECKED = re.compile(
    r"(?<![A-Za-z0-9])(?:(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"
    r"|[A-Z]{1,2}\d{6}[(（][\dA][)）])(?![A-Za-z0-9])"
)
_NAMED = re.compile(
    r"(?:social security|\bssn|national insurance|\bnino\b|\bnhs\b|passport|driv(?:er|ing)(?:'?s)? licen[sc]e|"
    r"\btax (?:id|file)|\btfn\b|medicare|aadhaar|national id|\bid card|identity (?:card|number)|\bpan card|"
    r"身份证|身分證|护照|護照|驾驶证|驾照|社保|港澳通行证|证件号|統一編號|マイナンバー|パスポート|주민등록|"
    r"steuer-?id|ausweis|reisepass|sozialversicherung|\bbsn\b|\bpesel\b|\bcpf\b|\bdni\b|\bcurp\b|codice fiscale|"
    r"sécurité sociale|passeport|pasaporte|passaporto|паспорт|\bснилс\b|\bинн\b)"
    r"(?:[^\n\d]{0,24}?)(?<![A-Za-z0-9])(?P<value>[A-Z]{0,3}(?:[ .\-/]?\d){5,18}"
    r"[A-Z]?(?:\d{0,4}[A-Z]{0,2})?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)

# Numbers of a text whose check digits are computed. In a text with more, the form is enough.
_MAX_CHECKED = 1_000
_WORDS = (
    *words(
        """social ssn insurance nino nhs passport licen aadhaar national identity medicare tfn 身份证 身分證 护照
        護照 驾驶证 驾照 社保 港澳通行证 证件号 統一編號 マイナンバー パスポート 주민등록
        steuer ausweis reisepass versicherung bsn pesel
        cpf dni curp fiscale sécurité passeport pasaporte passaporto паспорт снилс инн"""
    ),
    "tax ",
    "pan card",
    "id card",
)


def find(text: str, language: str) -> Iterator[Found]:
    """Yield numbers of identity cards, insurances, passports and the like.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    at, left = 0, _MAX_CHECKED
    while start := _START.search(text, at):
        letters = _LETTERS.search(text, max(0, start.start() - _MAX_LETTERS), start.start())
        match = _FORM.match(text, letters.start() if letters else start.start())
        at = start.end()
        if match and _is_apart(text, match.start()):
            left -= 1
            if left < 0 or _is_valid(_FORMS[int((match.lastgroup or "f0")[1:])][1], match[0]):
                at = match.end()
                yield Found(*match.span(), "id")
    for unchecked in _UNCHECKED.finditer(text):
        yield Found(*unchecked.span(), "id")
    lowered = text.lower()
    for named in _NAMED.finditer(text) if any(word in lowered for word in _WORDS) else ():
        value = named["value"].lstrip(" .-/")
        yield Found(named.end("value") - len(value), named.end("value"), "id")


def _is_apart(text: str, start: int) -> bool:
    """Return whether neither a letter nor a digit stands right before a position."""
    return not (start and text[start - 1].isascii() and text[start - 1].isalnum())


@lru_cache(maxsize=1_024)
def _is_valid(module: str, number: str) -> bool:
    return bool(import_module(f"stdnum.{module}").is_valid(number))
