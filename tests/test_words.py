"""Words: stems and segmentation, also when many threads ask at once."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from profilegen.language.chinese import LANGUAGE as CHINESE_LANGUAGE
from profilegen.language.cleaning import clean
from profilegen.language.detection import detect_language
from profilegen.language.registry import language_of
from profilegen.language.words import content_stems, function_words, stem

THREADS = 8
ENGLISH = [
    start + middle + end
    for start in ("run", "hope", "nation", "happi", "relat", "beauti")
    for middle in ("", "al", "iz", "ful")
    for end in ("ing", "ed", "s", "ness", "ation", "ly")
]
GERMAN = [
    start + end for start in ("häus", "lauf", "freund", "schön", "aufleg") for end in ("er", "en", "lichkeit", "st")
]
CHINESE = [f"屏幕很大，公公很喜欢{word}蓝牙耳机" for word in ENGLISH]


@pytest.fixture
def impatient_threads() -> Iterator[None]:
    """Let threads take turns at nearly every instruction, so that what they share shows within a second."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("impatient_threads")
@pytest.mark.parametrize(
    ("function", "texts"),
    [
        # The functions of the records, since a cache stands before them in `words`.
        pytest.param(language_of("en").stem, ENGLISH, id="English stems"),
        pytest.param(language_of("de").stem, GERMAN, id="German stems"),
        pytest.param(CHINESE_LANGUAGE.segment, CHINESE, id="segmentation"),
        pytest.param(detect_language, [f"Muy bueno el producto {word}" for word in ENGLISH], id="detection"),
        pytest.param(clean, [f"<b>schÃ¶n</b> itâ€™s {word}" for word in ENGLISH], id="cleaning"),
    ],
)
def test_many_threads_get_the_same_answers_as_one(function: Callable[[str], object], texts: Sequence[str]) -> None:
    expected = {text: function(text) for text in texts}

    def wrong_answers(thread: int) -> list[str]:
        shifted = [*texts[thread * 7 :], *texts[: thread * 7]] * 3  # Each thread is at another text.
        return [text for text in shifted if function(text) != expected[text]]

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(wrong_answers, range(THREADS))) == [[]] * THREADS


@pytest.mark.parametrize(
    ("language", "words", "shared"),
    [
        ("en", "hoping hoped hopes", "hope"),
        ("de", "freunde freunden", "freund"),
        ("es", "libros libro", "libr"),
        ("xx", "hoping", "hoping"),
    ],
)
def test_inflected_forms_share_a_stem_where_the_language_has_a_stemmer(language: str, words: str, shared: str) -> None:
    assert {stem(word, language) for word in words.split()} == {shared}


def test_a_language_without_a_record_is_spaced_and_has_the_defaults() -> None:
    record = language_of("xx")
    assert (record.code, record.name, record.is_spaced) == ("xx", "xx", True)


def test_words_with_meaning_are_what_a_text_is_about() -> None:
    assert content_stems("He likes the steep hikes", "en") == {stem(word, "en") for word in ("likes", "steep", "hikes")}
    assert {"喜欢", "北京"} <= content_stems("我喜欢北京", "zh")
    assert content_stems("likes, LIKES!", "xx") == {"likes"}


def test_a_language_without_a_list_of_function_words_has_none() -> None:
    assert {"the", "of", "and"} <= function_words("en")
    assert function_words("xx") == frozenset()
