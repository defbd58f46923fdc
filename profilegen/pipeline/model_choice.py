"""Which embedder and writer a build works with, and why."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from profilegen.backends import Embedder, Options, Progress, Writer, open_embedder, open_writer
from profilegen.config import Settings
from profilegen.errors import ModelError, StoreError
from profilegen.llama.catalog import default_model
from profilegen.pipeline.models import Models
from profilegen.store.ledger import Ledger

# Below this share of documents in other languages a model for one language still serves.
_MAX_OTHER_LANGUAGES = 0.05


class Choice(NamedTuple):
    """The models, none started yet, and why the embedder is that one."""

    models: Models
    reason: str


def models_of_store(ledger: Ledger, settings: Settings, progress: Progress) -> Choice | None:
    """Return the models that a store goes on with; None of a new one, for which the texts are looked at first.

    :param ledger: knows the embedder that the store was made with.
    :param settings: which models a person named, and how they work.
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
    embedder = open_embedder(name, _options(settings, progress))
    if made_with["sha256"] != embedder.fingerprint:
        raise StoreError(
            f"the store {settings.store} was made with the embedder {made_with['name']}, whose vectors do not "
            f"compare with those of {embedder.name}; leave --embedder out, name another --store, or add --re-embed "
            "to embed everything again"
        )
    return _choice(embedder, reason, settings, progress)


def models_for(languages: Counter[str], settings: Settings, progress: Progress) -> Choice:
    """Return the models for the texts of a new store.

    :param languages: how many documents are in each language.
    :param settings: which models a person named, and how they work.
    :param progress: called with what is fetched.
    :raises ModelError: a model cannot be had.
    """
    if settings.embedder != "auto":
        name, reason = settings.embedder, "named by you"
    else:
        name, reason = _embedder_for(languages)
    return _choice(open_embedder(name, _options(settings, progress)), reason, settings, progress)


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


def writer_of(settings: Settings, progress: Progress) -> Writer:
    """Return the writer that was named, or the default one.

    :param settings: name a writer, and say how it works.
    :param progress: called with what is fetched.
    :raises ModelError: it cannot be had.
    """
    name = settings.writer
    if name == "auto":
        model = default_model("writer", "en")
        if model is None:
            raise ModelError("the catalogue has no default writer; name one with --writer")
        name = model.name
    return open_writer(name, _options(settings, progress))


def _options(settings: Settings, progress: Progress) -> Options:
    return Options(
        workers=settings.workers,
        slots=settings.slots,
        context_tokens=settings.context_tokens,
        gpu_layers=settings.gpu_layers,
        progress=lambda what, done, total: progress(f"pull {what}", done, total),
    )


def _choice(embedder: Embedder, reason: str, settings: Settings, progress: Progress) -> Choice:
    return Choice(Models(embedder, writer_of(settings, progress)), reason)


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
