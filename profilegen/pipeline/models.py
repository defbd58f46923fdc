"""The embedder and the writer of a piece of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from profilegen.backends import Embedder, Writer


@dataclass(frozen=True)
class Models:
    """Both models, each loaded when first needed; what was loaded ends with the `with` block."""

    embedder: Embedder
    writer: Writer

    def __enter__(self) -> Self:
        """Return the models."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close both."""
        try:
            self.embedder.close()
        finally:
            self.writer.close()
