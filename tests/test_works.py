"""Books, films and games are told by their names, other items by what they are; with the real embedder."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from profilegen.claims.categories import Categoriser
from profilegen.claims.phrases import Lexicon, Work, candidates, heads, is_name
from profilegen.claims.taxonomy import shipped_taxonomy
from profilegen.claims.works import work_name, works_of
from profilegen.llama.catalog import ResolvedModel
from profilegen.llama.embedder import GgufEmbedder
from profilegen.records import Document
from profilegen.segments.user_vectors import document_vectors

Works = Callable[[list[tuple[str, str]]], list[Work | None]]

FILMS = [
    ("The Silent Harbour (Director's Cut) [Blu-ray]", "A great movie, the actors are superb and the ending is strong."),
    ("Ice Age: Collision Course", "The grandchildren laughed through the whole film."),
    ("Midnight Ferry - Season 2 DVD", "We love this show and watched all episodes in a week."),
]
TOOLS = [
    ("Cordless Drill, 18V, 2 Batteries", "Drilled through oak without trouble."),
    ("Magnetic Screwdriver Set for Electronics", "The bits hold well."),
]


@pytest.fixture(scope="module")
def works(models: dict[str, ResolvedModel]) -> Iterator[Works]:
    with GgufEmbedder(models["all-minilm-l6-v2"], workers=1) as embedder:
        categoriser = Categoriser(shipped_taxonomy(), embedder.embed)

        def works(items: list[tuple[str, str]]) -> list[Work | None]:
            titles, texts = (list(column) for column in zip(*items, strict=True))
            vectors = document_vectors(embedder.embed(texts), embedder.embed(titles))
            return works_of([told(*item) for item in items], vectors, "en", categoriser)

        yield works


def told(title: str, text: str = "") -> Document:
    return Document(id="d", user_id="u", item_title=title or None, text=text, language="en")


def test_films_are_works_with_their_kind_and_tools_are_not(works: Works) -> None:
    found = works(FILMS)
    assert [work and work.name for work in found] == ["The Silent Harbour", "Ice Age", "Midnight Ferry"]
    assert {work.kind for work in found if work} <= {"film", "TV series"}
    assert works(TOOLS) == [None, None]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("One of the best movies of the year, the actors are wonderful.", "film"),
        ("I could not put this novel down and read it in two days.", "book"),
        ("Every song on this album is worth listening to.", "album"),
        ("A fun game, I play a level each night.", "game"),
    ],
)
def test_the_words_of_the_user_tell_what_kind_of_work_a_name_is(works: Works, text: str, kind: str) -> None:
    found = works([("Winter's Bone", text), ("The Great Escape", text)])
    assert {work and work.kind for work in found} == {kind}


def test_a_tool_among_films_is_no_work(works: Works) -> None:
    assert [work is None for work in works([*FILMS, TOOLS[0]])] == [False, False, False, True]


def test_without_titles_there_is_no_work(works: Works) -> None:
    assert works([("", "A great movie.")]) == [None]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Pretty Little Liars: Season 5", "Pretty Little Liars"),
        ("Mad Max [Blu-ray]", "Mad Max"),
        ("Country Living Print Magazine", "Country Living"),
        ("Candy Crush Saga®", "Candy Crush Saga"),
        ("THE LONG WALK", "The Long Walk"),
        ("HGTV", "HGTV"),
        ("My Sister's Grave (Tracy Crosswhite Book 1)", "My Sister's Grave"),
        ("Sing Along Songs, Vol. 2 - Enchanted Tea Party", "Sing Along Songs"),
        ("Endless Fables 3", "Endless Fables"),
        ("Blade Runner 2049", "Blade Runner 2049"),
        ("1984", None),
        ("", None),
        ("word " * 30, None),
        ("a" * 5_000, None),
    ],
)
def test_a_name_is_told_without_part_edition_and_format(title: str, name: str | None) -> None:
    assert work_name(title, "en") == name


def test_a_work_is_one_candidate_and_no_word_of_its_title_another() -> None:
    work = Work("Ice Age", "film", "movies")
    rows = candidates([told("Ice Age: Collision Course")] * 2, "en", Lexicon(), [work, work])
    assert {(row.text, row.documents, row.work) for row in rows} == {
        ("Ice Age (film)", (0, 1), "Ice Age"),
        ("movies", (0, 1), None),
    }


def test_what_works_have_in_common_is_told_only_of_several() -> None:
    works = [Work("Ice Age", "film", "movies"), None]
    rows = candidates([told("Ice Age"), told("Cordless Drill")], "en", Lexicon(), works)
    assert "movies" not in [row.text for row in rows]
    assert "cordless drill" in [row.text for row in rows]


def test_the_name_of_a_work_has_no_shorter_phrases() -> None:
    assert [text for text, _ in heads("The Great Escape", "en")] == ["The Great Escape"]
    assert [text for text, _ in heads("hair clips", "en")] == ["hair clips", "clips"]


@pytest.mark.parametrize("text", ["The Great Escape", "Angela's Ashes", "Call of Duty 4"])
def test_a_name_is_known_by_its_capitals(text: str) -> None:
    assert is_name(text, "en")


@pytest.mark.parametrize("text", ["LED nightlight", "iPhone", "USB", "hair clips", "", "YouTube video"])
def test_a_phrase_with_capitals_in_it_is_no_name(text: str) -> None:
    assert not is_name(text, "en")


def test_no_vector_is_no_work(models: dict[str, ResolvedModel]) -> None:
    with GgufEmbedder(models["all-minilm-l6-v2"], workers=1) as embedder:
        categoriser = Categoriser(shipped_taxonomy(), embedder.embed)
        documents = [told("Ice Age")]
        assert works_of(documents, np.zeros((1, embedder.dimensions), np.float32), "en", categoriser) == [None]
