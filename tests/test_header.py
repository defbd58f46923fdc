import os
import random
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tiny_gguf import write_tiny_gguf

from profilegen.errors import ModelError
from profilegen.llama.header import read_header


@pytest.fixture
def embedder(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "embedder.gguf", "bert", pooling=2)


def test_a_reranker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="reranker"):
        read_header(write_tiny_gguf(tmp_path / "r.gguf", "bert", pooling=4))


def test_a_language_model_with_answers_for_the_labels_is_a_verifier(tmp_path: Path) -> None:
    header = read_header(write_tiny_gguf(tmp_path / "v.gguf", "qwen2", profilegen__answers=" yes| no| opposite"))
    assert (header.job, header.answers) == ("verifier", (" yes", " no", " opposite"))


def test_a_model_says_whether_it_was_trained_for_profilegen(tmp_path: Path) -> None:
    assert read_header(write_tiny_gguf(tmp_path / "own.gguf", "llama", profilegen__trained=1)).trained
    assert not read_header(write_tiny_gguf(tmp_path / "other.gguf", "llama")).trained


def test_the_image_part_of_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a text model"):
        read_header(write_tiny_gguf(tmp_path / "mmproj.gguf", "clip", general__type="mmproj"))


def test_a_named_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError, match="not a regular file"):
        read_header(tmp_path / "pipe.gguf")


def test_a_gguf_file_cut_anywhere_is_refused_in_one_line(embedder: Path) -> None:
    whole = embedder.read_bytes()
    for size in range(len(whole)):
        embedder.write_bytes(whole[:size])
        with pytest.raises(ModelError) as refused:
            read_header(embedder)
        assert "\n" not in str(refused.value)


def test_a_gguf_header_with_random_bytes_in_it_is_read_or_refused_in_one_line(embedder: Path) -> None:
    whole, chance = embedder.read_bytes(), random.Random(7)
    refusals = []
    for _ in range(500):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.choice([0, 1, 9, 127, 255])
        embedder.write_bytes(broken)
        try:
            read_header(embedder)
        except ModelError as error:
            refusals.append(str(error))
    assert 0 < len(refusals) < 500
    assert not any("\n" in refusal for refusal in refusals)


def _header(*body: bytes, tensors: int = 0, entries: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + b"".join(body)


def _entry(kind: int, *rest: int) -> bytes:
    """Begin a metadata entry named `a` of a kind; 8 is a string with its length, 9 an array with its kind and count."""
    return struct.pack("<Q1sI", 1, b"a", kind) + struct.pack({8: "<Q", 9: "<IQ"}[kind], *rest)


HOSTILE = {
    "2^60 metadata entries": _header(entries=2**60),
    "2^60 tensors": _header(tensors=2**60),
    "a key of 2^40 bytes": _header(struct.pack("<Q", 2**40), entries=1),
    "a text of 2^40 bytes": _header(_entry(8, 2**40), entries=1),
    "2^60 numbers": _header(_entry(9, 4, 2**60), entries=1),
    "2^60 texts": _header(_entry(9, 8, 2**60), entries=1),
    "2^31 empty texts": _header(_entry(9, 8, 2**31), entries=1),
    "as many empty texts as a header has room for": _header(_entry(9, 8, 2**24 - 16), entries=1),
    "an array of arrays": _header(_entry(9, 9, 3), struct.pack("<IQ", 9, 2**60), entries=1),
    "a tensor of 2^31 dimensions": _header(struct.pack("<Q1sI", 1, b"t", 2**31), tensors=1),
    "a tensor of 2^504 numbers": _header(struct.pack("<Q1sI8QIQ", 1, b"t", 8, *[2**63] * 8, 0, 2**63), tensors=1),
    "100,000 empty entries": _header(entries=100_000),
    "100,000 empty tensors": _header(tensors=100_000),
    "2^31 empty entries": _header(entries=2**31),
    "2^31 empty tensors": _header(tensors=2**31),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_header_that_claims_to_be_huge_is_refused_with_little_memory(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile.gguf"
    path.write_bytes(content)
    with path.open("rb+") as file:
        file.truncate(20 << 30)  # The zeros take no room on the disk.
    program = """
        import resource, sys
        from pathlib import Path
        import gguf
        from profilegen.errors import ModelError
        from profilegen.llama.header import read_header

        resource.setrlimit(resource.RLIMIT_DATA, (300 << 20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
        try:
            read_header(Path(sys.argv[1]))
        except ModelError as error:
            print(len(str(error).splitlines()))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
