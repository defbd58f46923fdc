"""Searching a small store: a real ledger, a real index, the real embedder; the profiles are given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from handmade_store import remove_users

from profilegen.claims.taxonomy import shipped_taxonomy
from profilegen.errors import StoreError, UsageError
from profilegen.llama.catalog import ResolvedModel
from profilegen.llama.embedder import GgufEmbedder
from profilegen.pipeline.categories import categorise
from profilegen.records import UNSEEN, Behaviour, BuiltWith, Category, Claim, Document, Evidence, Segment, UserProfile
from profilegen.review import actions
from profilegen.store.index import POINTER_FILE, build_index, current_revision
from profilegen.store.ledger import ClaimVector, Ledger, Membership, open_ledger, write_lock
from profilegen.store.store import Store, open_store

BUILT_WITH = BuiltWith(embedder="e", writer="w", prompt="p", summary="template")
INTERESTS = {
    "rex": "dog training treats",
    "fido": "dog leash",
    "bella": "puppy toys",
    "curly": "hair curling iron",
    "braid": "butterfly hair clips",
    "shampoo": "anti-dandruff shampoo",
}
SEGMENT_OF = {user: "seg-pets" if user in ("rex", "fido", "bella") else "seg-hair" for user in INTERESTS}
NAMES = {"seg-pets": "Things for dogs", "seg-hair": "Hair care"}


@pytest.fixture(scope="module")
def directory(models: dict[str, ResolvedModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a store with six users, one document and one claim each, and a silent one."""
    directory = tmp_path_factory.mktemp("search") / "store"
    model = models["all-minilm-l6-v2"]
    texts = {user: f"I bought {interest} and use it daily." for user, interest in INTERESTS.items()} | {"silent": "Ok."}
    with GgufEmbedder(model, workers=1) as embedder, open_ledger(directory, create=True) as ledger:
        vectors = dict(zip(texts, embedder.embed(list(texts.values())), strict=True))
        claims = dict(zip(INTERESTS, embedder.embed(list(INTERESTS.values())), strict=True))
        ledger.set_meta("embedder", {"name": model.name, "sha256": model.sha256, "source": model.name})
        ledger.stage(
            Document(id=f"d-{user}", user_id=user, text=text, language="en" if user != "silent" else "de")
            for user, text in texts.items()
        )
        ledger.apply_staged(add=True)
        ledger.put_document_vectors((f"d-{user}", vectors[user], None) for user in texts)
        ledger.put_users((user, "en" if user != "silent" else "de", "h", vectors[user]) for user in texts)
        ledger.put_profiles(
            (
                _profile(user, texts[user]),
                "h",
                [ClaimVector("interest", 0, INTERESTS[user], 0.5, claims[user])] if user in INTERESTS else [],
            )
            for user in texts
        )
        ledger.put_memberships(Membership(user, segment, 0.9, False) for user, segment in SEGMENT_OF.items())
        for_segments = embedder.embed(list(NAMES.values()))
        ledger.put_segments(
            (_segment(segment_id), "h", vector) for segment_id, vector in zip(NAMES, for_segments, strict=True)
        )
        build_index(ledger, directory)
    return directory


@pytest.fixture(scope="module")
def store(directory: Path) -> Iterator[Store]:
    with open_store(directory) as store:
        yield store


def _profile(user_id: str, text: str) -> UserProfile:
    interest = INTERESTS.get(user_id)
    evidence = (Evidence(document=f"d-{user_id}", quote=text),)
    return UserProfile(
        user_id=user_id,
        status="ok" if interest else "insufficient",
        language="en" if interest else "de",
        claims={"interest": (Claim(text=interest, support=0.5, evidence=evidence),)} if interest else {},
        summary=f"Buys {interest}." if interest else "",
        behaviour=Behaviour(documents=1),
        built_with=BUILT_WITH,
    )


def _segment(segment_id: str) -> Segment:
    members = tuple(user for user, segment in SEGMENT_OF.items() if segment == segment_id)
    name = NAMES[segment_id]
    return Segment(id=segment_id, name=name, size=len(members), language="en", members=members, built_with=BUILT_WITH)


def test_a_question_finds_the_users_whom_it_fits_before_the_others(store: Store) -> None:
    found = [row.user_id for row in store.search("people who have a dog", 6)]
    assert set(found[:3]) == {"rex", "fido", "bella"}
    assert [row.user_id for row in store.search("anti-dandruff shampoo", 1)] == ["shampoo"]


def test_each_user_found_comes_with_the_claim_nearest_to_the_question_and_its_quote(store: Store) -> None:
    (found,) = store.search("dog leash", 1)
    assert found.why == "interest “dog leash”: “I bought dog leash and use it daily.”"
    assert found.segment == "seg-pets"
    assert found.summary == "Buys dog leash."
    assert -1 <= found.likeness <= 1


def test_a_user_without_claims_is_found_by_own_words(store: Store) -> None:
    (found,) = store.search("anything", 5, language="de")
    assert (found.user_id, found.status, found.why) == ("silent", "insufficient", "wrote “Ok.”")


@pytest.mark.parametrize("segment", ["seg-hair", "Hair care"])
def test_a_segment_by_id_or_name_leaves_its_users_only(store: Store, segment: str) -> None:
    found = [row.user_id for row in store.search("people who have a dog", 10, segment=segment)]
    assert set(found) == {"curly", "braid", "shampoo"}


def test_no_more_users_come_than_were_asked_for_and_none_twice(store: Store) -> None:
    assert len(store.search("hair", 2)) == 2
    everybody = [row.user_id for row in store.search("hair", 100)]
    assert sorted(everybody) == sorted([*INTERESTS, "silent"])


def test_a_language_that_nobody_writes_finds_nobody(store: Store) -> None:
    assert store.search("dog", language="fi") == []


@pytest.mark.parametrize("query", ["'; DROP TABLE users; --", "$and", "\0", "\ud800", "好" * 700, "{{ 7 * 7 }}", "😀"])
def test_a_hostile_question_is_answered_like_any_other(store: Store, query: str) -> None:
    assert len(store.search(query, 3)) == 3


def test_users_like_a_user_are_the_nearest_and_not_the_user(store: Store) -> None:
    found = [row.user_id for row in store.similar("curly", 6)]
    assert "curly" not in found
    assert found[0] in ("braid", "shampoo")
    likeness = [row.likeness for row in store.similar("curly", 6)]
    assert likeness == sorted(likeness, reverse=True)


def test_what_cannot_be_asked_is_refused_with_the_reason(store: Store) -> None:
    with pytest.raises(UsageError, match="the question is empty"):
        store.search("  \n")
    with pytest.raises(UsageError, match="no segment 'nope'; `profilegen segments` lists them"):
        store.search("dog", segment="nope")
    with pytest.raises(UsageError, match="no user 'nope'"):
        store.similar("nope")


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        open_store(tmp_path)


@pytest.fixture
def alike(models: dict[str, ResolvedModel], tmp_path: Path) -> Path:
    """Make a store of twelve users who wrote the same, and whose interest is of other categories."""
    directory, model, text = tmp_path / "store", models["all-minilm-l6-v2"], "A present for the weekend."
    users = [f"u{number}" for number in range(10)] + ["cook", "guest"]
    with GgufEmbedder(model, workers=1) as embedder, open_ledger(directory, create=True) as ledger:
        vector = embedder.embed([text])[0]
        ledger.set_meta("embedder", {"name": model.name, "sha256": model.sha256, "source": model.name})
        ledger.stage(Document(id=f"d-{user}", user_id=user, text=text, language="en") for user in users)
        ledger.apply_staged(add=True)
        ledger.put_document_vectors((f"d-{user}", vector, None) for user in users)
        ledger.put_users((user, "en", "h", vector) for user in users)
        found = [ClaimVector("interest", 0, "present", 0.5, vector)]
        ledger.put_profiles((_with_present(user, text), "h", found) for user in users)
        ledger.put_memberships(Membership(user, "seg-all", 0.9, False) for user in users)
        ledger.put_segments([(_segment("seg-pets").model_copy(update={"id": "seg-all"}), "h", vector)])
        taxonomy = shipped_taxonomy()
        categorise(ledger, taxonomy, embedder.embed)
        for user in users:
            node = taxonomy.by_id[{"cook": "kitchen", "guest": "cooking-ingredients"}.get(user, "car-accessories")]
            category = Category(scheme=taxonomy.scheme, id=node.id, name=node.name("en"))
            ledger.put_categories([_with_present(user, text, category)])
        build_index(ledger, directory)
    return directory


def _with_present(user_id: str, text: str, category: Category | None = None) -> UserProfile:
    evidence = (Evidence(document=f"d-{user_id}", quote=text),)
    claim = Claim(text="present", support=0.5, evidence=evidence, category=category)
    return _profile(user_id, text).with_claims({"interest": (claim,)})


def test_of_users_who_wrote_the_same_the_one_with_a_category_of_the_question_comes_first(alike: Path) -> None:
    with open_store(alike) as store:
        assert [found.user_id for found in store.search("pots and pans for the kitchen", 2)] == ["cook", "guest"]
        last = store.search("seat covers and floor mats for a car", 12)[-2:]
        assert {found.user_id for found in last} == {"cook", "guest"}


def test_a_category_that_a_person_has_struck_finds_its_user_no_more(alike: Path) -> None:
    with open_ledger(alike) as ledger:
        actions.decide_on_claim(ledger, "cook", "interest", "present", "strike", by="bea", version=UNSEEN)
    with open_store(alike) as store:
        assert store.search("pots and pans for the kitchen", 1)[0].user_id == "guest"


# Beside a build, and without an index


@pytest.fixture
def copy(directory: Path, tmp_path: Path) -> Path:
    """Give a copy of the store, to be changed."""
    return Path(shutil.copytree(directory, tmp_path / "store"))


def found(directory: Path, **conditions: str) -> list[tuple[str, float, str]]:
    with open_store(directory) as store:
        return [(row.user_id, row.likeness, row.why) for row in store.search("people who have a dog", 5, **conditions)]


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def remove_index(directory: Path) -> None:
    (directory / POINTER_FILE).unlink()
    for path in directory.glob("index-*"):
        shutil.rmtree(path)


@pytest.mark.parametrize("conditions", [{}, {"segment": "Hair care"}, {"language": "de"}, {"language": "fi"}], ids=repr)
def test_without_an_index_the_same_users_are_found_and_none_is_built(copy: Path, conditions: dict[str, str]) -> None:
    expected = found(copy, **conditions)
    remove_index(copy)
    assert found(copy, **conditions) == expected
    assert not list(copy.glob("index*"))


def test_without_an_index_a_category_leaves_its_users_only(alike: Path) -> None:
    expected = found(alike, category="home")
    remove_index(alike)
    assert [row[0] for row in expected] == ["cook"]
    assert found(alike, category="home") == expected


def test_that_there_is_no_index_is_said_once(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    remove_index(copy)
    with open_store(copy) as store:
        for _ in range(2):
            store.similar("curly", 2)
    assert caplog.text.count("there is no search index") == 1


def test_while_a_build_writes_any_number_of_readers_search_the_index_that_is_there(copy: Path) -> None:
    expected = found(copy)
    with write_lock(copy), open_ledger(copy) as ledger:
        _add_user(ledger, "new")
        assert current_revision(copy) != ledger.revision()
        before = files(copy)
        code = "import sys; from profilegen import open_store; print(open_store(sys.argv[1]).similar('curly', 2))"
        readers = [
            subprocess.Popen([sys.executable, "-c", code, copy], stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        answers = [reader.communicate()[0] for reader in readers]
        assert answers[0].count("user_id") == 2
        assert len(set(answers)) == 1
        assert found(copy) == expected
        assert files(copy) == before


def test_a_user_who_is_gone_from_the_ledger_is_not_found_in_an_old_index(copy: Path) -> None:
    with open_store(copy) as store, open_ledger(copy) as ledger:
        assert "rex" in [row.user_id for row in store.search("dog training", 7)]
        remove_users(ledger, "rex")
        assert current_revision(copy) != ledger.revision()
        names = [row.user_id for row in store.search("dog training", 7)]
        assert sorted([*names, "rex"]) == sorted([*INTERESTS, "silent"])
        assert "rex" not in [row.user_id for row in store.similar("fido", 7)]


def test_when_every_user_is_gone_an_old_index_finds_nobody(copy: Path) -> None:
    with open_store(copy) as store, open_ledger(copy) as ledger:
        remove_users(ledger, *INTERESTS, "silent")
        assert store.search("dog training", 7) == []


def test_a_user_who_is_in_another_segment_now_is_not_found_in_the_former_one(copy: Path) -> None:
    with open_store(copy) as store, open_ledger(copy) as ledger:
        ledger.put_memberships(Membership(user, "seg-hair", 0.9, False) for user in INTERESTS if user != "rex")
        assert [row.user_id for row in store.search("dogs", 7, segment="seg-pets")] == []


def test_an_open_store_searches_the_next_index_after_a_build(copy: Path) -> None:
    with open_store(copy) as store:
        assert "new" not in [row.user_id for row in store.similar("curly", 7)]
        with open_ledger(copy) as ledger:
            _add_user(ledger, "new")
            build_index(ledger, copy)
        assert "new" in [row.user_id for row in store.similar("curly", 7)]
        remove_index(copy)
        assert "new" in [row.user_id for row in store.similar("curly", 7)]


def test_an_index_made_with_another_embedder_is_not_used(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = found(copy)
    pointer = json.loads((copy / POINTER_FILE).read_text())
    (copy / POINTER_FILE).write_text(json.dumps(pointer | {"embedder": "another"}))
    assert found(copy) == expected
    assert "made with another embedding model" in caplog.text


def _add_user(ledger: Ledger, user_id: str) -> None:
    vector = ledger.user_vectors(["curly"])["curly"]
    ledger.stage([Document(id=f"d-{user_id}", user_id=user_id, text="Curls.", language="en")])
    ledger.apply_staged(add=True)
    ledger.put_document_vectors([(f"d-{user_id}", vector, None)])
    ledger.put_users([(user_id, "en", "h", vector)])
    ledger.put_profiles([(_profile("curly", "Curls.").model_copy(update={"user_id": user_id}), "h", [])])


# Read-only stores


COMMANDS = [
    ["search", "people who have a dog", "-n", "3"],
    ["similar", "curly"],
    ["show", "rex"],
    ["segments"],
    ["export", "users"],
    ["export", "segments"],
    ["export", "documents"],
    ["export", "report", "--format", "md"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_on_a_read_only_file_system_every_command_that_reads_prints_the_same(copy: Path, command: list[str]) -> None:
    mount = f"mount --bind {copy} {copy} && mount -o remount,bind,ro {copy}"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "sh", "-c", mount]).returncode:
        pytest.skip("needs the right to mount a file system")
    line = [sys.executable, "-m", "profilegen", *command, "--store", str(copy)]
    expected = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} && exec "$0" "$@"', *line], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected != ""
    assert done.stderr.count("is read-only") == (command[0] in ("search", "similar"))


def test_in_a_read_only_directory_of_another_account_users_are_found(directory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become someone else")
    with tempfile.TemporaryDirectory() as open_to_all, open_store(directory) as store:
        expected = [row.user_id for row in store.similar("curly", 3)]
        Path(open_to_all).chmod(0o755)
        copy = Path(shutil.copytree(directory, Path(open_to_all) / "store"))
        for path in (*copy.rglob("*"), copy):
            path.chmod(0o555 if path.is_dir() else 0o444)
        code = """
import os, sys, chromadb, profilegen
profilegen.open_store(sys.argv[1]).similar("curly", 3)  # reads all code that is needed
os.setuid(65534)
with profilegen.open_store(sys.argv[1]) as store:
    print(*(row.user_id for row in store.similar("curly", 3)))
    print(store.user("rex").user_id, len(store.segments()), len(list(store.users())))
"""
        done = subprocess.run([sys.executable, "-c", code, copy], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == [*expected, "rex", "2", "7"]
