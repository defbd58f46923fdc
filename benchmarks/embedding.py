"""Embedding: tokens a second, against `Llama.embed` in a loop and sentence-transformers with the same weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.corpus import cycled
from benchmarks.machine import cores
from benchmarks.measures import Contestant, Section, in_turn

# The context of MiniLM. Longer texts are left out, since each contestant cuts them in its own way.
_MAX_TOKENS = 512


def measure(texts: Sequence[str], model: Path, weights: Path | None, *, rounds: int, texts_a_round: int) -> Section:
    """Measure all contestants on the same texts, round by round.

    :param texts: texts to draw from.
    :param model: GGUF file of all-MiniLM-L6-v2, used by profilegen and `Llama.embed`.
    :param weights: directory with the float32 weights for sentence-transformers; None leaves it out.
    :param rounds: number of rounds.
    :param texts_a_round: texts a round.
    """
    section = Section("Tokens a second, special tokens counted, with MiniLM. Texts of more than 512 tokens left out.")
    short, counts = _fitting(texts, model)
    batches = [cycled(range(len(short)), number, texts_a_round) for number in range(rounds)]
    with ExitStack() as stack:
        contestants = {
            "profilegen": stack.enter_context(Contestant(load_profilegen, str(model))),
            "Llama.embed": stack.enter_context(Contestant(load_llama, str(model))),
        }
        if weights is not None:
            for name, bfloat16 in (("sentence-transformers-f32", False), ("sentence-transformers-bf16", True)):
                contestants[name] = stack.enter_context(Contestant(load_torch, str(weights), bfloat16))
        else:
            section.facts["sentence-transformers"] = "not measured"
        for ask in contestants.values():
            ask(short[:4])  # not counted: it loads the model
        answers_of = in_turn(contestants, [[short[at] for at in batch] for batch in batches])
    tokens = [sum(counts[at] for at in batch) for batch in batches]
    rates = {
        name: section.add(f"embedding.{name}", "tokens/s", [n / one[0] for n, one in zip(tokens, answers, strict=True)])
        for name, answers in answers_of.items()
    }
    for name, target in (("Llama.embed", 1.3), ("sentence-transformers-f32", 1.1), ("sentence-transformers-bf16", 1)):
        if name in rates:
            pairs = zip(answers_of["profilegen"], answers_of[name], strict=True)
            section.compare(rates["profilegen"], rates[name], target)
            section.facts[f"cosine to {name}, least"] = min(_least_cosine(one[1], other[1]) for one, other in pairs)
    section.facts["tokens a text"] = sum(counts) / len(counts)
    return section


def _fitting(texts: Sequence[str], model: Path) -> tuple[list[str], list[int]]:
    """Return the texts that fit in the model's context, and the number of tokens of each."""
    with Contestant(load_counter, str(model)) as count:
        counted = [(text, n) for text, n in zip(texts, count(list(texts)), strict=True) if n <= _MAX_TOKENS]
    return [text for text, _ in counted], [n for _, n in counted]


def _least_cosine(ours: Any, theirs: Any) -> float:
    return round(float((ours * theirs).sum(axis=1).min()), 4)


# --- the contestants; each runs in its own process and returns (seconds, L2-normalised rows) ------------------

_Embedding = Callable[[Sequence[str]], tuple[float, Any]]


def load_counter(model: str) -> Callable[[Sequence[str]], list[int]]:
    """Return a function that counts the tokens of texts.

    :param model: GGUF file.
    """
    from llama_cpp import Llama

    vocabulary = Llama(model, vocab_only=True, verbose=False)
    return lambda texts: [len(vocabulary.tokenize(text.encode(), special=False)) for text in texts]


def load_profilegen(model: str) -> _Embedding:
    """Return a function that embeds with profilegen.

    :param model: GGUF file.
    """
    from profilegen.backends import Options, open_embedder

    embedder = open_embedder(model, Options(workers=cores()))
    return _timed(embedder.embed)


def load_llama(model: str) -> _Embedding:
    """Return a function that embeds with `Llama.embed`, one text after the other.

    :param model: GGUF file.
    """
    from llama_cpp import Llama

    llama = Llama(model, embedding=True, n_threads=cores(), n_threads_batch=cores(), verbose=False)
    return _timed(lambda texts: [llama.embed(text, normalize=True) for text in texts])


def load_torch(weights: str, bfloat16: bool) -> _Embedding:
    """Return a function that embeds with sentence-transformers on CPU torch, in its default batches of 32.

    :param weights: directory with the weights.
    :param bfloat16: whether to use autocast to bfloat16.
    """
    import torch
    from sentence_transformers import SentenceTransformer, models

    torch.set_num_threads(cores())
    encoder = models.Transformer(weights, max_seq_length=_MAX_TOKENS)
    pooling = models.Pooling(encoder.get_word_embedding_dimension(), "mean")
    model = SentenceTransformer(modules=[encoder, pooling, models.Normalize()], device="cpu")

    def embed(texts: Sequence[str]) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return model.encode(list(texts), show_progress_bar=False, convert_to_tensor=True).float().numpy()

    return _timed(embed)


def _timed(embed: Callable[[Sequence[str]], Any]) -> _Embedding:
    def run(texts: Sequence[str]) -> tuple[float, Any]:
        import numpy as np

        start = time.perf_counter()
        vectors = embed(texts)
        return time.perf_counter() - start, np.asarray(vectors, np.float32)

    return run
