"""Names of accounts: @handles, u/names, and what stands behind the name of a messenger, such as 微信号."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint, words

_APPS = (
    r"skype|telegram|snap(?:chat)?|insta(?:gram)?|\big\b|discord|kik|kakao(?:talk)?|viber|signal|twitter|tiktok|"
    r"mastodon|weibo|psn|gamertag|steam|line id|battle\.?net"
)
_APP_WORDS = (
    *words(
        """skype telegram snap insta ig: ig; discord kik kakao viber signal twitter tiktok mastodon weibo
        psn gamertag steam battle"""
    ),
    "line id",
)
_CHINESE_WORDS = ("微信", "薇信", "v信", "vx", "wx", "wechat", "qq", "小红书", "抖音", "微博")
HINT = Hint(("@", "＠", "u/", *_APP_WORDS, *_CHINESE_WORDS))

# Not the sign before prices and times, nor in the middle of a word.
_HANDLE = re.compile(r"[@＠](?<![\w@＠].)(?P<name>[^\W\d][\w.-]{0,29}\w|[^\W\d])(?![=(\w])")
_REDDIT = re.compile(r"u/(?<![\w.]u/)(?<!\w/u/)(?P<name>[A-Za-z0-9_-]{3,20})(?![\w/])")
_WECHAT = re.compile(
    r"(?:微信号?|薇信号?|v信号?|vx号?|\bwx号?|wechat(?: id)?)\s?(?:[(（]?同号[)）]?)?\s?(?P<mark>[:：=]|号|是"
    r"|为)?(?:id|is)?\s?[:：]?\s?"
    r"(?P<name>[A-Za-z][A-Za-z0-9_-]{4,19})(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
_QQ = re.compile(
    r"(?<![A-Za-z])qq(?:号码?|群号?|邮箱)?\s?(?:[:：=]|是|为|号)?\s?[:：]?\s?(?P<name>[1-9]\d{4,10})(?!\d)", re.I
)
_NAMED = re.compile(
    rf"(?:(?:{_APPS})(?:[ -]?(?:id|name|handle|username|account))?|小红书号?|抖音号?|微博(?:名|号)?)\s?(?:[:：=]"
    rf"|id:)\s?"
    r"(?P<name>@?[A-Za-z0-9][\w.-]{2,31}(?:#\d{4})?)",
    re.IGNORECASE,
)


def find(text: str, language: str) -> Iterator[Found]:
    """Yield names of accounts.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    lowered = text.lower()
    for pattern in (_HANDLE, _REDDIT):
        for match in pattern.finditer(text):
            yield Found(*match.span(), "handle")
    if any(word in lowered for word in _CHINESE_WORDS):
        for match in _WECHAT.finditer(text):
            # "微信android版" names a system; a mark before it, a digit or an underscore in it tell a name.
            if match["mark"] or re.search(r"[\d_]", match["name"]):
                yield Found(*match.span("name"), "handle")
        for match in _QQ.finditer(text):
            yield Found(*match.span("name"), "handle")
    if any(word in lowered for word in (*_APP_WORDS, *_CHINESE_WORDS)):
        for match in _NAMED.finditer(text):
            # "Instagram: see the pictures" goes on.
            if re.search(r"[\d_.@]", match["name"]) or not text[match.end() : match.end() + 2].strip(" ,.").isalpha():
                yield Found(*match.span("name"), "handle")
