import json
import random
import re
from pathlib import Path

import pytest

from profilegen.language.cleaning import clean, fold, printable
from profilegen.language.detection import detect_language
from profilegen.language.sentences import MAX_SENTENCE_CHARS, sentence_spans

DATA = Path(__file__).parents[2] / "shared" / "data"


def shared_texts(name: str) -> list[str]:
    path = DATA / name / "reviews.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open(encoding="utf-8") as lines:
        return [str(json.loads(line)["text"]) for line in lines]


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "text",
    [
        "I <3 this",
        "a < b and c > d",
        "a <b and c> d",
        "use <username> here",
        "AT&T, R&D; &c.",
        "很好，真的！（不骗人）……「对」～",
        "“curly” ‘quotes’ — and dashes…",
        "1½ cups, 10², don´t",
        "میخواهم نمی\u200cخواهم",
        "👨‍👩‍👧 ❤️ 🇩🇪",
        "see https://example.org/?a=1&copy=2",
    ],
)
def test_clean_keeps_text_that_a_person_wrote(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("one<br />two<br>three", "one\ntwo\nthree"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<b>bo</b>ld <a href='x' class=y>link</a>", "bold link"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("before <script>alert(1 < 2)</script>after", "before after"),
        ("before <STYLE type=a>p{}</sTyLe >after", "before after"),
        ("one <!-- not <b>said</b> --> two", "one two"),
        ("<!DOCTYPE html><html><body>x</body></html>", "x"),
        ("Word<o:p></o:p> wrote", "Word wrote"),
        ("3&#34; &lt; 4&quot; &amp; &hellip; &nbsp;", '3" < 4" & …'),
        ("&lt;br&gt;twice &amp;amp; &amp;lt;3", "twice & <3"),
        ("schÃ¶n, itâ€™s", "schön, it’s"),
        ("\ufeffx\u200by\u202ez\x00\u00ad\U000e0041", "xyz"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("pair \ud83d\ude00 lone \ud800", "pair 😀 lone \ufffd"),
        ("ＡＢＣ１２３ ﬁne ①", "ABC123 fine 1"),
        ("  a \t b\u3000c  \r\n\r\n\n\u2028 d ", "a b c\n\nd"),
        ("[[VIDEOID:f46ac04c]] Loved [[ASIN:B005U6QIMI Crosswords Plus]]", "Loved"),
        (" \n\t\u200b\u200d", ""),
    ],
)
def test_clean_removes_markup_and_invisible_characters(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_clean_is_idempotent_on_random_sequences() -> None:
    pieces = [
        *"<>&[]/!-=e.; \n\t\r\x00\x85\xa0\u0301\u200d\u200b\u202e…，ﬁ½①﹤﹠＜ｶﾞガ\u1100\u1161İﷺ\ud83d\ude00",
        *(
            "amp;",
            "lt;",
            "gt;",
            "&#",
            "x3c;",
            "60;",
            "br",
            "<b>",
            "</b>",
            "<script>",
            "</script>",
            "<!--",
            "-->",
        ),
        *("[[", "]]", "ASIN:", "Ã©", "â€™", "ï»¿", "ã€‚", "<a href=", "\x1b[", "&amp;" * 9, "&#38;" * 9),
    ]
    chance = random.Random(0)
    for length in [12] * 2_000 + [300] * 20:
        cleaned = clean("".join(chance.choices(pieces, k=length)))
        assert clean(cleaned) == cleaned
        cleaned.encode()


def test_clean_is_idempotent_on_real_reviews() -> None:
    for text in shared_texts("amazon-reviews") + shared_texts("shopping-zh"):
        cleaned = clean(text)
        assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    "part",
    [
        "<div>",
        "<ul><li>",
        "<b><a>",
        "<",
        "<a ",
        "<a =",
        "<script>",
        "<!--",
        "&",
        "&amp;",
        "&#38;",
        "[[ASIN:",
        "Ã",
        "ﷺ",
    ],
)
def test_a_long_hostile_text_is_cleaned_and_cut_in_linear_time(part: str) -> None:
    # Anything quadratic takes minutes here, not a moment.
    cleaned = clean(part * (200_000 // len(part)) + " end")
    assert cleaned.endswith("end")
    assert sentence_spans(cleaned)[-1][1] == len(cleaned)


def test_fold_ignores_form_case_and_whitespace() -> None:
    assert fold(" Straße\n ＡＢ ﬁ") == fold("STRASSE ab  FI") == "strasse ab fi"
    assert fold("good") != fold("bad")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\r\nlines\tand\u2028more", r"two\r\nlines\tand\u2028more"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("\x9b31m \ufeff \udc80 \U000e0041", r"\x9b31m \ufeff \udc80 \U000e0041"),
    ],
)
def test_printable_text_shows_what_could_act_on_a_terminal(text: str, escaped: str) -> None:
    assert printable(text) == escaped


@pytest.mark.parametrize(
    "text", ["", "plain 'text' \\n", "很好，真的！", "नमस्ते می\u200cخواهم", "👨\u200d👩\u200d👧 ❤️", "a\xa0b\u3000c"]
)
def test_printable_leaves_harmless_characters(text: str) -> None:
    assert printable(text) == text


def test_real_english_reviews_are_english() -> None:
    spanish = re.compile(r"\b(?:es|muy|excelente|con las) ", re.IGNORECASE)
    texts = [clean(text) for text in shared_texts("amazon-reviews")]
    codes = [detect_language(text) for text in texts if sum(map(str.isalpha, text)) >= 3 and not spanish.match(text)]
    assert codes.count("en") / len(codes) >= 0.995


def test_real_chinese_reviews_are_chinese() -> None:
    codes = [detect_language(clean(text)) for text in shared_texts("shopping-zh")]
    assert codes.count("zh") / len(codes) >= 0.995


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Great!", "en"),
        ("Great gift", "en"),
        ("Cool Gadget", "en"),
        ("It’s good", "en"),
        ("GREAT MOISTURIZER", "en"),
        ("line one\nline two\n", "en"),
        ("很好", "zh"),
        ("屏幕很大，公公很喜欢", "zh"),
        ("很好用 iPhone", "zh"),
        ("Love this 茶 so much", "en"),
        ("買ってよかった", "ja"),
        ("좋아요", "ko"),
        ("Muy bueno", "es"),
        ("Sehr gut", "de"),
        ("Très bien", "fr"),
        ("Ottimo prodotto", "it"),
        ("Хорошее качество", "ru"),
        ("ดีมาก", "th"),
        ("Buen producto, luz muy brillante y de fácil instalación " * 1_000, "es"),
    ],
)
def test_the_language_of_short_texts_is_detected(text: str, code: str) -> None:
    assert detect_language(text) == code


@pytest.mark.parametrize("text", ["", " \n", "12345", "👍👍", "ok", "10/10", "!!!", "https://example.org/page"])
def test_text_with_too_few_letters_has_no_language(text: str) -> None:
    assert detect_language(text) == "und"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Good. Bad! Why? End", ["Good.", "Bad!", "Why?", "End"]),
        ("很好。不错！真的？对；是…好", ["很好。", "不错！", "真的？", "对；", "是…", "好"]),
        ("很好!下次还来.真的", ["很好!", "下次还来.", "真的"]),
        ("他说：“很好。”我走了", ["他说：“很好。”", "我走了"]),
        ('She said "no." Then (yes!) left.', ['She said "no."', "Then (yes!)", "left."]),
        ("It is 3.5 inch, v1.2.3 at example.org", ["It is 3.5 inch, v1.2.3 at example.org"]),
        ("Mr. Fox vs. Dr. Wolf, e.g. here.", ["Mr. Fox vs. Dr. Wolf, e.g. here."]),
        ("Came at 5 p.m. today. Left at 6 p.m. Good.", ["Came at 5 p.m. today.", "Left at 6 p.m.", "Good."]),
        ("No. 5 is nice. Oh no. It broke", ["No. 5 is nice.", "Oh no.", "It broke"]),
        ("1. Sturdy\n2. Cheap", ["1. Sturdy", "2. Cheap"]),
        ("one\n\n two \nthree", ["one", "two", "three"]),
        ("Wow!!! So...  good?!", ["Wow!!!", "So...", "good?!"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_at_punctuation_and_line_breaks_but_not_in_numbers_and_abbreviations(
    text: str, parts: list[str]
) -> None:
    assert cut(text) == parts


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("word " * 30 + "comma, " + "word " * 60, ","),
        ("很好" * 100 + "，" + "不错" * 200, "，"),
        ("word " * 200, "word"),
        ("x" * 1_000, "x"),
    ],
)
def test_long_sentences_are_cut_at_a_comma_else_a_space_else_anywhere(text: str, end: str) -> None:
    parts = cut(text)
    assert parts[0].endswith(end)
    assert max(map(len, parts)) <= MAX_SENTENCE_CHARS
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_sentences_of_real_reviews_are_short_trimmed_and_lose_nothing() -> None:
    for text in map(clean, shared_texts("amazon-reviews") + shared_texts("shopping-zh")):
        at = 0
        for start, end in sentence_spans(text):
            assert not text[at:start].strip()
            assert text[start:end] == text[start:end].strip() != ""
            assert end - start <= MAX_SENTENCE_CHARS
            at = end
        assert not text[at:].strip()
