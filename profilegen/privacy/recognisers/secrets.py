"""Secrets: keys and tokens of services by their form, private keys, and passwords that are called so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint, words

HINT = Hint(
    (
        *words(
            """ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- sk- sk_ rk- rk_ akia asia xox aiza eyj npm_ hf_ sg. passw
            passphrase pwd api secret token bearer 密码 口令 验证码 contraseña"""
        ),
        "private key",
        "mot de passe",
        "密 码",
    )
)

_FORMS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{40,255}|glpat-[\w-]{20,64}|"
    r"[sr]k[-_](?:live|test|proj|ant|or)?[-_]?[A-Za-z0-9][\w-]{19,255}|"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}|xox[a-z]-[A-Za-z0-9-]{10,255}|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|"
    r"hf_[A-Za-z0-9]{30,64}|SG\.[\w-]{16,64}\.[\w-]{16,64}|"
    r"eyJ[\w-]{8,4096}\.[\w-]{8,4096}(?:\.[\w-]{0,4096})?"
    r")(?![A-Za-z0-9])"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s:,-]{0,20000}")
# A value that is named; the name stays. A digit tells a password from a word that follows: "password: required".
_NAMED = re.compile(
    r"(?i:passwords?|passwd|passphrase|pwd|api[ _-]?keys?|secret(?:[ _-]?keys?)?|access[ _-]?tokens?|auth[ _-]?tokens?"
    r"|bearer|contraseña|mot de passe)[\"']?\s{0,2}(?:(?:[:=：]|is|was|est|es)\s{0,2}|\b(?<=bearer) {1,2})"
    r"[\"'“]?(?P<value>[^\s\"'”<>,，。；]{4,512})"
    r"|(?:密\s?码|口令|验证码)\s?(?:[:=：]|是|为)\s?(?P<value_zh>[!-~]{4,64})"
)
_IS_VALUE = re.compile(r"(?=[^\d]*\d)")


def find(text: str, language: str) -> Iterator[Found]:
    """Yield secrets.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    for pattern in (_PRIVATE_KEY, _FORMS):
        for match in pattern.finditer(text):
            yield Found(*match.span(), "secret")
    for match in _NAMED.finditer(text):
        group = "value" if match["value"] else "value_zh"
        value = match[group].rstrip(".!?)")
        if _IS_VALUE.match(value):
            start = match.start(group)
            yield Found(start, start + len(value), "secret")
