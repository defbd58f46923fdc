"""Files as people have them: encodings, compressions, and every format that is opened as a table."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports.zstd import CompressionParameter, ZstdCompressor, compress

from profilegen.errors import InputError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.formats.format import Format
from profilegen.ingest.formats.registry import format_of
from profilegen.ingest.rows import BadRowError
from profilegen.ingest.sources import Source, find_files
from profilegen.ingest.streams import open_stream
from profilegen.ingest.tables import open_table


def written(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


class Read:
    """A file, read to its end."""

    def __init__(self, path: Path, part: str = "") -> None:
        with open_table(Source(str(path), below=path.name, part=part)) as table:
            self.columns, self.unit, self.context = table.columns, table.unit, dict(table.context)
            self.format, self.encoding = table.format, table.encoding
            self.numbered = list(table.rows)
        self.rows = [row for _, row in self.numbered if isinstance(row, Mapping)]
        self.bad = [(number, str(row)) for number, row in self.numbered if isinstance(row, BadRowError)]

    def column(self, name: str) -> list[object]:
        return [row[name] for row in self.rows]


# --- encodings --------------------------------------------------------------------------------------------

REVIEWS = {
    "cp1252": ("Le produit est arrivé très vite, mais la qualité n’est pas à la hauteur", "Déçu – 12 €"),
    "cp1250": ("Świetna jakość i szybka wysyłka, dziękuję. Polecam każdemu", "Źle się składa, ciężki"),
    "cp1251": ("Отличная палатка, рекомендую всем. Быстрая доставка", "Тяжёлая, но тёплая"),
    "koi8-r": ("Отличная палатка, рекомендую всем. Быстрая доставка", "Тяжёлая, но тёплая"),
    "cp1253": ("Πολύ καλή σκηνή, τη συνιστώ σε όλους. Γρήγορη παράδοση", "Βαριά αλλά ζεστή"),
    "cp1254": ("Çok güzel bir çadır, herkese tavsiye ederim. Teşekkürler", "Ağır ama sıcak"),
    "gb18030": ("帐篷很好，推荐给大家。物流很快，非常感谢！", "有点重，但是很暖和"),
    "big5": ("帳篷很好，推薦給大家。物流很快，非常感謝！", "有點重，但是很暖和"),
    "cp932": ("とても良いテントです。みんなにおすすめします。", "少し重いですが、暖かいです"),
    "euc-jp": ("とても良いテントです。みんなにおすすめします。", "少し重いですが、暖かいです"),
    "cp949": ("아주 좋은 텐트입니다. 모두에게 추천합니다.", "조금 무겁지만 따뜻해요"),
}
NAMES = {
    "cp932": "Shift-JIS",
    "big5": "Big5",
    "gb18030": "GB18030",
    "koi8-r": "KOI8-R",
    "euc-jp": "EUC-JP",
    "cp949": "EUC-KR",
}


@pytest.mark.parametrize("codec", REVIEWS)
def test_the_encoding_is_found_by_content(tmp_path: Path, codec: str) -> None:
    texts = list(REVIEWS[codec])
    table = "user_id\ttext\n" + "".join(f"u{number}\t{text}\n" for number, text in enumerate(texts * 4))
    read = Read(written(tmp_path / "a.tsv", table.encode(codec)))
    assert read.column("text") == texts * 4
    assert read.encoding == NAMES.get(codec, codec.replace("cp", "Windows-"))


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_unicode_is_read_with_and_without_a_byte_order_mark(tmp_path: Path, codec: str, suffix: str) -> None:
    text = "好用, très bien 👍"
    rows = [{"user_id": "u1", "text": text}, {"user_id": "u2", "text": "plain"}]
    whole = {
        "csv": "user_id,text\r\n" + "".join(f'{row["user_id"]},"{row["text"]}"\r\n' for row in rows),
        "jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
        "json": json.dumps(rows, ensure_ascii=False, indent=1),
    }[suffix]
    read = Read(written(tmp_path / f"a.{suffix}", whole.encode(codec)))
    assert read.rows == rows
    assert read.encoding == codec.upper().removesuffix("-SIG").removesuffix("-LE").removesuffix("-BE")


def test_a_first_accent_far_behind_the_beginning_is_found(tmp_path: Path) -> None:
    lines = ["user_id,text", *(f"u{number},a plain text of some length" for number in range(20_000))]
    late = "\n".join([*lines, "u,déjà vu, très bien, à bientôt".replace(", ", " ")])
    assert Read(written(tmp_path / "a.csv", late.encode("cp1252"))).rows[-1]["text"] == "déjà vu très bien à bientôt"
    packed = written(tmp_path / "b.csv.gz", gzip.compress(late.encode("cp1252")))
    assert Read(packed).rows[-1]["text"] == "déjà vu très bien à bientôt"


def test_a_broken_byte_in_utf_8_is_one_bad_row(tmp_path: Path) -> None:
    table = "user_id,text\nu1,很好\nu2,naïve\n".encode() + b"u3,caf\xe9\n" + "u4,après\n".encode()
    read = Read(written(tmp_path / "a.csv", table))
    assert read.column("text") == ["很好", "naïve", "après"]
    assert (read.bad, read.encoding) == ([(4, "invalid UTF-8")], "UTF-8")


def test_a_broken_byte_in_another_encoding_is_one_bad_row(tmp_path: Path) -> None:
    table = (
        "user_id,text\nu1,帐篷很好，推荐给大家\nu2,".encode("gb18030") + b"\xff\xff\nu3," + "物流很快".encode("gb18030")
    )
    read = Read(written(tmp_path / "a.csv", table))
    assert read.column("user_id") == ["u1", "u3"]
    assert [number for number, _ in read.bad] == [3]


def test_binary_formats_have_no_encoding_and_what_is_no_text_is_no_format(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": ["1"], "text": ["x"]}), tmp_path / "a.parquet")
    with ExitStack() as stack:
        assert open_stream(Source(str(tmp_path / "a.parquet"), below="a.parquet"), stack).encoding == ""
    picture = written(tmp_path / "picture", b"\x89PNG\r\n\x1a\n" + b"\0\1\2\3" * 99)
    with pytest.raises(InputError, match=r"picture: no known format: neither a table, nor JSON"):
        Read(picture)


# --- compressions -----------------------------------------------------------------------------------------

LINES = b'{"user_id": "u1", "text": "good"}\n{"user_id": "u2", "text": "bad"}\n'


def long_window(data: bytes) -> bytes:
    packer = ZstdCompressor(options={CompressionParameter.window_log: 31, CompressionParameter.content_size_flag: 0})
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, compress, long_window],
    ids=["gz", "bz2", "xz", "zst", "zst --long=31"],
)
@pytest.mark.parametrize("name", ["a.jsonl", "RC_2023-01.zst", "noname"])
def test_compressed_files_are_read_by_content_also_in_parts(tmp_path: Path, pack: Any, name: str) -> None:
    first, second = LINES.splitlines(keepends=True)
    assert Read(written(tmp_path / name, pack(first) + pack(second))).column("user_id") == ["u1", "u2"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, compress])
def test_a_compressed_file_that_is_cut_off_or_damaged_is_an_error(tmp_path: Path, pack: Any) -> None:
    packed = pack(b"".join(b'{"user_id": "%d", "text": "x%d"}\n' % (n, n * 7919) for n in range(9_999)))
    for broken in (packed[:-30], packed[:24] + b"\xff" * 60 + packed[84:]):
        with pytest.raises(InputError, match=r"a\.jsonl: cannot be read"):
            Read(written(tmp_path / "a.jsonl", broken))


# --- tables of lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "::", "\x01"])
@pytest.mark.parametrize("name", ["a.csv", "a.dat", "a.txt", "a.inter", "a.tsv", "noname"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str, name: str) -> None:
    rows = [("user_id", "text", "rating"), ("u1", "I like it. Really!", "5"), ("u2", "Not so good", "1.5")]
    table = "".join(delimiter.join(row) + "\n" for row in rows)
    read = Read(written(tmp_path / name, table))
    assert read.columns == ("user_id", "text", "rating")
    assert read.rows[1] == {"user_id": "u2", "text": "Not so good", "rating": "1.5"}


def test_texts_full_of_other_delimiters_do_not_change_the_delimiter(tmp_path: Path) -> None:
    table = "user;text;price\nu1;one, two, three | four;2,50\nu2;a, b, c;3,00\n"
    assert Read(written(tmp_path / "a.csv", table)).rows[0]["text"] == "one, two, three | four"


def test_the_delimiter_that_excel_names_is_used(tmp_path: Path) -> None:
    read = Read(written(tmp_path / "a.csv", "sep=;\r\nuser;text\r\nu1;a, b\r\n"))
    assert read.numbered == [(3, {"user": "u1", "text": "a, b"})]


@pytest.mark.parametrize(
    "table",
    [
        'user_id,text\nu1,"say ""hi"", now"\nu2,x\n',
        'user_id,text\nu1,"say \\"hi\\", now"\nu2,x\n',
        "user_id,text\n'u1','say \"hi\", now'\n'u2','x'\n",
        'user_id::text\nu1::say "hi", now\nu2::x\n',
        'user_id\ttext\nu1\tsay "hi", now\nu2\tx\n',
    ],
)
def test_quotes_are_read_however_they_are_written(tmp_path: Path, table: str) -> None:
    assert Read(written(tmp_path / "a.csv", table)).column("text") == ['say "hi", now', "x"]


def test_quotes_that_are_only_characters_merge_no_lines(tmp_path: Path) -> None:
    table = 'N1\tnews\t"The open\thttps://example.org/1\nN2\tnews\tends here" he said\thttps://example.org/2\n'
    assert len(Read(written(tmp_path / "news.tsv", table)).rows) == 2


@pytest.mark.parametrize(
    "first",
    [
        "196\t242\t3\t881250949",
        "A3AF8FFZAZYNE5\t0000000078\t5.0\t1092182400",
        "N55528\tlifestyle\tThe brands that queens like\thttps://example.org/a.html",
        "u1\tperfect\t2024-05-01\tx",
    ],
)
def test_a_table_whose_first_line_is_data_has_numbered_columns(tmp_path: Path, first: str) -> None:
    read = Read(written(tmp_path / "u.data", f"{first}\n{first[::-1]}\n"))
    assert read.columns == ("column 1", "column 2", "column 3", "column 4")
    assert [number for number, _ in read.numbered] == [1, 2]
    assert list(read.rows[0].values()) == first.split("\t")


def test_a_first_line_whose_values_come_again_is_data(tmp_path: Path) -> None:
    read = Read(written(tmp_path / "a.csv", "ana,I like it\nben,So do I\nana,Still good\n"))
    assert read.columns == ("column 1", "column 2")


@pytest.mark.parametrize("header", ["user_id,text,2024", "Timestamp,What do you like about our tents?,Why?", "a,b,c"])
def test_names_are_no_data(tmp_path: Path, header: str) -> None:
    assert Read(written(tmp_path / "a.csv", f"{header}\n1,2,3\n4,5,6\n")).columns == tuple(header.split(","))


def test_columns_without_a_name_or_with_the_same_are_told_apart(tmp_path: Path) -> None:
    read = Read(written(tmp_path / "a.csv", ",user,text,text\n0,u1,one,two\n"))
    assert read.columns == ("column 1", "user", "text", "text (2)")
    assert read.rows[0]["text (2)"] == "two"


def test_typed_names_of_recbole_stay(tmp_path: Path) -> None:
    read = Read(written(tmp_path / "a.inter", "user_id:token\titem_id:token\trating:float\n1\t2\t3.0\n"))
    assert read.columns == ("user_id:token", "item_id:token", "rating:float")


def test_a_delimiter_behind_the_last_field_does_not_break_rows(tmp_path: Path) -> None:
    assert Read(written(tmp_path / "a.csv", "user,text\nu1,x,\nu2,y,\n")).column("text") == ["x", "y"]


def test_prose_in_a_folder_is_passed_over_and_a_table_beside_it_read(tmp_path: Path) -> None:
    written(
        tmp_path / "data" / "README.txt",
        "SUMMARY\n=======\n\nThese files hold ratings, made by users.\nUse them well.\n",
    )
    written(tmp_path / "data" / "LICENSE", "You may, or you may not.\nAsk, please.\n")
    written(tmp_path / "data" / "picture.dat", b"\0\1\2" * 99)
    written(tmp_path / "data" / "script.js", "function f() {\n  return 1;\n}\n")
    written(tmp_path / "data" / "reviews.txt", "user_id\ttext\nu1\tgood\n")
    intake = Intake()
    documents = list(read_documents([str(tmp_path / "data")], mapping={}, intake=intake))
    assert [document.text for document in documents] == ["good"]
    assert {Path(each.file).name: each.reason for each in intake.skipped_examples} == {
        name: "no known format" for name in ("README.txt", "LICENSE", "picture.dat", "script.js")
    }


def test_a_file_of_a_telling_suffix_is_not_read_as_another(tmp_path: Path) -> None:
    assert format_of("a.csv", b"[1, 2],x\n").name == "csv"
    assert format_of("a.dat", b"[1, 2]\n").name == "json"
    assert format_of("-", b"text\ngood\n").name == "csv"


# --- JSON and its like ------------------------------------------------------------------------------------

RECORDS = [{"user_id": f"u{number}", "text": f"text {number}"} for number in range(3)]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("whole", "around"),
    [
        ({"name": "Ana", "id": 7, "messages": RECORDS}, {"name": "Ana", "id": 7}),
        ({"guild": {"name": "G"}, "channel": {"id": "1"}, "messages": RECORDS, "messageCount": 3}, None),
        ({"@context": "https://www.w3.org/ns/activitystreams", "orderedItems": RECORDS}, None),
        (
            {"kind": "Listing", "data": {"after": None, "children": RECORDS}},
            {"kind": "Listing", "data": {"after": None}},
        ),
        ({"participants": [{"name": "A"}, {"name": "B"}], "messages": RECORDS, "title": "T"}, None),
        ({"about": "x", "chats": {"about": "y", "list": RECORDS}}, {"about": "x", "chats": {"about": "y"}}),
    ],
)
def test_one_object_around_a_list_gives_its_records(
    tmp_path: Path, whole: dict[str, Any], around: dict[str, Any] | None, indent: int | None
) -> None:
    read = Read(written(tmp_path / "a.json", json.dumps(whole, indent=indent)))
    assert read.rows == RECORDS
    expected = around or {name: value for name, value in whole.items() if value is not RECORDS}
    assert read.context == expected


def test_the_outer_list_counts_where_lists_are_nested(tmp_path: Path) -> None:
    chats = [{"name": "Ana", "messages": RECORDS}, {"name": "Ben", "messages": RECORDS * 5}]
    whole = {"contacts": {"list": [{"first_name": "Ana"}]}, "chats": {"list": chats}}
    assert Read(written(tmp_path / "a.json", json.dumps(whole, indent=1))).rows == chats


def test_lines_and_arrays_with_lists_in_their_objects_stay_rows(tmp_path: Path) -> None:
    rows = [{"id": number, "messages": RECORDS} for number in range(2)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert Read(written(tmp_path / "a.json", lines)).rows == rows
    assert Read(written(tmp_path / "a.jsonl", lines.splitlines()[0])).rows == rows[:1]
    assert Read(written(tmp_path / "b.json", json.dumps(rows))).rows == rows
    assert Read(written(tmp_path / "c.json", "\n".join(json.dumps(row, indent=2) for row in rows))).rows == rows


@pytest.mark.parametrize(
    "row", [{"user": "u", "text": "x", "images": [{"url": "a"}, {"url": "b"}]}, {"a": 1, "b": {"c": [1, 2]}}, {}]
)
def test_an_object_that_is_a_row_itself_is_one_row(tmp_path: Path, row: dict[str, Any]) -> None:
    assert Read(written(tmp_path / "a.json", json.dumps(row, indent=1))).rows == [row]


def test_a_large_object_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write('{"name": "Ana", "contacts": [' + ",".join('{"a": "b"}' for _ in range(9)) + '], "messages": [\n')
        for number in range(30_000):
            file.write(("," if number else "") + json.dumps({"from": f"u{number}", "text": "x" * 400}) + "\n")
        file.write('], "after": 1}')
    read = Read(path)
    assert len(read.rows) == 30_000
    assert read.context == {"name": "Ana", "contacts": [{"a": "b"}] * 9}


def test_a_broken_record_of_a_list_in_an_object_is_named(tmp_path: Path) -> None:
    whole = json.dumps({"name": "x", "messages": RECORDS}, indent=1)
    with pytest.raises(InputError, match=r"a\.json: broken JSON in record 3"):
        Read(written(tmp_path / "a.json", whole[:-9]))


def test_lines_of_python_are_read_and_nothing_of_them_runs(tmp_path: Path) -> None:
    lines = (
        "{'reviewerID': 'A1', 'helpful': [0, 0], 'reviewText': 'It\\'s \"fine\"', 'overall': 5.0}\n"
        "{u'reviewerID': u'A2', 'reviewText': u'caf\\xe9', 'early_access': False, 'hours': None}\n"
        "{'reviewerID': __import__('os').getcwd(), 'reviewText': 'x'}\n"
        "{'reviewerID': 'A4', 'reviewText': " + "(" * 5_000 + "\n"
    )
    read = Read(written(tmp_path / "reviews.json", lines))
    assert read.column("reviewText") == ['It\'s "fine"', "café"]
    assert [number for number, _ in read.bad] == [3, 4]


@pytest.mark.parametrize("name", ["window.YTD.tweets.part0", "var reviews", "const x", "data['a']"])
def test_what_a_script_assigns_is_read(tmp_path: Path, name: str) -> None:
    read = Read(written(tmp_path / "tweets.js", f"{name} = " + json.dumps(RECORDS, indent=1) + ";\n"))
    assert read.rows == RECORDS
    around = Read(written(tmp_path / "a.js", f"{name} = " + json.dumps({"list": RECORDS})))
    assert around.rows == RECORDS


# --- Parquet and Arrow ------------------------------------------------------------------------------------

NESTED = [
    {"user": {"id": "u1", "tags": ["a", "b"]}, "messages": [{"role": "user", "content": "好"}], "text": "x"},
    {"user": {"id": "u2", "tags": []}, "messages": [], "text": "y"},
]


def as_text(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    return [{k: v.decode() if isinstance(v, bytes) else v for k, v in row.items()} for row in rows]


@pytest.mark.parametrize("kind", ["parquet", "feather", "arrow", "stream"])
def test_nested_columns_become_dicts_and_lists(tmp_path: Path, kind: str) -> None:
    table = pa.Table.from_pylist(NESTED)
    path = tmp_path / f"a.{kind.replace('stream', 'arrow')}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        opened = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        with opened(path, table.schema) as writer:
            writer.write_table(table)
    read = Read(path)
    assert as_text(read.rows) == NESTED
    assert read.encoding == ""
    packed = Read(written(tmp_path / f"{path.name}.gz", gzip.compress(path.read_bytes())))
    assert as_text(packed.rows) == NESTED


def test_a_folder_of_the_datasets_library_is_read(tmp_path: Path) -> None:
    table = pa.table({"user_id": ["1", "2"], "text": ["x", "y"]})
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    for name in ("data-00000-of-00001.arrow", "cache-1f2e3d.arrow"):
        with pa.ipc.new_stream(folder / name, table.schema) as writer:
            writer.write_table(table)
    written(folder / "state.json", '{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    written(folder / "dataset_info.json", '{"features": {"text": {"dtype": "string"}}}')
    written(folder.parent / "dataset_dict.json", '{"splits": ["train"]}')
    files = find_files([str(tmp_path / "data")])
    assert [Path(source.path).name for source in files.found] == ["data-00000-of-00001.arrow"]
    assert len(files.skipped) == 4
    assert len(list(read_documents([str(tmp_path / "data")], mapping={}, intake=Intake()))) == 2


def test_a_broken_arrow_file_is_an_error(tmp_path: Path) -> None:
    table = pa.table({"user_id": ["1"] * 999, "text": ["x"] * 999})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    whole = (tmp_path / "a.arrow").read_bytes()
    for broken in (
        whole[:200],
        whole[:-500],
        whole.replace(b"\1\0\0\0\2\0\0\0\3\0\0\0", b"\1\0\0\0\xff\xff\xff\x7f\3\0\0\0"),
    ):
        with pytest.raises(InputError, match=r"a\.arrow: (?:broken Arrow|cannot be read)"):
            Read(written(tmp_path / "a.arrow", broken))


# --- workbooks and databases ------------------------------------------------------------------------------

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def cell_of(place: str, value: object) -> str:
    if isinstance(value, datetime):  # Style 1 is that of a date.
        return f'<c r="{place}" s="1"><v>{(value - datetime(1899, 12, 30)).days}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]] | str]) -> bytes:
    """Return a workbook as Excel writes it, with the least that it needs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{_PACKAGE}/content-types"/>')
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        tags, links = "", ""
        for number, (name, rows) in enumerate(sheets.items(), 1):
            tags += f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>'
            links += f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/{number}.xml"/>'
            data = rows if isinstance(rows, str) else "".join(row_of(at, row) for at, row in enumerate(rows, 1))
            archive.writestr(
                f"xl/worksheets/{number}.xml", f'<worksheet xmlns="{_MAIN}"><sheetData>{data}</sheetData></worksheet>'
            )
        links += f'<Relationship Id="rId99" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{tags}</sheets></workbook>'
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'
        )
    return out.getvalue()


def row_of(number: int, cells: Sequence[object]) -> str:
    written = "".join(cell_of(f"{chr(65 + at)}{number}", cell) for at, cell in enumerate(cells) if cell != "")
    return f'<row r="{number}">{written}</row>'


SHEET: list[list[object]] = [
    ["Reviews of May"],
    [],
    ["Customer ID", "Comment", "Stars", "Date"],
    [17, "Good tent", 5, datetime(2024, 5, 1)],
    ["", "", "", ""],
    [18, "好", 2.5, datetime(2024, 5, 2)],
]


def test_a_workbook_is_read_below_its_title_with_dates_and_numbers(tmp_path: Path) -> None:
    read = Read(written(tmp_path / "a.xlsx", xlsx({"Notes": [["only a note"]], "Reviews": SHEET})))
    assert read.columns == ("Customer ID", "Comment", "Stars", "Date")
    assert read.numbered == [
        (4, {"Customer ID": 17, "Comment": "Good tent", "Stars": 5, "Date": datetime(2024, 5, 1)}),
        (6, {"Customer ID": 18, "Comment": "好", "Stars": 2.5, "Date": datetime(2024, 5, 2)}),
    ]
    assert (read.unit, read.encoding, read.context["sheets"]) == ("row", "", "Reviews")


def test_sheets_of_the_same_columns_are_read_together_and_others_are_named(tmp_path: Path) -> None:
    header = ["user", "text"]
    book = xlsx({"May": [header, ["u1", "a"]], "June": [header, ["u2", "b"]], "Prices": [["item", "price"], ["x", 3]]})
    read = Read(written(tmp_path / "a.xlsx", book))
    assert read.column("user") == ["u1", "u2"]
    assert read.context == {"sheets": "May, June", "sheets not read": "Prices"}
    assert Read(tmp_path / "a.xlsx", "June").column("user") == ["u2"]
    with pytest.raises(InputError, match=r"a\.xlsx::July: no sheet July with rows; there are May, June, Prices"):
        Read(tmp_path / "a.xlsx", "July")


def test_a_workbook_that_would_take_all_memory_is_an_error(tmp_path: Path) -> None:
    far = cell_of("A1", "user"), cell_of("XFD1048576", 1)
    rows = f'<row r="1">{far[0]}</row><row r="1048576">{far[1]}</row>'
    with pytest.raises(InputError, match=r"a\.xlsx: this workbook takes too much memory.*; save the sheet as CSV"):
        Read(written(tmp_path / "a.xlsx", xlsx({"S": rows})))
    with pytest.raises(InputError, match=r"b\.xls: cannot be read as a workbook: .*; save the sheet as CSV"):
        Read(written(tmp_path / "b.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 999))


def test_an_open_document_sheet_is_read(tmp_path: Path) -> None:
    names = ("office", "table", "text")
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names)
    row = "".join
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'.format
    lines = [("user", "text"), ("u1", "good"), ("u2", "bad")]
    table = row(f"<table:table-row>{row(map(cell, line))}</table:table-row>" for line in lines)
    content = (
        f'<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name="S">{table}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    path = written(tmp_path / "a.ods", out.getvalue())
    assert [source.path for source in find_files([str(path)]).found] == [str(path)]
    assert Read(path).column("text") == ["good", "bad"]


def database(path: Path, **tables: Sequence[Mapping[str, object]]) -> Path:
    with sqlite3.connect(path) as connection:
        for name, rows in tables.items():
            columns = ", ".join(f'"{column}"' for column in rows[0])
            connection.execute(f'CREATE TABLE "{name}" ({columns})')
            places = ", ".join("?" * len(rows[0]))
            connection.executemany(f'INSERT INTO "{name}" VALUES ({places})', [tuple(row.values()) for row in rows])
    connection.close()
    return path


def test_the_table_of_a_database_that_fits_is_read(tmp_path: Path) -> None:
    users = [{"id": number, "name": "x"} for number in range(20)]
    path = database(tmp_path / "shop.db", users=users, reviews=RECORDS)
    before = path.read_bytes()
    read = Read(path)
    assert (read.rows, read.context, read.encoding) == (RECORDS, {"table": "reviews"}, "")
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]
    assert len(Read(path, "users").rows) == 20
    packed = written(tmp_path / "shop.db.gz", gzip.compress(before))
    assert Read(packed).rows == RECORDS


def test_a_person_chooses_where_several_tables_fit(tmp_path: Path) -> None:
    path = database(tmp_path / "a.sqlite", posts=[{"user": "u", "body": "x"}], comments=[{"author": "v", "text": "y"}])
    with pytest.raises(
        InputError, match=r"a\.sqlite: several tables hold texts of users: comments, posts; .*FILE::TABLE"
    ):
        Read(path)
    documents = list(read_documents([f"{path}::posts"], mapping={}, intake=Intake()))
    assert [document.text for document in documents] == ["x"]
    with pytest.raises(InputError, match="no table nothing with rows; there are comments, posts"):
        Read(path, "nothing")
    csv = written(tmp_path / "a.csv", "user,text\nu,x\n")
    with pytest.raises(InputError, match="has no sheets or tables to choose from"):
        Read(csv, "posts")


def test_what_the_log_of_a_database_holds_is_read_too(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE posts (user, text)")
    connection.execute("INSERT INTO posts VALUES ('u', 'in the log')")
    connection.commit()
    assert Read(tmp_path / "a.db").column("text") == ["in the log"]
    connection.close()


def test_a_hostile_or_broken_database_ends_in_an_error(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", posts=[{"user": "u", "text": "x"}, {"user": "v", "text": b"\xff"}])
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO posts VALUES ('w', CAST(X'ff41' AS TEXT))")
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS user, i AS text FROM n"
        connection.execute(f"CREATE VIEW aaa AS {endless}")
    connection.close()
    intake = Intake()
    assert [d.user_id for d in read_documents([str(path)], mapping={}, intake=intake)] == ["u"]
    assert [bad.reason for bad in intake.bad_examples] == ["record 2: invalid UTF-8", "record 3: invalid UTF-8"]
    with pytest.raises(InputError, match=r"b\.db: (?:cannot be read as|broken) SQLite"):
        Read(written(tmp_path / "b.db", path.read_bytes()[:150] + b"\xff" * 3_000))


# --- mail and XML -----------------------------------------------------------------------------------------

MAIL = """From ana@example.org Thu Jan 11 09:26:00 2024
From: =?utf-8?q?Ana_Pe=C3=B1a?= <ana@example.org>
To: list@example.org
Subject: =?gb2312?B?xOO6ww==?=
Date: Thu, 11 Jan 2024 09:26:00 +0100
Message-ID: <1@example.org>
List-Id: Tents <tents.example.org>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

On Wed, Jan 10, 2024 at 8:00 AM Ben <ben@example.org> wrote:
> Is it good?
> Ben

It is tr=E8s bien.
>From here I see it.
SIGNATURE
Ana
--b
Content-Type: text/plain
Content-Disposition: attachment; filename=a.txt

an attached file
--b--

From ben@example.org Fri Jan 12 10:00:00 2024
From: ben@example.org (Ben)
Subject: short
Date: nonsense

From now on I write.

From MAILER-DAEMON Fri Jan 12 11:00:00 2024
From: Carl <carl@example.org>
Content-Type: text/html

<p>Hello</p>
""".replace("SIGNATURE", "-- ")


@pytest.mark.parametrize("name", ["list.mbox", "Inbox", "mail.txt"])
def test_mail_is_read_without_quotes_signatures_and_attached_files(tmp_path: Path, name: str) -> None:
    read = Read(written(tmp_path / name, MAIL))
    first, second, third = read.rows
    assert first["text"] == "It is très bien.\nFrom here I see it."
    assert (first["from"], first["from-name"], first["subject"]) == ("ana@example.org", "Ana Peña", "你好")
    assert isinstance(first["date"], datetime)
    assert (first["list-id"], first["message-id"]) == ("Tents <tents.example.org>", "<1@example.org>")
    assert (second["from"], second["text"], second["date"]) == ("ben@example.org", "From now on I write.", "nonsense")
    assert third["text"] == "<p>Hello</p>"
    assert read.encoding == ""


def test_one_message_is_a_mail(tmp_path: Path) -> None:
    one = MAIL.split("\n", 1)[1].split("\nFrom ben", 1)[0]
    assert Read(written(tmp_path / "a.eml", one)).column("from") == ["ana@example.org"]


def test_mail_in_old_encodings_is_read_message_by_message(tmp_path: Path) -> None:
    heads = "From a@b Thu Jan 11 09:26:00 2024\nFrom: a@b\nSubject: x\n\n"
    mails = (heads + "帐篷很好，推荐给大家。物流很快\n\n").encode("gb18030") + (heads + "Привет, как дела?\n").encode()
    assert Read(written(tmp_path / "a.mbox", mails)).column("text") == [
        "帐篷很好，推荐给大家。物流很快",
        "Привет, как дела?",
    ]


POSTS = """<?xml version="1.0" encoding="utf-8"?>
<posts>
  <row Id="1" PostTypeId="1" Body="&lt;p&gt;How do I pitch a tent?&lt;/p&gt;" OwnerUserId="7" />
  <row Id="2" PostTypeId="2" ParentId="1" Body="Slowly." OwnerUserId="8" />
</posts>
"""


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-8", "utf-16"])
def test_rows_of_xml_are_read_by_their_attributes(tmp_path: Path, codec: str) -> None:
    text = POSTS.replace('encoding="utf-8"', f'encoding="{codec.removesuffix("-sig")}"')
    read = Read(written(tmp_path / "Posts.xml", text.encode(codec)))
    assert read.columns == ("Id", "PostTypeId", "Body", "OwnerUserId", "ParentId")
    assert read.rows[0]["Body"] == "<p>How do I pitch a tent?</p>"
    assert read.column("OwnerUserId") == ["7", "8"]


def test_elements_in_an_element_are_its_columns(tmp_path: Path) -> None:
    xml = '<reviews shop="x"><review id="1"><user>ana</user><text>very <b>good</b></text></review></reviews>'
    read = Read(written(tmp_path / "a.xml", xml))
    assert (read.rows, read.context) == ([{"id": "1", "user": "ana", "text": "very good"}], {"shop": "x"})


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a><row t="&c;"/></a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><row t="x"/></a>',
        '<a><row t="x"/><row t=',
        '<a><row t="' + "x" * 40_000_000,
    ],
    ids=["entities", "another file", "cut off", "endless"],
)
def test_hostile_xml_is_an_error(tmp_path: Path, xml: str) -> None:
    with pytest.raises(InputError, match=r"a\.xml: broken XML after record"):
        Read(written(tmp_path / "a.xml", xml))


# --- all of them ------------------------------------------------------------------------------------------


def test_a_format_of_another_module_may_share_a_suffix_and_is_known_by_content(monkeypatch: pytest.MonkeyPatch) -> None:
    from profilegen.ingest.formats import registry

    chat = Format("chat", (".txt",), registry._formats()[0].open, matches=lambda head: head.startswith(b"[1/2/24"))
    formats = (*registry._formats(), chat)
    monkeypatch.setattr(registry, "_formats", lambda: formats)
    assert format_of("a.txt", b"[1/2/24, 10:00] Ana: hello, you\n").name == "chat"
    assert format_of("a.txt", b"user\ttext\nu\tx\n").name == "csv"
    with pytest.raises(InputError):
        format_of("a.txt", b"only prose\n")


def members() -> Iterator[tuple[str, bytes]]:
    yield "shop/a.csv", b"user,text\nu1,x\n"
    yield "shop/b.xlsx", xlsx({"S": [["user", "text"], ["u2", "y"]]})
    yield "shop/c.jsonl.xz", lzma.compress(b'{"user": "u3", "text": "z"}\n')
    yield "shop/README.txt", b"Only prose.\n"


def test_the_formats_are_read_from_an_archive_and_from_one_in_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "export.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members():
            archive.writestr(name, data)
    for named in (path, path.parent):
        users = [document.user_id for document in read_documents([str(named)], mapping={}, intake=Intake())]
        assert users == ["u1", "u2", "u3"]


def test_every_format_is_read_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = database(tmp_path / "a.db", reviews=RECORDS).read_bytes()
    book = xlsx({"S": [["user_id", "text"], *([row["user_id"], row["text"]] for row in RECORDS)]})
    for data in (db, book, json.dumps({"messages": RECORDS}).encode(), bz2.compress(json.dumps(RECORDS).encode())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        documents = list(read_documents(["-"], mapping={}, intake=Intake()))
        assert [document.user_id for document in documents] == ["u0", "u1", "u2"]


# --- files that break early -------------------------------------------------------------------------------

WHOLE = '{"user_id": "ana", "text": "A fine tent for two"}'


@pytest.mark.parametrize(
    "broken",
    [
        f"[{WHOLE}, {WHOLE[:30]}",
        f'[{WHOLE}, {{"user_id": oops}}, {WHOLE}]',
        f"[{WHOLE[:30]}",
        f'{{"reviews": [{WHOLE}, {WHOLE[:30]}',
        f'{{"user_id": "ana", "text": {WHOLE}',
    ],
)
def test_json_that_breaks_in_its_first_rows_is_an_error_in_a_folder_too(tmp_path: Path, broken: str) -> None:
    written(tmp_path / "good.json", f"[{WHOLE}]")
    written(tmp_path / "broken.json", broken)
    with pytest.raises(InputError, match=r"broken\.json: (?:broken JSON|the JSON array is cut off)"):
        list(read_documents([str(tmp_path)], mapping={}, intake=Intake()))


@pytest.mark.parametrize(
    "other",
    [
        '{\n  // what the editor checks\n  "strict": true\n}',
        "{{ template }}",
        f'[{{"size": 3}}, {{"size": 4}}, {WHOLE[:30]}',
    ],
)
def test_broken_json_that_never_held_texts_is_passed_over_in_a_folder(tmp_path: Path, other: str) -> None:
    written(tmp_path / "good.json", f"[{WHOLE}]")
    written(tmp_path / "other.json", other)
    intake = Intake()
    (document,) = read_documents([str(tmp_path)], mapping={}, intake=intake)
    assert document.user_id == "ana"
    assert [Path(each.file).name for each in intake.skipped_examples] == ["other.json"]


@pytest.mark.parametrize("hostile", ["<a>" * 3_000_000, "<a>" + "<b/>" * 3_000_000], ids=["deep", "wide"])
def test_a_record_of_xml_without_an_end_is_refused_after_its_first_elements(tmp_path: Path, hostile: str) -> None:
    path = written(tmp_path / "a.xml", f"<rows><row>{hostile}")
    with pytest.raises(InputError, match=r"more than 100,000 elements in one record"):
        Read(path)
