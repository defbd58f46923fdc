"""Which models a build works with, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from profilegen.backends import (
    Embedder,
    Options,
    Progress,
    Verifier,
    Writer,
    open_embedder,
    open_verifier,
    open_writer,
)
from profilegen.config import Settings
from profilegen.errors import StoreError
from profilegen.llama.catalog import default_model, load_catalog
from profilegen.llama.header import Job
from profilegen.store.ledger import Ledger

# Below this share of texts in other languages a model for one language still serves.
_MAX_OTHER_LANGUAGES = 0.05
M = TypeVar("M", Writer, Verifier)


class EmbedderChoice(NamedTuple):
    """The embedder, not started yet, and why it is that one."""

    embedder: Embedder
    reason: str


def embedder_of_store(ledger: Ledger, settings: Settings, progress: Progress) -> EmbedderChoice | None:
    """Return the embedder that a store goes on with; None of a new one, for which the texts are read first.

    :param ledger: knows the embedder that the store was made with.
    :param settings: which model a person named, and how it works.
    :param progress: called with what is fetched.
    :raises StoreError: the store's vectors are another embedder's than the one that was named.
    """
    made_with = ledger.get_meta("embedder")
    if not made_with:
        return None
    if settings.embedder != "auto":
        name, reason = settings.embedder, "named by you"
    else:
        name, reason = made_with["source"], "the store was made with it"
    embedder = open_embedder(name, options_of(settings, progress))
    if made_with["sha256"] != embedder.fingerprint:
        raise StoreError(
            f"the store {settings.store} was made with the embedder {made_with['name']}, whose vectors do not "
            f"compare with those of {embedder.name}; leave --embedder out, name another --store, or add --re-embed "
            "to embed everything again"
        )
    return EmbedderChoice(embedder, reason)


def embedder_for(languages: Counter[str], settings: Settings, progress: Progress) -> EmbedderChoice:
    """Return the embedder for the texts of a new store.

    :param languages: number of documents in each language.
    :param settings: which model a person named, and how it works.
    :param progress: called with what is fetched.
    :raises ModelError: a model cannot be had.
    """
    if settings.embedder != "auto":
        name, reason = settings.embedder, "named by you"
    else:
        name, reason = _embedder_for(languages)
    return EmbedderChoice(open_embedder(name, options_of(settings, progress)), reason)


def record_embedder(ledger: Ledger, embedder: Embedder) -> None:
    """Record whose vectors a store has; vectors of another embedder are removed.

    :param ledger: the store's.
    :param embedder: with which the store is built from now on.
    """
    made_with = ledger.get_meta("embedder")
    if made_with and made_with["sha256"] != embedder.fingerprint:
        ledger.clear_vectors()
    made_with = {"name": embedder.name, "sha256": embedder.fingerprint, "source": embedder.source}
    ledger.set_meta("embedder", made_with)


def writers_for(languages: Counter[str], settings: Settings, progress: Progress) -> tuple[Writer, ...]:
    """Return the writer that was named, or the default ones of the languages.

    :param languages: number of users, or of documents, in each language.
    :param settings: name a writer, and say how it works.
    :param progress: called with what is fetched.
    :return: none if the catalogue has none for these languages.
    :raises ModelError: one cannot be had.
    """
    return _models("writer", settings.writer, languages, open_writer, options_of(settings, progress))


def verifiers_for(languages: Counter[str], settings: Settings, progress: Progress) -> tuple[Verifier, ...]:
    """Return the verifier that was named, or the default ones of the languages.

    :param languages: number of users, or of documents, in each language.
    :param settings: name a verifier, and say how it works.
    :param progress: called with what is fetched.
    :return: none if the catalogue has none for these languages.
    :raises ModelError: one cannot be had.
    """
    return _models("verifier", settings.verifier, languages, open_verifier, options_of(settings, progress))


def options_of(settings: Settings, progress: Progress) -> Options:
    """Return how models work.

    :param settings: of the build.
    :param progress: called with what is fetched.
    """
    return Options(
        workers=settings.workers,
        slots=settings.slots,
        context_tokens=settings.context_tokens,
        gpu_layers=settings.gpu_layers,
        progress=lambda what, done, total: progress(f"pull {what}", done, total),
    )


def _models(
    job: Job, named: str, languages: Counter[str], open_model: Callable[[str, Options], M], options: Options
) -> tuple[M, ...]:
    if named != "auto":
        # Of writers, several may be named; of a language, the first that knows it is used. Verifiers form a cascade.
        parts = named.split(",") if job == "writer" else [named]
        return tuple(open_model(part.strip(), options) for part in parts)
    known = Counter({language: count for language, count in languages.items() if language != "und"}) or Counter(en=1)
    common = [code for code, count in known.most_common() if count >= _MAX_OTHER_LANGUAGES * known.total()]
    names = {model.name for code in common if (model := default_model(job, code))}
    # In the order of the catalogue, where a model for one language comes before one for all.
    return tuple(open_model(model.name, options) for model in load_catalog().values() if model.name in names)


def _embedder_for(languages: Counter[str]) -> tuple[str, str]:
    detected = Counter({language: count for language, count in languages.items() if language != "und"})
    most = detected.most_common(1)[0][0] if detected else "en"
    others = 1 - detected[most] / max(detected.total(), 1)
    if others <= _MAX_OTHER_LANGUAGES and (model := default_model("embedder", most)) and "*" not in model.languages:
        return model.name, f"{1 - others:.1%} of the texts are in its language ({most})"
    model = default_model("embedder", "*")
    assert model is not None
    share = ", ".join(f"{language} {count / detected.total():.0%}" for language, count in detected.most_common(3))
    return model.name, f"the texts are in languages that the English one does not know ({share})"
