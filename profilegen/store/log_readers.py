"""Who is reading an old state of a ledger, so that its write-ahead log cannot be emptied."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

# Where SQLite locks the file beside the log: five places of readers (sqlite.org/walformat.html, 2.3).
_FIRST_READER, _LAST_READER = 123, 127


def log_readers(ledger_file: Path) -> list[str]:
    """Return the processes that read from the log of a ledger at this moment, as in `python (pid 4711)`.

    :param ledger_file: the ledger.
    :return: none where the system does not tell, which Linux alone does.
    """
    with suppress(OSError, ValueError):
        inode = ledger_file.with_name(f"{ledger_file.name}-shm").stat().st_ino
        pids = set()
        for line in Path("/proc/locks").read_text().splitlines():
            # 12: POSIX  ADVISORY  READ  4711 08:01:393218 124 124
            fields = line.split()
            if len(fields) == 8 and fields[1] == "POSIX" and fields[5].endswith(f":{inode}"):
                start, end = int(fields[6]), int(fields[7])
                if start <= _LAST_READER and end >= _FIRST_READER:
                    pids.add(int(fields[4]))
        return [f"{_name(pid)} (pid {pid})" for pid in sorted(pids - {-1, 0})]
    return []


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "a process"
