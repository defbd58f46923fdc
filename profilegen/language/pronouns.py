"""The personal pronouns of the first and second person, by which a text speaks for somebody or to somebody."""

from __future__ import annotations

from profilegen.language.cleaning import fold

# All forms that have no other meaning, by ISO 639-1 code; where words are not separated by spaces, parts of words.
_PRONOUNS: dict[str, str] = {
    "en": "i me my mine myself we us our ours ourselves you your yours yourself i'm i've we're we've you're you've",
    "zh": "我 你 您 咱 俺",
    "de": "ich mich mir mein meine meinen meinem meiner meines wir uns unser unsere unseren du dich dir dein deine",
    "es": "yo mí mis mío mía nosotros nosotras nos nuestro nuestra tú ti tus vosotros usted ustedes",
    "fr": "je j'ai j'aime moi mon mes nous notre nos tu toi tes vous votre vos",
    "pt": "eu mim meu minha meus minhas nós nosso nossa você vocês",
    "it": "io mio mia miei mie noi nostro nostra tu tuo tua voi vostro",
    "nl": "ik mij mijn wij ons onze jij jouw jullie",
    "ja": "私 僕 俺 あなた 君は",
    "ko": "나는 내가 저는 제가 우리는 우리의 당신은 당신의",
    "tr": "ben bana beni benim biz bize bizim sen sana seni senin sizin",
    "ar": "أنا نحن أنت أنتم",
    "hi": "मैं मेरा मेरी मेरे मुझे हम हमारा आप आपका तुम",
    "th": "ฉัน ดิฉัน พวกเรา",
    "ru": "я мне меня мой моя мои мною мы нас нам наш наша ты тебе тебя твой вы вас вам ваш",
}
_UNSPACED = frozenset({"zh", "ja", "th"})
_MARKS = ".,;:!?\"'()«»„“”‘…–—-،؛؟।¡¿"


def first_second_person(text: str, language: str) -> frozenset[str]:
    """Return the pronouns of the first and second person in a text; of a language without any here there are none.

    :param text: a sentence.
    :param language: ISO 639-1 code of its language.
    """
    pronouns = frozenset(_PRONOUNS.get(language, "").split())
    folded = fold(text).replace("’", "'")
    if language in _UNSPACED:
        return frozenset(pronoun for pronoun in pronouns if pronoun in folded)
    return pronouns & frozenset(word.strip(_MARKS) for word in folded.split())
