"""The gallery: which users it shows, and that no text of theirs is formatting."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from handmade_store import HOSTILE_IDS, hostile_store

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def gallery() -> Any:
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "docs" / "make_gallery.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(gallery: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    store = hostile_store(tmp_path_factory.mktemp("gallery") / "store")
    return str(gallery.render({"posts": [store, store]}))


def test_users_are_the_first_by_a_hash_whatever_their_order(gallery: Any) -> None:
    users = [f"u{number}" for number in range(40)]
    first = gallery.first_users(users)
    assert len(first) == 10
    assert first == gallery.first_users(users[::-1])
    assert first != sorted(users)[:10]


def test_the_page_is_the_same_each_time(gallery: Any, page: str, tmp_path: Path) -> None:
    store = hostile_store(tmp_path / "store")
    assert gallery.render({"posts": [store, store]}) == page


def test_texts_of_users_are_never_formatting(page: str) -> None:
    assert not re.search(r"(?<!\\)<(script|img|svg|textarea|b)\b", page)
    assert not re.search(r"(?<!\\)\]\(", page)
    assert "49" not in page
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert len(headings) == 2 + min(len(HOSTILE_IDS) + 3, 10)


def test_each_writer_has_its_profile_of_a_user_and_a_failed_one_says_why(page: str) -> None:
    assert page.count("**w**, by template") == 2 * min(len(HOSTILE_IDS) + 3, 10)
    assert page.count("*failed*") == 2
