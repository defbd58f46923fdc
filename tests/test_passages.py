from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.read_budget import Set, measure
from profilegen.backends import Options, open_embedder
from profilegen.claims.common import Common, count_common, nothing_common
from profilegen.claims.passages import (
    MAX_PASSAGE_CHARS,
    MAX_TITLES,
    Passage,
    passage_tokens,
    reading_hash,
    readings,
    select_passages,
)
from profilegen.claims.spans import is_prose, prose_spans
from profilegen.language.first_person import count_first_person
from profilegen.language.tokens import words
from profilegen.records import Document
from profilegen.vectors import Vectors

DAY = datetime(2025, 3, 1, 12, tzinfo=UTC)
SUBJECTS = ("teapot", "violin", "garden", "harbour", "bicycle", "library", "orchard", "kitchen", "glacier", "lantern")


def document(text: str, n: int = 0, *, user: str = "ann", language: str = "en", **fields: object) -> Document:
    return Document.model_validate(
        {"id": f"{user}-{n:06}", "user_id": user, "text": text, "language": language, **fields}
    )


def sentence(n: int) -> str:
    """Return a sentence that is like no other one."""
    return f"I saw {SUBJECTS[n % 10]} {word(n)} {word(n + 7_000)} near {word(n + 90_000)}."


def word(n: int) -> str:
    """Return a word of letters that stands for a number."""
    return "w" + "".join(chr(ord("a") + int(digit)) for digit in str(n))


def diary(n: int) -> list[Document]:
    """Return documents of one sentence each, a day apart."""
    return [document(sentence(at), at, timestamp=DAY + timedelta(days=at)) for at in range(n)]


def vectors(documents: Sequence[Document]) -> Vectors:
    """Return vectors by hash of the id: all documents are about equally unlike."""
    rows = [np.random.default_rng(zlib.crc32(each.id.encode())).normal(size=16) for each in documents]
    return np.array(rows, np.float32).reshape(-1, 16)


def select(documents: Sequence[Document], *, budget: int = 1_500, common: Common | None = None) -> list[Passage]:
    return select_passages(documents, vectors(documents), budget=budget, common=common or nothing_common())


def texts(passages: Iterable[Passage]) -> list[str]:
    return [passage.text for passage in passages]


# --- what is read -----------------------------------------------------------------------------------------


def test_a_passage_is_a_span_of_its_document_word_for_word() -> None:
    long = " ".join(map(sentence, range(80)))
    for passage in select([document(long)]):
        assert passage.text in long
        assert len(passage.text) <= MAX_PASSAGE_CHARS


def test_a_passage_has_item_rating_day_and_language() -> None:
    one = document(
        "Mein Hund liebt es sehr.", language="de", item_title="Ball", rating=8, rating_scale=10, timestamp=DAY
    )
    assert select([one]) == [Passage(one.id, one.text, "Ball", 4.0, "2025-03-01", "de")]


def test_a_long_item_title_is_cut_at_a_word() -> None:
    (passage,) = select([document("I use it daily.", item_title="Ball " * 40)])
    assert passage.item == " ".join(["Ball"] * 16)


@pytest.mark.parametrize("budget", [0, 30, 100, 400, 1_500])
def test_passages_fit_the_budget(budget: int) -> None:
    assert sum(map(passage_tokens, select(diary(200), budget=budget))) <= budget


def test_the_same_documents_give_the_same_passages() -> None:
    assert select(diary(300), budget=300) == select(diary(300), budget=300)


def test_greetings_are_left_out() -> None:
    documents = [document("Hello!", 1), document("I work nights at the harbour.", 2), document("Bye.", 3)]
    assert texts(select(documents)) == ["I work nights at the harbour."]


def test_what_is_said_of_oneself_comes_before_what_is_said_of_others() -> None:
    documents = [
        document("The glacier lost another mile this century.", 1),
        document("My sister and I repair violins.", 2),
        document("Lanterns in the old harbour burned whale oil.", 3),
    ]
    assert texts(select(documents, budget=15)) == ["My sister and I repair violins."]


def test_frequent_words_give_way_to_rare_ones() -> None:
    common = count_common(document("It works as it should and it is fine.", n, user=str(n)) for n in range(50))
    documents = [document("It works as it should, fine.", 1), document("Sourdough, rye, spelt and barley.", 2)]
    assert texts(select(documents, budget=15, common=common)) == ["Sourdough, rye, spelt and barley."]


@pytest.mark.parametrize("in_common", [0, 2], ids=["wide", "narrow"])
def test_one_more_of_the_same_kind_gives_way_to_another_kind_however_alike_all_vectors_are(in_common: float) -> None:
    documents = [document("I baked rye bread today.", 1), document("I baked spelt bread today.", 2)]
    documents += [document("Bob tuned the old violin.", 3), document("Bob tuned the new guitar.", 4)]
    rows = np.array([[in_common, 1, 0]] * 2 + [[in_common, 0, 1]] * 2, np.float32)
    read = select_passages(documents, rows, budget=24, common=nothing_common())
    assert len(read) == 2
    assert {passage.text[:3] for passage in read} == {"I b", "Bob"}


def test_what_is_typical_of_a_user_comes_before_what_is_not() -> None:
    documents = [document(f"Bob {verb} the violin.", n) for n, verb in enumerate(["tuned", "sold", "waxed", "broke"])]
    rows = np.array([[0, 1], [1, 0], [1, 0.1], [1, 0]], np.float32)
    read = select_passages(documents, rows, budget=10, common=nothing_common())
    assert len(read) == 1
    assert "tuned" not in read[0].text


def test_what_is_nearly_the_same_is_read_once() -> None:
    text = "I bought this kettle for my mother who lives by the sea"
    assert len(select([document(text + ".", 1), document(text + "!!", 2), document(text + " now.", 3)])) == 1


def test_newer_passages_come_before_older_ones_of_the_same_worth() -> None:
    documents = [
        document(f"I saw {word(n)} {word(n + 50)} again.", n, timestamp=DAY + timedelta(days=n)) for n in range(60)
    ]
    read = select_passages(documents, np.zeros((60, 4), np.float32), budget=150, common=nothing_common())
    days = [passage.day or "" for passage in read]
    assert np.mean([day > "2025-03-31" for day in days]) > 0.8
    assert days == sorted(days)


@pytest.mark.usefixtures("models")
def test_in_chats_picked_passages_say_more_of_what_is_true_than_as_many_others() -> None:
    folder = Path(__file__).parents[2] / "shared" / "data" / "chats"
    if not folder.exists():
        pytest.skip(f"{folder} is not here")
    with open_embedder("all-minilm-l6-v2", Options(workers=1)) as embedder:
        picked, first, shuffled, exchanged, _ = measure(Set(folder, embedder.embed, 60), 50)
    assert picked > 1.2 * shuffled
    assert picked > 4 * exchanged
    assert picked >= first


# --- what is left out -------------------------------------------------------------------------------------


def own(text: str, author: str = "ann") -> list[str]:
    return [text[start:end] for start, end in prose_spans(text, author, 40_000)]


def test_quoted_mail_and_the_line_that_says_whose_it_is_are_left_out() -> None:
    mail = "I agree.\n\nOn Monday, Bob <bob@example.org> wrote:\n> I have two boats.\n>> And I none.\n\nMy boat is red."
    assert own(mail) == ["I agree.", "My boat is red."]


def test_a_forwarded_mail_is_left_out() -> None:
    mail = "Please see below.\n\nFrom: Bob\nSent: Monday\nTo: ann@example.org\nSubject: Boats\n\nI have two boats."
    assert own(mail) == ["Please see below."]


def test_a_list_with_headings_is_not_a_forwarded_mail() -> None:
    review = "Pros: light.\nCons: dear.\nVerdict: I love it.\nI use it daily."
    assert own(review) == review.split("\n")


def test_a_signature_is_left_out() -> None:
    assert own("I sold my boat.\n--\nAnn Fox\nHead of Boats") == ["I sold my boat."]


def test_of_a_transcript_only_the_turns_of_the_user_are_read() -> None:
    chat = "Bob: I have a boat.\nAnn: I get seasick.\nBob: My wife rows.\nAnn: I work nights.\nand on Sundays"
    assert own(chat) == ["Ann: I get seasick.", "Ann: I work nights.", "and on Sundays"]
    assert own(chat, "carl") == []


def test_a_few_lines_with_a_colon_are_no_transcript() -> None:
    text = "Sound: warm.\nBattery: lasts my whole day.\nPrice: fair.\nFit: good."
    assert own(text) == text.split("\n")


@pytest.mark.parametrize(
    "line",
    [
        "https://example.org/a/b?c=d",
        "public static void main(String[] args) {",
        "x = [i for i in range(10)];",
        "2024-01-01 12:00:01,123 [7] 0x7ffe 200 1024",
        "|---|---|---|",
        "=======",
        "12345 67890",
    ],
)
def test_links_code_and_logs_are_not_prose(line: str) -> None:
    assert not is_prose(line)


@pytest.mark.parametrize(
    "line", ["Bought 2 for $30 in 2019.", "I <3 this :)", "मुझे यह पसंद है।", "10/10 would crash again"]
)
def test_numbers_and_smileys_do_not_make_a_sentence_code(line: str) -> None:
    assert is_prose(line)


def test_a_footer_that_many_users_share_is_left_out_but_not_what_they_wrote() -> None:
    footer = "This message was sent to you by the friendly team of Boats and More."
    everybody = [document(f"I rowed to {word(n)} {word(n + 30)}.\n{footer}", n, user=f"u{n}") for n in range(20)]
    assert texts(select(everybody[:1], common=count_common(everybody))) == [everybody[0].text.split("\n")[0]]


def test_a_line_that_a_user_writes_in_most_documents_is_left_out() -> None:
    documents = [document(f"I rowed to {word(n)} {word(n + 30)}.\nGreetings from sunny Bergen", n) for n in range(8)]
    assert not any("Bergen" in text for text in texts(select(documents)))


def test_users_who_all_wrote_the_same_are_read_all_the_same() -> None:
    everybody = [
        document(f"I walk my dog {word(n)} every morning.", n, user=f"u{u}") for u in range(40) for n in range(3)
    ]
    assert len(select(everybody[:3], common=count_common(everybody))) == 3


# --- languages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("I'm here with my dog, mine!", "en", 3),
        ("Mi perro y yo", "es", 2),
        ("मैं अपने कुत्ते के साथ, मेरा घर", "hi", 2),
        ("我和我的狗", "zh", 2),
        ("私は犬が好き", "ja", 1),
        ("나는 개를 좋아해", "ko", 1),
        ("J'ai un chien", "fr", 1),
        ("Mi perro", "xx", 0),
    ],
)
def test_pronouns_of_the_first_person_are_counted(text: str, language: str, count: int) -> None:
    assert count_first_person(text, language) == count


def test_words_keep_their_combining_marks() -> None:
    assert words("नमस्ते! தமிழ், İyi") == ["नमस्ते", "தமிழ்", "i̇yi"]


LONG_TEXTS = {
    "th": "ผมทำงานเป็นพยาบาลกะกลางคืน และชอบเลี้ยงแมวที่บ้าน " * 30,
    "hi": "मैं हर सुबह अपने कुत्ते के साथ पार्क में टहलने जाता हूँ और ",
    "ta": "நான் ஒவ்வொரு காலையும் என் நாயுடன் பூங்காவில் நடக்கிறேன் ",
    "ar": "أنا أعمل في مستشفى كبير وأحب القهوة العربية مع أصدقائي ",
    "zh": "我每天早上带着我的狗去公园散步然后去医院上班",
    "ja": "私は毎朝犬と公園を散歩してから病院で働いています",
    "ko": "나는 매일 아침 강아지와 공원을 산책하고 병원에서 일해 ",
}


@pytest.mark.parametrize("language", LONG_TEXTS)
def test_no_passage_is_cut_within_a_word_or_a_character_with_its_marks(language: str) -> None:
    text = (LONG_TEXTS[language] * 30).strip()
    read = select([document(text, language=language)])
    assert read
    for passage in read:
        start = text.index(passage.text)
        end = start + len(passage.text)
        for at in (start, end):
            assert at in (0, len(text)) or unicodedata.category(text[at])[0] != "M"
            if language not in ("zh", "ja") and 0 < at < len(text):
                assert text[at - 1] == " " or text[at] == " "


def test_a_thai_text_without_a_blank_is_read_whole_or_not_at_all() -> None:
    sentence = "ผมทำงานเป็นพยาบาลกะกลางคืนและชอบเลี้ยงแมวที่บ้าน"
    assert texts(select([document(sentence * 8, language="th")])) == [sentence * 8]
    assert select([document(sentence * 80, language="th")]) == []


# --- titles -----------------------------------------------------------------------------------------------


def films(n: int) -> list[Document]:
    return [
        document(f"Film {word(n)}", n, item_title=f"Film {word(n)}", rating=[0.5, 3, 3, 3, 5][n % 5], timestamp=DAY)
        for n in range(n)
    ]


def test_a_title_without_text_is_an_item_and_no_words_of_the_user() -> None:
    one = document("Brazil (1985)", item_title="Brazil (1985)", rating=4.5)
    assert select([one]) == [Passage(one.id, "", "Brazil (1985)", 4.5)]


def test_a_heading_alone_is_what_the_user_wrote() -> None:
    one = document("How do I tune my violin?", title="How do I tune my violin?")
    assert texts(select([one])) == [one.text]


def test_of_many_titles_those_rated_high_and_low_are_read() -> None:
    read = select(films(400))
    assert len(read) == MAX_TITLES
    assert {passage.rating for passage in read} == {0.5, 5}


def test_titles_leave_room_for_texts_and_texts_for_titles() -> None:
    read = select([*films(100), *(document(each.text, n + 1_000) for n, each in enumerate(diary(100)))], budget=400)
    n_titles = sum(not passage.text for passage in read)
    assert 0 < n_titles < len(read) - n_titles


def test_a_score_above_the_scale_is_no_rating() -> None:
    (passage,) = select([document("I work nights.", rating=1_543.0)])
    assert passage.rating is None


# --- readings ---------------------------------------------------------------------------------------------


def test_readings_hold_every_passage_once_within_their_limits() -> None:
    passages = select(diary(300), budget=2_000)
    read = readings(passages, max_tokens=200, max_passages=7)
    assert [passage for reading in read for passage in reading] == passages
    assert max(map(len, read)) <= 7
    assert max(sum(map(passage_tokens, reading)) for reading in read) <= 200


def test_one_more_passage_anywhere_changes_few_readings() -> None:
    passages = select(diary(300), budget=2_000)
    changed = []
    for at in range(len(passages)):
        before = set(map(reading_hash, readings(passages[:at] + passages[at + 1 :])))
        changed.append(len({reading_hash(each) for each in readings(passages)} - before))
    assert len(readings(passages)) > 8
    assert np.mean(changed) < 2.5


def test_one_more_document_changes_few_readings() -> None:
    documents = diary(120)
    known = {reading_hash(each) for each in readings(select(documents[:-1]))}
    after = [reading_hash(each) for each in readings(select(documents))]
    assert len(after) > 6
    assert sum(each not in known for each in after) <= 4


def test_the_hash_of_a_reading_depends_on_everything_in_it() -> None:
    one = Passage("d", "text", "item", 4.0, "2025-03-01", "en")
    others = [Passage("e", "text"), Passage("d", "text", "item", 3.0, "2025-03-01", "en"), Passage("d", "tex", "titem")]
    assert len({reading_hash([each]) for each in [one, *others]}) == 4


def test_a_user_of_two_languages_is_read_in_both() -> None:
    english = [document(each.text, n) for n, each in enumerate(diary(10))]
    chinese = [document("我每天早上带狗去公园。", 50, language="zh"), document("医院夜班让人很累。", 51, language="zh")]
    read = readings(select([*english, *chinese]))
    assert [{passage.language for passage in reading} for reading in read] == [{"en"}, {"zh"}]


def test_one_short_text_in_another_language_is_read_with_the_others() -> None:
    documents = [*diary(5), document("Molto buono davvero, grazie", 50, language="it")]
    assert len(readings(select(documents))) == 1


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", " ", "\x00\x01\x1b[2J", "\u202e\u200f\u200e", "👍👍👍", "…", "\ud800", ">", "\n" * 50]
)
def test_a_text_that_says_nothing_gives_no_passage(text: str) -> None:
    assert select([document(text)]) == []


def test_no_documents_give_no_passages_and_no_readings() -> None:
    assert select([]) == []
    assert readings([]) == []


def test_a_document_of_five_megabytes_is_sampled() -> None:
    text = " ".join(map(sentence, range(120_000)))
    assert len(text) > 4_000_000
    read = select([document(text)])
    places = [text.index(passage.text) for passage in read]
    assert max(places) > len(text) / 2


def test_one_endless_word_is_not_read() -> None:
    assert select([document("x" * 1_000_000)]) == []


def test_of_a_hundred_thousand_documents_the_recent_ones_and_a_sample_are_read() -> None:
    documents = diary(30_000)
    rows = np.zeros((len(documents), 4), np.float32)
    read = select_passages(documents, rows, common=nothing_common())
    numbers = [int(passage.document.removeprefix("ann-")) for passage in read]
    assert max(numbers) > 29_000
    assert sum(map(passage_tokens, read)) <= 1_500


def test_counting_reads_no_more_than_a_sample_of_a_user() -> None:
    one_user = diary(10_000)
    assert count_common([*one_user, document("I sail.", user="bob")]).n_documents == 51


FOOTER = "Sent from my telephone, please excuse its many mistakes."


def test_sentences_that_many_texts_have_are_counted_with_examples() -> None:
    of_many = [document(f"{sentence(n)}\n{FOOTER}", user=f"u{n}") for n in range(5)]
    of_one = [document(f"{sentence(n + 100)}\nYours truly, Bob of the harbour", n, user="bob") for n in range(6)]
    found = count_common([*of_many, *of_one, document(sentence(200), user="eve")]).repeated
    assert (found.sentences, found.documents, found.of_documents) == (2, 11, 12)
    assert set(found.examples) == {FOOTER, "Yours truly, Bob of the harbour"}
    assert not any(FOOTER in passage.text for passage in select(of_many[:1], common=count_common(of_many)))


def test_an_example_of_a_repeated_sentence_is_one_short_line() -> None:
    long = "We thank you very much for having come\tso far " + "and further " * 20 + "to us."
    (example,) = count_common(document(long, user=f"u{n}") for n in range(3)).repeated.examples
    assert len(example) <= 100
    assert example.isprintable()
