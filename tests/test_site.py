"""The documentation site is complete and needs no other host."""

import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site where no other host can be reached."""
    folder = tmp_path_factory.mktemp("site")
    no_network = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "all_proxy")}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | no_network, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_package_has_a_page_in_the_reference_with_its_functions(site: Path) -> None:
    for package in (ROOT / "profilegen").glob("*/__init__.py"):
        page = site / "api" / package.parent.name / "index.html"
        assert f'id="profilegen.{package.parent.name}.' in page.read_text("utf-8")


def test_the_python_api_describes_the_parameters_of_build(site: Path) -> None:
    page = (site / "api" / "index.html").read_text("utf-8")
    assert "the user of texts that name none" in page[page.index('id="profilegen.build"') :]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt-get install chromium)")
def test_reading_and_searching_the_site_asks_no_other_host(address: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install '.[dev]'")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    requested: list[str] = []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page()
        page.on("request", lambda request: requested.append(request.url))
        for path in ("/", "/architecture/", "/performance/", "/api/"):
            page.goto(address + path, wait_until="networkidle")
        page.get_by_role("textbox", name="Search").press_sequentially("taxonomy")
        page.locator(".md-search-result__item").first.wait_for()
        browser.close()
    assert {urlsplit(url).netloc for url in requested} == {urlsplit(address).netloc}
