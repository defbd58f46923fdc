"""Users who are forgotten: stores made by hand, with a real index, and files that are searched byte by byte.

The stores name an embedder that is not there, so that no model is opened.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import ANY

import pytest
from handmade_store import BUILT_WITH, build_report, write_store
from stand_in_models import stand_ins
from starlette.testclient import TestClient
from test_cli import profilegen_

import profilegen
from profilegen.errors import InputError, UsageError
from profilegen.records import MAX_NOTE_CHARS, Behaviour, Claim, Document, Evidence, FileReading, Segment, UserProfile
from profilegen.review import actions
from profilegen.review.app import make_app
from profilegen.store import index
from profilegen.store.files import EVALUATION_DIRECTORY
from profilegen.store.forgetting import finish_if_cut_off, opened_to_write, remove_index
from profilegen.store.ledger import LEDGER_FILE, Audience, ChangedError, open_ledger
from profilegen.store.ledger.salvage import DAMAGED_FILE
from profilegen.store.ledger.segments import GROUP_PROFILES
from profilegen.store.scanning import Wanted, scan
from profilegen.store.traces import traces_of

ROOT = Path(__file__).parents[1]
GOING, STAYING, SHORT = "walrus-keeper-7f3a", "maya_t-long-id", "ann"
WORDS = "purple walruses juggle seventeen copper lanterns"
CHINESE = "紫色的海象在十七个铜灯笼之间耍杂技直到天亮"
SHARED = "the kettle boils over every single morning here"
TEXTS = {
    GOING: [f'My {WORDS} at night.\nNobody "believes" it, but {SHARED}.', CHINESE],
    STAYING: [f"Well, {SHARED}, and I like tea.", "I have written a second text about green tea leaves."],
    SHORT: ["Joanna and I repair old radios from the attic on Sundays."],
}
ORIGIN, TOKEN = "http://127.0.0.1:8765", "a-token-of-the-test"


def profile_of(user_id: str, texts: list[str]) -> tuple[UserProfile, list[Document]]:
    documents = [
        Document(id=f"{user_id}-{at}", user_id=user_id, text=text, language="en") for at, text in enumerate(texts)
    ]
    quote = Evidence(document=documents[0].id, quote=texts[0], verdict=0.9)
    # The user who goes gave the claims of others their name.
    name = WORDS if user_id == STAYING else None
    claim = Claim(text=WORDS if user_id == GOING else "tea", stance="likes", name=name, support=0.5, evidence=(quote,))
    profile = UserProfile(
        user_id=user_id,
        status="ok",
        language="en",
        claims={"interest": (claim,)},
        behaviour=Behaviour(documents=len(texts)),
        summary=f"likes {claim.text}",
        built_with=BUILT_WITH,
    )
    return profile, documents


def fill(store: Path) -> Path:
    users = [profile_of(user_id, texts) for user_id, texts in TEXTS.items()]
    write_store(store, users, {"seg-1": [GOING, STAYING], "seg-2": [SHORT]}, {"seg-1": WORDS, "seg-2": "Radios"})
    with open_ledger(store) as ledger:
        segments = [
            segment.with_claims({"interest": [claim for _, claim in users[0][0].iter_claims()]})
            if segment.id == "seg-1"
            else segment
            for segment in ledger.segments()
        ]
        ids, vectors = ledger.segment_matrix()
        ledger.put_segments((segment, "h", vectors[ids.index(segment.id)]) for segment in segments)
        ledger.set_meta("segment groups", {"seg-1": ["group-1"], "seg-2": ["group-2"]})
        text = {"name": WORDS, "criterion": WORDS, "summary": WORDS, "hash": "h"}
        ledger.set_meta(
            GROUP_PROFILES, {"group-1": text, "group-2": {**text, "name": "Radios", "summary": "", "criterion": ""}}
        )
        actions.flag(ledger, GOING, WORDS, by="bea")
        actions.flag(ledger, STAYING, f"is this {GOING} again?", by="bea")
        audience = Audience(name="all", found_by=f"like {GOING}", by="bea", at=datetime.now(UTC))
        ledger.save_audience(audience, [STAYING, GOING, SHORT])
        file = FileReading(file=f"exports/{GOING}.json", format="json", encoding="utf-8")
        ledger.record_build(build_report(3, 2).model_copy(update={"files": (file,)}))
        index.build_index(ledger, store)
    (store / EVALUATION_DIRECTORY).mkdir()
    (store / EVALUATION_DIRECTORY / "report.html").write_text(f"<p>{WORDS}</p>")
    return store


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("filled") / "store")


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "store"))


@pytest.fixture(scope="module")
def wanted(filled: Path) -> Wanted:
    """Return what is looked for of the user who goes."""
    with open_ledger(filled, read_only=True) as ledger:
        traces = traces_of(ledger, [GOING], ledger.user_documents(GOING))
    return Wanted(*traces[:4])


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the index removed and not built, where a test is not about it: Chroma takes its time to start."""
    monkeypatch.setattr("profilegen.pipeline.forgetting._renew_index", lambda _, store, __: remove_index(store))


def holders(store: Path, *traces: str) -> set[str]:
    """Return the names of the files that hold the user's id or words, looked for here and not by what is tested."""
    wanted = [trace.encode() for trace in traces or (GOING, WORDS, CHINESE[2:14])]
    files = [path for path in store.rglob("*") if path.is_file()]
    return {
        path.name
        for path in files
        if any(trace in path.read_bytes() or trace in path.name.encode() for trace in wanted)
    }


@contextmanager
def reading(store: Path) -> Iterator[None]:
    """Hold a reading transaction on the ledger in another process, as an export does that is under way."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN');"
        "c.execute('SELECT count(*) FROM documents').fetchone(); print('there', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(store / LEDGER_FILE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "there\n"
        yield
        reader.kill()


def test_before_a_user_is_forgotten_the_check_finds_the_user_where_the_bytes_are(store: Path) -> None:
    found = {each.file.rpartition("/")[2] for each in profilegen.find_traces([GOING], store=store).found}
    assert found == holders(store)
    assert {LEDGER_FILE, "chroma.sqlite3", "report.html"} <= found


def test_after_a_user_is_forgotten_no_byte_holds_the_id_or_the_words(store: Path) -> None:
    receipt = profilegen.forget([GOING], store=store)
    assert holders(store) == set()
    assert receipt.users == (GOING,)
    assert receipt.pending == ()
    assert receipt.traces.found == ()
    assert receipt.traces.runs > 10
    assert receipt.removed["documents"] == 2
    assert receipt.removed["decisions of reviewers"] == 1
    assert receipt.removed["places in saved lists"] == 1
    assert receipt.segments_bare == 1


@pytest.mark.usefixtures("no_index")
def test_what_is_not_of_the_user_stays(store: Path) -> None:
    profilegen.forget([GOING], store=store)
    with open_ledger(store, read_only=True) as ledger:
        assert [*ledger.user_ids()] == [SHORT, STAYING]
        assert ledger.audience_users("all") == [STAYING, SHORT]
        assert [audience.found_by for audience in ledger.audiences()] == ["like [forgotten]"]
        assert [decision.words for decision in ledger.iter_decisions()] == ["is this [forgotten] again?"]
        staying, radios = ledger.profile(STAYING), ledger.segment("seg-2")
        assert staying is not None
        assert (staying.interests[0].text, staying.interests[0].name) == ("tea", None)
        assert radios is not None
        assert (radios.name, ledger.segment_hashes()["seg-2"]) == ("Radios", "h")
        bare = ledger.segment("seg-1")
        assert isinstance(bare, Segment)
        assert (bare.members, bare.size, [*bare.iter_claims()], bare.summary) == ((STAYING,), 1, [], "")
        assert ledger.segment_hashes()["seg-1"] == ""
        build = ledger.last_build()
        assert build is not None
        assert [file.file for file in build.report.files] == ["exports/[forgotten].json"]


@pytest.mark.usefixtures("no_index")
def test_sentences_that_others_wrote_too_are_no_trace(store: Path) -> None:
    receipt = profilegen.forget([GOING], store=store)
    assert holders(store, SHARED) == {LEDGER_FILE}
    assert receipt.traces.found == ()
    assert receipt.traces.shared_runs > 0


@pytest.mark.usefixtures("no_index")
def test_a_short_id_is_looked_for_as_a_whole_value(store: Path) -> None:
    found = profilegen.find_traces([SHORT], store=store)
    assert found.in_fields_only == (SHORT,)
    assert LEDGER_FILE in {each.file for each in found.found}
    receipt = profilegen.forget([SHORT], store=store)
    assert b"Joanna" not in (store / LEDGER_FILE).read_bytes()
    assert receipt.traces.found == ()


@pytest.mark.parametrize(
    "stored",
    [
        WORDS.encode(),
        b"MY PURPLE  walruses,\njuggle\r\nseventeen - copper lanterns",
        json.dumps(f"x\n{WORDS}\n").encode(),
        json.dumps(json.dumps({"a": f"\n{WORDS}\t"})).encode(),
        WORDS.encode("utf-16-le"),
        b"\0" + WORDS.encode("utf-32-be"),
        f"《{CHINESE[3:16]}》".encode(),
        json.dumps(CHINESE).encode(),
        b"x" + CHINESE.encode("utf-16-be"),
        b"\0" * 70_000 + b" " + WORDS.encode() + b" " + bytes(range(256)) * 9,
    ],
)
def test_words_are_found_however_they_are_written(stored: bytes, wanted: Wanted, tmp_path: Path) -> None:
    (tmp_path / "note.bin").write_bytes(stored)
    assert scan(tmp_path, wanted)["found"] == [{"file": "note.bin", "ids": 0, "runs": ANY}]


@pytest.mark.parametrize(
    "stored", [b"purple walruses juggle seventeen lanterns", CHINESE[:11].encode(), b"walrus-keeper"]
)
def test_fewer_words_are_no_trace(stored: bytes, wanted: Wanted, tmp_path: Path) -> None:
    (tmp_path / "note.bin").write_bytes(stored)
    assert scan(tmp_path, wanted)["found"] == []


@pytest.mark.parametrize("spelling", [GOING.encode(), GOING.encode("utf-16-le"), b"x" + GOING.encode() + b"1"])
def test_an_id_is_found_inside_of_other_bytes(spelling: bytes, wanted: Wanted, tmp_path: Path) -> None:
    (tmp_path / "note.bin").write_bytes(bytes(range(256)) + spelling)
    assert scan(tmp_path, wanted)["found"] == [{"file": "note.bin", "ids": 1, "runs": 0}]


@pytest.mark.usefixtures("no_index")
def test_files_named_after_the_user_go_and_others_are_named(store: Path) -> None:
    (store / f"sheet of {GOING}.html").write_text(f"<h1>{GOING}</h1>")
    (store / "posts.csv").write_text(f"user,text\n{GOING},{WORDS}\n")
    receipt = profilegen.forget([GOING], store=store)
    assert not (store / f"sheet of {GOING}.html").exists()
    assert (store / "posts.csv").exists()
    assert [line for line in receipt.pending if "posts.csv" in line and "remove it yourself" in line]


@pytest.mark.usefixtures("no_index")
def test_an_unknown_user_is_an_error_and_nothing_is_changed(store: Path) -> None:
    with pytest.raises(UsageError, match="no user 'nobody'"):
        profilegen.forget([GOING, "nobody"], store=store)
    assert LEDGER_FILE in holders(store)


def damaged_ledgers(store: Path) -> None:
    """Leave what `doctor --repair` keeps: the ledger of before, with the log beside it."""
    shutil.copy(store / LEDGER_FILE, store / DAMAGED_FILE)
    (store / f"{DAMAGED_FILE}-wal").write_text(WORDS)


@pytest.mark.usefixtures("no_index")
def test_a_damaged_ledger_that_a_repair_left_goes_too(store: Path) -> None:
    damaged_ledgers(store)
    receipt = profilegen.forget([GOING], store=store)
    assert holders(store) == set()
    assert receipt.removed["damaged ledgers"] == 1
    assert (receipt.pending, receipt.traces.found) == ((), ())


def test_a_user_whose_rows_the_damaged_ledger_alone_may_have_is_refused_with_what_to_do(store: Path) -> None:
    damaged_ledgers(store)
    with pytest.raises(UsageError, match=f"{DAMAGED_FILE}, which a repair left, may have words of theirs"):
        profilegen.forget(["nobody"], store=store)
    assert DAMAGED_FILE in holders(store)


@pytest.mark.usefixtures("no_index")
def test_lists_that_were_named_after_two_forgotten_users_stay_two(store: Path) -> None:
    with open_ledger(store) as ledger:
        for user_id, listed in ((GOING, [STAYING, SHORT]), ("goer-number-two", [SHORT])):
            audience = Audience(name=f"like {user_id}", found_by="", by="bea", at=datetime.now(UTC))
            ledger.save_audience(audience, listed)
        ledger.stage([Document(id="second", user_id="goer-number-two", text="Some text.", language="en")])
        ledger.apply_staged(add=True)
    profilegen.forget([GOING], store=store)
    profilegen.forget(["goer-number-two"], store=store)
    with open_ledger(store, read_only=True) as ledger:
        lists = {audience.name: ledger.audience_users(audience.name) for audience in ledger.audiences()}
    assert lists == {"all": [STAYING, SHORT], "like [forgotten]": [STAYING, SHORT], "like [forgotten] 2": [SHORT]}


@pytest.mark.usefixtures("no_index")
def test_the_longest_note_can_be_read_after_a_short_id_was_taken_from_it(store: Path) -> None:
    with open_ledger(store) as ledger:
        actions.flag(ledger, STAYING, f"{'x' * (MAX_NOTE_CHARS - 4)} {SHORT}", by="bea")
    profilegen.forget([SHORT], store=store)
    with open_ledger(store, read_only=True) as ledger:
        assert [decision for decision in ledger.iter_decisions() if len(decision.words) == MAX_NOTE_CHARS]


@pytest.mark.usefixtures("no_index")
def test_to_forget_again_is_no_error(store: Path) -> None:
    profilegen.forget([GOING], store=store)
    receipt = profilegen.forget([GOING], store=store)
    assert "documents" not in receipt.removed


def test_beside_a_reader_it_says_who_reads_and_the_next_writer_erases(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profilegen.pipeline.forgetting._WAIT_S", 0.1)
    with reading(store):
        receipt = profilegen.forget([GOING], store=store)
        (pending,) = receipt.pending
        assert f"{LEDGER_FILE}-wal still holds old pages" in pending
        if sys.platform == "linux":
            assert "(pid " in pending
        assert f"{LEDGER_FILE}-wal" in holders(store)
    with opened_to_write(store):
        pass
    assert holders(store) == set()


@pytest.mark.parametrize(
    "function",
    [
        "profilegen.store.ledger.Ledger.remove_marked_users",
        "forgetting.remove_reports",
        "forgetting._renew_index",
        "profilegen.store.index.building.write_pointer",
        "profilegen.store.ledger.Ledger.end_forgetting",
        "profilegen.store.ledger.Ledger.erase_log",
    ],
)
def test_after_a_kill_whoever_writes_next_finishes(store: Path, function: str) -> None:
    forget_until_killed(store, function)
    finish_if_cut_off(store)
    assert holders(store) == set()
    with open_ledger(store, read_only=True) as ledger:
        assert ledger.users_to_forget() == ()
        assert [*ledger.user_ids()] == [SHORT, STAYING]
        assert ledger.forgotten_test()(GOING)


def test_while_it_is_under_way_another_writer_leaves_it_alone(store: Path) -> None:
    with opened_to_write(store) as ledger:
        ledger.start_forgetting([GOING])
        finish_if_cut_off(store)
        assert ledger.users_to_forget() == (GOING,)


def forget_until_killed(store: Path, function: str) -> None:
    """Forget in a child process, and kill it where it would call a function."""
    code = f"""
import sys, time, profilegen, profilegen.store.index.building, profilegen.store.ledger
from profilegen.pipeline import forgetting
def wait(*_, **__):
    print("there", flush=True)
    time.sleep(600)
if not "{function}".startswith("profilegen.store.index"):  # Chroma takes its time to start.
    forgetting._renew_index = lambda _, store, __: forgetting.remove_index(store)
{function} = wait
profilegen.forget([sys.argv[1]], store=sys.argv[2])
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, GOING, store],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "there\n"
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()


@pytest.mark.usefixtures("no_index")
def test_a_decision_on_a_forgotten_user_is_refused(store: Path) -> None:
    with open_ledger(store, read_only=True) as ledger:
        (decision,) = ledger.decisions_of(GOING)
    profilegen.forget([GOING], store=store)
    with open_ledger(store) as ledger:
        with pytest.raises(ChangedError):
            ledger.decide([decision], {})
        assert ledger.import_decisions([decision]) == 0
    assert LEDGER_FILE not in holders(store)


@pytest.mark.usefixtures("no_index")
def test_the_hash_of_an_id_is_salted(store: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(store, tmp_path / "other"))
    hashes = []
    for directory in (store, other):
        profilegen.forget([GOING], store=directory)
        with sqlite3.connect(directory / LEDGER_FILE) as ledger:
            hashes += ledger.execute("SELECT hash FROM forgotten").fetchall()
    assert len(set(hashes)) == 2


def test_a_build_passes_the_forgotten_over_and_says_how_many_rows(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / f"{GOING}.jsonl").write_text(json.dumps({"user_id": GOING, "text": f"My {WORDS}."}))
    (folder / "others.jsonl").write_text(
        "".join(json.dumps({"user_id": f"user{at}", "text": f"A dog, and {at} more dogs."}) + "\n" for at in range(5))
    )
    store = tmp_path / "store"
    with stand_ins():
        profilegen.build(folder, store=store, workers=1)
        assert profilegen.forget([GOING], store=store, workers=1).traces.found == ()
        report = profilegen.build(folder, store=store, workers=1)
        assert (report.forgotten, report.users) == (1, 5)
        assert holders(store) == set()
        with pytest.raises(InputError, match="of users who were forgotten"):
            profilegen.build(folder / f"{GOING}.jsonl", store=store, workers=1)
        report = profilegen.build(folder, store=store, workers=1, allow_forgotten=True)
        assert (report.forgotten, report.users) == (0, 6)
    with open_ledger(store, read_only=True) as ledger:
        assert not ledger.forgotten_test()(GOING)


def test_the_command_asks_nobody_where_nobody_can_answer(store: Path) -> None:
    done = profilegen_("forget", GOING, "--store", store)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    assert LEDGER_FILE in holders(store)


def test_the_command_prints_a_receipt_and_the_check_proves_it(store: Path, tmp_path: Path) -> None:
    posts = tmp_path / "posts.jsonl"
    posts.write_text("".join(json.dumps({"user_id": GOING, "text": text}) + "\n" for text in TEXTS[GOING]))
    check = ("forget", "--check", GOING, "--texts", posts, "--store", store)
    assert profilegen_(*check).returncode == 1
    done = profilegen_("forget", GOING, "--yes", "--json", "--store", store)
    assert (done.returncode, done.stderr) == (0, "")
    receipt = json.loads(done.stdout)
    assert (receipt["users"], receipt["removed"]["documents"], receipt["pending"]) == ([GOING], 2, [])
    done = profilegen_(*check)
    assert done.returncode == 0
    assert "found no trace" in done.stdout


def test_the_check_wants_texts_of_the_users(store: Path, tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text(json.dumps({"user_id": "ben", "text": WORDS}))
    done = profilegen_("forget", "--check", GOING, "--texts", tmp_path / "posts.jsonl", "--store", store)
    assert done.returncode == 1
    assert "has no text of" in done.stderr


@pytest.fixture
def client(store: Path) -> Iterator[TestClient]:
    with TestClient(make_app(store, token=TOKEN), base_url=ORIGIN, follow_redirects=False) as client:
        client.get(f"/lists?token={TOKEN}")
        client.get("/lists")
        client.cookies.set("profilegen_reviewer", "Bea")
        yield client


def forget_on_page(client: TestClient, user_id: str, **form: str) -> tuple[int, str]:
    """Send the form of a user's page."""
    fields = {"csrf": client.cookies["profilegen_csrf"], "user_id": user_id, **form}
    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    answer = client.post("/user/forget", data=fields, headers=headers)
    return answer.status_code, answer.text


def test_the_page_forgets_a_user_and_shows_the_receipt(client: TestClient, store: Path) -> None:
    assert 'action="/user/forget"' in client.get("/user", params={"id": GOING}).text
    status, page = forget_on_page(client, GOING, confirm="yes")
    assert status == 200
    assert "documents: 2" in page
    assert holders(store) == set()
    assert client.get("/user", params={"id": GOING}).status_code == 404
    assert GOING not in client.get("/lists").text


def test_the_page_wants_a_confirmation_and_its_own_form(client: TestClient, store: Path) -> None:
    assert forget_on_page(client, GOING)[0] == 422
    assert forget_on_page(client, GOING, confirm="yes", csrf="wrong")[0] == 403
    assert LEDGER_FILE in holders(store)
