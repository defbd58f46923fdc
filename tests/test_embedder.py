import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_worker import children
from tiny_gguf import write_tiny_gguf

from profilegen.backends import Options
from profilegen.errors import ModelError
from profilegen.llama.catalog import ResolvedModel
from profilegen.llama.embedder import GgufEmbedder
from profilegen.llama.writer import GgufWriter
from profilegen.pipeline.models import Models

MINILM, E5, WRITER = "all-minilm-l6-v2", "multilingual-e5-small", "profilegen-writer-135m"
TEXTS = [
    f"The {what} for my {who} is {how}."
    for what in ("leash", "tent", "serum", "kettle")
    for who in ("dog", "sister", "garden")
    for how in ("great", "too small", "what we wanted, and cheap as well")
]
HOSTILE = [
    "",
    " \n",
    "\0",
    "\x01\x1b[31m\x7f",
    "<|im_end|></s><s>[CLS][SEP]<mask>",
    "\ud800 and \udfff",
    "a" * 3_000,
    "好" * 600,
    "\u202eﷺ" * 20,
    "🤯" * 300,
]


@pytest.fixture(scope="module")
def minilm(models: dict[str, ResolvedModel]) -> Iterator[GgufEmbedder]:
    with GgufEmbedder(models[MINILM], workers=2) as embedder:
        yield embedder


@pytest.fixture(scope="module")
def e5(models: dict[str, ResolvedModel]) -> Iterator[GgufEmbedder]:
    with GgufEmbedder(models[E5], workers=1) as embedder:
        yield embedder


@pytest.fixture(params=[MINILM, E5])
def embedder(request: pytest.FixtureRequest, minilm: GgufEmbedder, e5: GgufEmbedder) -> GgufEmbedder:
    return {MINILM: minilm, E5: e5}[request.param]


def test_vectors_have_length_one(embedder: GgufEmbedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)


def test_vectors_are_float16_numbers(minilm: GgufEmbedder) -> None:
    vectors = minilm.embed(TEXTS)
    assert np.array_equal(vectors, vectors.astype(np.float16).astype(np.float32))


def test_what_means_alike_lies_closer(embedder: GgufEmbedder) -> None:
    dog, puppy, kettle = embedder.embed(["My dog loves this.", "The puppy adores it.", "The kettle boils water fast."])
    assert dog @ puppy > dog @ kettle


def test_e5_brings_two_languages_together(e5: GgufEmbedder) -> None:
    english, chinese, other = e5.embed(["The hotel room was clean.", "酒店的房间很干净。", "这本书写得很好。"])
    assert english @ chinese > english @ other


def test_the_same_texts_give_the_same_bits_whatever_the_number_of_workers(
    models: dict[str, ResolvedModel], minilm: GgufEmbedder
) -> None:
    again = minilm.embed(TEXTS)
    with GgufEmbedder(models[MINILM], workers=1) as alone:
        assert np.array_equal(alone.embed(TEXTS), again)
    assert np.array_equal(minilm.embed(TEXTS), again)


def test_vectors_stand_in_the_order_of_the_texts(minilm: GgufEmbedder) -> None:
    vectors = minilm.embed(TEXTS)
    one_by_one = np.concatenate([minilm.embed([text]) for text in TEXTS])
    assert (vectors @ one_by_one.T).argmax(axis=1).tolist() == list(range(len(TEXTS)))


def test_the_end_of_a_long_text_changes_its_vector(embedder: GgufEmbedder) -> None:
    text = "The cat sat on the mat and looked out of the window. " * 120
    plain, other = embedder.embed([text, text + "Gluons bind quarks in the nucleus of an atom. " * 30])
    assert plain @ other < 0.995


@pytest.mark.parametrize("words", range(507, 514))
def test_texts_at_the_limit_of_the_model_are_embedded(embedder: GgufEmbedder, words: int) -> None:
    text = ("the cat sat on the mat and looked out of the window at a bird " * 40).split()
    shorter, at_the_limit = embedder.embed([" ".join(text[:-50]), " ".join(text[:words])])
    # The mean of two windows is a little other than one window of the same words.
    assert shorter @ at_the_limit > 0.9


def test_hostile_texts_are_embedded(embedder: GgufEmbedder) -> None:
    vectors = embedder.embed(HOSTILE)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)


def test_hostile_texts_leave_the_others_as_they_are(embedder: GgufEmbedder) -> None:
    alone, among = embedder.embed(TEXTS[:1]), embedder.embed([*HOSTILE, TEXTS[0]])
    assert alone[0] @ among[-1] > 0.999


def test_a_text_without_any_token_has_a_zero_vector(models: dict[str, ResolvedModel]) -> None:
    without_special_tokens = models[WRITER].model_copy(update={"pooling": "mean"})
    with GgufEmbedder(without_special_tokens, workers=1) as embedder:
        assert np.linalg.norm(embedder.embed(["", "a"]), axis=1) == pytest.approx([0, 1], abs=1e-3)


def test_progress_adds_up_to_the_number_of_texts(minilm: GgufEmbedder) -> None:
    done: list[int] = []
    minilm.embed(TEXTS * 2, done.append)
    assert sum(done) == len(TEXTS) * 2


def test_a_query_has_a_prefix_of_its_own_where_the_model_wants_one(models: dict[str, ResolvedModel]) -> None:
    model = models[MINILM].model_copy(update={"query_prefix": "Find this: "})
    with GgufEmbedder(model, workers=1) as embedder:
        assert np.array_equal(embedder.embed(["a tent"], queries=True), embedder.embed(["Find this: a tent"]))


def test_killed_workers_change_nothing_in_the_vectors(minilm: GgufEmbedder) -> None:
    undisturbed = minilm.embed(TEXTS * 4)
    victims = children()

    def kill(_: int) -> None:
        while victims:
            os.kill(victims.pop(), signal.SIGKILL)

    assert np.array_equal(minilm.embed(TEXTS * 4, kill), undisturbed)


def test_a_file_that_is_no_model_is_one_line_and_leaves_no_children(
    models: dict[str, ResolvedModel], tmp_path: Path
) -> None:
    before = children()
    tiny = write_tiny_gguf(tmp_path / "tiny.gguf", "bert")
    with pytest.raises(ModelError, match="cannot be loaded") as raised:
        GgufEmbedder(models[MINILM].model_copy(update={"path": tiny}), workers=2).embed(["a text"])
    assert "\n" not in str(raised.value)
    assert children() == before


def test_a_writer_is_refused_as_an_embedder(models: dict[str, ResolvedModel]) -> None:
    with pytest.raises(ModelError, match="does not embed"):
        GgufEmbedder(models[WRITER], workers=1).embed(["a text"])


def test_too_little_memory_is_an_error_of_one_line(models: dict[str, ResolvedModel]) -> None:
    program = """
        import resource, sys
        from pathlib import Path
        from profilegen.errors import ModelError
        from profilegen.llama.catalog import ResolvedModel
        from profilegen.llama.embedder import GgufEmbedder

        model = ResolvedModel.model_validate_json(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
        try:
            GgufEmbedder(model, workers=2).embed(["a text"])
        except ModelError as error:
            print(len(str(error).splitlines()))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), models[E5].model_dump_json()]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_models_start_nothing_for_no_texts(models: dict[str, ResolvedModel]) -> None:
    before = children()
    with Models(GgufEmbedder(models[MINILM], workers=1), (GgufWriter(models[WRITER], Options()),), ()) as both:
        assert both.embedder.embed([]).shape == (0, 0)
        assert list(both.writers[0].write([])) == []
        assert children() == before


def test_models_end_with_their_block(models: dict[str, ResolvedModel]) -> None:
    before = children()
    with Models(GgufEmbedder(models[MINILM], workers=1), (GgufWriter(models[WRITER], Options()),), ()) as both:
        both.embedder.embed(["a text"])
        assert len(children() - before) == 1
    assert children() == before
