"""Claims as predicates without subject: `likes slow films`, `works nights`."""

from __future__ import annotations

# What stands before the text of a claim, by language and stance; with `is` the text is a predicate already.
_PREDICATES: dict[str, dict[str, str]] = {
    "en": {"likes": "likes", "dislikes": "dislikes", "wants": "wants", "avoids": "avoids"},
    "zh": {"likes": "喜欢", "dislikes": "不喜欢", "wants": "想要", "avoids": "避免"},
    "de": {"likes": "mag", "dislikes": "mag nicht:", "wants": "will", "avoids": "meidet"},
    "es": {"likes": "le gusta", "dislikes": "no le gusta", "wants": "quiere", "avoids": "evita"},
    "fr": {"likes": "aime", "dislikes": "n'aime pas", "wants": "veut", "avoids": "évite"},
    "pt": {"likes": "gosta de", "dislikes": "não gosta de", "wants": "quer", "avoids": "evita"},
    "ja": {"likes": "好き：", "dislikes": "嫌い：", "wants": "欲しい：", "avoids": "避ける："},
    "ko": {"likes": "좋아함:", "dislikes": "싫어함:", "wants": "원함:", "avoids": "피함:"},
    "tr": {"likes": "sever:", "dislikes": "sevmez:", "wants": "ister:", "avoids": "kaçınır:"},
    "ar": {"likes": "يحب", "dislikes": "لا يحب", "wants": "يريد", "avoids": "يتجنب"},
    "hi": {"likes": "पसंद:", "dislikes": "नापसंद:", "wants": "चाहिए:", "avoids": "बचता है:"},
    "th": {"likes": "ชอบ", "dislikes": "ไม่ชอบ", "wants": "อยากได้", "avoids": "หลีกเลี่ยง"},
    "ru": {"likes": "любит:", "dislikes": "не любит:", "wants": "хочет:", "avoids": "избегает:"},
    "it": {"likes": "ama", "dislikes": "non ama", "wants": "vuole", "avoids": "evita"},
    "id": {"likes": "suka", "dislikes": "tidak suka", "wants": "ingin", "avoids": "menghindari"},
}


def predicate(stance: str, text: str, language: str) -> str:
    """Return a claim as a predicate without subject, as verifiers read it and persons see it.

    :param stance: `likes`, `dislikes`, `wants`, `avoids` or `is`.
    :param text: what it completes.
    :param language: ISO 639-1 code of the text; English words stand before texts of a language without any here.
    """
    words = _PREDICATES.get(language, _PREDICATES["en"]).get(stance, "")
    blank = "" if language == "zh" or not words else " "
    return f"{words}{blank}{text}"
