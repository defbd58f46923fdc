"""Scale without the writer: the real build on thousands of drawn users, and then searches.

Users are drawn with replacement from a finished store of real reviews. A drawn user is a real one, each of whose
documents is replaced, one time in two, by one of another user of the same segment; vectors get noise of length 0.3
before they are normalised. Two stages are replaced, because they cost the same for every user and are measured
elsewhere: vectors are drawn, not embedded, and profiles are the real user's with the evidence renamed, not written.
Everything else is `profilegen.build` on a JSON Lines file, in a process of its own whose peak memory is measured.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.measures import Contestant, Section, in_turn

_NOISE = 0.3
_SEED = 7


def measure(
    store: Path, folder: Path, questions: Sequence[str], sizes: Sequence[int], *, rounds: int, agreement_users: int
) -> Section:
    """Build and search stores of each size; needs about 6 KB of disk a user and document.

    :param store: a finished store, from which users are drawn.
    :param folder: where the large stores are written.
    :param questions: what to search for.
    :param sizes: numbers of users.
    :param rounds: rounds of searches.
    :param agreement_users: number of users who are clustered both whole and by a sample of half of them.
    """
    section = Section(
        "Drawn users with drawn vectors and profiles: everything but the models. Seconds, peak memory, and "
        "milliseconds a search, the question embedded."
    )
    for size in sizes:
        reviews = folder / f"drawn-{size}.jsonl"
        with Contestant(load_draw, str(store)) as draw:
            draw((size, str(reviews)))
        _measure_build(section, store, folder / f"scale-{size}", reviews, size)
        _measure_search(section, folder / f"scale-{size}", questions, size, rounds)
        shutil.rmtree(folder / f"scale-{size}")
        reviews.unlink()
    with Contestant(load_agreement, str(store)) as agreement:
        section.facts["clusters by a sample against clusters by all"] = agreement(agreement_users)
    return section


def _measure_build(section: Section, source: Path, store: Path, reviews: Path, size: int) -> None:
    with Contestant(load_build, str(source)) as build:
        first = build((str(reviews), str(store)))
    with Contestant(load_build, str(source)) as build:
        again = build((str(reviews), str(store)))
    if again["changed"]:
        raise RuntimeError("a build of the same input changed something")
    section.add(f"scale.{size}.build", "s", [sum(first["seconds"].values())])
    section.add(f"scale.{size}.rebuild-unchanged", "s", [sum(again["seconds"].values())])
    section.add(f"scale.{size}.peak", "MB", [max(first["peak_mb"].values())])
    section.facts[f"{size}: seconds"] = first["seconds"]
    section.facts[f"{size}: peak MB so far"] = first["peak_mb"]
    section.facts[f"{size}: rebuild, peak MB"] = max(again["peak_mb"].values())
    section.facts[f"{size}: documents, segments, store MB"] = (
        first["documents"],
        first["segments"],
        round(sum(path.stat().st_size for path in store.rglob("*") if path.is_file()) / 1e6),
    )


def _measure_search(section: Section, store: Path, questions: Sequence[str], size: int, rounds: int) -> None:
    with Contestant(load_search, str(store)) as search:
        section.facts[f"{size}: first search, ms"] = round(search(questions[:1])[0], 1)
        search(questions)  # not counted: it reads the index into memory
        times = in_turn({"search": search}, [questions] * rounds)["search"]
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        section.add(f"scale.{size}.search-{name}", "ms", [_quantile(values, share) for values in times])


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# --- drawing -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A real user: documents with their vectors, profile and claims, and the indices of users of the same segment."""

    documents: list[Any]
    text_vectors: Any
    item_vectors: Any
    profile: Any
    claims: list[Any]
    same_segment: list[int]


def _sources(store: str) -> list[_Source]:
    from profilegen.store.ledger import open_ledger

    with open_ledger(Path(store), read_only=True) as ledger:
        segments = {row.user_id: row.segment_id for row in ledger.memberships()}
        users = [user for user in ledger.iter_users() if user.user_id in segments]
        claims = ledger.claims_of([user.user_id for user in users])
        members: dict[str, list[int]] = {}
        for at, user in enumerate(users):
            members.setdefault(segments[user.user_id], []).append(at)
        return [
            _Source(
                user.documents,
                user.text_vectors,
                user.item_vectors,
                ledger.profile(user.user_id),
                claims.get(user.user_id, []),
                members[segments[user.user_id]],
            )
            for user in users
        ]


def load_draw(store: str) -> Callable[[tuple[int, str]], None]:
    """Return a function that writes drawn users as JSON Lines.

    `channel` names the document that a row was drawn from, for its vector.

    :param store: directory of a finished store.
    """
    import random

    sources = _sources(store)

    def draw(job: tuple[int, str]) -> None:
        size, path = job
        generator = random.Random(_SEED)
        with Path(path).open("w", encoding="utf-8") as file:
            for number in range(size):
                at = generator.randrange(len(sources))
                for row in range(len(sources[at].documents)):
                    whose, which = at, row
                    if generator.random() < 0.5:
                        whose = generator.choice(sources[at].same_segment)
                        which = generator.randrange(len(sources[whose].documents))
                    document = (
                        sources[whose]
                        .documents[which]
                        .model_dump(mode="json", exclude_none=True, exclude={"id", "language"})
                    )
                    named = {"user_id": f"drawn-{at}-{number}", "channel": f"{whose}-{which}"}
                    file.write(json.dumps(document | named, ensure_ascii=False) + "\n")

    return draw


# --- the build, with two stages replaced ---------------------------------------------------------------------


def load_build(source: str) -> Callable[[tuple[str, str]], dict[str, Any]]:
    """Return a function that builds a store of drawn users and returns the report, with the peak memory of each stage.

    :param source: directory of the store from which the users were drawn.
    """
    from profilegen.config import load_settings
    from profilegen.pipeline import build as pipeline
    from profilegen.pipeline import profiles

    sources = _Lazily(source)
    peaks: dict[str, float] = {}

    def progress(stage: str, done: int, total: int) -> None:
        peaks[stage] = _peak_mb()

    def build(job: tuple[str, str]) -> dict[str, Any]:
        reviews, store = job
        with (
            patch.object(pipeline, "embed_documents", _embed_with(sources)),
            patch.object(profiles, "write_profiles", _write_with(sources)),
        ):
            report = pipeline.build([reviews], load_settings(store=Path(store)), progress=progress)
        peaks["end"] = _peak_mb()
        return report.model_dump() | {"peak_mb": dict(peaks)}

    return build


class _Lazily:
    """The sources, read when the first is needed: a build that has nothing to do needs none."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._sources: list[_Source] | None = None

    def __getitem__(self, at: int) -> _Source:
        if self._sources is None:
            self._sources = _sources(self._store)
        return self._sources[at]


def _peak_mb() -> float:
    """Return the peak memory of this process or of an ended child, whichever is larger."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(peak / 1e3, 1)


def _embed_with(sources: _Lazily) -> Callable[..., int]:
    def embed(ledger: Any, embedder: Any, progress: Callable[[str, int, int], None]) -> int:
        import numpy as np

        generator = np.random.default_rng(_SEED)
        missing = ledger.count_missing_vectors()

        def noisy(vector: Any) -> Any:
            if not vector.any():
                return None
            moved = vector + generator.normal(0, _NOISE / len(vector) ** 0.5, len(vector))
            return moved / np.linalg.norm(moved)

        def rows() -> Iterator[tuple[str, Any, Any]]:
            for number, document in enumerate(ledger.documents_missing_vectors()):
                at, row = map(int, document.channel.split("-"))
                if number % 1_000 == 0:
                    progress("embed", number, missing)
                yield document.id, noisy(sources[at].text_vectors[row]), noisy(sources[at].item_vectors[row])

        ledger.put_document_vectors(rows())
        progress("embed", missing, missing)
        return int(missing)

    return embed


def _write_with(sources: _Lazily) -> Callable[..., None]:
    def write(ledger: Any, hashes: Mapping[str, str], models: Any, on_done: Callable[[int], None]) -> None:
        def rows() -> Iterator[tuple[Any, str, list[Any]]]:
            for user in ledger.iter_users(hashes, with_vectors=False):
                source = sources[int(user.user_id.split("-")[1])]
                on_done(1)
                yield _renamed(source.profile, user), hashes[user.user_id], source.claims

        ledger.put_profiles(rows())

    return write


def _renamed(profile: Any, user: Any) -> Any:
    """Return the profile under the id of the drawn user, with evidence in that user's documents."""
    ids = [document.id for document in user.documents]

    def claims(stored: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(
            claim.model_copy(
                update={
                    "category": None,  # given by the build, as those of any new profile
                    "evidence": tuple(
                        evidence.model_copy(update={"document": ids[number % len(ids)]})
                        for number, evidence in enumerate(claim.evidence)
                    ),
                }
            )
            for claim in stored
        )

    renamed = {kind: claims(held) for kind, held in profile.claims.items()}
    built_with = profile.built_with.model_copy(update={"taxonomy": None})
    return profile.with_claims(renamed, user_id=user.user_id, built_with=built_with)


# --- searching ---------------------------------------------------------------------------------------------


def load_search(store: str) -> Callable[[Sequence[str]], list[float]]:
    """Return a function that searches for questions and returns the milliseconds of each, its embedding included.

    :param store: directory of a finished store.
    """
    from profilegen import open_store

    opened = open_store(store)

    def search(questions: Sequence[str]) -> list[float]:
        times = []
        for question in questions:
            start = time.perf_counter()
            if not opened.search(question, 10):
                raise RuntimeError(f"nothing was found for {question!r}")
            times.append(1_000 * (time.perf_counter() - start))
        return times

    return search


# --- clustering by a sample --------------------------------------------------------------------------------


def load_agreement(store: str) -> Callable[[int], dict[str, float]]:
    """Return a function that clusters drawn users by all and by half of them and compares the two, and two seeds.

    :param store: directory of a finished store.
    """
    import numpy as np
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    from profilegen.segments import clustering
    from profilegen.segments.user_vectors import document_vectors, user_vector

    sources = _sources(store)
    generator = np.random.default_rng(_SEED)

    def drawn() -> tuple[Any, int]:
        at = int(generator.integers(len(sources)))
        source = sources[at]
        vectors = document_vectors(source.text_vectors, source.item_vectors)
        for row in np.flatnonzero(generator.random(len(vectors)) < 0.5):
            other = sources[int(generator.choice(source.same_segment))]
            which = [int(generator.integers(len(other.documents)))]
            vectors[row] = document_vectors(other.text_vectors[which], other.item_vectors[which])[0]
        # More noise than in the store, so that segments touch and there is something to disagree about.
        noise = generator.normal(0, 1 / vectors.shape[1] ** 0.5, vectors.shape)
        return user_vector((vectors + noise).astype(np.float32)), min(source.same_segment)

    def agreement(n_users: int) -> dict[str, float]:
        vectors, truth = map(np.array, zip(*(drawn() for _ in range(n_users)), strict=True))
        clustering._SAMPLE_USERS = n_users
        whole, other_seed = (clustering.cluster(vectors, seed=seed).labels for seed in (42, 43))
        clustering._SAMPLE_USERS = n_users // 2
        sampled = clustering.cluster(vectors, seed=42).labels
        return {
            "users": n_users,
            "ARI of sample and whole": round(adjusted_rand_score(whole, sampled), 4),
            "ARI of two seeds": round(adjusted_rand_score(whole, other_seed), 4),
            "NMI of whole and source": round(normalized_mutual_info_score(truth, whole), 4),
            "NMI of sample and source": round(normalized_mutual_info_score(truth, sampled), 4),
        }

    return agreement
