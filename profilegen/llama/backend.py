"""The backend for GGUF files: embedders and writers of the catalogue, one's own by name, or files by path."""

from __future__ import annotations

from profilegen.backends import Options
from profilegen.llama.embedder import GgufEmbedder
from profilegen.llama.resolve import resolve
from profilegen.llama.writer import GgufWriter


def open_embedder(name: str, options: Options) -> GgufEmbedder:
    """Return an embedder, fetched first if it is of the catalogue and not here yet.

    :param name: of the catalogue or one's own, or the path of a GGUF file.
    :param options: how many processes hold it, and whom to tell how far a download is.
    :raises ModelError: no such model, damaged, made for another job, or not to be had.
    """
    return GgufEmbedder(resolve(name, "embedder", pull=True, progress=options.progress), workers=options.workers)


def open_writer(name: str, options: Options) -> GgufWriter:
    """Return a writer, fetched first if it is of the catalogue and not here yet.

    :param name: of the catalogue or one's own, or the path of a GGUF file.
    :param options: how it works, and whom to tell how far a download is.
    :raises ModelError: no such model, damaged, made for another job, or not to be had.
    """
    return GgufWriter(resolve(name, "writer", pull=True, progress=options.progress), options)
