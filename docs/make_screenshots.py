"""Takes the pictures of the review page in docs/images: python docs/make_screenshots.py [STORE]; needs Chromium."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.review import Server, served
from profilegen.review import actions
from profilegen.store import overlay
from profilegen.store.ledger import open_ledger

IMAGES = Path(__file__).with_name("images")
_USER = "oldboy_walter"


def take(store: Path) -> None:
    """Write the pictures of a store built from the sample; the store itself is left as it is."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: the pictures need Chromium (Debian: apt-get install chromium fonts-noto-cjk)")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        copy = Path(folder) / "store"
        shutil.copytree(store, copy)
        segment = _decide(copy)
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(copy) as server:
            pages = {
                "overview": "/",
                "segment": "/segment?" + urlencode({"id": segment}),
                "user": "/user?" + urlencode({"id": _USER}),
                "queue": "/queue",
            }
            for name, path in pages.items():
                _shot(browser, server, path, IMAGES / f"review-{name}.png", 1280, 850, "light")
            _shot(browser, server, pages["user"], IMAGES / "review-phone.png", 390, 850, "dark")
        browser.close()


def _decide(store: Path) -> str:
    """Make decisions, so that there is something to see; returns the id of the user's segment."""
    with open_ledger(store) as ledger:
        written = ledger.profile(_USER)
        assert written is not None
        standings, _ = overlay.standings(ledger, written)
        acted: list[tuple[actions.ClaimAction, str]] = [("approve", ""), ("edit", "old dogs"), ("strike", "")]
        for standing, (action, words) in zip(standings, acted, strict=False):
            actions.decide_on_claim(
                ledger, _USER, standing.kind, standing.text, action, by="Bea", version=standing.version, words=words
            )
        return str(written.segment)


def _shot(browser: Any, server: Server, path: str, image: Path, width: int, height: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.add_cookies([{"name": "profilegen_reviewer", "value": "Bea", "domain": "127.0.0.1", "path": "/"}])
    server.sign_in(context)
    page = context.new_page()
    page.goto(server.address + path)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    page.screenshot(path=image)
    context.close()
    print(f"wrote {image}")


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-store"))
