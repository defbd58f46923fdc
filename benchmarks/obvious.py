"""The obvious pipeline, as most would write it.

Each text is embedded by itself, a user is the mean of their texts, HDBSCAN clusters the users, each user gets one chat
completion, one after the other, and everything is put into Chroma.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.corpus import User

_PROMPT = Path(__file__).with_name("prompts") / "obvious.txt"
_MAX_PROMPT_CHARS = 1_200
_MAX_ANSWER_TOKENS = 120


def load(embedder: str, writer: str, threads: int) -> Callable[[Sequence[User]], dict[str, float]]:
    """Return the pipeline as a function from users to the seconds of each part.

    :param embedder: path of the GGUF embedding model.
    :param writer: path of the GGUF language model.
    :param threads: threads of each model.
    """
    from llama_cpp import Llama

    embedding = Llama(embedder, embedding=True, n_threads=threads, n_threads_batch=threads, verbose=False)
    chat = Llama(writer, n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False)

    def run(users: Sequence[User]) -> dict[str, float]:
        import numpy as np

        seconds: dict[str, float] = {}
        start = time.perf_counter()
        vectors = np.array([_mean(embedding, user) for user in users], np.float32)
        start = _lap(seconds, "embed", start)
        _clusters(vectors)
        start = _lap(seconds, "cluster", start)
        descriptions = [_describe(chat, user) for user in users]
        start = _lap(seconds, "write", start)
        _store(users, vectors, descriptions)
        _lap(seconds, "store", start)
        return seconds

    return run


def _lap(seconds: dict[str, float], part: str, start: float) -> float:
    now = time.perf_counter()
    seconds[part] = now - start
    return now


def _mean(embedding: Any, user: User) -> Any:
    import numpy as np

    vectors = [embedding.embed(text, normalize=True) for text in user.texts() if text]
    return np.mean(vectors, axis=0)


def _clusters(vectors: Any) -> Any:
    import hdbscan

    return hdbscan.HDBSCAN(min_cluster_size=5).fit(vectors).labels_ if len(vectors) > 5 else None


def _describe(chat: Any, user: User) -> str:
    from profilegen.backends import turns_from

    turns = turns_from(_PROMPT.read_text().replace("{{ texts }}", user.prompt_text(_MAX_PROMPT_CHARS)))
    messages = [{"role": role, "content": content} for role, content in turns]
    answer = chat.create_chat_completion(messages, temperature=0.0, max_tokens=_MAX_ANSWER_TOKENS)
    return str(answer["choices"][0]["message"]["content"])


def _store(users: Sequence[User], vectors: Any, descriptions: Sequence[str]) -> None:
    import chromadb
    from chromadb.config import Settings

    with tempfile.TemporaryDirectory() as directory:
        client: Any = chromadb.PersistentClient(directory, Settings(anonymized_telemetry=False))
        collection = client.create_collection("users", embedding_function=None)
        ids = [user.user_id for user in users]
        collection.add(ids=ids, embeddings=vectors, documents=list(descriptions))
        client.close()
