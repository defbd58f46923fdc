"""A writer in the weight type that is fastest here and as good as its file, with the real model."""

import shutil
from pathlib import Path

import pytest

from profilegen.llama import catalog
from profilegen.llama.catalog import ResolvedModel, Trial, load_catalog, read_record, tuned_path
from profilegen.llama.fetch import tune_model
from profilegen.llama.resolve import resolve
from profilegen.llama.tune import AS_SHIPPED, EMBEDDER_TYPES, WEIGHT_TYPES, _best, tune

WRITER, EMBEDDER = "smollm2-135m-instruct", "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def folder(models: dict[str, ResolvedModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a models folder with the original file of the writer, and no result of tuning."""
    folder = tmp_path_factory.mktemp("models")
    came_from = catalog.gguf_path(WRITER).parent
    shutil.copy(came_from / f"{WRITER}.gguf", folder)
    record = read_record(WRITER)
    assert record is not None
    plain = record.model_copy(update={"tuned": None}).model_dump_json(exclude_none=True)
    (folder / f"{WRITER}.json").write_text(plain)
    return folder


@pytest.fixture(scope="module")
def tuned(folder: Path) -> catalog.Tuned:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROFILEGEN_MODELS", str(folder))
        assert resolve(WRITER, "writer").weight_type is None
        return tune_model(load_catalog()[WRITER])


@pytest.fixture
def _in_folder(folder: Path, tuned: catalog.Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILEGEN_MODELS", str(folder))


def test_every_type_is_measured_and_the_file_agrees_with_itself(tuned: catalog.Tuned) -> None:
    assert [trial.weight_type for trial in tuned.trials] == [AS_SHIPPED, *WEIGHT_TYPES]
    assert tuned.trials[0].agreement == 1
    assert all(trial.read_ms > 0 and (trial.write_ms or 0) > 0 for trial in tuned.trials)


def test_eight_bits_predict_texts_like_the_original_file_and_four_bits_differ_more(tuned: catalog.Tuned) -> None:
    found = {trial.weight_type: trial for trial in tuned.trials}
    assert found["Q8_0"].perplexity == pytest.approx(found[AS_SHIPPED].perplexity or 0, rel=0.02)
    assert found["Q8_0"].agreement > 0.9 > found["Q4_0"].agreement


@pytest.mark.usefixtures("_in_folder")
def test_the_type_chosen_is_used_under_the_hash_of_the_file_of_its_file(tuned: catalog.Tuned) -> None:
    found = resolve(WRITER, "writer")
    record = read_record(WRITER)
    assert record is not None
    assert record.tuned == tuned
    assert found.sha256 == record.sha256
    if tuned.sha256 is not None:
        assert (found.weight_type, found.path) == (tuned.weight_type, tuned_path(WRITER))


@pytest.mark.usefixtures("_in_folder")
def test_on_another_processor_the_file_is_used_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profilegen.llama.resolve.processor_name", lambda: "another")
    assert resolve(WRITER, "writer").path == catalog.gguf_path(WRITER)


@pytest.mark.usefixtures("_in_folder")
def test_a_damaged_tuned_file_is_not_used(tuned: catalog.Tuned) -> None:
    if tuned.sha256 is None:
        pytest.skip("the original file is the fastest here")
    whole = tuned_path(WRITER).read_bytes()
    tuned_path(WRITER).write_bytes(whole[:-1] + b"!")
    assert resolve(WRITER, "writer").path == catalog.gguf_path(WRITER)
    tuned_path(WRITER).write_bytes(whole)


def test_an_embedder_in_a_type_it_is_tuned_to_gives_the_vectors_of_its_file(
    models: dict[str, ResolvedModel], tmp_path: Path
) -> None:
    file, found = tune(load_catalog()[EMBEDDER], catalog.gguf_path(EMBEDDER), tmp_path, lambda *_: None)
    assert [trial.weight_type for trial in found.trials] == [AS_SHIPPED, *EMBEDDER_TYPES]
    assert all(trial.read_ms > 0 and trial.agreement > 0.999 for trial in found.trials)
    assert (file is None) == (found.weight_type == AS_SHIPPED)


def test_an_embedder_whose_vectors_differ_is_not_as_good() -> None:
    shipped = Trial(weight_type=AS_SHIPPED, read_ms=2.0, agreement=1.0)
    assert _best([shipped, Trial(weight_type="BF16", read_ms=1.0, agreement=0.9999)]) == "BF16"
    assert _best([shipped, Trial(weight_type="Q4_0", read_ms=1.0, agreement=0.99)]) == AS_SHIPPED


@pytest.mark.parametrize(
    ("perplexity", "agreement", "read_ms", "chosen"),
    [
        (10.1, 0.95, 1.0, "Q8_0"),
        (11.0, 0.95, 1.0, AS_SHIPPED),  # higher perplexity
        (10.1, 0.80, 1.0, AS_SHIPPED),  # other next tokens
        (10.1, 0.95, 1.9, AS_SHIPPED),  # hardly faster
    ],
)
def test_a_type_is_taken_where_it_is_faster_and_as_good(
    perplexity: float, agreement: float, read_ms: float, chosen: str
) -> None:
    def trial(weight_type: str, read_ms: float, perplexity: float, agreement: float) -> Trial:
        return Trial(
            weight_type=weight_type, read_ms=read_ms, write_ms=read_ms, perplexity=perplexity, agreement=agreement
        )

    shipped = trial(AS_SHIPPED, 2.0, 10.0, 1.0)
    assert _best([shipped, trial("Q8_0", read_ms, perplexity, agreement)]) == chosen
