"""What identifies people is masked before anything is stored, and user ids become pseudonyms; all else stays."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from stand_in_models import stand_ins
from test_cli import error_line, profilegen_

import profilegen
from benchmarks.masking import measure, plant
from profilegen.backends import Prompt
from profilegen.doctor import examine
from profilegen.errors import UsageError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.inspection import inspect_files
from profilegen.llama.catalog import ResolvedModel
from profilegen.privacy import KINDS, PLACEHOLDER, Privacy, find, mask, mask_code
from profilegen.privacy.identifying import has_identifier
from profilegen.privacy.pseudonyms import make_key, pseudonym, read_key
from profilegen.publish.output import print_page
from profilegen.publish.terminal import build_summary

# (language, text, text with placeholders), at the level `standard`.
MASKED = [
    ("en", "write to anna.smith+x@mail.example.co.uk, please", "write to [email], please"),
    ("en", "write to john (at) example (dot) com", "write to [email]"),
    ("en", "call me at 555-1234 or (202) 555-0123", "call me at [phone] or [phone]"),
    ("en", "it is +44 20 7946 0958 or 020 7946 0958", "it is [phone] or [phone]"),
    ("en", "the number is 206/868-5418, also no mail", "the number is [phone], also no mail"),
    ("de", "Tel 030 1234567 oder 0171 1234567", "Tel [phone] oder [phone]"),
    ("zh", "我的手机13800138000，电话：010-62345678。", "我的手机[phone]，电话：[phone]。"),
    ("zh", "微信号：wx_abc123，QQ 12345678", "微信号：[handle]，QQ [handle]"),
    ("zh", "身份证110101199003074530，卡号6228480402564890018", "身份证[id]，卡号[card]"),
    ("zh", "我住在北京市朝阳区建国路88号3号楼1202室，很近", "我住在[address]，很近"),
    ("en", "4111 1111 1111 1111 and 378282246310005", "[card] and [card]"),
    ("en", "to DE89 3704 0044 0532 0130 00 or GB29NWBK60161331926819", "to [iban] or [iban]"),
    ("en", "SSN 123-45-6789, passport no. X1234567", "SSN [id], passport no. [id]"),
    ("en", "from 93.184.216.34 and 2606:2800:220:1:248:1893:25c8:1946", "from [ip] and [ip]"),
    ("en", "see https://x.org/reset?token=abc123.", "see [link]."),
    ("en", "http://ann:secret@files.example.org/a.zip", "[link]"),
    ("en", "at 221B Baker Street, London NW1 6XE today", "at [address] today"),
    ("en", "1600 Pennsylvania Ave NW, Washington, DC 20500", "[address]"),
    ("de", "in der Hauptstraße 12, 10115 Berlin", "in der [address]"),
    ("en", "thanks @bob_s, and u/spez", "thanks [handle], and [handle]"),
    ("en", "password: hunter2 and ghp_abcdefghijklmnopqrstuvwxyz0123456789", "password: [secret] and [secret]"),
]
UNTOUCHED = [
    ("en", "ISBN 978-3-16-148410-0, 0-306-40615-2 and ISBN 8172234988"),
    ("en", "version 1.2.3.4, driver 31.0.15.4601, a router at 192.168.0.1, 10.0.0.1"),
    ("en", "1920x1080, 1500 mm, $1,299.00, 10 000 000, 1.000.000 and 12.50"),
    ("en", "from 2019-2020, on 2018-05-12 14:30, 05/12/2019, 3-2 4-1 5-0 7-6 6-4"),
    ("en", "order 112-1234567-1234567, arXiv 1611.04471, he hit .354/.439/.517"),
    ("en", "https://en.wikipedia.org/wiki/Bread_and_butter is good"),
    ("en", "5 @ 3.99, password: required, std::vector, Route 66, Formula 1, at 5:30 Drive"),
    ("zh", "价格1500元，2019年5月12日，这条街2号线，一号店，小米手机11"),
    ("zh", "微信Android版很好用，第3楼"),
]
STRICT = [
    ("en", "My name is Anna Kowalski, born on 7 March 1990.", "My name is [name], born on [birthdate]."),
    ("en", "Dear Mr. Smith, my wife Joan drives AB12 CDE", "Dear Mr. [name], my wife [name] drives [plate]"),
    ("zh", "我叫张伟，1990年3月7日出生，车牌京A·12345", "我叫[name]，[birthdate]出生，车牌[plate]"),
    ("en", "https://en.wikipedia.org/wiki/Bread", "[link]"),
]
ROW = "My mail is ann.b@example.org and my card is 4111 1111 1111 1111. I bake sourdough bread on most days."
SECRETS = ("ann.b@example.org", "4111 1111 1111 1111", "4111111111111111")


@pytest.mark.parametrize(("language", "text", "expected"), MASKED)
def test_what_identifies_somebody_gives_way_to_a_placeholder(language: str, text: str, expected: str) -> None:
    masked = mask(text, "standard", language)
    assert masked.text == expected
    assert masked.counts.total() == len(PLACEHOLDER.findall(expected))


@pytest.mark.parametrize(("language", "text"), UNTOUCHED)
def test_numbers_and_links_that_identify_nobody_stay(language: str, text: str) -> None:
    assert mask(text, "standard", language).text == text


@pytest.mark.parametrize(("language", "text", "expected"), STRICT)
def test_strict_masks_names_dates_of_birth_plates_and_all_links_which_standard_does_not(
    language: str, text: str, expected: str
) -> None:
    assert mask(text, "strict", language).text == expected
    assert mask(text, "standard", language).text == text


@pytest.mark.parametrize("text", [text for _, text, _ in [*MASKED, *STRICT]])
def test_a_masked_text_stays_as_it_is_when_it_is_masked_again(text: str) -> None:
    once = mask(text, "strict", "en").text
    assert mask(once, "strict", "en").text == once


def test_off_masks_nothing() -> None:
    assert mask(ROW, "off").text == ROW
    assert mask_code("https://x.org/?token=abc", "off").text == "https://x.org/?token=abc"


def test_the_numbers_of_an_id_stay_but_not_its_secrets() -> None:
    assert mask_code("4111111111111111").text == "4111111111111111"
    assert mask_code("https://x.org/a.jpg?signature=abc").text == "[link]"


@pytest.mark.parametrize("placeholder", [f"[{kind}]" for kind in KINDS])
def test_a_placeholder_is_never_a_claim(placeholder: str) -> None:
    assert has_identifier(f"can be reached at {placeholder}")


@pytest.mark.parametrize(
    "piece",
    ["020 7946 0958 ", "1 ", "a@b.", "路1号", "DE89 ", "12 Main St ", "@", "http://a", "1-1-1/", "Dr. A", "中路"],
)
def test_a_long_and_hostile_text_is_masked_to_its_end(piece: str) -> None:
    """A recogniser that needs more than linear time would take hours."""
    text = piece * (100_000 // len(piece)) + " and ann@example.org"
    assert mask(text, "strict", "zh").text.endswith(" and [email]")


def test_in_a_text_of_very_many_numbers_none_is_left() -> None:
    text = " , ".join(f"+44 20 7946 {number:04}" for number in range(900))
    assert mask(text, "standard", "en").counts["phone"] == 900


def test_most_planted_items_are_found_and_the_texts_they_stand_in_are_left() -> None:
    texts = [("en", "I like this tent. It is light and dry."), ("zh", "这个帐篷很轻。我很喜欢。")]
    for kind in KINDS:
        planted = plant(kind, texts, 60, seed=3)
        whole = sum(
            any(
                found.start <= each.start and found.end >= each.start + len(each.item)
                for found in find(each.text, "strict", each.language)
            )
            for each in planted
        )
        assert whole >= (20 if kind == "name" else 50), kind
    assert len([*measure(texts, 3, seed=1)]) == 2 + len(KINDS)


# --- reading ----------------------------------------------------------------------------------------------


def written(path: Path, *rows: Mapping[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


def test_titles_channels_and_pictures_are_masked_too(tmp_path: Path) -> None:
    row = {
        "user_id": "ann",
        "text": "Call me at 555-1234.",
        "title": "From ann@example.org",
        "item_title": "Tent of @bob_s",
        "channel": "ann@example.org",
        "image": "https://x.org/a.jpg?token=abc",
    }
    intake = Intake()
    (document,) = read_documents(
        [str(written(tmp_path / "a.jsonl", row))], mapping={}, intake=intake, privacy=Privacy("standard")
    )
    assert (document.text, document.title, document.item_title) == (
        "Call me at [phone].",
        "From [email]",
        "Tent of [handle]",
    )
    assert (document.channel, document.image) == ("[email]", "[link]")
    assert intake.masked == {"phone": 1, "email": 2, "handle": 1, "link": 1}


def test_a_placeholder_does_not_change_the_language_of_a_text(tmp_path: Path) -> None:
    rows = written(tmp_path / "a.jsonl", {"user_id": "ann", "text": "请加我微信号：wx_abc123"})
    (document,) = read_documents([str(rows)], mapping={}, intake=Intake(), privacy=Privacy("standard"))
    assert (document.text, document.language) == ("请加我微信号：[handle]", "zh")


def test_with_a_key_neither_the_user_nor_the_own_name_in_a_text_is_told(tmp_path: Path) -> None:
    rows = written(tmp_path / "a.jsonl", {"user_id": "maya_t", "text": "I am maya_t, and not amaya_tx."})
    (document,) = read_documents([str(rows)], mapping={}, intake=Intake(), privacy=Privacy("off", b"k" * 32))
    assert document.user_id == pseudonym("maya_t", b"k" * 32)
    assert document.id.startswith(document.user_id)
    assert document.text == "I am [name], and not amaya_tx."


def test_a_user_who_is_called_as_a_placeholder_breaks_none(tmp_path: Path) -> None:
    rows = written(tmp_path / "a.jsonl", {"user_id": "email", "text": "I am email, at ann@example.org."})
    intake = Intake()
    (document,) = read_documents([str(rows)], mapping={}, intake=intake, privacy=Privacy("standard", b"k" * 32))
    assert document.text == "I am [name], at [email]."
    assert intake.masked == {"name": 1, "email": 1}


def test_inspect_says_what_would_be_masked(tmp_path: Path) -> None:
    rows = written(tmp_path / "a.jsonl", {"user_id": "ann", "text": ROW})
    assert inspect_files([str(rows)], mapping={}, mask="standard").masked == {"email": 1, "card": 1}
    shown = profilegen_("inspect", str(rows))
    assert "masked in the texts (standard): 1 email, 1 card" in shown.stdout
    assert "ann.b@example.org" not in shown.stdout


# --- builds -----------------------------------------------------------------------------------------------


def bytes_of(store: Path) -> bytes:
    return b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())


def echo(prompt: Prompt) -> str:
    """Stand in for a writer that copies what it reads."""
    first = next((line for line in prompt.request.splitlines() if line.startswith("1")), "")
    return f"lifestyle, is: {first[2:90].strip()}[1]"


def rows_of(tmp_path: Path, users: int = 4) -> Path:
    rows = [{"user_id": f"user-name-{at}", "text": ROW.replace("ann.b", f"ann.b{at}")} for at in range(users)]
    return written(tmp_path / "rows.jsonl", *rows)


def test_no_planted_item_stands_in_any_byte_of_a_store(tmp_path: Path, models: dict[str, ResolvedModel]) -> None:
    """The writer is a stand-in that copies what it reads; the embedder is real."""
    texts = [("en", ROW.split(". ")[-1])]
    planted = [each for kind in KINDS for each in plant(kind, texts, 4, seed=5)]
    masked = [each for each in planted if each.item not in mask(each.text, "strict", "en").text]
    assert len(masked) > 0.8 * len(planted)
    rows = [{"user_id": f"u{at % 6}", "text": each.text, "title": each.text[:60]} for at, each in enumerate(masked)]
    with stand_ins(echo):
        report = profilegen.build(
            written(tmp_path / "a.jsonl", *rows), store=tmp_path / "store", mask="strict", workers=1
        )
    assert report.mask == "strict"
    assert sum(report.masked.values()) >= len(masked)
    stored = bytes_of(tmp_path / "store")
    assert [each.item for each in masked if each.item.encode() in stored] == []
    assert [each.item for each in masked if each.item.replace(" ", "").encode() in stored] == []


def test_a_build_that_masks_more_erases_what_the_one_before_had_stored(
    tmp_path: Path, models: dict[str, ResolvedModel]
) -> None:
    rows, store = rows_of(tmp_path), tmp_path / "store"
    with stand_ins(echo):
        profilegen.build(rows, store=store, mask="off", workers=1)
        assert b"4111 1111 1111 1111" in bytes_of(store)
        report = profilegen.build(rows, store=store, workers=1)
        assert report.masked == {"email": 4, "card": 4}
        assert not profilegen.build(rows, store=store, workers=1).changed
    assert not any(secret.encode() in bytes_of(store) for secret in SECRETS)
    print_page(build_summary(report, "store"))


def test_the_doctor_and_a_build_say_what_was_masked(
    tmp_path: Path, models: dict[str, ResolvedModel], capsys: pytest.CaptureFixture[str]
) -> None:
    with stand_ins(echo):
        report = profilegen.build(rows_of(tmp_path), store=tmp_path / "store", workers=1)
    print_page(build_summary(report, "store"))
    assert "masked in the texts (standard): 4 email, 4 card" in capsys.readouterr().out
    (found,) = [check.found for check in examine(tmp_path / "store") if check.name == "privacy"]
    assert found == "masked in the texts (standard): 4 email, 4 card; user ids are as in the files"


def test_texts_masked_in_one_way_are_not_added_to_texts_masked_in_another(
    tmp_path: Path, models: dict[str, ResolvedModel]
) -> None:
    rows, store = rows_of(tmp_path), tmp_path / "store"
    with stand_ins(echo):
        profilegen.build(rows, store=store, mask="off", workers=1)
        with pytest.raises(UsageError, match="--mask off and would stay so with --add"):
            profilegen.build(rows, store=store, add=True, workers=1)
        profilegen.build(rows, store=store, add=True, mask="off", workers=1)


def test_no_user_id_stands_in_any_byte_of_a_store_of_pseudonyms(
    tmp_path: Path, models: dict[str, ResolvedModel]
) -> None:
    rows, store, key = rows_of(tmp_path), tmp_path / "store", tmp_path / "store.key"
    with stand_ins(echo):
        report = profilegen.build(rows, store=store, pseudonyms=key, workers=1)
        assert report.pseudonyms
        assert b"user-name" not in bytes_of(store)
        assert key.read_text().strip().encode() not in bytes_of(store)
        assert not profilegen.build(rows, store=store, pseudonyms=key, workers=1).changed
        with pytest.raises(UsageError, match="are pseudonyms; name their key file"):
            profilegen.build(rows, store=store, workers=1)
        make_key(tmp_path / "other.key")
        with pytest.raises(UsageError, match="with another key"):
            profilegen.build(rows, store=store, pseudonyms=tmp_path / "other.key", workers=1)
        with pytest.raises(UsageError, match="there is no file"):
            profilegen.build(rows, store=store, pseudonyms=tmp_path / "typo.key", workers=1)
        assert not (tmp_path / "typo.key").exists()
    with profilegen.open_store(store) as opened:
        assert opened.user(pseudonym("user-name-1", read_key(key))) is not None
    assert profilegen_("pseudonym", str(key), "user-name-1").stdout.strip() == pseudonym("user-name-1", read_key(key))


def test_who_was_forgotten_does_not_come_in_again_as_a_pseudonym(
    tmp_path: Path, models: dict[str, ResolvedModel]
) -> None:
    rows, store = rows_of(tmp_path), tmp_path / "store"
    with stand_ins(echo):
        profilegen.build(rows, store=store, workers=1)
        profilegen.forget(["user-name-1"], store=store, workers=1)
        with pytest.raises(UsageError, match="would come in again as pseudonyms"):
            profilegen.build(rows, store=store, pseudonyms=tmp_path / "a.key", workers=1, remove=True)
    assert not (tmp_path / "a.key").exists()


def test_a_key_file_is_its_owners_alone_and_lies_outside_of_the_store(tmp_path: Path) -> None:
    key = tmp_path / "a.key"
    make_key(key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(read_key(key)) == 32
    for inside in (tmp_path / "store" / "a.key", tmp_path / "store" / "x" / ".." / "a.key"):
        with pytest.raises(UsageError, match="lies in the store"):
            profilegen.build(rows_of(tmp_path), store=tmp_path / "store", pseudonyms=inside)
    assert not (tmp_path / "store").exists()


def test_a_file_that_is_no_key_is_a_mistake_that_is_explained(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.write_text("letmein")
    done = profilegen_("build", str(rows_of(tmp_path)), "--store", str(tmp_path / "store"), "--pseudonyms", str(wrong))
    assert "is no key file" in error_line(done, 2)


def test_a_key_file_that_cannot_be_reached_is_a_mistake_that_is_explained(tmp_path: Path) -> None:
    rows = str(rows_of(tmp_path))
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    for key in (circle, tmp_path / ("a" * 300), Path(rows) / "a.key", tmp_path):
        done = profilegen_("build", rows, "--store", str(tmp_path / "store"), "--pseudonyms", str(key))
        assert "the key file" in error_line(done, 2)
        assert "cannot be read" in error_line(done, 2)
