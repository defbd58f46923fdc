"""Readings in the ledger."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from profilegen.records import Document
from profilegen.store.ledger import Ledger, StoredReading, open_ledger


def document(user_id: str, text: str) -> Document:
    return Document(id=f"{user_id}-1", user_id=user_id, text=text)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path, create=True) as opened:
        opened.stage([document("ann", "Green tea every morning."), document("bob", "No tea.")])
        opened.apply_staged(add=False)
        opened.put_users((user, "en", "h", np.array([1, 0], np.float32)) for user in ("ann", "bob"))
        yield opened


def test_readings_are_stored_once_by_user_and_hash(ledger: Ledger) -> None:
    ledger.put_readings([StoredReading("ann", "a", "1"), StoredReading("ann", "b", "2")])
    ledger.put_readings([StoredReading("ann", "a", "3", "v")])
    assert ledger.readings_of(["ann", "bob"]) == {
        "ann": [StoredReading("ann", "a", "3", "v"), StoredReading("ann", "b", "2", "")]
    }


def test_readings_of_passages_that_are_gone_are_removed(ledger: Ledger) -> None:
    ledger.put_readings([StoredReading("ann", "a", "1"), StoredReading("ann", "b", "2"), StoredReading("bob", "a", "")])
    ledger.keep_readings("ann", ["b"])
    assert ledger.reading_hashes("ann") == {"b"}
    assert ledger.reading_hashes("bob") == {"a"}


def test_readings_of_another_verifier_are_to_be_checked_again_while_verdicts_are_stored(ledger: Ledger) -> None:
    ledger.put_readings(StoredReading(user, f"{n:03}", "x", "old") for user in ("ann", "bob") for n in range(200))
    assert ledger.count_unchecked("new") == 400
    seen = []
    for reading in ledger.unchecked_readings("new"):
        seen.append(reading[:2])
        ledger.put_readings([reading._replace(checked_by="new")])
    assert len(set(seen)) == len(seen) == 400
    assert ledger.count_unchecked("new") == 0


def test_readings_go_with_their_user(ledger: Ledger) -> None:
    ledger.put_readings([StoredReading("ann", "a", "secret"), StoredReading("bob", "a", "")])
    ledger.stage([document("bob", "No tea.")])
    ledger.apply_staged(add=False)
    assert ledger.readings_of(["ann", "bob"]).keys() == {"bob"}
