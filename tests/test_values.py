from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from profilegen.ingest import Intake, read_documents
from profilegen.ingest.ratings import Rating, parse_rating, scale_of
from profilegen.ingest.times import Order, order_of, parse_time
from profilegen.ingest.values import parse_number, parse_price
from profilegen.profiles.behaviour import behaviour
from profilegen.records import Document, FileReading


def read(path: Path, **mapping: str) -> tuple[list[Document], FileReading]:
    intake = Intake()
    documents = list(read_documents([str(path)], mapping=mapping, intake=intake))
    return documents, intake.files[0]


def table(path: Path, columns: str, *rows: Sequence[object]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns.split(","), *rows])
    return path


def rated(tmp_path: Path, *ratings: object) -> tuple[list[Document], FileReading]:
    rows = [("u", f"text {at}", rating) for at, rating in enumerate(ratings)]
    return read(table(tmp_path / "rated.csv", "user_id,text,rating", *rows))


def dated(tmp_path: Path, *times: object) -> tuple[list[Document], FileReading]:
    rows = [("u", f"text {at}", time) for at, time in enumerate(times)]
    return read(table(tmp_path / "dated.csv", "user_id,text,date", *rows))


# --- ratings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "rating"),
    [
        (4, Rating(4)),
        (" 4.0 ", Rating(4)),
        ("4,5", Rating(4.5)),
        ("4½", Rating(4.5)),
        ("½", Rating(0.5)),
        ("5 stars", Rating(5, 5)),
        ("1 star", Rating(1, 5)),
        ("8 stars", Rating(8, 10)),
        ("4/5", Rating(4, 5)),
        ("8/10", Rating(8, 10)),
        ("3½/4", Rating(3.5, 4)),
        ("4.0 out of 5", Rating(4, 5)),
        ("4.0 out of 5 stars", Rating(4, 5)),
        ("Rated 4 out of 5", Rating(4, 5)),
        ("4,5 von 5", Rating(4.5, 5)),
        ("4,0 von 5 Sternen", Rating(4, 5)),
        ("4 sur 5", Rating(4, 5)),
        ("5つ星のうち4.0", Rating(4, 5)),
        ("80%", Rating(80, 100)),
        ("★★★★☆", Rating(4, 5)),
        ("★★★½", Rating(3.5, 5)),
        ("⭐⭐⭐", Rating(3, 5)),
        ("⭐️⭐️", Rating(2, 5)),
        ("☆☆☆☆☆", Rating(0, 5)),
        ("★★★★★★★★☆☆", Rating(8, 10)),
        (True, Rating(1, 1)),
        ("false", Rating(0, 1)),
        ("👍", Rating(1, 1)),
        ("👎🏽", Rating(0, 1)),
        ("Thumbs up", Rating(1, 1)),
        ("Recommended", Rating(1, 1)),
        ("Not Recommended", Rating(0, 1)),
        ("好评", Rating(5, 5)),
        ("中评", Rating(3, 5)),
        ("差评", Rating(1, 5)),
        ("力荐", Rating(5, 5)),
        ("推荐", Rating(4, 5)),
        ("很差", Rating(1, 5)),
        ("FIVE", Rating(5, 5)),
    ],
)
def test_a_rating_is_read_with_the_scale_that_is_written_with_it(written: object, rating: Rating) -> None:
    assert parse_rating(written) == rating


@pytest.mark.parametrize("written", ["B+", "PG-13", "", "good", "9/5", "4 5", None, [4], {}, float("nan"), "★" * 40])
def test_what_is_no_rating_is_not_read(written: object) -> None:
    assert parse_rating(written) is None


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [
        ([1, 4.5], 5),
        ([3, 8], 10),
        ([0, 10], 10),
        ([40, 87], 100),
        ([-1, 7, 10], 10),
        ([0, 1] * 20, 1),
        ([0.2, 0.9] * 20, 1),
        ([1], 5),
        ([0, 1], 5),
        ([], 5),
        ([1_543], None),
        ([-8, 8], None),
    ],
)
def test_the_scale_of_plain_numbers_follows_from_the_highest(numbers: list[float], scale: float | None) -> None:
    assert scale_of(numbers) == scale


def test_a_column_of_plain_ratings_has_one_scale(tmp_path: Path) -> None:
    documents, _ = rated(tmp_path, 2, 8, 5)
    assert [(d.rating, d.rating_scale, d.stars) for d in documents] == [(2, 10, 1), (8, 10, 4), (5, 10, 2.5)]


def test_the_scale_is_found_behind_the_first_rows(tmp_path: Path) -> None:
    documents, _ = rated(tmp_path, *[3] * 900, 9)
    assert {d.rating_scale for d in documents} == {10}


def test_the_scale_of_a_value_wins_over_that_of_its_column(tmp_path: Path) -> None:
    documents, _ = rated(tmp_path, "7", "4/5", "👍")
    assert [(d.rating, d.rating_scale) for d in documents] == [(7, 10), (4, 5), (1, 1)]


def test_the_scale_may_be_said(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "user_id,text,rating", ("u", "a", 4), ("u", "b", 5))
    documents, _ = read(path, user_id="user_id", text="text", rating="rating", rating_scale=":10")
    assert [d.stars for d in documents] == [2, 2.5]


def test_ratings_that_cannot_be_read_are_counted_with_an_example(tmp_path: Path) -> None:
    documents, reading = rated(tmp_path, 5, "B+", "A", 4)
    assert [d.rating for d in documents] == [5, None, None, 4]
    assert reading.unread == {"rating": (2, "B+")}


def test_ratings_of_all_scales_are_compared_as_stars() -> None:
    rows = ((8, 10), (4, 5), (80, 100), (0, 1), (0.5, 5))
    documents = [
        Document(id=str(at), user_id="u", text="x", rating=rating, rating_scale=scale)
        for at, (rating, scale) in enumerate(rows)
    ]
    assert [document.stars for document in documents] == [4, 4, 4, 0, 0.5]
    found = behaviour(documents)
    assert (found.mean_rating, found.low_ratings) == (2.5, 0.4)


def test_a_document_stored_before_there_were_scales_is_of_five() -> None:
    document = Document.model_validate_json('{"id": "1", "user_id": "u", "text": "x", "rating": 4}')
    assert (document.rating_scale, document.stars) == (5, 4)


# --- times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2023-12-05",
        "2023/12/5",
        "20231205",
        "Dec 5, 2023",
        "December 5th, 2023",
        "5 December 2023",
        "05-Dec-23",
        "12 05, 2023",
        "05.12.2023",
        "5. 12. 2023",
        "Reviewed in the United States on December 5, 2023",
        "5. Dezember 2023",
        "5 décembre 2023",
        "5 de diciembre de 2023",
        "mar. 5 déc. 2023",
        "5 dicembre 2023",
        "5 de dez. de 2023",
        "5 декабря 2023 г.",
        "5 grudnia 2023",
        "5 Aralık 2023",
        "5 दिसंबर 2023",
        "5 ธันวาคม 2566",
        "2023年12月5日",
        "2023년 12월 5일",
        "2023. 12. 5.",
        "2023/12/05(火)",
    ],
)
def test_dates_are_read_in_usual_forms_and_languages(written: str) -> None:
    assert parse_time(written) == datetime(2023, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2023-05-08T13:56:00Z",
        "2023-05-08 13:56:00 UTC",
        "2023-05-08T13:56",
        "20230508135600",
        "Mon, 08 May 2023 13:56:00 GMT",
        "Mon May 08 13:56:00 +0000 2023",
        "1:56 pm on 8 May, 2023",
        "8 May 2023, 1:56\u202fPM",
        "May 8 2023 1:56PM",
        "08/05/2023 13:56",
        "8.5.23, 13:56",
        "08/05/23, 1:56 p. m.",
        "2023-05-08 06:56:00 PDT",
        "Mon, 8 May 2023 06:56:00 -0700 (PDT)",
        "8 mai 2023 à 13h56",
        "2023年5月8日 下午1:56",
        "2023年5月8日13時56分",
        "2023년 5월 8일 오후 1:56",
        "2023. 5. 8. 오후 1:56",
        1683554160,
        1683554160000,
        "1683554160000000",
        1683554160000000000,
    ],
)
def test_times_are_read_in_usual_forms_and_zones(written: object) -> None:
    assert parse_time(written) == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("2023-05-02 09:00 CEST", 2),
        ("Tue, 2 May 2023 09:00:00 (JST)", 9),
        ("Tue May 02 09:00:00 AEST 2023", 10),
        ("2 May 2023 9:00 am PST", -8),
        ("2012-05-02 09:00 MSK", 4),
        ("2023-05-02 09:00 MSK", 3),
        ("2.5.2023 09:00 Uhr", 0),
        ("2 May 2023 09:00 UTC", 0),
    ],
)
def test_letters_of_a_zone_are_read_as_of_the_day(written: str, hours: int) -> None:
    moment = parse_time(written)
    assert moment is not None
    assert (moment.hour, moment.utcoffset()) == (9, timedelta(hours=hours))


@pytest.mark.parametrize("written", ["2023-05-02 09:00 IST", "2023-05-02 09:00 BRT"])
def test_a_time_whose_zone_is_of_several_places_or_of_none_is_not_read(written: str) -> None:
    assert parse_time(written) is None


def test_the_offset_of_a_written_time_stays() -> None:
    moment = parse_time("1 Jan 2024, 12:34:56 GMT+05:30")
    assert moment == datetime(2024, 1, 1, 12, 34, 56, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert moment.hour == 12


@pytest.mark.parametrize(
    "written",
    [
        "2 days ago",
        "yesterday",
        "2021-W05",
        "2023-05",
        "May 2023",
        "2023",
        2023,
        17,
        "I may go",
        "1/2/3",
        "45.13.2023",
        "12:30",
        "1-800-555-0199",
        "9" * 90,
        "00/00/0000",
        "5 of 12 2023 3 4",
        "\x00",
        "١٢",
    ],
)
def test_what_is_no_day_is_not_read(written: object) -> None:
    assert parse_time(written) is None


@pytest.mark.parametrize(
    ("values", "order", "is_guess"),
    [
        (["03/04/2021", "25/04/2021"], Order(day_first=True), False),
        (["03/04/2021", "04/25/2021"], Order(day_first=False), False),
        (["3/4/21, 9:15 PM"], Order(day_first=False), True),
        (["03/04/2021 21:15"], Order(day_first=True), True),
        (["03.04.2021"], Order(day_first=True), True),
        (["2021-03-04", "Mar 4, 2021", "03 04, 2021", None], Order(), False),
        ([44197, "44198.5"], Order(serial=True), False),
        ([44197, 1683554160], Order(), False),
    ],
)
def test_the_order_of_a_column_is_found_from_its_values(values: list[object], order: Order, is_guess: bool) -> None:
    assert order_of(iter(values)) == (order, is_guess)


def test_the_order_is_found_behind_the_first_rows(tmp_path: Path) -> None:
    documents, reading = dated(tmp_path, *["03/04/2021"] * 900, "04/25/2021")
    assert documents[0].timestamp == datetime(2021, 3, 4, tzinfo=UTC)
    assert documents[-1].timestamp == datetime(2021, 4, 25, tzinfo=UTC)
    assert reading.warnings == ()


def test_an_order_that_is_guessed_is_said(tmp_path: Path) -> None:
    documents, reading = dated(tmp_path, "03/04/2021", "05/06/2021")
    assert documents[0].timestamp == datetime(2021, 4, 3, tzinfo=UTC)
    assert reading.warnings == ("dates such as 03/04/2021 may be read in two ways; the day is taken to be first",)


def test_days_of_excel_are_read_where_all_of_a_column_are(tmp_path: Path) -> None:
    documents, _ = dated(tmp_path, "44197", "44197.5")
    assert [d.timestamp for d in documents] == [
        datetime(2021, 1, 1, tzinfo=UTC),
        datetime(2021, 1, 1, 12, tzinfo=UTC),
    ]


def test_times_and_prices_that_cannot_be_read_are_counted_with_an_example(tmp_path: Path) -> None:
    rows = [("u", "a", "2021-01-02", "12 €"), ("u", "b", "long ago", "free"), ("u", "c", "", "on request")]
    documents, reading = read(table(tmp_path / "a.csv", "user_id,text,date,price", *rows))
    assert [d.price for d in documents] == [12, None, None]
    assert reading.unread == {"date": (1, "long ago"), "price": (2, "free")}


# --- numbers and prices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "number"),
    [("1.5万", 15_000), ("2億", 2e8), ("3千", 3_000), ("1,299", 1_299), ("12,5", 12.5), ("万", None)],
)
def test_numbers_are_read_with_their_unit(written: str, number: float | None) -> None:
    assert parse_number(written) == number


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("1.5万", 15_000),
        ("¥1.5万", 15_000),
        ("3千円", 3_000),
        ("2万元", 20_000),
        ("₹ 1,29,999.00", 129_999),
        ("1万5千", None),
    ],
)
def test_prices_are_read_with_their_unit(written: str, price: float | None) -> None:
    assert parse_price(written) == price


# --- nobody -----------------------------------------------------------------------------------------------


def test_rows_of_nobody_are_passed_over_under_one_reason(tmp_path: Path) -> None:
    names = ["[deleted]", "[deleted]", "AutoModerator", "a google user", "匿名用户", "nan", "ana"]
    rows = [(name, f"text {at}") for at, name in enumerate(names)]
    documents, reading = read(table(tmp_path / "a.csv", "user_id,text", *rows))
    assert [d.user_id for d in documents] == ["ana"]
    assert reading.passed == {"nobody ([deleted], AutoModerator, a google user, …)": 6}


def test_the_list_of_nobody_may_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "nobody.txt").write_text("# ours\nThe Shop\n", "utf-8")
    monkeypatch.setenv("PROFILEGEN_PROMPTS", str(tmp_path / "prompts"))
    documents, _ = read(table(tmp_path / "a.csv", "user_id,text", ("the shop", "a"), ("[deleted]", "b")))
    assert [d.user_id for d in documents] == ["[deleted]"]


def test_a_text_that_was_taken_away_is_no_text(tmp_path: Path) -> None:
    rows = [("ana", "[deleted]"), ("ana", "[removed]"), ("ana", "nan"), ("ana", "[deleted] is what it says")]
    documents, reading = read(table(tmp_path / "a.csv", "user_id,text", *rows))
    assert [d.text for d in documents] == ["[deleted] is what it says"]
    assert reading.passed == {"no text": 3}


def test_users_that_differ_in_form_only_are_said_and_not_merged(tmp_path: Path) -> None:
    documents, reading = read(table(tmp_path / "a.csv", "user_id,text", ("1", "a"), (" 1 ", "b"), ("1.0", "c")))
    assert [d.user_id for d in documents] == ["1", "1", "1.0"]
    assert len(reading.warnings) == 1
