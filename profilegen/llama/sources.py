"""Where the file of a model comes from: a package, packages with pieces of it, a hub, or an adapter that ships."""

from __future__ import annotations

from typing import Literal

from profilegen.records import Record


class WheelFile(Record):
    """A file inside a wheel, with its pinned size and hash."""

    path: str
    bytes: int
    sha256: str


class PackageSource(Record):
    """Files inside a wheel of the package index; `platform` is the wheel's platform tag, if it has one."""

    package: str
    version: str
    platform: str | None = None
    format: Literal["gguf", "minilm-safetensors", "e5s1"]
    download_mb: int
    files: tuple[WheelFile, ...]

    @property
    def pinned(self) -> dict[str, str]:
        """The SHA-256 of each file that is downloaded, by its path."""
        return {file.path: file.sha256 for file in self.files}

    @property
    def label(self) -> str:
        """The source in messages and records."""
        return f"{self.package}=={self.version}"


class PiecesSource(Record):
    """A GGUF file in pieces, each a file inside a wheel of its own, since an index limits the size of a wheel.

    `{n}` in `package` and `path` stands for the number of the piece, from 1. `bytes` and `sha256` are of the whole.
    """

    package: str
    version: str
    path: str
    pieces: int
    bytes: int
    sha256: str

    @property
    def pinned(self) -> dict[str, str]:
        """The SHA-256 of the whole, by the path of its pieces."""
        return {self.path: self.sha256}

    @property
    def label(self) -> str:
        """The source in messages and records."""
        return f"{self.package.format(n=f'1..{self.pieces}')}=={self.version}"


class HubSource(Record):
    """A GGUF file of a Hugging Face hub, with its pinned hash; `revision` is a branch, a tag or a commit."""

    repo: str
    file: str
    sha256: str
    revision: str | None = None

    @property
    def pinned(self) -> dict[str, str]:
        """The SHA-256 of each file that is downloaded, by its path."""
        return {self.file: self.sha256}

    @property
    def label(self) -> str:
        """The source in messages and records."""
        return f"{self.repo}/{self.file}" + (f"@{self.revision}" if self.revision else "")


class AdapterSource(Record):
    """An adapter of `models/adapters` that is merged into another model of the catalogue, its `base`."""

    base: str
    adapter: str
    sha256: str

    @property
    def pinned(self) -> dict[str, str]:
        """The SHA-256 of the adapter, by its name."""
        return {self.adapter: self.sha256}

    @property
    def label(self) -> str:
        """The source in messages and records."""
        return f"{self.adapter} merged into {self.base}"


Source = PackageSource | PiecesSource | HubSource | AdapterSource
