"""Full disks: which errors are due to one, and what is said."""

import errno
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from profilegen.disk import explained_disk, full_disk, is_full
from profilegen.errors import FullDiskError, StoreError
from profilegen.publish.export import export_text
from profilegen.records import Document
from profilegen.store.ledger import open_ledger


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of one megabyte."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(mounted)], capture_output=True)
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here: it takes root on Linux")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def test_texts_that_do_not_fit_are_refused_with_the_disk_and_what_to_do_and_the_ledger_is_as_it_was(disk: Path) -> None:
    with open_ledger(disk / "store", create=True) as ledger:
        texts = (Document(id=f"d{at}", user_id="u", text=f"{at} " * 2_000) for at in range(2_000))
        with pytest.raises(FullDiskError) as refused:
            ledger.stage(texts)
        assert str(disk) in str(refused.value)
        assert "make room" in str(refused.value)
        assert not ledger.counts().documents


def test_an_export_that_does_not_fit_names_the_disk_and_leaves_no_file(disk: Path) -> None:
    with pytest.raises(StoreError, match=f"the disk {disk} is full"):
        export_text("x" * 3_000_000, disk / "out.jsonl")
    assert list(disk.iterdir()) == []


def test_an_error_of_the_system_that_is_no_full_disk_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), explained_disk(tmp_path):
        (tmp_path / "none").read_text()
    assert not is_full(sqlite3.OperationalError("disk I/O error"))


def test_where_there_is_room_a_quota_is_suspected(tmp_path: Path) -> None:
    assert is_full(OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert "or a quota on it is used up" in str(full_disk(tmp_path / "store"))
