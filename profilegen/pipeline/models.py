"""The models of a build."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from profilegen.backends import Embedder, Verifier, Writer, knows


@dataclass(frozen=True)
class Models:
    """The models, each loaded when first needed; what was loaded ends with the `with` block.

    :param embedder: of the store.
    :param writers: of a language, the first that knows it is used.
    :param verifiers: the same.
    """

    embedder: Embedder
    writers: tuple[Writer, ...]
    verifiers: tuple[Verifier, ...]

    def writer(self, language: str) -> Writer | None:
        """Return the writer of a language, None if there is none.

        :param language: ISO 639-1 code.
        """
        return next((writer for writer in self.writers if knows(writer, language)), None)

    def verifier(self, language: str) -> Verifier | None:
        """Return the verifier of a language, None if there is none.

        :param language: ISO 639-1 code.
        """
        return next((verifier for verifier in self.verifiers if knows(verifier, language)), None)

    def __enter__(self) -> Self:
        """Return the models."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close them."""
        with ExitStack() as stack:
            for model in (self.embedder, *self.writers, *self.verifiers):
                stack.callback(model.close)
