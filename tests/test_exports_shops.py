"""Exports of shops, of media and of research collections."""

import json
from pathlib import Path

import pytest

from profilegen.errors import InputError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.exports import registry
from profilegen.ingest.exports.export import no_texts
from profilegen.records import Document


def read(*sources: object, intake: Intake | None = None, user: str | None = None) -> list[Document]:
    return list(read_documents([str(each) for each in sources], mapping={}, intake=intake or Intake(), user=user))


def written(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


# --- files with nothing to read -----------------------------------------------------------------------------


@pytest.fixture
def users_without_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    users = no_texts("users", "holds users, no texts", lambda look: "fans" in look.columns)
    monkeypatch.setattr(registry, "all_exports", lambda: (users,))


@pytest.mark.usefixtures("users_without_texts")
def test_a_file_with_nothing_to_read_is_passed_over_and_named_with_the_reason(tmp_path: Path) -> None:
    written(tmp_path / "yours" / "users.json", json.dumps({"user_id": "u1", "fans": 3}))
    written(tmp_path / "yours" / "reviews.csv", "user_id,text\nu1,good soup\n")
    intake = Intake()
    assert [each.text for each in read(tmp_path / "yours", intake=intake)] == ["good soup"]
    assert [(Path(each.file).name, each.reason) for each in intake.skipped_examples] == [
        ("users.json", "holds users, no texts")
    ]


@pytest.mark.usefixtures("users_without_texts")
def test_a_file_with_nothing_to_read_alone_is_an_error_that_says_why(tmp_path: Path) -> None:
    path = written(tmp_path / "users.json", json.dumps({"user_id": "u1", "fans": 3}))
    with pytest.raises(InputError, match="holds users, no texts"):
        read(path)
