"""Exports of shops, of media and of research collections."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from shop_samples import SAMPLES, headless

from profilegen.errors import InputError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.exports import registry
from profilegen.ingest.exports.export import Fields, Look, Passed
from profilegen.records import Document

Rows = Sequence[Mapping[str, object]]


def read(*sources: object, intake: Intake | None = None, user: str | None = None) -> list[Document]:
    return list(read_documents([str(each) for each in sources], mapping={}, intake=intake or Intake(), user=user))


def written(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def table(*rows: Mapping[str, object], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def look(name: str, *rows: Mapping[str, object]) -> Look:
    columns = tuple(dict.fromkeys(key for row in rows for key in row))
    return Look(name, "", columns, rows, {}, lambda relative: None)


def fields_of(name: str, *rows: Mapping[str, object]) -> list[Fields | Passed]:
    seen = look(name, *rows)
    export = registry.export_of(seen)
    assert export is not None
    reader = export.reader(seen)
    return [fields for row in rows for fields in reader(row)]


def without_gaps(fields: Fields | Passed) -> dict[str, object]:
    assert not isinstance(fields, Passed)
    return {name: value for name, value in fields.items() if value not in (None, "")}


_NAMES = [f"{name} {file}" for name, file, _, _ in SAMPLES]


@pytest.mark.parametrize(("name", "file", "row", "wanted"), SAMPLES, ids=_NAMES)
def test_a_row_of_each_source_makes_its_fields(
    name: str, file: str, row: dict[str, Any], wanted: dict[str, Any] | None
) -> None:
    export = registry.export_of(look(file, row))
    assert export is not None
    assert export.name == name
    assert export.role == (
        "nothing"
        if wanted is None
        else "items"
        if "user_id" not in wanted and name.endswith(("items", "items-old", "books", "news"))
        else "texts"
    )
    if wanted is not None:
        assert [without_gaps(each) for each in fields_of(file, row)] == [wanted]
        assert ("user_id" in export.fields) or "user_id" not in wanted


@pytest.mark.parametrize(("name", "file", "row", "wanted"), SAMPLES, ids=_NAMES)
def test_no_source_is_taken_for_another(
    name: str, file: str, row: dict[str, Any], wanted: dict[str, Any] | None
) -> None:
    assert [each.name for each in registry.all_exports() if each.recognises(look(file, row))] == [name]


# --- rows that are no documents -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"reviewId": "1", "userName": "A Google user", "content": "x", "score": 1, "at": ""}, "without a name"),
        ({"微博id": "1", "微博正文": "x", "是否为原创微博": "False", "点赞数": 0}, "sent on"),
        ({"bid": "1", "user_id": "2", "用户昵称": "n", "微博正文": "x", "retweet_id": "3"}, "sent on"),
        ({"author": {"name": "匿名用户", "id": "0"}, "content": "x", "voteup_count": 0}, "without a name"),
        ({"content": "此用户没有填写评价。", "score": 5, "creationTime": "2023", "nickname": "a"}, "no text"),
        ({"review/userId": "unknown", "review/text": "x", "review/time": "1"}, "without a name"),
        ({"feed": {"entry": [{"im:name": {}}, {"im:rating": {}, "author": {}, "content": {}}]}}, "the app itself"),
    ],
)
def test_rows_that_are_no_document_say_why(row: dict[str, object], reason: str) -> None:
    passed = [each.reason for each in fields_of("file", row) if isinstance(each, Passed)]
    assert len(passed) == 1
    assert reason in passed[0]


def test_reviews_without_users_are_of_the_user_that_is_named(tmp_path: Path) -> None:
    row = {"app_id": "1", "app_name": "Chess", "review_text": "e4", "review_score": "1", "review_votes": "0"}
    path = written(tmp_path / "dataset.csv", table(row))
    with pytest.raises(InputError, match="no user"):
        read(path)
    document = read(path, user="players")[0]
    assert (document.user_id, document.item_title, document.event) == ("players", "Chess", "recommended")


def test_a_rating_in_the_play_console_without_a_text_is_no_document(tmp_path: Path) -> None:
    row = {"Package Name": "a.b", "Star Rating": "5", "Review Text": "", "Review Submit Date and Time": "2024-01-01"}
    full = {**row, "Review Text": "good", "Review Link": "https://p/?reviewId=gp:1"}
    intake = Intake()
    assert len(read(written(tmp_path / "r.csv", table(full, {**row, "Review Link": ""})), intake=intake)) == 1
    assert intake.passed == {"a rating without a text": 1}


# --- items in other files -------------------------------------------------------------------------------------


def test_amazon_reviews_get_the_names_of_products(tmp_path: Path) -> None:
    samples = {file: row for _, file, row, _ in SAMPLES}
    for file in ("All_Beauty.jsonl", "meta_All_Beauty.jsonl"):
        written(tmp_path / "beauty" / file, lines(samples[file]))
    document = read(tmp_path / "beauty")[0]
    assert (document.item_title, document.brand, document.title) == (
        "Scent of the Sea",
        "Howard",
        "Such a lovely scent",
    )


def test_a_folder_of_yelp_is_read_whole(tmp_path: Path) -> None:
    business = "XQfwVwDr-v0ZS3_CbbE5Xw"
    for name, file, row, _ in SAMPLES:
        if name.startswith("yelp"):
            row = {**row, "business_id": business} if name in ("yelp-items", "yelp-tips") else row
            written(tmp_path / "yelp" / file, lines(row))
    intake = Intake()
    documents = read(tmp_path / "yelp", intake=intake)
    assert sorted((each.text, each.item_title, each.event) for each in documents) == [
        ("Avengers time", "Abby Rappoport, LAC, CMQ", "tip"),
        ("Slow to order.", "Abby Rappoport, LAC, CMQ", None),
    ]
    assert {each.reason for each in intake.skipped_examples} == {
        "holds users, no texts",
        "holds times of visits, no texts",
    }


def test_a_file_with_nothing_to_read_alone_is_an_error_that_says_why(tmp_path: Path) -> None:
    row = next(row for name, _, row, _ in SAMPLES if name == "yelp-users")
    with pytest.raises(InputError, match=r"nothing to read in .*: holds users, no texts"):
        read(written(tmp_path / "user.json", lines(row)))


def test_a_folder_of_movielens_gives_titles_and_tags(tmp_path: Path) -> None:
    written(tmp_path / "ml" / "ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,9,4.0,964982703\n")
    written(tmp_path / "ml" / "movies.csv", 'movieId,title,genres\n1,"Postman, The (1994)",Comedy|Drama\n')
    written(tmp_path / "ml" / "tags.csv", "userId,movieId,tag,timestamp\n2,1,quiet,1445714994\n")
    written(tmp_path / "ml" / "links.csv", "movieId,imdbId,tmdbId\n1,0114709,862\n")
    intake = Intake()
    documents = read(tmp_path / "ml", intake=intake)
    assert [(each.user_id, each.text, each.rating, each.event) for each in documents] == [
        ("1", "Postman, The (1994)", 4.0, None),
        ("2", "quiet", None, "tag"),
    ]
    assert documents[0].timestamp == datetime(2000, 7, 30, 18, 45, 3, tzinfo=UTC)
    assert intake.passed == {"no text": 1}
    assert intake.skipped == 1


def test_ratings_without_the_file_of_films_are_an_error_that_says_what_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n")
    with pytest.raises(InputError, match="no file that says what the items are"):
        read(path)


def test_readers_of_news_read_each_headline_once() -> None:
    seen = [
        headless("1", "U1", "11/9/2019 9:05:58 AM", "N1 N2", "N3-1 N4-0 N5-1"),
        headless("2", "U1", "11/10/2019 1:00:00 PM", "N1 N2", "N6-0"),
        headless("3", "U2", "11/10/2019 1:00:00 PM", "", "N6 N7"),
    ]
    fields = fields_of("behaviors.tsv", *seen)
    read_fields = [without_gaps(each) for each in fields if not isinstance(each, Passed)]
    assert [(each["user_id"], each["item_id"], each["event"]) for each in read_fields] == [
        ("U1", "N1", "read"),
        ("U1", "N2", "read"),
        ("U1", "N3", "click"),
        ("U1", "N5", "click"),
    ]
    assert read_fields[2]["timestamp"] == datetime(2019, 11, 9, 9, 5, 58, tzinfo=UTC)
    assert len(fields) == 6


def test_files_that_do_not_name_their_columns_are_joined(tmp_path: Path) -> None:
    written(tmp_path / "ml" / "ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n")
    films = "661::James and the Giant Peach (1996)::Animation|Musical\n1193::Amélie (2001)::Drama\n"
    written(tmp_path / "ml" / "movies.dat", films.encode("latin-1"))
    written(tmp_path / "ml" / "users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n")
    intake = Intake()
    documents = read(tmp_path / "ml", intake=intake)
    assert [(each.text, each.rating) for each in documents] == [
        ("Amélie (2001)", 5.0),
        ("James and the Giant Peach (1996)", 3.0),
    ]
    assert [Path(each.file).name for each in intake.skipped_examples] == ["users.dat"]


def test_books_of_ten_with_quotes_and_semicolons_are_joined(tmp_path: Path) -> None:
    ratings = '"User-ID";"ISBN";"Book-Rating"\n"276725";"034545104X";"0"\n"276726";"0155061224";"5"\n'
    books = (
        '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication"\n"034545104X";"Flesh Tones";"M. J. Rose";"2002"\n'
        '"0155061224";"Rites of \\"Passage\\" é";"Judith Rae";"2001"\n'
    )
    written(tmp_path / "bx" / "BX-Book-Ratings.csv", ratings)
    written(tmp_path / "bx" / "BX-Books.csv", books.encode("latin-1"))
    assert [(each.text, each.rating, each.rating_scale, each.event) for each in read(tmp_path / "bx")] == [
        ("Flesh Tones", None, 5.0, "read"),
        ('Rites of "Passage" é', 5.0, 10.0, None),
    ]


# --- blocks of lines ------------------------------------------------------------------------------------------

_BLOCKS = """product/productId: B001E4KFG0
review/userId: A3SGXH7AUHU8GW
review/profileName: delmartian
review/helpfulness: 1/1
review/score: 5.0
review/time: 1303862400
review/summary: Good: very good
review/text: A dog's dinner.

product/productId: B00813GRG4
product/title: Peanuts
product/price: unknown
review/userId: unknown
review/profileName: unknown
review/score: 1.0
review/time: 1346976000
review/summary: Not as advertised
review/text: Small.
"""


def test_blocks_of_lines_are_rows(tmp_path: Path) -> None:
    intake = Intake()
    (document,) = read(written(tmp_path / "foods.txt", _BLOCKS), intake=intake)
    assert (document.user_id, document.text, document.title) == (
        "A3SGXH7AUHU8GW",
        "A dog's dinner.",
        "Good: very good",
    )
    assert (document.item_id, document.rating) == ("B001E4KFG0", 5.0)
    assert intake.passed == {"from a user without a name": 1}


def test_points_of_beers_are_of_their_scale() -> None:
    beer = {"beer/name": "Sausa Weizen", "beer/beerId": "47986", "review/profileName": "stcules", "review/time": "1"}
    (fields,) = fields_of("ratebeer.txt", {**beer, "review/overall": "13/20", "review/text": "Lots of foam"})
    assert not isinstance(fields, Passed)
    assert (fields["rating"], fields["rating_scale"], fields["item_title"]) == ("13", 20, "Sausa Weizen")


def test_a_block_that_never_ends_is_one_broken_row(tmp_path: Path) -> None:
    endless = "product/productId: B1\nreview/text: " + "x" * (1 << 24) + "\n" + "more\n" * 10
    intake = Intake()
    path = written(tmp_path / "foods.txt", f"{_BLOCKS}\n{endless}\n{_BLOCKS}")
    assert len(read(path, intake=intake)) == 2
    assert intake.bad == 1


# --- libraries of books and films -----------------------------------------------------------------------------

_DUNE = {
    "Book Id": "44767458",
    "Title": "Dune (Dune, #1)",
    "Author": "Frank Herbert",
    "Author l-f": "Herbert, Frank",
    "Additional Authors": "",
    "ISBN": '="0441013597"',
    "ISBN13": '="9780441013593"',
    "My Rating": "5",
    "Average Rating": "4.28",
    "Publisher": "Ace",
    "Date Read": "2024/01/31",
    "Date Added": "2023/12/30",
    "Bookshelves": "",
    "Exclusive Shelf": "read",
    "My Review": "Sand<br/>and more sand",
    "Private Notes": "lent to Jo",
}
_PIRANESI = {
    **dict.fromkeys(_DUNE, ""),
    "Book Id": "50202953",
    "Title": "Piranesi",
    "Author": "Susanna Clarke",
    "ISBN": '=""',
    "My Rating": "0",
    "Date Added": "2024/02/01",
    "Exclusive Shelf": "to-read",
}


def test_a_goodreads_library_gives_reviews_and_wishes(tmp_path: Path) -> None:
    read_book, wish = read(written(tmp_path / "goodreads_library_export.csv", table(_DUNE, _PIRANESI)))
    assert (read_book.text, read_book.rating, read_book.event) == ("Sand\nand more sand", 5.0, "read")
    assert (read_book.item_title, read_book.brand) == ("Dune (Dune, #1)", "Frank Herbert")
    assert read_book.timestamp == datetime(2024, 1, 31, tzinfo=UTC)
    assert (wish.text, wish.rating, wish.event) == ("Piranesi", None, "to-read")
    assert wish.timestamp == datetime(2024, 2, 1, tzinfo=UTC)


def letterboxd(path: Path, **changed: str) -> Path:
    def film(name: str, **more: str) -> dict[str, str]:
        return {"Date": "2024-01-03", "Name": name, "Year": "2023", "Letterboxd URI": "https://boxd.it/a", **more}

    def diary(name: str, **more: str) -> dict[str, str]:
        return film(name, Rating="4.5", Rewatch="", **more, Tags="", **{"Watched Date": "2024-01-02"})

    files = {
        "profile.csv": "Date Joined,Username,Given Name,Family Name,Email Address,Location,Website,Bio,Pronoun,"
        "Favorite Films\n2020-01-01,ana_films,Ana,,ana@example.org,,,,,\n",
        "reviews.csv": table(diary("Past Lives", Review='Quiet, <i>so</i> quiet "here"')),
        "ratings.csv": table(film("Past Lives", Rating="4.5"), film("Barbie", Rating="3")),
        "watched.csv": table(film("Past Lives"), film("Barbie"), film("Afire")),
        "diary.csv": table(diary("Past Lives"), diary("Barbie")),
        "watchlist.csv": table(film("Anselm")),
        "likes/films.csv": table(film("Past Lives"), film("Petite Maman")),
        "likes/reviews.csv": table(film("Oppenheimer")),
        "comments.csv": table({"Date": "2024-01-03", "Content": "https://boxd.it/b", "Comment": "<p>Same here</p>"}),
        "lists/best.csv": "Letterboxd list export v7\nDate,Name,Tags,URL,Description\n"
        "2024-01-03,Best,,https://boxd.it/c,\n\nPosition,Name,Year,URL,Description\n1,Barbie,2023,https://boxd.it/d,\n",
        "deleted/reviews.csv": table(diary("Tár", Review="Taken back")),
        **changed,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_letterboxd_export_tells_of_a_film_once(tmp_path: Path) -> None:
    intake = Intake()
    documents = read(letterboxd(tmp_path / "letterboxd-ana-2024-01-03-utc.zip"), intake=intake)
    assert {each.user_id for each in documents} == {"ana_films"}
    assert sorted((each.text, each.item_title, each.event, each.rating) for each in documents) == [
        ("Afire (2023)", "Afire (2023)", "watched", None),
        ("Anselm (2023)", "Anselm (2023)", "watchlist", None),
        ("Barbie (2023)", "Barbie (2023)", "watched", 3.0),
        ("Petite Maman (2023)", "Petite Maman (2023)", "like", None),
        ('Quiet, so quiet "here"', "Past Lives (2023)", "watched", 4.5),
        ("Same here", None, "comment", None),
    ]
    assert intake.passed["a film that is in reviews.csv too"] == 4
    assert intake.passed["a film that is in ratings.csv too"] == 2
    reasons = {each.reason for each in intake.skipped_examples}
    assert {"names the person, no texts", "deleted by its owner", "holds what others wrote"} <= reasons
    assert intake.skipped == 4


def test_a_broken_file_in_a_letterboxd_export_does_not_stop_the_others(tmp_path: Path) -> None:
    hostile = 'Date,Name,Year,Letterboxd URI,Rating\n"\x00,../../etc,=1+1\n' + '"' * 5_000
    documents = read(letterboxd(tmp_path / "letterboxd-ana.zip", **{"ratings.csv": hostile}))
    assert ("Barbie (2023)", "watched") in [(each.text, each.event) for each in documents]


@pytest.mark.parametrize(
    "row",
    [
        {"features": [{"properties": []}, None, {"properties": {"google_maps_url": {"a": [1]}}}]},
        {"feed": {"entry": [None, [], {"im:rating": 3, "author": [], "content": "x"}]}},
        {"data": [{"attributes": {"reviewerNickname": ["x"]}}, 3]},
        {"comments": [{"content": {}, "score": [], "creationTime": None}, "x"]},
        {"user_id": [], "reviews": [{"review": 3, "recommend": "?", "posted": 9}]},
        {"1": {"books_id": [], "title": {}}, "2": []},
        {"user_id": "u", "book_id": 1, "review_id": 2, "review_sentences": [[], 3, [1, None]], "has_spoiler": 1},
    ],
)
def test_values_of_strange_types_make_no_document_and_no_traceback(tmp_path: Path, row: dict[str, object]) -> None:
    good = {"user_id": "u", "text": "a text"}
    written(tmp_path / "both" / "good.jsonl", lines(good))
    written(tmp_path / "both" / "strange.jsonl", lines(row))
    assert "a text" in [each.text for each in read(tmp_path / "both")]


def test_marks_of_steam_are_no_words_of_a_review_and_other_brackets_stay(tmp_path: Path) -> None:
    review = "[b]Pros[/b]: music [see below]\n[url=store.example/1]this[/url] [h1]10/10[/h1]"
    row = {"review": review, "timestamp_created": 1683000000, "voted_up": True, "author": {"steamid": "7"}}
    (document,) = read(written(tmp_path / "reviews.json", json.dumps({"success": 1, "reviews": [row]})))
    assert document.text == "Pros: music [see below]\nthis 10/10"


def test_one_line_is_enough_to_read_a_file_of_movielens(tmp_path: Path) -> None:
    flags = "|".join("0" * 19)
    written(tmp_path / "ml-100k" / "u.data", "196\t242\t3\t881250949\n")
    written(tmp_path / "ml-100k" / "u.item", f"242|Kolya (1996)|24-Jan-1997||http://x.example/?Kolya|{flags}\n")
    (document,) = read(tmp_path / "ml-100k")
    assert (document.user_id, document.item_title, document.rating) == ("196", "Kolya (1996)", 3)
