import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from tiny_gguf import write_tiny_gguf

from profilegen.backends import Cascade, open_verifier
from profilegen.errors import ModelError, UsageError
from profilegen.llama.catalog import (
    add_model,
    default_model,
    download_mb,
    gguf_path,
    is_pulled,
    known_models,
    load_catalog,
    write_record,
)
from profilegen.llama.digest import file_sha256
from profilegen.llama.resolve import resolve
from profilegen.llama.sources import AdapterSource, HubSource, PackageSource, PiecesSource


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("PROFILEGEN_MODELS", str(folder))
    return folder


@pytest.fixture
def embedder(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "embedder.gguf", "bert", pooling=2)


@pytest.fixture
def writer(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "writer.gguf", "llama")


def test_every_file_of_the_catalogue_has_its_sha256_pinned() -> None:
    sources = [source for model in load_catalog().values() for source in model.sources]
    assert {type(source) for source in sources} == {PackageSource, PiecesSource, HubSource, AdapterSource}
    digests = [digest for source in sources for digest in source.pinned.values()]
    assert len(digests) >= len(sources)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)


def test_a_hub_file_without_a_pinned_hash_is_refused_by_the_catalogue() -> None:
    with pytest.raises(ValidationError, match="sha256"):
        HubSource.model_validate({"repo": "someone/tiny", "file": "tiny-Q8_0.gguf"})


@pytest.mark.parametrize(
    ("job", "language", "name"),
    [
        ("embedder", "en", "all-minilm-l6-v2"),
        ("embedder", "zh", "multilingual-e5-small"),
        ("writer", "en", "profilegen-writer-135m"),
        ("writer", "zh", "profilegen-writer-500m"),
        ("verifier", "en", "profilegen-verifier-22m"),
        ("verifier", "zh", "profilegen-verifier-multilingual"),
    ],
)
def test_the_default_is_the_first_model_that_knows_the_language(job: str, language: str, name: str) -> None:
    model = default_model(job, language)  # type: ignore[arg-type]
    assert model is not None
    assert model.name == name


def test_there_is_no_default_writer_for_a_language_it_does_not_know() -> None:
    assert default_model("writer", "sw") is None


def test_a_model_that_is_not_downloaded_is_an_error_with_the_command_to_run() -> None:
    assert not is_pulled("smollm2-135m-instruct")
    with pytest.raises(ModelError, match="run: profilegen models pull smollm2"):
        resolve("smollm2-135m-instruct", "writer")


def test_an_unknown_name_says_which_names_there_are() -> None:
    with pytest.raises(ModelError, match=r"no model called gpt-9 .*all-minilm-l6-v2"):
        resolve("gpt-9", "writer")


def test_an_embedder_by_path_is_used_as_its_header_says(embedder: Path) -> None:
    found = resolve(str(embedder), "embedder")
    assert (found.name, found.path, found.pooling, found.context) == ("embedder", embedder, "cls", 128)
    assert (found.languages, found.prefix, found.query_prefix) == (("*",), "", "")
    assert found.sha256 == file_sha256(embedder)


def test_a_writer_by_path_is_taken_to_know_english_only(writer: Path) -> None:
    assert resolve(str(writer), "writer").languages == ("en",)


def test_a_language_model_with_a_pooling_type_is_an_embedder(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "qwen3.gguf", "qwen3", pooling=3)
    assert resolve(str(path), "embedder").pooling == "last"


def test_an_encoder_without_a_pooling_type_pools_by_the_mean(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "old.gguf", "nomic-bert")
    assert resolve(str(path), "embedder").pooling == "mean"


def test_a_writer_named_as_the_embedder_is_refused(writer: Path) -> None:
    with pytest.raises(ModelError, match="writes texts and does not embed them; name another"):
        resolve(str(writer), "embedder")
    with pytest.raises(ModelError, match="smollm2-135m-instruct writes texts"):
        resolve("smollm2-135m-instruct", "embedder")


def test_an_embedder_named_as_the_writer_is_refused(embedder: Path) -> None:
    with pytest.raises(ModelError, match="embeds texts and cannot write"):
        resolve(str(embedder), "writer")


def test_a_text_file_called_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("Dear diary, today I bought a serum.")
    with pytest.raises(ModelError, match="does not begin with the letters GGUF"):
        resolve(str(path), "embedder")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        resolve(str(tmp_path), "embedder")


def test_an_unchanged_file_is_not_hashed_again(embedder: Path) -> None:
    before, status = file_sha256(embedder), embedder.stat()
    embedder.write_bytes(bytes(status.st_size))  # other bytes behind the same size and time
    os.utime(embedder, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file_sha256(embedder) == before


def test_a_changed_file_is_hashed_again(embedder: Path) -> None:
    before = file_sha256(embedder)
    embedder.write_bytes(embedder.read_bytes() + b"\0")
    assert file_sha256(embedder) != before


def test_a_broken_memory_of_hashes_costs_nothing_but_time(embedder: Path, models: Path) -> None:
    before = file_sha256(embedder)
    for nonsense in ('{"', "[]", f'{{"{embedder}": 5}}'):
        (models / ".sha256.json").write_text(nonsense)
        assert file_sha256(embedder) == before


def test_an_added_model_is_found_by_its_name_with_its_options(embedder: Path) -> None:
    add_model(embedder, "mine.v2", languages=("de", "fr"), prefix="passage: ", query_prefix="query: ")
    embedder.unlink()
    found = resolve("mine.v2", "embedder")
    assert (found.languages, found.prefix, found.query_prefix) == (("de", "fr"), "passage: ", "query: ")
    assert (found.path, found.context, found.pooling) == (gguf_path("mine.v2"), 128, "cls")
    assert is_pulled("mine.v2")
    assert "mine.v2" in known_models()


def test_the_path_of_a_model_that_was_added_means_that_model(embedder: Path) -> None:
    add_model(embedder, "mine", prefix="query: ")
    found = resolve(str(embedder), "embedder")
    assert (found.name, found.prefix, found.path) == ("mine", "query: ", embedder)


def test_the_same_file_can_be_added_again_with_other_options(embedder: Path) -> None:
    add_model(embedder, "mine")
    add_model(embedder, "mine", prefix="query: ")
    assert resolve("mine", "embedder").prefix == "query: "


def test_a_name_is_not_given_to_a_second_model(embedder: Path, writer: Path) -> None:
    add_model(embedder, "mine")
    for name in ("mine", "smollm2-135m-instruct"):
        with pytest.raises(ModelError, match=f"another model called {name}"):
            add_model(writer, name)


@pytest.mark.parametrize("name", ["../evil", "", ".hidden", "a/b", "Größe", "-x"])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(embedder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a model's name"):
        add_model(embedder, name)


def test_one_part_of_a_split_model_is_not_added(tmp_path: Path) -> None:
    part = write_tiny_gguf(tmp_path / "big-00001-of-00003.gguf", "llama", split__count=3)
    with pytest.raises(ModelError, match="one of 3 parts"):
        add_model(part, "big")


def test_what_cannot_be_used_is_not_added(tmp_path: Path, models: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("no model")
    with pytest.raises(ModelError):
        add_model(path, "notes")
    assert not [*models.glob("*.gguf"), *models.glob("*.json")]


def test_a_stored_file_that_was_changed_is_refused(embedder: Path) -> None:
    add_model(embedder, "mine")
    stored = gguf_path("mine")
    broken = bytearray(stored.read_bytes())
    broken[-1] ^= 1
    stored.unlink()
    stored.write_bytes(broken)
    with pytest.raises(ModelError, match="is damaged"):
        resolve("mine", "embedder")


@pytest.fixture
def cascade(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the name of a cascade in a catalogue that is a stand-in."""
    entries = [
        f'[{name}]\njob = "verifier"\nlanguages = ["en"]\ncontext = 128\nlicence = "MIT"\nsize_mb = 3\n'
        f'[[{name}.sources]]\nrepo = "r"\nfile = "f"\nsha256 = "{"0" * 64}"\n'
        for name in ("small", "large")
    ]
    entries.append('[both]\njob = "verifier"\ndefault = true\nlanguages = ["en"]\nlicence = "MIT"\n')
    entries.append('members = ["small", "large"]\n')
    (tmp_path / "catalog.toml").write_text("\n".join(entries))
    monkeypatch.setattr("profilegen.llama.catalog.resource", lambda _: tmp_path / "catalog.toml")
    load_catalog.cache_clear()
    yield "both"
    load_catalog.cache_clear()


def test_a_cascade_is_downloaded_where_all_its_members_are(cascade: str, models: Path) -> None:
    assert download_mb(load_catalog()[cascade]) == 6
    for number, name in enumerate(("small", "large")):
        assert not is_pulled(cascade)
        path = write_tiny_gguf(gguf_path(name), "qwen2", seed=number, profilegen__answers=" yes| no| opposite")
        write_record(name, source="r", fetched={}, sha256=file_sha256(path), size=path.stat().st_size)
    assert is_pulled(cascade)
    with open_verifier(cascade) as verifier:
        assert isinstance(verifier, Cascade)
        assert verifier.name == "small,large"


def test_the_default_verifier_is_the_first_that_knows_the_language(cascade: str) -> None:
    found = default_model("verifier", "en")
    assert found is not None
    assert found.name == cascade
    assert default_model("verifier", "zh") is None
