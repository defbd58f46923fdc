"""The first person: how often the writer of a text speaks of himself."""

from __future__ import annotations

import re
from functools import cache

from profilegen.language.tokens import words

# The personal and possessive pronouns of the first person, singular and plural, of each language, in their common
# forms. Languages that drop the subject have the others ("mi", "miei"); verb endings are not looked at.
_PRONOUNS: dict[str, str] = {
    "ar": "أنا انا إني اني أنني لي عندي معي مني نحن لنا عندنا",
    "bg": "аз мен мене ми ме мой моя моят моята моето моите мое мои ние нас ни наш наша наше наши",
    "cs": "já mě mne mně mi mnou můj moje má mého mojí mou moji mým mých my nás nám náš naše",
    "da": "jeg mig min mit mine vi os vores",
    "de": "ich mich mir mein meine meinen meinem meiner meines wir uns unser unsere unseren unserem unserer",
    "el": "εγώ μου με εμένα μένα εμείς μας εμάς δικό δικός",
    "en": "i me my mine myself we us our ours ourselves im ive",
    "es": "yo me mí mi mis mío mía míos mías conmigo nosotros nosotras nos nuestro nuestra nuestros nuestras",
    "fa": "من مرا منو ما مان",
    "fi": "minä mä minua minun mun minut minulla mulla minulle mulle minusta musta me meidän meitä meillä meille",
    "fr": "je j me m moi mon ma mes mien mienne nous notre nos",
    "he": "אני אותי לי שלי איתי אנחנו אותנו לנו שלנו",
    "hi": "मैं मैंने मुझे मुझको मुझसे मुझमें मेरा मेरी मेरे हम हमें हमने हमारा हमारी हमारे",
    "hu": "én engem nekem velem mi minket nekünk velünk",
    "id": "saya aku ku kami kita",
    "it": "io me mi mio mia miei mie noi ci nostro nostra nostri nostre",
    "ko": "나 나는 난 내 내가 나의 나도 나를 날 나에게 저 저는 전 제 제가 저의 저도 저를 우리 우리는 우리가",
    "ms": "saya aku kami kita",
    "nb": "jeg meg min mitt mi mine vi oss vår vårt våre",
    "nl": "ik me mij mijn wij we ons onze",
    "no": "jeg meg min mitt mi mine vi oss vår vårt våre",
    "pl": "ja mnie mi mną mój moja moje mojego mojej moją moim moich my nas nam nasz nasza nasze",
    "pt": "eu me mim meu minha meus minhas comigo nós nos nosso nossa nossos nossas",
    "ro": "eu mă mie îmi mi mine meu mea mei mele noi ne nostru noastră noștri noastre",
    "ru": "я меня мне мной мной мой моя моё мое мои моего моей моему моим моих мою мы нас нам наш наша наше наши",
    "sv": "jag mig min mitt mina vi oss vår vårt våra",
    "ta": "நான் என் எனக்கு என்னை என்னிடம் எனது நாங்கள் எங்கள் எங்களுக்கு நாம் நமது",
    "tr": "ben beni bana bende benden benim biz bizi bize bizim",
    "uk": "я мене мені мною мій моя моє мої мого моєї моєму моїх ми нас нам наш наша наше наші",
    "vi": "tôi mình tớ",
}
_PRONOUNS_WITHOUT_BLANKS: dict[str, str] = {
    "ja": "私|わたし|僕|ぼく|俺|おれ|うち",
    "th": "ฉัน|ผม|ดิฉัน|หนู|เรา",
    "zh": "我|咱",
}


def count_first_person(text: str, language: str) -> int:
    """Return how many pronouns of the first person a text has; 0 in a language whose pronouns are not known.

    :param text: any text.
    :param language: ISO 639-1 code of its language.
    """
    if pattern := _pattern(language):
        return len(pattern.findall(text))
    pronouns = _pronouns(language)
    return sum(word in pronouns for word in words(text)) if pronouns else 0


@cache
def _pronouns(language: str) -> frozenset[str]:
    return frozenset(words(_PRONOUNS.get(language, "")))


@cache
def _pattern(language: str) -> re.Pattern[str] | None:
    pronouns = _PRONOUNS_WITHOUT_BLANKS.get(language)
    return re.compile(pronouns) if pronouns else None
