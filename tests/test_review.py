"""The page as a client sees it, without a browser; what is written for people; the terminal; decisions as a file."""

import html
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import numpy as np
import pytest
from handmade_store import BUILT_WITH, HOSTILE_IDS, HOSTILE_TEXTS, SCRIPT, hostile_store, remove_users, write_store
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

import profilegen
from profilegen.publish import report
from profilegen.records import UNSEEN, Behaviour, Category, Claim, Document, Evidence, LeftOut, Stance, UserProfile
from profilegen.resources import resource
from profilegen.review import actions
from profilegen.review import app as review_app
from profilegen.review.app import make_app
from profilegen.review.security import CSRF_COOKIE
from profilegen.review.session import Session
from profilegen.review.transfer import export_decisions, import_decisions
from profilegen.review.views import load_card
from profilegen.store import overlay
from profilegen.store.ledger import Filters, open_ledger

ORIGIN = "http://127.0.0.1:8765"
TOKEN = "a-token-of-the-test"
STATIC = Path(review_app.__file__).with_name("static")
PAGES = ["/", "/queue", "/search", "/search/results", "/lists"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return hostile_store(tmp_path / "store")


@pytest.fixture
def stranger(store: Path) -> Iterator[TestClient]:
    """Give a client that has not signed in."""
    with TestClient(make_app(store, token=TOKEN), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """Give a client that has opened the link."""
    stranger.get(f"/lists?token={TOKEN}")
    return stranger


def post(client: TestClient, path: str, form: dict[str, str], **headers: str) -> Any:
    """Send a form as a page of ours does, by somebody called Bea."""
    if CSRF_COOKIE not in client.cookies:
        client.get("/lists")
    if not any(cookie.name == "profilegen_reviewer" for cookie in client.cookies.jar):
        client.cookies.set("profilegen_reviewer", "Bea")
    form = {"csrf": client.cookies[CSRF_COOKIE], **form}
    return client.post(path, data=form, headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", **headers})


def claim_form(client: TestClient, user_id: str, action: str, **rest: str) -> dict[str, str]:
    """Return what the form of the first claim on a user's page would send."""
    page = client.get("/user?" + urlencode({"id": user_id})).text
    fields = re.findall(
        r'name="(user_id|kind|text|version)" value="([^"]*)"', page.partition('action="/user/claim"')[2]
    )
    return {**{name: html.unescape(value) for name, value in fields[:4]}, "action": action, **rest}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "0.0.0.0", "a:b:c"])
def test_a_name_that_somebody_else_points_here_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8765"])
def test_the_names_of_this_machine_are_answered(client: TestClient, host: str) -> None:
    client.get(f"/?token={TOKEN}", headers={"Host": host})
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8765", ""]
)
def test_a_form_from_another_page_is_refused(client: TestClient, origin: str) -> None:
    assert post(client, "/lists/remove", {"name": "x"}, Origin=origin).status_code == 403


def test_a_form_without_the_word_of_the_page_is_refused(client: TestClient) -> None:
    assert post(client, "/lists/remove", {"name": "x", "csrf": "wrong"}).status_code == 403
    del client.cookies[CSRF_COOKIE]
    assert client.post("/lists/remove", data={"csrf": ""}, headers={"Origin": ORIGIN}).status_code == 403


def test_other_pages_can_link_here_but_not_read(client: TestClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200
    assert client.get("/map/points", headers=link | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403


@pytest.mark.parametrize("path", [*PAGES, "/user?id=forty", "/segment?id=seg-1", "/nowhere", "/static/review.css"])
def test_every_answer_says_what_may_run(client: TestClient, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_a_form_that_is_too_large_is_refused(client: TestClient) -> None:
    assert post(client, "/user/add", {"words": "x" * 300_000}).status_code == 413


def test_nothing_is_shown_without_the_token(stranger: TestClient) -> None:
    app = cast("Starlette", stranger.app)
    paths = [str(getattr(route, "path")).replace("{format}", "jsonl") for route in app.routes]  # noqa: B009
    files = [f"/static/{file.name}" for file in STATIC.iterdir()]
    for path in [*paths, *files, "/nowhere", "/static/../app.py"]:
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            answer = stranger.request(method, path, headers={"Origin": ORIGIN, "Cookie": "profilegen_token_8765=wrong"})
            assert answer.status_code == 401, (method, path)
            assert "forty" not in answer.text
    assert "Open the link" in stranger.get("/").text


def test_the_link_signs_in_and_takes_the_token_out_of_the_address(stranger: TestClient) -> None:
    assert stranger.get("/?token=wrong").status_code == 401
    assert stranger.get("/?token=").status_code == 401
    assert stranger.post(f"/lists/remove?token={TOKEN}", headers={"Origin": ORIGIN}).status_code == 401
    answer = stranger.get(f"/queue?token={TOKEN}&page=2")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/queue?page=2")
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["Set-Cookie"].split("; "))
    assert stranger.get("/queue?page=2").status_code == 200
    assert stranger.get(f"/queue?token={TOKEN}").headers["Location"] == "/queue"


def test_the_link_leads_to_this_server_only(stranger: TestClient) -> None:
    for path in ("//evil.example/", "/\\evil.example/", "///evil.example/", "/%5Cevil.example/", "/%2Fevil.example/"):
        assert stranger.get(f"{ORIGIN}{path}?token={TOKEN}").headers["Location"] == "/evil.example/"


def test_two_servers_on_one_machine_do_not_sign_each_other_out(stranger: TestClient) -> None:
    names = set()
    for port in (8765, 8766):
        address = f"http://127.0.0.1:{port}/?token={TOKEN}"
        names.add(stranger.get(address).headers["Set-Cookie"].partition("=")[0])
    assert len(names) == 2


def test_beyond_this_machine_any_name_is_answered_with_the_token_alone(store: Path) -> None:
    app = make_app(store, token=TOKEN, loopback_only=False)
    with TestClient(app, base_url="http://10.0.0.1:8765", follow_redirects=False) as client:
        assert client.get("/").status_code == 401
        client.get(f"/?token={TOKEN}")
        assert client.get("/").status_code == 200


def test_the_page_leads_back_to_itself_only(client: TestClient) -> None:
    for back in ["//evil.example", "http://evil.example", "/\\evil.example", "/\nSet-Cookie: a=b"]:
        assert post(client, "/reviewer", {"name": "Bea", "back": back}).headers["Location"] == "/"
    assert post(client, "/reviewer", {"name": "Bea", "back": "/queue?page=2"}).headers["Location"] == "/queue?page=2"


@pytest.mark.parametrize("path", PAGES + [f"/user?{urlencode({'id': user_id})}" for user_id in HOSTILE_IDS])
def test_hostile_texts_are_shown_as_they_are(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<script>document" not in answer.text
    assert "<img" not in answer.text
    assert "<b>" not in answer.text
    assert " 49 " not in answer.text


def test_a_user_is_found_by_any_id(client: TestClient) -> None:
    for user_id in HOSTILE_IDS:
        page = client.get("/user?" + urlencode({"id": user_id})).text
        assert html.escape(user_id, quote=False).replace("'", "&#39;") in page or "\n" in user_id


@pytest.mark.parametrize("path", ["/user?id=nobody", "/user", "/segment?id=x", "/document?id=x", "/x", "/list.exe"])
def test_what_is_not_there_is_said_to_be_not_there(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Not found" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "support=much",
        "support=nan",
        "documents=1e400",
        "documents=-1",
        "rating_from=inf",
        "documents=99999999999999999999",
        "since=tomorrow",
        "status=odd",
        "polygon=1,2",
        "polygon=a",
        "documents=1.5",
    ],
)
def test_conditions_that_make_no_sense_are_named(client: TestClient, query: str) -> None:
    assert client.get(f"/search/results?{query}").status_code == 422


ODD_VALUES = [
    *(
        "",
        "-1",
        "0",
        "9" * 5_000,
        "-" + "9" * 5_000,
        "9223372036854775808",
        "1e400",
        "nan",
        "inf",
        "-inf",
        "1.5",
        "0x10",
    ),
    *("\0", "a\0b", "x" * 30_000, "\ud800", "\u0663", "\u00b2", "\u202e", "\r\n\r\nX: y", "%", "1_0", "[]", "../.."),
    *("0000-00-00", "9999-12-31", "99999999999", "1,2,3,4,5,6", "nan,1,2,3,4,5", "1e308,-1e308,-1e308,1e308,5,5e307"),
    "1," * 2_001 + "1",
]
CONDITIONS = {name: "" for name in [*Filters.model_fields, "polygon", "audience"]}
PARAMETERS: dict[str, dict[str, str]] = {
    "/": {},
    "/segment": {"id": "seg-1", "page": "1"},
    "/user": {"id": "forty"},
    "/user/similar": {"id": "nobody"},
    "/document": {"id": "forty-0", "quote": "a"},
    "/queue": {"page": "1"},
    "/search": {"q": "", "page": "1", **CONDITIONS},
    "/search/results": {"page": "1", **CONDITIONS},
    "/list.{format}": CONDITIONS,
    "/lists": {},
    "/map/points": {"v": "VERSION"},
    "/map/user": {"v": "VERSION", "row": "0"},
}
FIELDS: dict[str, dict[str, str]] = {
    "/segment/rename": {"segment": "seg-1", "name": "n", "version": "0"},
    "/user/claim": {
        "user_id": "forty",
        "kind": "interest",
        "text": "t",
        "action": "edit",
        "version": "0",
        "words": "w",
    },
    "/user/add": {"user_id": "forty", "kind": "interest", "words": "w", "quote": ""},
    "/user/profile": {"user_id": "forty", "action": "flag", "version": "", "note": "n"},
    "/user/forget": {"user_id": "nobody", "confirm": "yes"},
    "/lists": {"name": "x", "address": ""},
    "/lists/remove": {"name": "x"},
    "/reviewer": {"name": "x", "back": "/"},
}


def test_every_address_is_given_odd_values_below(client: TestClient) -> None:
    routes = [route for route in cast("Starlette", client.app).routes if isinstance(route, Route)]
    assert {route.path for route in routes if route.methods == {"POST"}} == FIELDS.keys()
    assert {route.path for route in routes if route.methods != {"POST"}} == PARAMETERS.keys()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", PARAMETERS)
def test_no_value_of_a_parameter_is_an_error_of_the_server(client: TestClient, path: str) -> None:
    version = re.findall(r'"version": "(\w+)"', client.get("/").text)[0]
    given = {name: version if value == "VERSION" else value for name, value in PARAMETERS[path].items()}
    address = path.replace("{format}", "csv")
    for changed in [{name: odd} for name in given if name != "q" for odd in ODD_VALUES]:
        query = urlencode(given | changed, errors="surrogatepass")
        answer = client.get(f"{address}?{query}")
        assert answer.status_code in {200, 404, 409, 422}, changed
        assert len(answer.text) < 200_000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", FIELDS)
def test_no_value_of_a_form_is_an_error_of_the_server(client: TestClient, path: str) -> None:
    post(client, "/lists/remove", {"name": ""})
    for changed in [{name: odd} for name in [*FIELDS[path], "csrf", "extra"] for odd in ODD_VALUES]:
        form = {"csrf": client.cookies[CSRF_COOKIE], **FIELDS[path], **changed}
        headers = {"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
        answer = client.post(path, content=urlencode(form, errors="surrogatepass"), headers=headers)
        assert answer.status_code in {200, 303, 403, 404, 409, 422}, changed
        assert len(answer.text) < 100_000


def test_a_question_of_any_characters_is_answered(sample_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(sample_store, store)
    with TestClient(make_app(store, token=TOKEN), base_url=ORIGIN) as client:
        client.get(f"/lists?token={TOKEN}")
        for odd in ODD_VALUES:
            answer = client.get("/search/results?" + urlencode({"q": odd}, errors="surrogatepass"))
            assert answer.status_code == 200, odd


def test_a_point_with_a_number_of_5000_digits_is_not_found(client: TestClient) -> None:
    version = re.findall(r'"version": "(\w+)"', client.get("/").text)[0]
    assert client.get(f"/map/user?v={version}&row={'9' * 5_000}").status_code == 404


def test_users_are_listed_by_conditions_and_by_a_line_on_the_map(client: TestClient) -> None:
    assert "forty" in client.get("/search/results?segment=seg-1&documents=3&spend=20").text
    assert "No users found" in client.get("/search/results?segment=seg-1&documents=4").text
    whole = "polygon=-1,-1,2,-1,2,2,-1,2"
    assert len(listed(client, whole)) == len(HOSTILE_IDS) + 3
    assert listed(client, f"{whole}&status=failed") == ["failed"]


def listed(client: TestClient, query: str) -> list[str]:
    return [json.loads(row)["user_id"] for row in client.get(f"/list.jsonl?{query}").text.splitlines()]


def test_a_list_is_saved_shown_again_and_removed(client: TestClient) -> None:
    assert post(client, "/lists", {"name": "<b>mine</b>", "address": "status=failed"}).status_code == 303
    page = client.get("/lists").text
    assert "&lt;b&gt;mine&lt;/b&gt;" in page
    assert "1 user" in page
    assert client.get("/list.csv?" + urlencode({"audience": "<b>mine</b>"})).text.count("\n") >= 2
    assert post(client, "/lists", {"name": "<b>mine</b>", "address": ""}).status_code == 422
    post(client, "/lists/remove", {"name": "<b>mine</b>"})
    assert "mine" not in client.get("/lists").text


def test_of_lists_saved_at_once_under_one_name_one_is_saved(client: TestClient) -> None:
    post(client, "/lists/remove", {"name": "mine"})
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(client, "/lists", {"name": "mine"}).status_code, range(16)))
    assert sorted(answers) == [303, *[422] * 15]


def test_a_decision_is_read_back_while_another_thread_reads(store: Path) -> None:
    session = Session(store)
    with session.reading() as other:
        rows = other._connection.execute("SELECT * FROM documents")
        rows.fetchone()  # a query under way, which holds the state of before
        with session.reading() as ledger:
            session.write(actions.decide_on_claim, "forty", "interest", "a text 0", "strike", by="Bea", version=UNSEEN)
            card = load_card(ledger, "forty")
        rows.close()
    session.close()
    assert card is not None
    assert "struck" in {view.state for view in card.claim_views()}


def test_the_overview_is_whole_while_builds_replace_the_segments(client: TestClient, store: Path) -> None:
    with open_ledger(store) as ledger:
        segments = ledger.segments()
        done = threading.Event()

        def build() -> None:
            for number in count():
                renamed = [segment.model_copy(update={"id": f"seg-{number}-{segment.id}"}) for segment in segments]
                ledger.put_segments((segment, "h", np.ones(8, np.float32)) for segment in renamed)
                if done.is_set():
                    return

        builder = threading.Thread(target=build)
        builder.start()
        with ThreadPoolExecutor(4) as threads:
            answers = set(threads.map(lambda path: client.get(path).status_code, ["/"] * 600))
        done.set()
        builder.join()
    assert answers == {200}


def test_the_map_has_a_place_and_a_segment_for_every_user(client: TestClient) -> None:
    page = client.get("/").text
    about = json.loads(re.findall(r'<script type="application/json" id="map-data">(.*?)</script>', page, re.S)[0])
    data = client.get(f"/map/points?v={about['version']}").content
    assert len(data) == 10 * (len(HOSTILE_IDS) + 3)
    assert client.get(f"/map/user?v={about['version']}&row=0").json()["user_id"] in {*HOSTILE_IDS, "forty", "failed"}
    assert client.get(f"/map/user?v={about['version']}&row=999").status_code == 404
    assert client.get("/map/points?v=older").status_code == 409


def test_a_decision_is_answered_with_the_profile_as_it_is_now(client: TestClient, store: Path) -> None:
    answer = post(client, "/user/claim", claim_form(client, "forty", "strike"), **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert "struck" in answer.text
    with profilegen.open_store(store) as opened:
        profile = opened.user("forty")
    assert profile is not None
    assert len(profile.interests) == 39
    assert profile.reviewed is not None
    assert profile.reviewed.by == ("Bea",)


def test_without_scripts_a_decision_leads_back_to_the_user(client: TestClient) -> None:
    answer = post(client, "/user/claim", claim_form(client, "a/b?c=d&e#f", "approve"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/user?id=a%2Fb%3Fc%3Dd%26e%23f")


def test_who_comes_second_is_told_and_shown_what_the_first_did(client: TestClient) -> None:
    seen = claim_form(client, "forty", "strike")
    post(client, "/user/claim", claim_form(client, "forty", "edit", words="What the first wrote"))
    answer = post(client, "/user/claim", seen, **{"HX-Request": "true"})
    assert answer.status_code == 409
    assert "in the meantime" in answer.text
    assert "What the first wrote" in answer.text


def test_nobody_decides_without_a_name(client: TestClient) -> None:
    client.cookies.set("profilegen_reviewer", "")
    answer = post(client, "/user/claim", claim_form(client, "forty", "approve"), **{"HX-Request": "true"})
    assert answer.status_code == 422
    assert "Enter your name" in answer.text


@pytest.mark.parametrize(
    "form", [{"action": "sell"}, {"kind": "secret"}, {"text": "no such claim"}, {"user_id": "nobody"}, {"version": "x"}]
)
def test_a_form_that_makes_no_sense_changes_nothing(client: TestClient, store: Path, form: dict[str, str]) -> None:
    assert post(client, "/user/claim", claim_form(client, "forty", "approve") | form).status_code in {404, 409, 422}
    with open_ledger(store, read_only=True) as ledger:
        assert list(ledger.iter_decisions()) == []


def test_flagged_and_failed_profiles_come_first_in_the_queue(client: TestClient) -> None:
    post(client, "/user/profile", {"action": "flag", "user_id": "它们", "note": "look"})
    order = re.findall(r'class="reason">([^<]*)<', client.get("/queue").text)
    assert order[:2] == ["flagged", "failed"]


def test_a_profile_that_is_decided_on_leaves_the_queue(client: TestClient) -> None:
    version = re.findall(r'name="version" value="([0-9a-f]{16})"', client.get("/user?id=..").text)[0]
    assert 'id=.."' in client.get("/queue").text
    post(client, "/user/profile", {"action": "approve_all", "user_id": "..", "version": version})
    assert 'id=.."' not in client.get("/queue").text


def test_a_segment_keeps_the_name_that_a_person_gave_it(client: TestClient, store: Path) -> None:
    form = {"segment": "seg-2", "name": "Quiet ones", "version": "0"}
    assert post(client, "/segment/rename", form).status_code == 303
    assert post(client, "/segment/rename", form | {"name": "Others"}).status_code == 409
    with profilegen.open_store(store) as opened:
        found = opened.segment("Quiet ones")
    assert found is not None
    assert found.id == "seg-2"


@pytest.mark.parametrize("format", ["html", "md"])
def test_what_is_given_away_holds_everything_and_runs_nothing(store: Path, format: report.Format) -> None:
    with profilegen.open_store(store) as opened:
        pages = [report.report(opened, format)]
        pages += [report.sheet(opened, profile, format) for profile in opened.users()]
        pages += [report.segment_sheet(opened, segment, format) for segment in opened.segments()]
    for page in pages:
        if format == "html":
            tags = Tags()
            tags.feed(page)
            assert not tags.seen & {"script", "img", "a", "b", "svg/onload", "href", "src", "onload", "onerror"}
        else:
            assert not re.search(r"(?<!\\)[<\[]", page)
            assert not re.search(r"^(- not a list|# not a heading|1\. not a number)", page, re.MULTILINE)
    assert any(HOSTILE_TEXTS[5] in page for page in pages)


class Tags(HTMLParser):
    """The names of all tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(name for name, _ in attrs)}


def test_a_report_is_html_or_markdown_and_rows_are_not(sample_store: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "profilegen", *arguments, "--store", str(sample_store)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("export", "report", "--format", "csv").returncode == 2
    assert run("export", "users", "--format", "html").returncode == 2
    assert run("export", "report", "-o", str(tmp_path / "report.html")).returncode == 0
    assert "Exemplary profiles" in (tmp_path / "report.html").read_text("utf-8")
    assert run("show", "maya_t", "--format", "md").stdout.startswith("# What is known about maya")


def test_decisions_go_to_another_copy_of_the_store(client: TestClient, store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    post(client, "/user/claim", claim_form(client, "forty", "edit", words="Other words"))
    post(client, "/segment/rename", {"segment": "seg-2", "name": "Quiet ones", "version": "0"})
    assert export_decisions(store, tmp_path / "d.jsonl") == 2
    assert import_decisions(copy, tmp_path / "d.jsonl") == "imported 2 of 2 decisions"
    assert "2 were in the store already" in import_decisions(copy, tmp_path / "d.jsonl")
    with profilegen.open_store(copy) as opened, profilegen.open_store(store) as first:
        assert opened.user("forty") == first.user("forty")
        assert opened.segments() == first.segments()


def test_decisions_on_users_that_are_not_here_are_left_out(client: TestClient, store: Path, tmp_path: Path) -> None:
    post(client, "/user/profile", {"action": "flag", "user_id": "forty", "note": "x"})
    export_decisions(store, tmp_path / "d.jsonl")
    with open_ledger(store) as ledger:
        remove_users(ledger, "forty")
    assert "1 are on users or segments that are not in" in import_decisions(store, tmp_path / "d.jsonl")
    with open_ledger(store) as ledger:
        assert list(ledger.iter_decisions()) == []


def run_import(store: Path, file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "profilegen", "review", "--import", str(file), "--store", str(store)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"action": "flag"}', "by: Field required"),
        ("{", "Invalid JSON"),
        ("\xff", "Invalid JSON"),
        ('{"action": "flag", "\x1b[2J": 1}', ""),
        ('{"action": "flag", "\\u001b[2J": 1}', ""),
        ("x" * 300_000, "longer than"),
        ('{"action": "flag", "words": "' + "x" * 5_000_000 + '"}', "longer than"),
        ("[" * 100_000, "Invalid JSON"),
        ('{"at": ' + "9" * 5_000 + "}", "at"),
    ],
    ids=range(9),
)
def test_a_line_that_is_no_decision_is_named_and_nothing_is_imported(
    client: TestClient, store: Path, tmp_path: Path, line: str, reason: str
) -> None:
    post(client, "/user/profile", {"action": "flag", "user_id": "forty", "note": "x"})
    export_decisions(store, tmp_path / "d.jsonl")
    copy = hostile_store(tmp_path / "copy")
    with (tmp_path / "d.jsonl").open("a", encoding="latin-1") as file:
        file.write(f"\n{line}\n")
    done = run_import(copy, tmp_path / "d.jsonl")
    assert done.returncode == 1
    assert "d.jsonl:3: " in done.stderr
    assert reason in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 500
    with open_ledger(copy) as ledger:
        assert list(ledger.iter_decisions()) == []


ESCAPE = "\x1b]0;owned\x07\x1b[2J"


@pytest.mark.parametrize(
    "changed",
    [
        {"words": "x" * 2_001},
        {"words": f"look{ESCAPE}"},
        {"at": "9999-12-31T23:59:59Z"},
        {"at": "9999-12-31T23:59:59-14:00"},
        {"action": "edit", "kind": "x" * 100_000, "text": "a", "claim": {"text": "a"}},
        {"id": ESCAPE},
        {"action": "edit", "kind": "interest", "text": "a text 0", "words": "x" * 301, "claim": {"text": "a text 0"}},
        {"action": "add", "kind": "value", "text": "x" * 100_000, "words": "", "claim": {"text": "x" * 100_000}},
        {"action": "add", "kind": "value", "text": ESCAPE, "words": "", "claim": {"text": ESCAPE}},
    ],
    ids=[
        "long-note",
        "control-in-note",
        "year-9999",
        "year-10000",
        "long-kind",
        "control-in-id",
        "long-edit",
        "long-claim",
        "control-in-claim",
    ],
)
def test_an_imported_decision_passes_the_checks_of_a_typed_one(
    store: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    if "claim" in changed:
        changed = changed | {"claim": changed["claim"] | {"support": 1.0, "evidence": []}}
    flag = {"at": "2024-05-01T12:00:00Z", "by": "Bea", "action": "flag", "user_id": "forty", "words": "look"}
    file = tmp_path / "d.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in [flag, flag | changed]))
    done = run_import(store, file)
    with open_ledger(store) as ledger:
        words = [decision.words for decision in ledger.iter_decisions()]
    assert "\x1b" not in done.stdout + done.stderr
    if done.returncode == 0:  # What can be made one printable line is, as the page does it.
        assert words == ["look", "look ]0;owned [2J"]
    else:
        assert (done.returncode, words) == (1, [])
        assert "d.jsonl:2: not a decision: " in done.stderr
        assert len(done.stderr) < 500


def test_a_file_without_an_end_is_refused(store: Path) -> None:
    blank = subprocess.Popen(["yes", " " * 100_000], stdout=subprocess.PIPE)
    command = [sys.executable, "-m", "profilegen", "review", "--import", "-", "--store", str(store)]
    with blank:
        done = subprocess.run(command, stdin=blank.stdout, capture_output=True, text=True, check=False)
        blank.kill()
    assert done.returncode == 1
    assert "-: the file is larger than" in done.stderr


@contextmanager
def running(store: Path, *options: str, code: str = "") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `profilegen review` and give the link that it prints; `code` is run first in its process."""
    start = f"{code}\nfrom profilegen.cli import main\nmain()"
    command = [sys.executable, "-c", start, "review", "--port", "0", "--store", str(store), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        link = re.search(r"http://\S+/\?token=\S+", server.stdout.readline())
        assert link
        try:
            yield link[0], server
        finally:
            server.send_signal(signal.SIGINT)


def test_ctrl_c_closes_the_page_without_an_error(store: Path) -> None:
    with running(store) as (link, server):
        with build_opener(HTTPCookieProcessor()).open(link) as page:  # it answers, so it listens to signals too
            assert page.status == 200
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (0, "")


def test_the_printed_link_opens_the_page_and_its_address_alone_does_not(store: Path) -> None:
    with running(store) as (link, _):
        with build_opener(HTTPCookieProcessor()).open(link) as page:
            assert "token" not in page.url
            assert "Overview" in page.read().decode()
        with pytest.raises(HTTPError, match="401"):
            urlopen(link.partition("?")[0])


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Hal",
        b"POST /lists HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nCookie: COOKIE\r\nContent-Length: 9\r\n\r\ncs",
    ],
    ids=["nothing", "half-a-line", "half-the-headers", "half-the-body"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_request_that_is_never_sent_whole_is_cut_off(store: Path, host: str, sent: bytes) -> None:
    with running(store, "--host", host, code=SHORT_TIMEOUT) as (link, server):
        port, token = cast("Any", re.search(r":(\d+)/\?token=(\S+)", link)).groups()
        cookie = f"profilegen_token_{port}={token}"
        sent = sent.replace(b"HOST", f"127.0.0.1:{port}".encode()).replace(b"COOKIE", cookie.encode())
        slow = [socket.create_connection(("127.0.0.1", int(port)), timeout=30) for _ in range(300)]
        for connection in slow:
            if sent:
                connection.sendall(sent)
        assert [closed(connection) for connection in slow] == [True] * 300
        with build_opener(HTTPCookieProcessor()).open(f"http://127.0.0.1:{port}/?token={token}") as page:
            assert page.status == 200
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert errors == ""


def test_a_request_sent_a_byte_at_a_time_is_cut_off_too(store: Path) -> None:
    with running(store, code=SHORT_TIMEOUT) as (link, _):
        port = int(cast("Any", re.search(r":(\d+)/", link))[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(0.1)
            for _ in range(300):
                connection.sendall(b"G")
                if closed(connection):
                    return
    pytest.fail("the connection is still open")


SHORT_TIMEOUT = "from profilegen.review import connections; connections.REQUEST_TIMEOUT_S = 1"


def closed(connection: socket.socket) -> bool:
    """Wait until the other side closes a connection without an answer; False where it does not."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_the_same_can_be_done_on_a_terminal(store: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho "words from the editor" > "$1"\n')
    editor.chmod(0o755)
    typed = "g forty\na 1 2\nx 3\nu 2\ne 4\n+ value quiet\nf somebody look\nx 99\nnonsense\n?\nb\nq\n"
    done = subprocess.run(
        [sys.executable, "-m", "profilegen", "review", "--terminal", "--by", "Bea", "--store", str(store)],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        env={"EDITOR": str(editor), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert "name claims by their numbers" in done.stdout
    with profilegen.open_store(store) as opened:
        profile = opened.user("forty")
    assert profile is not None
    found = profile.reviewed
    assert found is not None
    assert (found.approved, found.struck, found.edited, found.added, found.flag) == (1, 1, 1, 1, "somebody look")
    assert "words from the editor" in {claim.text for claim in profile.interests}


def store_of(tmp_path: Path, attack: str) -> Path:
    """Make a store of one user in which every name and text holds an attack."""
    user_id = f"u{attack}"
    document = Document(id=f"d{attack}", user_id=user_id, text=f"text{attack}", title=attack, item_title=f"i{attack}")
    quote = Evidence(document=document.id, quote=document.text)
    category = Category(scheme="s", id="c", name=f"category{attack}")
    claim = Claim(text=f"claim{attack}", support=0.5, evidence=(quote,), category=category)
    profile = UserProfile(
        user_id=user_id,
        status="failed",
        reason=f"reason{attack}",
        language="en",
        segment="seg-1",
        claims={"interest": (claim, claim.model_copy(update={"text": f"struck{attack}"}))},
        behaviour=Behaviour(documents=1),
        summary=f"summary{attack}",
        built_with=BUILT_WITH.model_copy(update={"writer": f"writer{attack}", "summary": "writer"}),
    )
    write_store(tmp_path / "store", [(profile, [document])], {"seg-1": [user_id]}, {"seg-1": f"name{attack}"})
    return tmp_path / "store"


def profile_page(tmp_path: Path, **fields: Any) -> str:
    """Return the page of a user with a claim of each stance, and with these fields besides."""
    stances: dict[Stance, str] = {"likes": "slow films", "dislikes": "glitter", "wants": "a boat", "is": "works nights"}
    claims = [Claim(text=text, stance=stance, support=0.5, evidence=()) for stance, text in stances.items()]
    profile = UserProfile.model_validate(
        {"user_id": "ann", "status": "ok", "language": "en", "segment": "seg-1", "interests": claims}
        | {"behaviour": Behaviour(documents=1), "built_with": BUILT_WITH, **fields}
    )
    documents = [Document(id="d", user_id="ann", text="a text")]
    write_store(tmp_path / "store", [(profile, documents)], {"seg-1": ["ann"]}, {"seg-1": "name"})
    with TestClient(make_app(tmp_path / "store", token=TOKEN), base_url=ORIGIN) as client:
        return client.get(f"/user?id=ann&token={TOKEN}").text


def test_a_claim_is_shown_with_its_stance_where_that_is_not_plain(tmp_path: Path) -> None:
    claims = re.findall(r'<p class="text" dir="auto"><bdi>(.*?)</bdi>', profile_page(tmp_path))
    assert claims == ["slow films", "dislikes: glitter", "wants: a boat", "works nights"]


def test_what_is_edited_is_the_text_of_a_claim_without_its_stance(tmp_path: Path) -> None:
    assert 'name="words" value="glitter"' in profile_page(tmp_path)


@pytest.mark.parametrize("summary", ["A summary.", ""])
def test_the_page_counts_the_notes_that_are_no_claims(tmp_path: Path, summary: str) -> None:
    page = profile_page(tmp_path, summary=summary, left_out=LeftOut(not_shown=4, contradicted=2, held_back=1))
    assert "left out: 4 not shown by the texts, 2 contradicted, 1 on special subjects" in page


def test_the_page_of_a_user_of_whom_every_note_is_a_claim_counts_none(tmp_path: Path) -> None:
    assert "left out" not in profile_page(tmp_path)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("writer", "written by <bdi>w</bdi>"),
        ("mixed", "written by <bdi>w</bdi> and composed by template"),
        ("template", "composed by template"),
    ],
)
def test_the_page_says_who_made_a_summary(tmp_path: Path, made: str, said: str) -> None:
    page = profile_page(tmp_path, summary="A summary.", built_with=BUILT_WITH.model_copy(update={"summary": made}))
    assert f'<p class="note">{said}</p>' in page


def test_nothing_that_a_store_holds_acts_on_the_terminal_of_a_review(tmp_path: Path) -> None:
    store = store_of(tmp_path, f"{ESCAPE}\u202e")
    done = subprocess.run(
        [sys.executable, "-m", "profilegen", "review", "--terminal", "--by", f"Bea{ESCAPE}", "--store", str(store)],
        input=f"x 2\nf note{ESCAPE}\n+ interest claim{ESCAPE}\n{ESCAPE}\ng {ESCAPE}\ne 1 {ESCAPE}\nq\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "owned" in done.stdout
    assert "Struck" in done.stdout
    assert "Flagged: note" in done.stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr)


def test_a_text_that_turns_the_direction_turns_nothing_beside_it(tmp_path: Path) -> None:
    store = store_of(tmp_path, "\u202e")
    with TestClient(make_app(store, token=TOKEN), base_url=ORIGIN) as client:
        client.get(f"/lists?token={TOKEN}")
        post(client, "/user/claim", claim_form(client, "u\u202e", "edit", words="edited \u202e words"))
        post(client, "/user/profile", {"action": "flag", "user_id": "u\u202e", "note": "look \u202e"})
        paths = ["/", "/queue", "/search", "/search/results", "/segment?id=seg-1"]
        paths += ["/user?id=u%E2%80%AE", "/document?id=d%E2%80%AE"]
        pages = {path: client.get(path).text for path in paths}
    for path, page in pages.items():
        assert "\u202e" in page
        parser = Directions()
        parser.feed(page)
        assert parser.turning == [], path


class Directions(HTMLParser):
    """Texts with a direction override that no element of their own isolates."""

    def __init__(self) -> None:
        super().__init__()
        self.isolating: list[bool] = []
        self.turning: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"input", "meta", "link", "br", "rect", "circle"}:
            self.isolating.append(tag in {"bdi", "title", "script"} or ("dir", "auto") in attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if self.isolating:
            self.isolating.pop()

    def handle_data(self, data: str) -> None:
        if "\u202e" in data and not any(self.isolating):
            self.turning.append(data.strip())


def test_decisions_survive_a_build_that_writes_the_profile_again(sample_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(sample_store, store)
    with open_ledger(store) as ledger:
        written = next(user for user in overlay.profiles(ledger) if len(list(user.iter_claims())) > 1)
        user_id = written.user_id
        (kind, struck), (other_kind, edited), *_ = written.iter_claims()
        actions.decide_on_claim(ledger, user_id, kind, struck.text, "strike", by="Bea", version=UNSEEN)
        actions.decide_on_claim(
            ledger, user_id, other_kind, edited.text, "edit", by="Bea", version=UNSEEN, words="steam locomotives"
        )
        actions.request_rewrite(ledger, user_id, by="Bea")
        before = overlay.profile(ledger, user_id)
    report_ = profilegen.build(resource("examples/sample.jsonl"), store=store)
    assert report_.written == 1
    with profilegen.open_store(store) as opened:
        after = opened.user(user_id)
        assert before is not None
        assert after is not None
        assert (kind, struck.text) not in {(each, claim.text) for each, claim in after.iter_claims()}
        assert "steam locomotives" in after.summary.lower()
        assert after.claims == before.claims
        found = {hit.user_id: hit for hit in opened.search("steam locomotives", 68)}
    assert "steam locomotives" in found[user_id].why


def test_script_in_a_name_is_never_part_of_the_page(client: TestClient) -> None:
    post(client, "/reviewer", {"name": SCRIPT[:90]})
    assert "<script>document" not in client.get("/").text
