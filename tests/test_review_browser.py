"""The page in a real Chromium: clicked through, typed through, looked at by axe, and disturbed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import pytest
from handmade_store import HOSTILE_IDS, hostile_store

import profilegen
from profilegen.store.ledger import open_ledger

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install '.[dev]'")
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt-get install chromium)")

WIDTHS = [1280, 390]


class Server:
    """`profilegen review` as a person starts it."""

    def __init__(self, store: Path, *options: str) -> None:
        self.store = store
        self.options = options
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "profilegen",
            "review",
            "--store",
            str(self.store),
            "--port",
            str(self.port),
            *self.options,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:(\d+))/\?token=\S+", line)
        assert found, line + self.process.stdout.read()
        self.link, self.address, self.port = found[0], found[1], int(found[2])

    def sign_in(self, context: Any) -> None:
        """Give a browser context the cookie that the printed link gives."""
        assert context.request.get(self.link).ok

    def stop(self) -> str:
        """End it as Ctrl-C does; returns what it said."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=30)
        return said

    def decisions(self) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "profilegen", "review", "--export", "-", "--store", str(self.store)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = tmp_path_factory.mktemp("review") / "store"
    shutil.copytree(sample_store, store)
    server = Server(store)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(hostile_store(tmp_path_factory.mktemp("hostile") / "store"))
    yield server
    server.stop()


@pytest.fixture
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a page of a browser that knows its reviewer; what goes wrong in it or leaves the machine fails the test."""
    width = getattr(request, "param", 1280)
    servers = [request.getfixturevalue(name) for name in ("server", "hostile") if name in request.fixturenames]
    context = new_context(chromium, *servers, width=width, scheme="dark" if width < 500 else "light")
    page = watched(context.new_page())
    yield page
    wrong = page.wrong
    context.close()
    assert wrong == []


def new_context(chromium: Any, *servers: Server, width: int = 1280, scheme: str = "light", name: str = "Bea") -> Any:
    """Return a browser profile that is signed in at the servers."""
    context = chromium.new_context(viewport={"width": width, "height": 850}, color_scheme=scheme, has_touch=width < 500)
    if name:
        cookie = {"name": "profilegen_reviewer", "value": name, "domain": "127.0.0.1", "path": "/"}
        context.add_cookies([cookie])
    for server in servers:
        server.sign_in(context)
    return context


def watched(page: Any) -> Any:
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("dialog", lambda dialog: (page.wrong.append(dialog.message), dialog.dismiss()))
    page.on(
        "console",
        lambda message: (
            message.type == "error"
            and "Failed to load resource" not in message.text
            and page.wrong.append(message.text)
        ),
    )
    page.on(
        "request",
        lambda asked: (
            "//127.0.0.1" in asked.url or asked.url.startswith(("data:", "blob:")) or page.wrong.append(asked.url)
        ),
    )
    page.set_default_timeout(30_000)
    return page


def user_address(server: Server, user_id: str) -> str:
    return f"{server.address}/user?{urlencode({'id': user_id})}"


def said(server: Server, user_id: str) -> dict[str, str]:
    """Return the claims of a user and the word of a person on each, as the store has them now."""
    with profilegen.open_store(server.store) as opened:
        profile = opened.user(user_id)
    assert profile is not None
    return {claim.text: claim.reviewed.verdict if claim.reviewed else "" for _, claim in profile.iter_claims()}


def somebody(server: Server, *, claims: int = 1) -> str:
    """Return a user without decisions, with few claims but so many; these are shown as their texts alone."""
    with profilegen.open_store(server.store) as opened:
        users = {
            user.user_id: [claim for _, claim in user.iter_claims()] for user in opened.users() if not user.reviewed
        }
    counts = {
        user: len(found)
        for user, found in users.items()
        if len({claim.text for claim in found}) == len(found) >= claims
        and all(claim.words == claim.text for claim in found[:claims])
    }
    return min(counts, key=lambda user: counts[user])


def texts(page: Any) -> list[str]:
    shown = "claims => claims.map(claim => claim.firstChild.textContent.trim())"
    return list(page.locator(".claim .text").evaluate_all(shown))


def test_the_link_signs_in_and_its_token_leaves_the_address_bar(hostile: Server, chromium: Any) -> None:
    context = new_context(chromium)
    page = watched(context.new_page())
    page.goto(f"{hostile.address}/queue")
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto(hostile.link)
    page.get_by_role("heading", name="Overview").wait_for()
    assert page.url == f"{hostile.address}/"
    page.goto(f"{hostile.address}/queue")
    page.get_by_role("heading", name="Queue").wait_for()
    context.close()
    assert page.wrong == []


def test_a_link_on_another_site_opens_the_page_signed_in(hostile: Server, chromium: Any, tmp_path: Path) -> None:
    context = new_context(chromium)
    page = context.new_page()
    for address in (hostile.link, f"{hostile.address}/queue?page=2"):
        (tmp_path / "other.html").write_text(f'<a href="{address}">open</a>')
        page.goto((tmp_path / "other.html").as_uri())
        page.get_by_text("open").click()
        page.get_by_role("navigation", name="Pages", exact=True).wait_for()
    assert page.url == f"{hostile.address}/queue?page=2"
    context.close()


def test_the_browser_is_opened_signed_in_and_no_argument_of_it_shows_the_token(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    server = Server(hostile_store(tmp_path / "store"), "--open")
    deadline = time.monotonic() + 30
    while not opened.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    address = opened.read_text().strip()
    assert server.link.partition("=")[2] not in address
    file = Path(unquote(urlsplit(address).path))
    assert file.stat().st_mode & 0o777 == 0o600
    context = new_context(chromium)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("heading", name="Overview").wait_for()
    assert page.url == f"{server.address}/"
    context.close()
    server.stop()
    assert not file.exists()


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_a_reviewer_approves_edits_strikes_adds_and_takes_back_by_clicking(server: Server, page: Any) -> None:
    user_id = somebody(server, claims=3)
    page.goto(user_address(server, user_id))
    first, second, third = texts(page)[:3]
    claims = page.locator(".claim")
    claims.nth(0).get_by_role("button", name="Approve").click()
    page.locator(".claim.approved").wait_for()
    claims.nth(1).get_by_text("Edit", exact=True).click()
    claims.nth(1).get_by_label("New text").fill("early mornings")
    claims.nth(1).get_by_role("button", name="Save").click()
    page.locator(".claim.edited").wait_for()
    claims.nth(2).get_by_role("button", name="Strike").click()
    page.locator(".claim.struck").wait_for()
    assert first in said(server, user_id)
    found = said(server, user_id)
    assert found[first] == "approved"
    assert found["early mornings"] == "edited"
    assert not {second, third} & found.keys()
    assert "early mornings" in page.locator(".summary").inner_text()

    page.locator(".claim.struck").get_by_role("button", name="Undo").click()
    page.locator(".claim.struck").wait_for(state="detached")
    page.get_by_text("Add a claim").click()
    page.get_by_label("Claim", exact=True).fill("quiet evenings")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator(".claim.added").wait_for()
    found = said(server, user_id)
    assert found[third] == ""
    assert found["quiet evenings"] == "added"


def test_a_profile_is_flagged_approved_and_written_again(server: Server, page: Any) -> None:
    user_id = somebody(server)
    page.goto(user_address(server, user_id))
    page.locator(".on-profile").get_by_text("Flag", exact=True).first.click()
    page.get_by_label("What to look at").fill("two people?")
    page.get_by_role("button", name="Flag", exact=True).click()
    page.get_by_text("two people?").first.wait_for()
    page.goto(f"{server.address}/queue")
    assert page.locator(".reason").first.inner_text() == "flagged"
    card = page.locator(".card").first
    card.get_by_role("button", name="Remove flag").click()
    card.get_by_role("button", name=re.compile("Approve all")).click()
    page.get_by_text("Approved all.").wait_for()
    card.get_by_role("button", name="Write again").click()
    card.get_by_text("The next build writes this profile again").wait_for()
    assert set(said(server, user_id).values()) == {"approved"}


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_the_queue_is_gone_through_by_keys_alone(server: Server, page: Any) -> None:
    page.goto(f"{server.address}/queue?page=2")
    before = len(server.decisions())
    page.keyboard.press("j")
    words = page.evaluate("document.activeElement.querySelector('.text').textContent")
    page.keyboard.press("a")
    page.get_by_text("Approved.").wait_for()
    page.wait_for_function("words => document.activeElement.querySelector?.('.text')?.textContent !== words", arg=words)
    page.keyboard.press("x")
    page.get_by_text("Struck.").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("u")
    page.get_by_text("Undone.").wait_for()
    page.keyboard.press("e")
    page.keyboard.type("typed words")
    page.keyboard.press("Enter")
    page.get_by_text("Edited.").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    made = server.decisions()[before:]
    assert [decision["action"] for decision in made] == ["approve", "strike", "undo", "edit"]
    assert made[-1]["words"] == "typed words"


def test_what_is_pressed_the_moment_an_answer_is_there_does_not_leave_the_queue(server: Server, page: Any) -> None:
    page.goto(f"{server.address}/queue?page=3")
    page.evaluate(
        """() => {
            const undo = () => document.querySelector("li.claim button[value=undo]");
            const watching = new MutationObserver(() => {
                if (undo()) { watching.disconnect(); setTimeout(() => undo().click()); }
            });
            watching.observe(document.body, { childList: true, subtree: true });
        }"""
    )
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.get_by_text("Undone.").wait_for()
    assert page.url == f"{server.address}/queue?page=3"


def test_escape_leaves_a_claim_as_it_was(server: Server, page: Any) -> None:
    user_id = somebody(server)
    page.goto(user_address(server, user_id))
    before = said(server, user_id)
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.keyboard.type("not this")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('.claim')")
    assert said(server, user_id) == before


def test_everything_is_reached_with_the_tab_key(server: Server, page: Any) -> None:
    page.goto(user_address(server, somebody(server)))
    reached = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim().split(/\\s+/).slice(0, 2).join(' ')"))
    assert {"Queue", "Strike", "Edit", "Write again", "Add a", "Flag", "whole text"} <= reached


def test_a_name_is_asked_for_before_the_first_decision_and_kept(server: Server, chromium: Any) -> None:
    context = new_context(chromium, server, name="")
    page = watched(context.new_page())
    address = user_address(server, somebody(server))
    page.goto(address)
    page.locator(".claim").last.get_by_role("button", name="Strike").click()
    page.get_by_label("Your name").fill("Ánh 李")
    page.keyboard.press("Enter")
    page.get_by_text("You are Ánh 李").wait_for()
    assert page.url == address
    page.locator(".claim").last.get_by_role("button", name="Strike").click()
    page.locator(".claim.struck").get_by_text("Ánh 李").wait_for()
    context.close()
    assert page.wrong == []


def test_the_second_of_two_browsers_sees_that_the_claim_changed(server: Server, chromium: Any, page: Any) -> None:
    user_id = somebody(server)
    context = new_context(chromium, server, name="Cem")
    other = watched(context.new_page())
    for tab in (page, other):
        tab.goto(user_address(server, user_id))
    claim = page.locator(".claim").first
    claim.get_by_text("Edit", exact=True).click()
    claim.get_by_label("New text").fill("what Bea wrote")
    claim.get_by_role("button", name="Save").click()
    page.locator(".claim.edited").wait_for()
    other.locator(".claim").first.get_by_role("button", name="Strike").click()
    other.get_by_role("alert").get_by_text("in the meantime").wait_for()
    other.locator(".claim.edited").get_by_text("what Bea wrote").first.wait_for()
    assert said(server, user_id)["what Bea wrote"] == "edited"
    context.close()


def test_a_server_that_was_stopped_and_started_again_loses_nothing(server: Server, page: Any) -> None:
    user_id = somebody(server)
    page.goto(user_address(server, user_id))
    claim = page.locator(".claim").first
    said_at_the_end = server.stop()
    claim.get_by_role("button", name="Approve").click()
    page.get_by_text("No answer").wait_for()
    server.start()
    claim.get_by_role("button", name="Approve").click()
    page.get_by_text("Open the link that").wait_for()
    server.sign_in(page.context)  # as the new link does in another tab
    claim.get_by_role("button", name="Approve").click()
    page.locator(".claim.approved").wait_for()
    assert "approved" in said(server, user_id).values()
    assert user_id not in said_at_the_end
    logged = ("htmx:", "Response Status Error Code 401")  # htmx logs that nobody answered, and that the token was old.
    page.wrong[:] = [line for line in page.wrong if not line.startswith(logged)]


def test_the_map_shows_a_user_opens_one_and_lists_those_inside_a_line(server: Server, page: Any) -> None:
    page.goto(server.address)
    page.locator("#map[data-ready]").wait_for()
    assert page.locator("#map").get_attribute("data-ready") == "68"
    box = page.locator("#map canvas").bounding_box()
    place = drawn_place(page)
    page.mouse.move(box["x"] + place[0], box["y"] + place[1])
    page.locator("#map-hint").get_by_text(re.compile(r"\w{3}")).first.wait_for()
    user_id = page.locator("#map-hint p").first.inner_text()
    page.mouse.click(box["x"] + place[0], box["y"] + place[1])
    page.wait_for_url("**/user?*")
    assert page.locator(".card h2").inner_text() == user_id

    page.goto(server.address)
    page.locator("#map[data-ready]").wait_for()
    page.get_by_role("button", name="Lasso").click()
    corners = [(2, 2), (box["width"] - 2, 2), (box["width"] - 2, box["height"] - 2), (2, box["height"] - 2)]
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for x, y in [*corners[1:], (2, 4)]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=3)
    page.mouse.up()
    page.wait_for_url("**/search?polygon=*")
    page.get_by_text("50 and more users").wait_for()
    page.locator("#results").get_by_role("link", name="Next").click()
    page.locator("#results ol li").nth(17).wait_for()
    assert page.locator("#results ol li").count() == 18


def drawn_place(page: Any) -> tuple[float, float]:
    """Return where the first user is drawn, from what the page itself was sent."""
    return tuple(
        page.evaluate(
            """async () => {
                const about = JSON.parse(document.getElementById("map-data").textContent);
                const bytes = await (await fetch(`/map/points?v=${about.version}`)).arrayBuffer();
                const [x, y] = new Float32Array(bytes, 0, 2);
                const { width, height } = document.querySelector("#map canvas").getBoundingClientRect();
                return [x * width, (1 - y) * height];
            }"""
        )
    )


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_who_is_found_is_saved_as_a_list_and_taken_away(server: Server, page: Any) -> None:
    question = "people who train their dogs"
    with profilegen.open_store(server.store) as opened:
        first = opened.search(question, 1, language="en")[0].user_id
    page.goto(f"{server.address}/search")
    page.get_by_label("Question").fill(question)
    page.get_by_text("Conditions").click()
    page.get_by_label("Language").select_option("en")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("#results .why").first.wait_for()
    assert page.locator("#results li .head a").first.inner_text() == first
    page.get_by_text("Save the list").click()
    name = f"Dogs {page.viewport_size['width']}"
    page.locator("#results").get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    row = page.locator("li", has_text=name)
    row.wait_for()
    with page.expect_download() as download:
        row.get_by_role("link", name="JSON Lines").click()
    users = [json.loads(line)["language"] for line in download.value.path().read_text("utf-8").splitlines()]
    assert set(users) == {"en"}
    row.get_by_role("button", name="Remove").click()
    page.get_by_text(name).wait_for(state="detached")


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_a_segment_is_read_renamed_and_its_members_opened(server: Server, page: Any) -> None:
    page.goto(server.address)
    page.locator(".segment-cards h3 a").first.click()
    page.get_by_role("heading", name="What sets it apart").wait_for()
    page.get_by_text("Rename", exact=True).first.click()
    name = f"Named at {page.viewport_size['width']}"
    page.get_by_label("Name, which later").fill(name)
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("heading", name=name).wait_for()
    with profilegen.open_store(server.store) as opened:
        found = opened.segment(name)
        assert found is not None
        users = [opened.user(member) for member in found.members]
    member = next(user.user_id for user in users if user and user.status == "ok")
    page.locator(".users").get_by_role("link", name=member, exact=True).click()
    page.locator(".card").get_by_text(name).wait_for()
    page.get_by_role("link", name="whole text").first.click()
    page.locator(".whole mark").wait_for()


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_hostile_texts_neither_run_nor_break_the_page(hostile: Server, page: Any) -> None:
    addresses = ["/", "/queue", "/search", "/lists", "/segment?id=seg-1", "/segment?id=seg-2"]
    addresses += [f"/user?{urlencode({'id': user_id})}" for user_id in [*HOSTILE_IDS, "forty", "failed", "silent"]]
    for address in addresses:
        page.goto(hostile.address + address)
        assert page.title() != "owned"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address
    page.goto(user_address(hostile, HOSTILE_IDS[0]))
    assert "<script>" in page.locator(".claim .text").first.inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(hostile: Server, server: Server, chromium: Any, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    context = new_context(chromium, server, hostile, width=width, scheme=scheme)
    context.set_default_timeout(30_000)
    page = context.new_page()
    with profilegen.open_store(server.store) as opened:
        segment = opened.segments()[0].id
    paths = ["/", f"/segment?id={segment}", f"/user?id={somebody(server)}", "/queue?page=2", "/search?q=dogs"]
    paths += ["/lists", "/nowhere"]
    addresses = [server.address + path for path in paths] + [hostile.address + "/user?id=failed"]
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        for closed in page.locator("details:not([open]) > summary").all():
            if closed.is_visible():
                closed.evaluate("summary => { summary.parentElement.open = true; }")
        found = axe.run(page).response["violations"]
        serious = [
            (violation["id"], node["html"][:160], node.get("failureSummary", "")[:300])
            for violation in found
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"][:3]
        ]
        assert serious == [], address
    context.close()


def test_a_store_without_a_map_or_segments_says_so(chromium: Any, tmp_path: Path) -> None:
    store = hostile_store(tmp_path / "store")
    with open_ledger(store) as ledger:
        ledger._connection.execute("DELETE FROM points")
        ledger._connection.execute("DELETE FROM segments")
    server = Server(store)
    context = new_context(chromium, server)
    page = watched(context.new_page())
    page.goto(server.address)
    page.get_by_text("This store has no map yet").wait_for()
    page.get_by_text("No segments yet").wait_for()
    context.close()
    server.stop()
    assert page.wrong == []
