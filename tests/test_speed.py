"""How long a writer will take, with the real model and with speeds that are stand-ins."""

from pathlib import Path

import pytest

from profilegen.backends import Options
from profilegen.llama import speed
from profilegen.llama.catalog import ResolvedModel, processor_name, read_record
from profilegen.llama.speed import estimate_seconds, writer_speed
from profilegen.llama.writer import GgufWriter

WRITER = "smollm2-135m-instruct"


@pytest.fixture
def writer(models: dict[str, ResolvedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GgufWriter:
    """Give a writer in a folder without records, whose speed is a stand-in: 2 ms and 10 ms."""
    monkeypatch.setenv("PROFILEGEN_MODELS", str(tmp_path))
    monkeypatch.setattr(speed, "measure_speed", lambda *_: (2.0, 10.0))
    return GgufWriter(models[WRITER], Options())


def test_the_estimate_is_the_tokens_times_their_speeds_over_the_workers(writer: GgufWriter) -> None:
    assert estimate_seconds(writer, tokens_read=1000, tokens_written=100) == pytest.approx(3)
    assert estimate_seconds(writer, tokens_read=1000, tokens_written=100, workers=2) == pytest.approx(1.5)


def test_a_writer_is_measured_once_on_a_processor(writer: GgufWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    first = writer_speed(writer.model)
    monkeypatch.setattr(speed, "measure_speed", lambda *_: (7.0, 7.0))
    assert writer_speed(writer.model) == first
    assert writer_speed(writer.model.model_copy(update={"sha256": "another"})).read_ms == 7
    monkeypatch.setattr(speed, "processor_name", lambda: "another")
    assert writer_speed(writer.model).read_ms == 7


def test_a_damaged_file_of_speeds_costs_a_measurement(writer: GgufWriter, tmp_path: Path) -> None:
    (tmp_path / ".speed.json").write_text('{"')
    assert writer_speed(writer.model).write_ms == 10


def test_a_tuned_writer_is_not_measured_again(
    models: dict[str, ResolvedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_record(WRITER)
    if record is None or record.tuned is None or record.tuned.processor != processor_name():
        pytest.skip("the writer here was tuned on another processor")
    monkeypatch.setattr(speed, "measure_speed", lambda *_: pytest.fail("it was measured"))
    found = writer_speed(models[WRITER])
    assert found.processor == processor_name()
    assert 0 < found.read_ms < found.write_ms
