"""How long the review page takes to show, in Chromium, on stores of many users drawn from a real one."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np

from benchmarks.measures import Section
from profilegen.records import Document, Segment, UserProfile
from profilegen.store.ledger import Ledger, Membership, open_ledger


def measure(store: Path, folder: Path, *, users: int, points: int, rounds: int) -> Section:
    """Show every page of a store of `users`, and the map of one of `points` users, each time in a new browser.

    :param store: a finished store, from which users are drawn with replacement; it is only read.
    :param folder: where the large stores are written.
    :param users: users of the store whose pages are shown.
    :param points: users of the store whose map is shown.
    :param rounds: number of rounds.
    """
    from playwright.sync_api import sync_playwright

    section = Section(
        f"Milliseconds until the first paint of a page of {users:,} users, and until the map of {points:,} points can "
        "be used: a new browser profile each time, an empty cache, the server warm."
    )
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    for size in dict.fromkeys((users, points)):
        enlarge(store, folder / str(size), size)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(folder / str(users)) as server:
            for name, path in _paths(folder / str(users)).items():
                paints = [_opened(browser, server, path)["paint"] for _ in range(rounds + 1)][1:]
                section.add(f"review.{name}", "ms", paints)
        with served(folder / str(points)) as server:
            shown = [_opened(browser, server, "/", wait_for_map=True) for _ in range(rounds + 1)][1:]
            section.add("review.map.paint", "ms", [one["paint"] for one in shown])
            section.add("review.map.ready", "ms", [one["map"] for one in shown])
            section.add("review.map.frame", "ms", [one["frame"] for one in shown])
        browser.close()
    section.facts["target at most"] = "300 ms for a page, 2,000 ms for the map"
    return section


def enlarge(store: Path, target: Path, n_users: int) -> None:
    """Write a ledger of many users: copies of those of a store under other ids, moved a little on the map.

    :param store: directory of a finished store; it is only read.
    :param target: directory of the new store.
    :param n_users: number of users of the new store.
    """
    random = np.random.default_rng(1)
    with open_ledger(store, read_only=True) as source, open_ledger(target, create=True) as ledger:
        profiles = list(source.iter_profiles())
        documents = {profile.user_id: source.user_documents(profile.user_id) for profile in profiles}
        claims = source.claims_of([profile.user_id for profile in profiles])
        vectors = source.user_vectors([profile.user_id for profile in profiles])
        drawn = [(profiles[at], f"{profiles[at].user_id}-{number}") for number, at in _draws(len(profiles), n_users)]
        ledger.set_meta("embedder", source.get_meta("embedder"))
        ledger.stage(_renamed(document, new) for old, new in drawn for document in documents[old.user_id])
        ledger.apply_staged(add=False)
        ledger.put_users((new, old.language, "h", vectors.get(old.user_id)) for old, new in drawn)
        ledger.put_profiles((_called(old, new), "h", claims.get(old.user_id, [])) for old, new in drawn)
        ledger.put_memberships(
            Membership(new, old.segment or "none", old.segment_confidence or 0, old.segment_assigned)
            for old, new in drawn
        )
        points = source.points()
        place_of = dict(zip(points.user_ids, points.places, strict=True))
        spread = points.places.std(axis=0) / 20
        places = np.stack([place_of[old.user_id] for old, _ in drawn]) + random.normal(size=(n_users, 2)) * spread
        ledger.put_points([new for _, new in drawn], places.astype(np.float32))
        ledger.put_segments(_grown(source, drawn))
        build = source.last_build()
        if build:
            ledger.record_build(build.report)


def _draws(n_old: int, n_new: int) -> Iterator[tuple[int, int]]:
    return ((number, number % n_old) for number in range(n_new))


def _renamed(document: Document, user_id: str) -> Document:
    return document.model_copy(update={"id": f"{document.id}@{user_id}", "user_id": user_id})


def _called(profile: UserProfile, user_id: str) -> UserProfile:
    """Return the profile of a user under another id, with its evidence in the documents of that id."""

    def cited(claims: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            claim.model_copy(
                update={
                    "evidence": tuple(
                        part.model_copy(update={"document": f"{part.document}@{user_id}"}) for part in claim.evidence
                    )
                }
            )
            for claim in claims
        )

    return profile.with_claims({kind: cited(held) for kind, held in profile.claims.items()}, user_id=user_id)


def _grown(source: Ledger, drawn: Sequence[tuple[UserProfile, str]]) -> Iterator[tuple[Segment, str, Any]]:
    members: dict[str, list[str]] = {}
    for old, new in drawn:
        members.setdefault(old.segment or "none", []).append(new)
    for segment in source.segments():
        inside = tuple(members.get(segment.id, ()))
        yield segment.model_copy(update={"members": inside, "size": len(inside)}), "h", None


def _paths(store: Path) -> dict[str, str]:
    with open_ledger(store, read_only=True) as ledger:
        user_id = next(islice(ledger.user_ids(), 10, None))
        segment = ledger.segments()[0].id
    return {
        "overview": "/",
        "segment": "/segment?" + urlencode({"id": segment}),
        "user": "/user?" + urlencode({"id": user_id}),
        "queue": "/queue",
        "search": "/search?status=ok",
        "lists": "/lists",
    }


class Server(NamedTuple):
    """A server of the review page."""

    address: str
    token: str

    def sign_in(self, context: Any) -> None:
        """Give a browser context the cookie of the token, without loading a page in it.

        :param context: browser context of Playwright.
        """
        context.request.get(f"{self.address}/lists?token={self.token}")


@contextmanager
def served(store: Path) -> Iterator[Server]:
    """Serve the review page of a store in another process while the block runs; yield its address and token.

    :param store: directory of the store.
    """
    command = [sys.executable, "-m", "profilegen", "review", "--store", str(store), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"(http://[\d.:]+)/\?token=(\S+)", server.stdout.readline())
        assert found
        try:
            yield Server(found[1], found[2])
        finally:
            server.send_signal(signal.SIGINT)


def _opened(browser: Any, server: Server, path: str, *, wait_for_map: bool = False) -> dict[str, float]:
    """Return milliseconds from the request to the first paint of a page, and to when its map was ready."""
    context = browser.new_context(viewport={"width": 1280, "height": 850})
    server.sign_in(context)
    page = context.new_page()
    page.goto(server.address + path)
    if wait_for_map:
        page.locator("#map[data-ready]").wait_for()
    page.wait_for_timeout(300)  # asking at once would hold up what is asked about
    shown: dict[str, float] = page.evaluate(
        """async (map) => {
            const painted = () => performance.getEntriesByName("first-contentful-paint")[0];
            while (!painted()) await new Promise((done) => setTimeout(done, 20));
            const paint = painted().startTime;
            if (!map) return { paint };
            const canvas = document.querySelector("#map canvas"), frames = [];
            for (let i = 0; i < 10; i++) {
                const start = performance.now();
                canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: i % 2 ? 40 : -40, clientX: 600, clientY: 500 }));
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                frames.push(performance.now() - start);
            }
            frames.sort((a, b) => a - b);
            return { paint, map: performance.getEntriesByName("map-ready")[0].startTime, frame: frames[5] };
        }""",
        wait_for_map,
    )
    context.close()
    return shown
