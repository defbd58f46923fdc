"""What is left of users after they were removed for good: receipts, and what a search of a store's files found."""

from __future__ import annotations

from datetime import datetime

from profilegen.records import Record


class FoundTrace(Record):
    """A file of a store that still holds something of a user.

    :param file: its path, from the store.
    :param ids: how many of the ids that were looked for stand in it, or in its name.
    :param runs: how many different runs of words of the texts stand in it.
    """

    file: str
    ids: int = 0
    runs: int = 0


class TraceReport(Record):
    """The result of a search for users in every file of a store.

    :param users: whose ids were looked for.
    :param files: number of files that were read.
    :param size: bytes that were read.
    :param documents: documents of the users from which the runs of words were taken; 0 if only ids were looked for.
    :param runs: different runs of words that were looked for, those of remaining texts left out.
    :param shared_runs: runs that were left out, since texts of other users have them too.
    :param in_fields_only: ids that also stand in what remains, or are too short to be told from other bytes; these were
        looked for as whole values of databases and in names of files.
    :param found: files that hold a trace.
    """

    users: tuple[str, ...]
    files: int
    size: int
    documents: int
    runs: int
    shared_runs: int
    in_fields_only: tuple[str, ...] = ()
    found: tuple[FoundTrace, ...] = ()


class ForgetReceipt(Record):
    """What `forget` removed, and what it could not.

    :param users: the ids as they were given.
    :param at: when it was done, in UTC.
    :param removed: how much was removed, by kind of thing.
    :param segments_written: segments that were described again with the models.
    :param segments_bare: segments that have no words until the next build describes them.
    :param pending: what is not done, with what to do about it; empty when all of it is.
    :param traces: the search of all files afterwards.
    """

    users: tuple[str, ...]
    at: datetime
    removed: dict[str, int]
    segments_written: int = 0
    segments_bare: int = 0
    pending: tuple[str, ...] = ()
    traces: TraceReport
