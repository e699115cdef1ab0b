"""Running verbs in a transaction, batch after batch: a round each, until it is committed. A bad verb fails alone.

A waiting lease is parked here: what a round made due is handed to parked leases at its end, lowest position first,
longest waiting first.
"""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import apsw

from warmline.errors import StoreError
from warmline.protocols import Clock
from warmline.stores.jobs import Done, Job, Results
from warmline.stores.ledger import Ledger
from warmline.stores.opening import translated
from warmline.stores.rows import micros
from warmline.stores.transaction import News, Transaction

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Unit:
    """A transaction under way: what was sent into it, and what came of that so far. trouble ended it, if anything.

    is_synced and is_checkpointed: a job of it wants that.
    """

    tx: Transaction | None = None
    jobs: list[Job] = field(default_factory=list)
    results: Results = field(default_factory=list)
    granted: Results = field(default_factory=list)
    trouble: Exception | None = None
    is_synced: bool = False
    is_checkpointed: bool = False


class _WrittenError(Exception):
    """A verb failed after it had written."""


class Rounds:
    """Owns the connection. Called by one thread at a time."""

    def __init__(self, connection: apsw.Connection, ledger: Ledger, clock: Clock) -> None:
        self._connection = connection
        self._ledger = ledger
        self._cursor = connection.cursor()  # one for all: making a cursor costs as much as a small statement
        self._committed = ledger.mark
        self._clock = clock
        self._parked: defaultdict[int, deque[Job]] = defaultdict(deque)
        self._has_logged = False
        self.log_pages = 0
        connection.set_wal_hook(self._logged)

    def close(self) -> list[Job]:
        """Let go of the connection; return what is parked."""
        self._connection.set_wal_hook(None)
        return [job for parked in self._parked.values() for job in parked]

    def run(self, batch: Sequence[Job], unit: Unit | None) -> Unit:
        """Run a batch as the next round of this transaction, or as the first of one.

        A lease waits in line behind those who came before it, even when it comes with what makes it due.
        First all verbs run plainly; when one of them fails after it has written, the transaction is undone, and all
        of it runs again with a savepoint around each verb, so that the bad one fails alone. Savepoints cost a third
        of the whole, and such failures are bugs or a full disk. A lease of it that was given already is lost, then.
        """
        if unit is None:
            unit = Unit()
        unit.jobs += batch
        for job in batch:
            unit.is_synced |= job.synced
            unit.is_checkpointed |= job.checkpointed
            if job.parking is not None:
                self._parked[job.parking].append(job)
        with self._failing(unit):
            try:
                if unit.tx is None:
                    unit.tx = self._begin()
                unit.tx.now = micros(self._clock.now())
                self._round(batch, unit, unit.tx, careful=False)
            except _WrittenError:
                self._undo(unit)
                unit.tx = self._begin()
                self._round(unit.jobs, unit, unit.tx, careful=True)
        return unit

    def commit(self, unit: Unit) -> Done:
        """End a transaction; return each job with its result or error, and the news."""
        if unit.tx is not None and unit.trouble is None:
            with self._failing(unit):
                unit.tx.write()
                self._ledger.write()
                self._has_logged = False
                self._cursor.execute("commit")
        if unit.tx is None or unit.trouble is not None:
            return Done([(job, unit.trouble) for job in unit.jobs], News(), unsynced=False)
        self._committed = self._ledger.mark
        for job, _ in unit.granted:
            self.drop(job)
        results = self._checkpointed(unit.results) if unit.is_checkpointed else unit.results
        return Done(results + unit.granted, unit.tx.news, unsynced=self._has_logged and unit.is_synced)

    def withdraw(self, job: Job, tx: Transaction) -> None:
        """Forget a parked job, and undo what it was granted: a verb."""
        self.drop(job)
        if job.undo is not None and job.granted is not None:
            job.undo(tx, job.granted)

    def drop(self, job: Job) -> None:
        """Let a job wait no longer."""
        parked = self._parked.get(job.parking) if job.parking is not None else None
        if parked and job in parked:
            parked.remove(job)

    def checkpoint(self) -> None:
        """Write the log into the file, so that it begins anew; where that fails it grows, and is tried again."""
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self.log_pages = 0
        except apsw.Error as error:
            logger.warning("log not written into the file", extra={"reason": str(error)})

    def _checkpointed(self, results: Results) -> Results:
        """Empty the log; where that fails, those who wanted it get the error although theirs is committed."""
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            trouble = translated(error)
            return [(job, trouble if job.checkpointed else result) for job, result in results]
        return results

    def _logged(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """Note that a commit has written, and how long the log is."""
        self._has_logged = True
        self.log_pages = pages
        return apsw.SQLITE_OK

    def _begin(self) -> Transaction:
        self._cursor.execute("begin immediate")
        return Transaction(self._cursor, micros(self._clock.now()), self._ledger)

    def _round(self, batch: Sequence[Job], unit: Unit, tx: Transaction, *, careful: bool) -> None:
        for job in batch:
            if job.parking is None:
                unit.results.append((job, self._guarded(job, tx) if careful else self._plain(job, tx)))
            else:
                tx.news.due[job.parking] = None
        self._grant(unit, tx, careful=careful)

    def _plain(self, job: Job, tx: Transaction) -> Any:  # noqa: ANN401  # whatever the verb returns
        """Run one verb; return its result, or its error when it has written nothing. Raises _WrittenError."""
        before = tx.written
        try:
            return job.verb(tx)
        except Exception as error:  # the edge of a verb: the caller gets it, neighbours go on
            if isinstance(error, apsw.Error) or tx.written != before:
                raise _WrittenError from error
            return translated(error)

    def _guarded(self, job: Job, tx: Transaction) -> Any:  # noqa: ANN401  # whatever the verb returns
        """Run one verb in its savepoint; return its result, or its error once its traces are gone.

        Raises apsw.Error when SQLite gave up the whole transaction.
        """
        before = self._ledger.mark
        self._cursor.execute("savepoint verb")
        try:
            result = job.verb(tx)
            tx.write()
        except Exception as error:  # the edge of a verb: the caller gets it, neighbours go on
            if isinstance(error, apsw.Error) and not self._connection.in_transaction:
                raise
            result = translated(error)
        if isinstance(result, Exception):
            self._cursor.execute("rollback to verb")
            self._ledger.back_to(before)
            tx.forget()
        self._cursor.execute("release verb")
        return result

    def _grant(self, unit: Unit, tx: Transaction, *, careful: bool) -> None:
        """Lease what became due to parked jobs, which stay parked until they are given it, or it is committed."""
        while tx.news.due:  # what cannot be handed over is buried, and its sender's mailbox gets a notice
            due, tx.news.due = tx.news.due, {}
            tx.news.stirred.update(due)
            for mailbox in due:
                for job in self._parked.get(mailbox, ()):
                    if job.abandoned or job.granted is not None:
                        continue
                    result = self._guarded(job, tx) if careful else self._plain(job, tx)
                    if result is None:
                        break
                    job.granted = result
                    unit.granted.append((job, result))

    def _undo(self, unit: Unit) -> None:
        """Take a transaction back, and all that came of it."""
        if self._connection.in_transaction:
            with suppress(apsw.Error):  # the error that matters is the first
                self._cursor.execute("rollback")
        self._ledger.back_to(self._committed)
        for job, _ in unit.granted:
            job.granted = None
        unit.results.clear()
        unit.granted.clear()

    @contextmanager
    def _failing(self, unit: Unit) -> Iterator[None]:
        """Where the block fails, give the error to all of the transaction; who was parked before stays parked."""
        try:
            yield
            return
        except apsw.Error as error:
            unit.trouble = translated(error)
        except Exception as bug:  # the edge of a transaction: whoever waits must hear of it
            logger.exception("writer broke")
            unit.trouble = StoreError(f"the store could not do this: {type(bug).__name__}: {bug}")
        self._undo(unit)
        for job in unit.jobs:
            self.drop(job)
