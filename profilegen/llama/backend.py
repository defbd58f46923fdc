"""The backend for GGUF files: models of the catalogue, models that were added, and files by path."""

from __future__ import annotations

from profilegen.backends import Cascade, Options, Verifier
from profilegen.llama.catalog import load_catalog
from profilegen.llama.embedder import GgufEmbedder
from profilegen.llama.resolve import resolve
from profilegen.llama.verifier import GgufVerifier
from profilegen.llama.writer import GgufWriter


def open_embedder(name: str, options: Options) -> GgufEmbedder:
    """Return an embedder; a model of the catalogue is downloaded first where that is needed.

    :param name: name of a model of the catalogue or one that was added, or the path of a GGUF file.
    :param options: `workers` and `progress` are used.
    :raises ModelError: there is no such model, it is damaged, does another job, or cannot be downloaded.
    """
    return GgufEmbedder(resolve(name, "embedder", pull=True, progress=options.progress), workers=options.workers)


def open_writer(name: str, options: Options) -> GgufWriter:
    """Return a writer; a model of the catalogue is downloaded first where that is needed.

    :param name: name of a model of the catalogue or one that was added, or the path of a GGUF file.
    :param options: all are used.
    :raises ModelError: there is no such model, it is damaged, does another job, or cannot be downloaded.
    """
    return GgufWriter(resolve(name, "writer", pull=True, progress=options.progress), options)


def open_verifier(name: str, options: Options) -> Verifier:
    """Return a verifier; one of the catalogue is made first where that is needed.

    Verifiers of the catalogue may be a cascade of others.

    :param name: name of a model of the catalogue or one that was added, or the path of a GGUF file.
    :param options: `workers` and `progress` are used.
    :raises ModelError: there is no such model, it is damaged, does another job, or cannot be downloaded.
    """
    if (model := load_catalog().get(name)) and model.members:
        return Cascade([open_verifier(member, options) for member in model.members])
    return GgufVerifier(resolve(name, "verifier", pull=True, progress=options.progress), workers=options.workers)
