"""Whatever comes in, what comes out is a result or a line that says what to do: no traceback, no hang, no blow-up.

`make fuzz` tries many times as many examples, and new ones each time; here they are few, and always the same.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import signal
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from handmade_store import HOSTILE_IDS, HOSTILE_TEXTS, hostile_store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from profilegen.backends import turns_from
from profilegen.claims.notes import parse_notes
from profilegen.claims.passages import select_passages
from profilegen.claims.taxonomy import load_taxonomy
from profilegen.config import load_settings
from profilegen.errors import ModelError, ProfilegenError, UsageError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.inspection import inspect_files
from profilegen.ingest.times import parse_time
from profilegen.language.cleaning import clean, fold, printable
from profilegen.language.detection import detect_language
from profilegen.language.sentences import sentence_spans
from profilegen.language.words import content_stems
from profilegen.llama import catalog
from profilegen.llama.chat_template import MAX_PROMPT_CHARS, ChatTemplate
from profilegen.llama.header import read_header
from profilegen.records import Decision, Document
from profilegen.records.facets import load_facets
from profilegen.review.app import make_app
from profilegen.review.security import CSRF_COOKIE
from profilegen.review.transfer import import_decisions
from profilegen.store.ledger import open_ledger

EXAMPLES = int(os.environ.get("FUZZ", "0"))
"""How many examples `make fuzz` asks for; 0 in the tests."""
MOST_SECONDS = 20

settings.register_profile(
    "tests",
    max_examples=EXAMPLES or 25,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tests")

# Text as people write it, as machines break it, and as attackers make it.
TEXTS = st.one_of(
    st.text(max_size=300),
    st.sampled_from(HOSTILE_TEXTS),
    st.lists(
        st.sampled_from(
            ["<b>", "&amp;amp;", "\u202e", "Ã©", "\x00", "http://a.b/c", "。", "\r\n", " ", "'", "{{", "é", "w" * 50]
        )
    ).map("".join),
    st.builds(lambda piece, times: piece * times, st.text(min_size=1, max_size=4), st.integers(1, 3_000)),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
COLUMNS = st.sampled_from(
    ["user_id", "user", "author", "text", "body", "rating", "timestamp", "date", "item", "price", "id"]
)
SUFFIXES = st.sampled_from(
    [
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".xml",
        ".html",
        ".txt",
        ".mbox",
        ".parquet",
        ".arrow",
        ".xlsx",
        ".ods",
        ".zip",
        ".gz",
        ".zst",
        ".bz2",
        ".xz",
        ".db",
        ".sqlite",
        ".zip.gz",
        ".nothing",
    ]
)


@contextmanager
def in_time() -> Iterator[None]:
    """Have a hang fail as such."""

    def expired(*_: object) -> None:
        raise AssertionError(f"took more than {MOST_SECONDS} seconds")

    handler = signal.signal(signal.SIGALRM, expired)
    signal.alarm(MOST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)


def refused_in_words(action: Callable[[], Any], error: type[ProfilegenError] = ProfilegenError) -> Any:
    """Return what an action gives, None where it is refused in words."""
    refusal = None
    with in_time():
        try:
            return action()
        except error as raised:
            refusal = raised
    assert str(refusal).strip()
    return None


# --- ingest -----------------------------------------------------------------------------------------------


def read_file(path: Path) -> None:
    """Read and inspect a file as `build` and `inspect` do."""
    documents = refused_in_words(lambda: list(read_documents([str(path)], mapping={}, intake=Intake())))
    for document in documents or ():
        assert document.user_id
        assert document.text
        document.model_dump_json().encode()
    refused_in_words(lambda: inspect_files([str(path)], mapping={}))


@given(content=st.binary(max_size=2_000), suffix=SUFFIXES)
def test_any_bytes_are_read_or_refused(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"input{suffix}"
    path.write_bytes(content)
    read_file(path)


@given(
    rows=st.lists(st.dictionaries(COLUMNS | st.text(max_size=8), VALUES, max_size=5), max_size=12),
    as_list=st.booleans(),
)
def test_any_json_is_read_or_refused(rows: list[dict[str, Any]], as_list: bool, tmp_path: Path) -> None:
    path = tmp_path / ("input.json" if as_list else "input.jsonl")
    path.write_text(json.dumps(rows) if as_list else "\n".join(map(json.dumps, rows)), "utf-8")
    read_file(path)


@given(
    columns=st.lists(COLUMNS, min_size=1, max_size=6),
    rows=st.lists(st.lists(TEXTS, max_size=7), max_size=10),
    separator=st.sampled_from(",;\t|"),
    quoted=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252", "gb18030", "shift_jis"]),
)
def test_any_table_of_text_is_read_or_refused(
    columns: list[str], rows: list[list[str]], separator: str, quoted: bool, encoding: str, tmp_path: Path
) -> None:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if quoted else text

    lines = [separator.join(map(cell, row)) for row in [columns, *rows]]
    path = tmp_path / "input.csv"
    path.write_bytes("\n".join(lines).encode(encoding, "replace"))
    read_file(path)


@given(data=st.data(), kind=st.sampled_from(["zip", "gz", "parquet", "json", "csv", "xml"]))
def test_any_damage_to_a_good_file_is_borne(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    content = bytearray(_good_file(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / f"input.{kind}"
    path.write_bytes(bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))]))
    read_file(path)


def _good_file(kind: str) -> bytes:
    rows = [{"user_id": f"u{at % 3}", "text": f"Text number {at} of this file.", "rating": at % 5} for at in range(12)]
    plain = "\n".join(map(json.dumps, rows)).encode()
    stream = io.BytesIO()
    match kind:
        case "zip":
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("posts.jsonl", plain)
        case "gz":
            stream.write(gzip.compress(plain, mtime=0))
        case "parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(rows), stream)
        case "json":
            stream.write(json.dumps(rows).encode())
        case "csv":
            lines = [",".join(rows[0])] + [",".join(map(str, row.values())) for row in rows]
            stream.write("\n".join(lines).encode())
        case "xml":
            cells = [" ".join(f'{name}="{value}"' for name, value in row.items()) for row in rows]
            stream.write(f"<rows>{''.join(f'<row {each}/>' for each in cells)}</rows>".encode())
    return stream.getvalue()


# --- text -------------------------------------------------------------------------------------------------


@given(raw=TEXTS)
def test_any_text_is_cleaned_once_and_for_all(raw: str) -> None:
    with in_time():
        cleaned = clean(raw)
        assert clean(cleaned) == cleaned
        assert "\x00" not in cleaned
        assert "\x1b" not in printable(cleaned)
        fold(cleaned)
        content_stems(cleaned, detect_language(cleaned))


@given(raw=TEXTS)
def test_the_sentences_of_any_text_lie_in_it_one_after_another(raw: str) -> None:
    with in_time():
        spans = sentence_spans(raw)
    ends = [0, *(end for _, end in spans)]
    assert all(before <= start < end <= len(raw) for before, (start, end) in zip(ends, spans, strict=False))


@given(text=TEXTS)
def test_any_text_is_a_time_or_none(text: str) -> None:
    with in_time():
        try:
            parse_time(text)
        except ValueError:  # by which a value that cannot be read is told
            return


@given(
    answer=TEXTS
    | st.lists(st.sampled_from(["interest, likes: ", "tea", " [1,2]", "\n", "[", "9" * 400, "none"])).map("".join)
)
def test_any_answer_of_a_writer_gives_notes_that_cite_what_there_is(answer: str) -> None:
    with in_time():
        notes = parse_notes(answer, 3)
    assert all(note.text and {*note.passages} <= {1, 2, 3} for note in notes)


# --- what a person edits ----------------------------------------------------------------------------------

TOML = st.one_of(
    TEXTS,
    st.lists(
        st.tuples(
            st.sampled_from(["read", "seed", "store", "workers", "max_bad", "writer", "name", "about", "facet", "job"]),
            st.sampled_from(
                ["1", "-5", "1e400", "nan", '"x"', "true", "[1]", "{a = 1}", "1979-05-27", '"\\u0000"', "9" * 30]
            ),
        )
    ).map(lambda pairs: "".join(f"{name} = {value}\n" for name, value in dict(pairs).items())),
)


@given(content=TOML)
def test_any_settings_file_is_read_or_refused_in_words(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profilegen.toml").write_bytes(content.encode("utf-8", "surrogatepass"))
    monkeypatch.chdir(tmp_path)
    refused_in_words(load_settings, UsageError)


@given(content=TOML, header=st.sampled_from(["", "[model]\n", "[[facet]]\n"]))
def test_any_catalogue_is_read_or_refused_in_words(
    content: str, header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.toml"
    path.write_bytes((header + content).encode("utf-8", "surrogatepass"))
    monkeypatch.setattr(catalog, "resource", lambda _: path)
    catalog.load_catalog.cache_clear()
    try:
        refused_in_words(catalog.load_catalog, ModelError)
    finally:
        catalog.load_catalog.cache_clear()


@given(content=TOML, header=st.sampled_from(["", "[[facet]]\n"]))
def test_any_list_of_facets_is_read_or_refused_in_words(content: str, header: str, tmp_path: Path) -> None:
    path = tmp_path / "facets.toml"
    path.write_bytes((header + content).encode("utf-8", "surrogatepass"))
    refused_in_words(lambda: load_facets(path), UsageError)


@given(
    content=TEXTS,
    first=st.sampled_from(
        ["", "# Google_Product_Taxonomy_Version: 1\n", "Unique ID\tParent\tTier 1\n", "scheme = 'x'\n"]
    ),
    suffix=st.sampled_from([".txt", ".tsv", ".toml"]),
)
def test_any_taxonomy_is_read_or_refused_in_words(content: str, first: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"taxonomy{suffix}"
    path.write_bytes((first + content).encode("utf-8", "surrogatepass"))
    refused_in_words(lambda: load_taxonomy(path), UsageError)


# --- models -----------------------------------------------------------------------------------------------


def _gguf(entries: list[tuple[str, int, bytes]], tensors: int) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(entries))
    for key, kind, value in entries:
        name = key.encode("utf-8", "surrogatepass")
        head += struct.pack("<Q", len(name)) + name + struct.pack("<I", kind) + value
    return head


@given(
    content=st.binary(max_size=600)
    | st.builds(
        _gguf,
        st.lists(
            st.tuples(
                st.sampled_from(["general.architecture", "bert.context_length", "a"]),
                st.integers(0, 14),
                st.binary(max_size=40),
            )
        ),
        st.integers(0, 2**64 - 1) | st.integers(0, 3),
    )
)
def test_any_header_of_a_model_is_read_or_refused_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    refused_in_words(lambda: read_header(path), ModelError)


PIECES = [
    "{{",
    "}}",
    "{%",
    "%}",
    " for ",
    "message",
    " in ",
    "messages",
    "endfor",
    ".content",
    "[",
    "]",
    " * ",
    "99999999",
]
PIECES += [
    "range(",
    ")",
    "raise_exception('x')",
    "__class__",
    "|",
    "tojson",
    "join",
    "if ",
    "endif",
    "set x = ",
    "+",
    "'a'",
]


@settings(max_examples=(EXAMPLES or 25))
@given(source=TEXTS | st.lists(st.sampled_from(PIECES), max_size=20).map("".join), content=TEXTS)
def test_any_chat_template_renders_within_bounds_or_is_refused(source: str, content: str) -> None:
    def render() -> str:
        return ChatTemplate(source).render([{"role": "user", "content": content}])

    assert len(refused_in_words(render, ModelError) or "") <= MAX_PROMPT_CHARS


@given(text=TEXTS | st.lists(st.sampled_from(["[system]", "[user]", "\n", "x"])).map("".join))
def test_any_rendered_prompt_is_split_into_turns(text: str) -> None:
    assert all(role in ("system", "user", "assistant") for role, _ in turns_from(text))


# --- decisions and the review page ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_store(tmp_path_factory.mktemp("hostile") / "store")


DECISION = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXTS,
        "at": st.sampled_from(["2025-01-01T00:00:00Z", "2025", "0001-01-01T00:00:00+14:00", "x"]) | st.integers(),
        "by": TEXTS,
        "action": st.sampled_from(["flag", "strike", "approve", "edit", "add", "undo", "rename", "rewrite", "other"]),
        "user_id": st.sampled_from(HOSTILE_IDS) | TEXTS,
        "kind": st.sampled_from(["interest", "nothing"]),
        "text": TEXTS,
        "claim": VALUES,
        "words": TEXTS,
        "undoes": TEXTS,
        "mood": TEXTS,
    },
)


@given(lines=st.lists(DECISION.map(json.dumps) | TEXTS, max_size=6))
def test_any_file_of_decisions_is_imported_or_refused_whole(lines: list[str], hostile: Path, tmp_path: Path) -> None:
    store, path = tmp_path / "store", tmp_path / "decisions.jsonl"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(hostile, store)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    before = _decisions(store)
    is_refused = refused_in_words(lambda: import_decisions(store, path)) is None
    assert not is_refused or _decisions(store) == before


def _decisions(store: Path) -> list[Decision]:
    with open_ledger(store, read_only=True) as ledger:
        return list(ledger.iter_decisions())


TOKEN, ORIGIN = "a-token-of-the-test", "http://127.0.0.1:8765"
PARAMETER = st.sampled_from(
    [
        "id",
        "user_id",
        "page",
        "segment",
        "language",
        "q",
        "question",
        "sort",
        "trait",
        "kind",
        "text",
        "version",
        "action",
        "name",
        "users",
        "category",
        "words",
        "list",
        "status",
        "document",
        "stance",
        "quote",
        "csrf",
        "order",
        "n",
        "x",
    ]
)
PARAMETERS = st.dictionaries(
    PARAMETER,
    st.one_of(
        st.sampled_from(
            [*HOSTILE_IDS, "seg-1", "forty", "0", "-1", "9" * 30, "1e9", "nan", "interest", "strike", "en", ""]
        ),
        TEXTS.map(lambda text: text.encode("utf-8", "replace").decode()[:2_000]),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def client(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    store = shutil.copytree(hostile, tmp_path_factory.mktemp("page") / "store")
    app = make_app(Path(store), token=TOKEN)
    with TestClient(app, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=True) as opened:
        opened.get(f"/lists?token={TOKEN}")
        opened.cookies.set("profilegen_reviewer", "Bea")
        yield opened


def addresses(method: str) -> list[str]:
    """Return the addresses of the page that answer a method, with those that are not there."""
    from starlette.routing import Route

    found: list[str] = []
    with patch("profilegen.review.app.Session"):
        routes = make_app(Path("none"), token=TOKEN).routes
    for route in routes:
        if isinstance(route, Route) and method in (route.methods or ()):
            found += [route.path.replace("{format}", kind) for kind in ("csv", "jsonl", "parquet", "exe")]
    return sorted({*found, "/static/../app.py", "/nothing"})


@pytest.mark.parametrize("path", addresses("GET"))
@settings(max_examples=(EXAMPLES or 6))
@given(parameters=PARAMETERS)
def test_any_parameters_of_a_page_are_answered(path: str, parameters: dict[str, str], client: TestClient) -> None:
    with in_time():
        answer = client.get(path, params=parameters)
    assert answer.status_code < 500


@pytest.mark.parametrize("path", addresses("POST"))
@settings(max_examples=(EXAMPLES or 6))
@given(form=PARAMETERS, is_ours=st.booleans())
def test_any_form_is_answered(path: str, form: dict[str, str], is_ours: bool, client: TestClient) -> None:
    if is_ours:
        form = {**form, "csrf": client.cookies[CSRF_COOKIE]}
    with in_time():
        answer = client.post(path, data=form, headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code < 500


@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_passages_of_any_texts_are_parts_of_them(texts: list[str]) -> None:
    import numpy as np

    from profilegen.claims.common import count_common

    documents = [Document(id=f"d{at}", user_id="u", text=text or "x", language="en") for at, text in enumerate(texts)]
    vectors = np.tile(np.array([[1.0, 0.0]], np.float32), (len(documents), 1))
    with in_time():
        passages = select_passages(documents, vectors, budget=400, common=count_common(documents))
    of = {document.id: document.text for document in documents}
    assert all(passage.text in of[passage.document] for passage in passages)
