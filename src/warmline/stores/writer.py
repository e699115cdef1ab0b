"""The writer: one thread that owns the connection and commits together whatever waits.

Verbs that were submitted while the thread was busy travel to it in one hand-over, are committed at
once, and their results come back in one call. A bad one fails alone. A batch is synced when one of its
verbs must be; otherwise it is only written.

A waiting lease is parked here: what a batch made due is handed to parked leases before the batch is
committed, lowest position first, longest waiting first.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import apsw

from warmline.errors import StoreClosedError, StoreError
from warmline.protocols import Clock
from warmline.stores.ledger import Ledger
from warmline.stores.opening import translated
from warmline.stores.rows import micros
from warmline.stores.transaction import News, Transaction

logger = logging.getLogger(__name__)

Verb = Callable[[Transaction], Any]
Undo = Callable[[Transaction, Any], None]
Told = Callable[[News], None]


@dataclass(slots=True, eq=False)
class Job:
    """A verb on its way.

    One with a parking place waits there while its verb returns None. undo is the verb that takes its
    result back when nobody waits for it any more. granted is that result, once it is committed.
    """

    verb: Verb
    synced: bool
    done: asyncio.Future[Any]
    parking: int | None = None
    undo: Undo | None = None
    checkpointed: bool = False
    abandoned: bool = False
    granted: Any = None


Results = list[tuple[Job, Any]]


class _WrittenError(Exception):
    """A verb failed after it had written."""


class Writer:
    """Runs verbs on its thread. `tell` is called on the event loop with the news of each commit."""

    def __init__(self, connection: apsw.Connection, ledger: Ledger, clock: Clock, max_batch: int, tell: Told) -> None:
        self._connection = connection
        self._ledger = ledger
        self._cursor = connection.cursor()  # one for all: making a cursor costs as much as a small statement
        self._committed = ledger.mark
        self._clock = clock
        self._max_batch = max_batch
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._collected: list[Job] = []
        self._is_busy = False  # a batch is under way, or the next hand-over is
        self._drained = asyncio.Event()
        self._inbox: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._parked: defaultdict[int, deque[Job]] = defaultdict(deque)
        self._full_sync = True
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store writer", daemon=True)
        self._thread.start()

    def submit(
        self,
        verb: Verb,
        *,
        synced: bool,
        parking: int | None = None,
        undo: Undo | None = None,
        checkpointed: bool = False,
    ) -> Job:
        """Send a verb on its way; its `done` gets the result. Call on the event loop. Raises StoreClosedError.

        checkpointed: after the commit the log is written into the file and emptied, before there is a result.
        """
        if self._closed:
            raise StoreClosedError("the store is closed")
        job = Job(verb, synced, self._loop.create_future(), parking, undo, checkpointed)
        self._collected.append(job)
        if not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._hand_over)
        return job

    def abandon(self, job: Job) -> None:
        """Let a parked job go: nobody waits for it any more. A result is undone before what is submitted next runs."""
        job.abandoned = True
        job.done.cancel()
        if not self._closed:
            undone = self.submit(lambda tx: self._withdraw(job, tx), synced=False).done
            undone.add_done_callback(lambda future: future.exception())  # where it fails, the lease lapses

    async def close(self) -> None:
        """Finish what was submitted, end the thread, and give StoreClosedError to what is parked."""
        self._closed = True
        if not self._is_busy:
            self._hand_over()
        await self._drained.wait()
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        """Send the thread its next batch: it has brought back the last one."""
        batch, self._collected = self._collected[: self._max_batch], self._collected[self._max_batch :]
        self._is_busy = bool(batch)
        if batch:
            self._inbox.put(batch)
        elif self._closed:
            self._drained.set()

    def _work(self) -> None:
        while (batch := self._inbox.get()) is not None:
            self._loop.call_soon_threadsafe(self._deliver, *self._run(batch))
        closed = StoreClosedError("the store was closed")
        left: Results = [(job, closed) for parked in self._parked.values() for job in parked]
        self._loop.call_soon_threadsafe(self._deliver, left, News())

    def _run(self, batch: list[Job]) -> tuple[Results, News]:
        """Run a batch in one transaction; return each job with its result or error, and the news.

        A lease waits in line behind those who came before it, even when it comes with what makes it due.
        First all verbs run plainly; when one of them fails after it has written, everything is undone
        and runs again with a savepoint around each verb, so that the bad one fails alone. Savepoints
        cost a third of the whole, and such failures are bugs or a full disk.
        """
        for job in batch:
            if job.parking is not None:
                self._parked[job.parking].append(job)
        try:
            try:
                return self._attempt(batch, careful=False)
            except _WrittenError:
                self._undo()
                return self._attempt(batch, careful=True)
        except apsw.Error as error:
            return self._failed(batch, translated(error))
        except Exception as bug:  # the edge of the thread: whoever waits must hear of it
            logger.exception("store writer broke")
            return self._failed(batch, StoreError(f"the store could not do this: {type(bug).__name__}: {bug}"))

    def _attempt(self, batch: list[Job], *, careful: bool) -> tuple[Results, News]:
        tx = Transaction(self._cursor, micros(self._clock.now()), self._ledger)
        results: Results = []
        self._begin(synced=any(job.synced for job in batch))
        for job in batch:
            if job.parking is None:
                results.append((job, self._guarded(job, tx) if careful else self._plain(job, tx)))
            else:
                tx.news.due[job.parking] = None
        granted = self._granted(tx, careful=careful)
        self._ledger.write()
        self._cursor.execute("commit")
        self._committed = self._ledger.mark
        for job, result in granted:
            self._drop(job)
            job.granted = result
        if any(job.checkpointed for job in batch):
            results = self._checkpointed(results)
        return results + granted, tx.news

    def _checkpointed(self, results: Results) -> Results:
        """Empty the log; where that fails, those who wanted it get the error although theirs is committed."""
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            trouble = translated(error)
            return [(job, trouble if job.checkpointed else result) for job, result in results]
        return results

    def _begin(self, *, synced: bool) -> None:
        if synced is not self._full_sync:
            self._cursor.execute("pragma synchronous = full" if synced else "pragma synchronous = normal")
            self._full_sync = synced
        self._cursor.execute("begin immediate")

    def _plain(self, job: Job, tx: Transaction) -> Any:  # noqa: ANN401  # whatever the verb returns
        """Run one verb; return its result, or its error when it has written nothing. Raises _WrittenError."""
        before = self._connection.total_changes(), self._ledger.number
        try:
            return job.verb(tx)
        except Exception as error:  # the edge of the thread: the caller gets it, neighbours go on
            after = self._connection.total_changes(), self._ledger.number
            if isinstance(error, apsw.Error) or after != before:
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
        except Exception as error:  # the edge of the thread: the caller gets it, neighbours go on
            if isinstance(error, apsw.Error) and not self._connection.in_transaction:
                raise
            result = translated(error)
        if isinstance(result, Exception):
            self._cursor.execute("rollback to verb")
            self._ledger.back_to(before)
        self._cursor.execute("release verb")
        return result

    def _granted(self, tx: Transaction, *, careful: bool) -> Results:
        """Lease what became due to parked jobs, which stay parked until the commit."""
        granted: Results = []
        served: set[Job] = set()
        while tx.news.due:  # what cannot be handed over is buried, and its sender's mailbox gets a notice
            due, tx.news.due = tx.news.due, {}
            tx.news.stirred.update(due)
            for mailbox in due:
                for job in self._parked.get(mailbox, ()):
                    if job.abandoned or job in served:
                        continue
                    result = self._guarded(job, tx) if careful else self._plain(job, tx)
                    if result is None:
                        break
                    served.add(job)
                    granted.append((job, result))
        return granted

    def _undo(self) -> None:
        if self._connection.in_transaction:
            with suppress(apsw.Error):  # the error that matters is the first
                self._cursor.execute("rollback")
        self._ledger.back_to(self._committed)

    def _failed(self, batch: list[Job], trouble: Exception) -> tuple[Results, News]:
        """Give the error to all of a batch; who was parked before stays parked."""
        self._undo()
        for job in batch:
            self._drop(job)
        return [(job, trouble) for job in batch], News()

    def _withdraw(self, job: Job, tx: Transaction) -> None:
        self._drop(job)
        if job.undo is not None and job.granted is not None:
            job.undo(tx, job.granted)

    def _drop(self, job: Job) -> None:
        parked = self._parked.get(job.parking) if job.parking is not None else None
        if parked and job in parked:
            parked.remove(job)

    def _deliver(self, results: list[tuple[Job, Any]], news: News) -> None:
        """Hand results to their callers, and the news to whom it may concern. Runs on the event loop.

        The next batch goes out after those who got something have had their turn, so that what they
        submit travels with what came in meanwhile.
        """
        self._tell(news)
        for job, result in results:
            if job.done.done():
                continue  # its caller has left, and abandoned it if it was parked
            if isinstance(result, Exception):
                job.done.set_exception(result)
            else:
                job.done.set_result(result)
        self._loop.call_soon(self._hand_over)
