from __future__ import annotations

import contextlib
import csv
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from profilegen.errors import InputError
from profilegen.ingest import Intake, read_documents
from profilegen.records import Document, FileReading

PROSE = (
    "I took it up the hill in the rain and it stayed dry.",
    "My sister has one too. Hers is blue and a little smaller than mine.",
    "Not worth the money, if you ask me! The handle broke within a week.",
)


def read(path: Path, user: str | None = None, **mapping: str) -> tuple[list[Document], FileReading]:
    intake = Intake()
    documents = list(read_documents([str(path)], mapping=mapping, intake=intake, user=user))
    return documents, intake.files[0]


def table(tmp_path: Path, columns: str, *rows: Sequence[object], name: str = "table.csv") -> Path:
    with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns.split(","), *rows])
    return tmp_path / name


def objects(tmp_path: Path, *rows: Mapping[str, Any]) -> Path:
    path = tmp_path / "objects.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def sources(reading: FileReading) -> dict[str, str]:
    return {source.field: " ".join(source.columns) for source in reading.fields}


# --- by name ----------------------------------------------------------------------------------------------


def test_the_title_beside_a_title_of_the_review_is_of_the_item(tmp_path: Path) -> None:
    columns = (
        "Id,Title,Price,User_id,profileName,review/helpfulness,review/score,review/time,review/summary,review/text"
    )
    rows = [
        ("B1", "Dune", "", "u1", "Ana", "7/7", "4.0", "1095724800", "Sand", PROSE[0]),
        ("B1", "Dune", "", "u2", "Ben", "0/1", "5.0", "1095724800", "More sand", PROSE[1]),
        ("B2", "Emma", "", "", "", "1/1", "5.0", "1095724800", "Fine", PROSE[2]),
    ]
    documents, reading = read(table(tmp_path, columns, *rows))
    assert [(d.user_id, d.item_title, d.title, d.rating) for d in documents] == [
        ("u1", "Dune", "Sand", 4),
        ("u2", "Dune", "More sand", 5),
    ]
    assert documents[0].item_id == "B1"
    assert reading.passed == {"no user": 1}


def test_a_title_that_all_texts_of_an_item_share_is_of_the_item(tmp_path: Path) -> None:
    rows = [(f"u{at}", f"B{at % 2}", f"Thing {at % 2}", f"{PROSE[at % 3]} {at}") for at in range(8)]
    _, reading = read(table(tmp_path, "user_id,product_id,title,text", *rows))
    assert sources(reading)["item_title"] == "title"
    rows = [(user, item, f"Head {at}", text) for at, (user, item, _, text) in enumerate(rows)]
    _, reading = read(table(tmp_path, "user_id,product_id,title,text", *rows))
    assert sources(reading)["title"] == "title"


def test_a_name_is_of_the_item_unless_it_is_of_the_user(tmp_path: Path) -> None:
    rows = [(f"u{at % 2}", f"Café {at % 3}", f"{PROSE[at % 3]} {at}") for at in range(6)]
    _, reading = read(table(tmp_path, "user_id,name,review", *rows))
    assert sources(reading)["item_title"] == "name"
    rows = [(user, "Ana" if user == "u0" else "Ben", text) for user, _, text in rows]
    _, reading = read(table(tmp_path, "user_id,name,review", *rows))
    assert "item_title" not in sources(reading)


def test_the_author_of_a_book_is_no_user(tmp_path: Path) -> None:
    path = table(tmp_path, "title,author,isbn,my review", ("Dune", "Herbert", "1", PROSE[0]), name="ana.csv")
    documents, _ = read(path)
    assert [(d.user_id, d.brand, d.item_id, d.text) for d in documents] == [("ana", "Herbert", "1", PROSE[0])]


def test_the_score_of_a_post_is_no_rating_and_that_is_said(tmp_path: Path) -> None:
    columns = "author,forum,body,title,score,created_utc,num_comments"
    rows = [
        ("ana", "knitting", PROSE[0], "Hats", 3, 1683554160, 2),
        ("[deleted]", "knitting", "[removed]", "Hats", 1543, 1683554160, 2),
    ]
    documents, reading = read(table(tmp_path, columns, *rows))
    assert [(d.user_id, d.rating, d.channel, d.title) for d in documents] == [("ana", None, "knitting", "Hats")]
    assert documents[0].timestamp == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert reading.left_out == {"score": "it counts votes"}
    assert "score" not in reading.unused


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("score", [1, 2, 0, 3, 1, 87], "0 to 87 and mostly small, seem to count votes"),
        ("score", [-4, 2, 9], "-4 to 9, are on no usual scale"),
        ("rating", [4, 1_543], "4 to 1543, are on no usual scale"),
        ("rating", ["PG-13", "R", "PG"], "no ratings, such as 'PG-13'"),
        ("date", ["2 days ago", "a week ago"], "no times, such as '2 days ago'"),
    ],
)
def test_a_column_that_is_not_what_its_name_says_is_left_out_with_the_reason(
    tmp_path: Path, column: str, values: Sequence[object], reason: str
) -> None:
    rows = [("u", f"text {at}", value) for at, value in enumerate(values)]
    documents, reading = read(table(tmp_path, f"user_id,text,{column}", *rows))
    assert {(d.rating, d.timestamp) for d in documents} == {(None, None)}
    assert reason in reading.left_out[column]


@pytest.mark.parametrize("values", [[5, 3, 1], [8.5, 10], [90, 75, 40, 99]])
def test_a_score_on_a_usual_scale_is_a_rating(tmp_path: Path, values: Sequence[float]) -> None:
    rows = [("u", f"text {at}", value) for at, value in enumerate(values)]
    documents, _ = read(table(tmp_path, "user_id,text,score", *rows))
    assert [d.rating for d in documents] == values


def test_a_day_and_a_time_of_day_in_two_columns_are_one_time(tmp_path: Path) -> None:
    path = table(tmp_path, "user,date,time,message", ("u", "31/12/2023", "21:15", "x"))
    documents, reading = read(path)
    assert documents[0].timestamp == datetime(2023, 12, 31, 21, 15, tzinfo=UTC)
    assert sources(reading)["timestamp"] == "date time"


# --- inside of objects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "user", "path"),
    [
        ({"author": {"id": 7, "name": "Ana"}, "content": "x"}, "7", "author.id"),
        ({"user": {"screen_name": "ana", "followers": 3}, "full_text": "x"}, "ana", "user.screen_name"),
        ({"data": {"author": {"username": "ana"}, "body": "x"}}, "ana", "data.author.username"),
        ({"user": {"id": 1}, "text": "x", "quoted": {"user": {"id": 2}}}, "1", "user.id"),
        ({"meta": {"user_id": "ana"}, "text": "x"}, "ana", "meta.user_id"),
    ],
)
def test_a_user_inside_of_an_object_is_found(tmp_path: Path, row: dict[str, Any], user: str, path: str) -> None:
    documents, reading = read(objects(tmp_path, row))
    assert [(d.user_id, d.text) for d in documents] == [(user, "x")]
    (source,) = [source for source in reading.fields if source.field == "user_id"]
    assert (source.columns, source.why) == ((path,), f"by its name, inside {path.rpartition('.')[0]}")


def test_other_fields_inside_of_objects_are_found(tmp_path: Path) -> None:
    row = {
        "author": {"name": "Ana"},
        "reviewBody": PROSE[0],
        "itemReviewed": {"name": "Tent"},
        "meta": {"created_at": "2023-05-08", "rating": 4},
    }
    documents, _ = read(objects(tmp_path, row))
    assert [(d.user_id, d.item_title, d.rating) for d in documents] == [("Ana", "Tent", 4)]
    assert documents[0].timestamp == datetime(2023, 5, 8, tzinfo=UTC)


def test_of_two_objects_that_may_be_users_none_is_chosen_and_both_are_named(tmp_path: Path) -> None:
    path = objects(tmp_path, {"sender": {"id": 1}, "buyer": {"id": 2}, "text": "x"})
    with pytest.raises(InputError, match=r"no column of users .*--map user_id="):
        read(path)


# --- as the values look -----------------------------------------------------------------------------------


def test_texts_without_a_usual_name_are_the_longest_and_that_is_said(tmp_path: Path) -> None:
    rows = [(f"u{at}", "outdoor", text) for at, text in enumerate(PROSE)]
    documents, reading = read(table(tmp_path, "user_id,topic,what they said", *rows))
    assert [d.text for d in documents] == list(PROSE)
    assert [s.why for s in reading.fields if s.field == "text"] == ["the longest texts"]


def test_of_two_columns_of_long_texts_none_is_chosen(tmp_path: Path) -> None:
    rows = [(f"u{at}", text, text[::-1]) for at, text in enumerate(PROSE)]
    with pytest.raises(InputError, match=r"no column of texts among (forwards|backwards), "):
        read(table(tmp_path, "user_id,forwards,backwards", *rows))


@pytest.mark.parametrize(
    "values", [["N1 N2 N3 N4 N5", "N6 N7 N8 N9 N1"], ["a b", "c d"], ["https://x.org/a b c d e", "http://x.org/b"]]
)
def test_codes_and_short_values_are_no_texts(tmp_path: Path, values: Sequence[str]) -> None:
    rows = [(f"u{at}", value) for at, value in enumerate(values)]
    with pytest.raises(InputError, match="no column of texts"):
        read(table(tmp_path, "user_id,stuff", *rows))


@pytest.mark.parametrize("column", ["who", "Full name", "Speaker name", "pen", "forum_login"])
def test_a_column_that_may_name_users_is_asked_for_and_not_guessed(tmp_path: Path, column: str) -> None:
    rows = [("ana", PROSE[0]), ("ben", PROSE[1]), ("ana", PROSE[2])]
    path = table(tmp_path, f"{column},text", *rows)
    if column == "Full name":
        assert len(read(path, user="me")[0]) == 3
    with pytest.raises(InputError, match=rf"is it {column}\? say --map user_id={column}, or --user NAME if all of it"):
        read(path)


def test_rows_without_users_are_of_one_person_named_by_the_file(tmp_path: Path) -> None:
    rows = [("2023-01-02", "en", PROSE[0]), ("2023-01-03", "en", PROSE[1]), ("2023-01-04", "de", PROSE[2])]
    documents, reading = read(table(tmp_path, "date,language,entry", *rows, name="diary.csv"))
    assert {d.user_id for d in documents} == {"diary"}
    assert reading.owner == "diary"


def test_a_message_names_up_to_sixty_columns_the_likely_ones_first(tmp_path: Path) -> None:
    columns = [f"c{at}" for at in range(40)]
    path = table(tmp_path, ",".join([*columns, "who", "text"]), *[[*range(40), "ana", PROSE[at]] for at in range(3)])
    with pytest.raises(InputError) as error:
        read(path)
    assert "among who, c0, c1, " in str(error.value)
    assert "c39" in str(error.value)


def test_an_id_of_rows_is_no_item_and_an_id_with_titles_alone_is(tmp_path: Path) -> None:
    rows = [(at, f"u{at % 2}", f"Head {at}", text) for at, text in enumerate(PROSE)]
    _, reading = read(table(tmp_path, "id,user_id,title,text", *rows))
    assert "item_id" not in sources(reading)
    items = table(tmp_path, "id,title", ("1", "Dune"), ("2", "Emma"), name="a_items.csv")
    seen = table(tmp_path, "user_id,item_id", ("ana", "1"), ("ben", "2"), name="b_seen.csv")
    documents = list(read_documents([str(items), str(seen)], mapping={}, intake=Intake()))
    assert [(d.user_id, d.item_title) for d in documents] == [("ana", "Dune"), ("ben", "Emma")]


# --- whatever the table -----------------------------------------------------------------------------------

NAMES = {
    "user_id": ["user_id", "reviewerID", "Customer Id", "userName", "用户ID", "author"],
    "text": ["text", "reviewText", "review/text", "Comment", "body", "评论内容"],
    "rating": ["rating", "overall", "stars", "评分"],
    "timestamp": ["timestamp", "created_at", "review date", "时间"],
    "item_id": ["item_id", "sku", "Product ID", "商品ID"],
}
WORDS = "rain hill blue dry small broke week handle sister money tent red quick brown sky"


def a_table(rng: random.Random) -> list[dict[str, Any]]:
    """Return rows of some fields, by our names."""
    rows = []
    for at in range(rng.randint(1, 30)):
        text = " ".join(rng.choices(WORDS.split(), k=rng.randint(6, 30))) + f" {at}."
        day = datetime(2020, rng.randint(1, 12), rng.randint(1, 28), tzinfo=UTC)
        rows.append(
            {
                "user_id": f"user{rng.randint(1, 9)}",
                "text": text,
                "rating": rng.randint(1, 5),
                "timestamp": day,
                "item_id": f"B{rng.randint(1, 5)}",
            }
        )
    return rows


def as_written(rng: random.Random, field: str, value: Any, form: int) -> Any:
    if field == "rating":
        return [value, f"{value}/5", "★" * value + "☆" * (5 - value), f"{value} stars"][form]
    if field == "timestamp":
        return [value.isoformat(), int(value.timestamp()), value.strftime("%d %B %Y"), value.strftime("%Y年%m月%d日")][
            form
        ]
    return value


@pytest.mark.parametrize("seed", range(60))
def test_what_is_written_in_any_usual_way_is_read_back(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rows = a_table(rng)
    fields = ["user_id", "text", *rng.sample(["rating", "timestamp", "item_id"], rng.randint(0, 3))]
    rng.shuffle(fields)
    names = {field: rng.choice(NAMES[field]) for field in fields}
    forms = {field: rng.randint(0, 3) for field in fields}
    written = [{names[field]: as_written(rng, field, row[field], forms[field]) for field in fields} for row in rows]
    extra = {f"x{at}": at for at in range(rng.randint(0, 30))}
    if seed % 2:
        path = table(tmp_path, ",".join([*names.values(), *extra]), *[[*r.values(), *extra.values()] for r in written])
    else:
        above = [rng.choice(["data", "payload", "row"]) for _ in range(rng.randint(0, 2))]
        nested = []
        for row in written:
            inner: dict[str, Any] = {**row, **extra}
            if rng.random() < 2 and names["user_id"] == "author":
                inner["author"] = {"id": inner["author"], "colour": "blue"}
            for name in above:
                inner = {name: inner}
            nested.append(inner)
        path = objects(tmp_path, *nested)
    documents, reading = read(path)
    assert len(documents) == len(rows)
    assert reading.unread == {}
    for document, row in zip(documents, rows, strict=True):
        for field in fields:
            assert getattr(document, field) == row[field], (field, names[field])


@pytest.mark.parametrize("seed", range(40))
def test_values_of_any_kind_in_any_column_end_in_documents_or_in_a_message(tmp_path: Path, seed: int) -> None:
    rng = random.Random(1_000 + seed)
    odd = ["", " ", "x", "\u202e", "=1+1", "9" * 400, -1, 0, 1e308, True, None, [], {}, [{"a": [1]}], {"id": {"id": 1}}]
    odd += [{"a.b": 1}, {"": ""}, "★" * 500, "1:" * 200, "12/" * 100, "٣٤/٥", "½" * 90, "NaN", {"name": ["x"]}]
    columns = rng.sample([name for names in NAMES.values() for name in names] + ["score", "date", "id", "title", ""], 6)
    rows = [{column: rng.choice(odd) for column in columns} for _ in range(20)]
    intake = Intake()
    with contextlib.suppress(InputError):
        list(read_documents([str(objects(tmp_path, *rows))], mapping={}, intake=intake))
