"""Names of persons where the words beside them say that they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint, words

HINT = Hint(
    (
        *words(
            """name call mr ms. mrs miss dr prof sir dear herr frau señor sr. sra mme signor monsieur madame my regards
            cheers sincerely thanks love, best, m'appelle heiße contact signed talk spoke speak"""
        ),
        "me llamo",
        "ask for",
    ),
    (re.compile("[一-鿿]"),),
)

_CAP = r"[A-ZÀ-ÖØ-ÞА-Я][\w'’-]{1,24}"
# Words with a capital that stand before a name.
_NO_NAMES = (
    "Mrs?|Ms|Miss|Dr|Prof|Professor|Sir|Dear|Hi|Hello|Hey|My|Call|Contact|Name|Regards|Cheers|Thanks|Love|Best|Sincerely|Herrn?"
    "|Frau|Señora?|Signora?|Monsieur|Madame|Ask|Signed|Talk|Speak|Je|Me|Ich|Mi|Meu"
)
_NAME = (
    rf"(?!(?:{_NO_NAMES})\b){_CAP}(?: (?:(?:van|von|de|da|del|di|la|bin|al|O'|[A-Z]\.) ?){{0,3}}{_CAP})"
    r"{0,2}"
)
_KIN = (
    r"son|daughter|wife|husband|brother|sister|mother|father|mom|mum|dad|friend|girlfriend|boyfriend|partner"
    r"|fiancée?|boss|"
    r"cousin|uncle|aunt|niece|nephew|grandson|granddaughter|grandmother|grandfather|neighbou?r|colleague|roommate"
    r"|ex|coworker|teacher|doctor"
)
_WESTERN = re.compile(_NAME)
_BEFORE = re.compile(
    r"(?:\b[Mm]y (?:full |real |first |last )?name(?: is|'s|:)|\b[Nn]ames?(?: is)?:|\b[Cc]all me|\bI am called"
    r"|\bgo by|\bnamed|\bcalled"
    r"|\b(?:Mrs?|Ms|Dr|Prof|Sra?|Mme)\.|\b(?:Mrs?|Ms|Miss|Dr|Professor|Prof|Sir|Dear|Herrn?|Frau|Señora?|Signora?"
    r"|Monsieur|Madame)"
    rf"|\b[Mm]y (?:\w{{1,12}} )?(?:{_KIN}),?(?: is| was)?(?: called| named)?|\b(?:[Jj]e m'appelle|[Mm]e llamo"
    rf"|[Ii]ch heiße|[Mm]i chiamo|[Mm]eu nome é)"
    r"|(?:[Rr]egards|[Cc]heers|[Ss]incerely|[Tt]hanks|[Ll]ove|[Bb]est|[Yy]ours truly),?(?=\n)|[Rr]egards,|[Ss]incerely,"
    r"|\b(?:[Cc]ontact|[Aa]sk for|[Ss]igned|[Tt]alk(?:ed)? to|[Ss]p(?:oke|eak) (?:to|with)))[ \n](?:(?:Mrs?|Ms|Dr"
    r"|Prof)\.? )?\Z"
)
_CONTEXT_CHARS = 32
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚"
    "谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向"
    "柳邢骆岳齐尚梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵"
)
_NAMED_CHINESE = re.compile(
    rf"(?:我叫|名叫|叫做|姓名(?:是|[:：])?|联系人[:：]?|收件人[:：]?"
    rf"|本人)\s?(?P<name>[{_SURNAMES}][一-鿿]{{1,2}})(?![一-鿿]{{0,1}}号)"
    rf"|(?P<titled>[{_SURNAMES}][一-鿿]{{0,2}}?)(?=先生|女士|小姐|太太|老师|医生|教授)"
)


def find(text: str, language: str) -> Iterator[Found]:
    """Yield names of persons.

    :param text: any text.
    :param language: ISO 639-1 code of the text.
    """
    for match in _WESTERN.finditer(text):
        if _BEFORE.search(text, max(0, match.start() - _CONTEXT_CHARS), match.start()):
            yield Found(*match.span(), "name")
    if language == "zh":
        for match in _NAMED_CHINESE.finditer(text):
            yield Found(*match.span("name" if match["name"] else "titled"), "name")
