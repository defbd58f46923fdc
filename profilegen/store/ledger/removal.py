"""Removal of documents and users, with everything that was made of them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from typing import Literal

from profilegen.records import Claim, Decision, Segment
from profilegen.store.ledger.files import explained
from profilegen.store.ledger.segments import SegmentTables

COMMON_COUNTS = "common"
"""The key of the counts of what users' texts share; it goes when a text goes, and the next build counts again."""

# The key that is true from a removal until the end of the first build that could erase what was removed.
_NOT_ERASED = "removed text in log"
# Its value when no build is needed any more, and the log alone is left.
_LOG_ALONE = "log"
_ERASE_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)


class Removal(SegmentTables):
    """What a ledger does to remove documents and users; mixed into `Ledger`."""

    def removal_token(self) -> str:
        """Return a random word that is another after every removal of a text or user, and change of a text."""
        return str(self.get_meta("forgotten"))

    def is_erasure_pending(self) -> bool:
        """Whether text that was removed may still stand in the write-ahead log or in an old index."""
        return bool(self.get_meta(_NOT_ERASED))

    def erase_log(self, timeout_s: float) -> bool:
        """Empty the write-ahead log, in which what was removed may still stand.

        :param timeout_s: how long to wait for other processes that read from it.
        :return: whether it is empty now.
        """
        folded = self._fold_log(timeout_s)
        if folded and self.get_meta(_NOT_ERASED) == _LOG_ALONE:
            self.set_meta(_NOT_ERASED, False)
            folded = self._fold_log(timeout_s)
        return folded

    def _set_log_pending(self) -> None:
        """Note that what was removed is left in the write-ahead log alone; inside a transaction."""
        self._set_meta(_NOT_ERASED, _LOG_ALONE)

    def _strike_from_segments(self) -> None:
        """Remove users and documents that are gone from segments, and mark those segments as out of date."""
        for segment in self.segments():
            left = self._struck(segment)
            if not left.members:
                self._connection.execute("DELETE FROM segments WHERE id = ?", (segment.id,))
            elif left != segment:
                self._connection.execute(
                    "UPDATE segments SET record = ?, hash = '' WHERE id = ?",
                    (left.model_dump_json(), segment.id),
                )

    def _struck(self, segment: Segment) -> Segment:
        quoted = {evidence.document for _, claim in segment.iter_claims() for evidence in claim.evidence}
        documents = self._present("id", quoted | set(segment.exemplars))
        users = self._present("user_id", segment.members)
        members = tuple(member for member in segment.members if member in users)

        def carried(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
            left = (
                claim.model_copy(update={"evidence": tuple(e for e in claim.evidence if e.document in documents)})
                for claim in claims
            )
            return tuple(claim for claim in left if claim.evidence)

        return segment.with_claims(
            {kind: carried(claims) for kind, claims in segment.claims.items()},
            members=members,
            size=segment.size - len(segment.members) + len(members),
            exemplars=tuple(exemplar for exemplar in segment.exemplars if exemplar in documents),
        )

    def _present(self, column: Literal["id", "user_id"], values: Iterable[str]) -> set[str]:
        rows = self._among(f"SELECT {column} FROM main.documents WHERE {column} IN {{}}", values)
        return {value for (value,) in rows}

    def _forget_removed(self) -> None:
        """Remove decisions on users who are gone, and from the others the quotes of texts that are gone or changed."""
        self._set_meta("forgotten", secrets.token_hex(8))
        self._set_meta(_NOT_ERASED, True)
        self._execute("DELETE FROM decisions WHERE user_id <> '' AND user_id NOT IN (SELECT user_id FROM documents)")
        self._execute("DELETE FROM audience_users WHERE user_id NOT IN (SELECT user_id FROM documents)")
        self._erase_history()
        # instr and not LIKE: a quote may hold wildcards.
        rows = self._rows(
            "SELECT decisions.id, decisions.record, evidence.value ->> 'document', evidence.value ->> 'quote'"
            " FROM decisions, json_each(decisions.record, '$.claim.evidence') AS evidence"
            " WHERE NOT EXISTS (SELECT 1 FROM documents WHERE documents.id = evidence.value ->> 'document'"
            " AND instr(documents.record ->> 'text', evidence.value ->> 'quote'))"
        )
        gone: dict[str, tuple[str, set[tuple[str, str]]]] = {}
        for decision_id, record, document, quote in rows:
            gone.setdefault(decision_id, (record, set()))[1].add((document, quote))
        for decision_id, (record, quotes) in gone.items():
            left = _without(self._record(Decision, record, "a decision"), quotes)
            self._execute("UPDATE decisions SET record = ? WHERE id = ?", (left.model_dump_json(), decision_id))

    def _erase_removed(self, *, finished: bool = False) -> None:
        """Erase from the write-ahead log what was removed from the tables.

        :param finished: nothing that was made of the removed documents is in the tables any more, as at the end of a
            build. Then other processes that read the log are waited for.
        """
        pending = self.get_meta(_NOT_ERASED)
        if not pending:
            return
        folded = self._fold_log(_ERASE_TIMEOUT_S if finished else 0)
        if folded and (finished or pending == _LOG_ALONE):
            self.set_meta(_NOT_ERASED, False)
        elif finished:
            _log.warning(
                "%s still holds text that was removed, because another process is reading it; end that process "
                "(a search, an export, a review page), then run `profilegen build` again",
                self._path,
            )

    def _fold_log(self, timeout_s: float) -> bool:
        """Fold the write-ahead log into the file and empty it; False where another process is reading it."""
        with explained(self._path):
            usual = self._connection.execute("PRAGMA busy_timeout").fetchone()[0]
            self._connection.execute(f"PRAGMA busy_timeout = {round(1000 * timeout_s)}")
            busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute(f"PRAGMA busy_timeout = {usual}")
        return not busy


def _without(decision: Decision, quotes: set[tuple[str, str]]) -> Decision:
    assert decision.claim is not None
    kept = tuple(part for part in decision.claim.evidence if (part.document, part.quote) not in quotes)
    return decision.model_copy(update={"claim": decision.claim.model_copy(update={"evidence": kept})})
