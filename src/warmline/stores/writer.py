"""The writer: owns the connection, and commits together whatever waits, one batch at a time.

A batch runs on the event loop, since most verbs take microseconds; one with a verb that may take longer runs on the
disk's thread. Then that thread syncs the log, if one of the verbs must survive a power cut. What comes meanwhile is
gathered, and is the next batch. A bad verb fails alone.

Nothing leaves the store before it is durable: the result of a verb that must be, that a question has ended, what was
read. What stays inside does not wait: a lease is granted, and worked on, while its question is being synced. If the
power goes, nobody was told of either.

A waiting lease is parked here: what a batch made due is handed to parked leases before the batch is committed, lowest
position first, longest waiting first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import apsw

from warmline.errors import StoreClosedError, StoreError
from warmline.protocols import Clock
from warmline.settings import StoreSettings
from warmline.stores.disk import DiskThread, Log
from warmline.stores.ledger import Ledger
from warmline.stores.opening import translated
from warmline.stores.rows import micros
from warmline.stores.transaction import News, Transaction

logger = logging.getLogger(__name__)

Verb = Callable[[Transaction], Any]
Undo = Callable[[Transaction, Any], None]


@dataclass(slots=True, eq=False)
class Job:
    """A verb on its way.

    synced: what it writes is to survive a power cut. early: its result stays inside, and is given before that. aside:
    it may take long, and is to run off the event loop. One with a parking place waits there while its verb returns
    None. undo is the verb that takes its result back when nobody waits for it any more. granted is that result, once
    it is committed.
    """

    verb: Verb
    synced: bool
    done: asyncio.Future[Any]
    parking: int | None = None
    undo: Undo | None = None
    early: bool = False
    aside: bool = False
    checkpointed: bool = False
    abandoned: bool = False
    granted: Any = None


Results = list[tuple[Job, Any]]


class Done(NamedTuple):
    """What came of a batch that is committed, or failed. unsynced: something of it is to survive a power cut."""

    results: Results
    news: News
    unsynced: bool


class Tell(Protocol):
    """Who hears of commits, on the event loop, before those who caused them get their results."""

    def committed(self, news: News) -> None:
        """Hear of what stays inside, while it may still be lost."""

    def durable(self, news: News) -> None:
        """Hear of the same again, once it is as durable as it is to be: what leaves the store is told now."""


class _WrittenError(Exception):
    """A verb failed after it had written."""


class Writer:
    """Runs verbs, on and for one event loop.

    The log is given back at `close`.
    """

    def __init__(
        self, connection: apsw.Connection, log: Log, ledger: Ledger, *, clock: Clock, limits: StoreSettings, tell: Tell
    ) -> None:
        self._connection = connection
        self._log = log
        self._ledger = ledger
        self._cursor = connection.cursor()  # one for all: making a cursor costs as much as a small statement
        self._committed = ledger.mark
        self._clock = clock
        self._limits = limits
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._disk = DiskThread()
        self._collected: list[Job] = []
        self._is_busy = False  # a batch is under way, or the next hand-over is
        self._is_syncing = False  # something may be committed that is not as durable as it is to be
        self._until_synced: list[asyncio.Future[None]] = []
        self._broken: StoreError | None = None
        self._drained = asyncio.Event()
        self._parked: defaultdict[int, deque[Job]] = defaultdict(deque)
        self._log_pages = 0
        self._has_logged = False
        self._closed = False
        connection.set_wal_hook(self._logged)

    def submit(
        self,
        verb: Verb,
        *,
        synced: bool,
        parking: int | None = None,
        undo: Undo | None = None,
        early: bool = False,
        aside: bool = False,
        checkpointed: bool = False,
    ) -> Job:
        """Send a verb on its way; its `done` gets the result. Raises StoreClosedError.

        checkpointed: after the commit the log is written into the file and emptied, before there is a result.
        """
        if self._closed:
            raise StoreClosedError("the store is closed")
        job = Job(verb, synced, self._loop.create_future(), parking, undo, early, aside or checkpointed, checkpointed)
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

    async def until_synced(self) -> None:
        """Return when what was committed before is as durable as it is to be. Raises StoreError for a broken disk."""
        if self._is_syncing:
            synced = self._loop.create_future()
            self._until_synced.append(synced)
            await synced

    async def close(self) -> None:
        """Finish what was submitted, end the thread, and give StoreClosedError to what is parked."""
        self._closed = True
        if not self._is_busy:
            self._hand_over()
        await self._drained.wait()
        await self._disk.end()
        closed = StoreClosedError("the store was closed")
        _give([(job, closed) for parked in self._parked.values() for job in parked])
        self._connection.set_wal_hook(None)
        self._log.close()

    def _hand_over(self) -> None:
        """Run the next batch: the last one is done with."""
        batch, self._collected = self._collected[: self._limits.max_batch], self._collected[self._limits.max_batch :]
        self._is_busy = bool(batch)
        if any(job.aside for job in batch):
            self._is_syncing = True  # from its commit on, of which the event loop hears later
            self._disk.do(partial(self._run, batch), self._ran)
        elif batch:
            self._ran(self._run(batch))
        elif self._closed:
            self._drained.set()

    def _ran(self, done: Done) -> None:
        """Tell at once what stays inside, and the rest when it is durable."""
        self._is_syncing = done.unsynced
        if done.unsynced:
            self._disk.do(self._sync, partial(self._synced, done))
        self._tell.committed(done.news)
        _give([(job, result) for job, result in done.results if job.early])
        if not done.unsynced:
            self._synced(done, None)

    def _synced(self, done: Done, trouble: StoreError | None) -> None:
        """Tell the rest; a log that has grown long is then written into the file.

        The next batch goes out after those who got something have had their turn, so that what they submit travels
        with what came in meanwhile.
        """
        self._is_syncing = False
        results = [(job, trouble or result) for job, result in done.results if not job.early]
        if trouble is None:
            self._tell.durable(done.news)
        _give(results)
        waiting, self._until_synced = self._until_synced, []
        for synced in waiting:
            if not synced.done():
                synced.set_result(None) if trouble is None else synced.set_exception(trouble)
        if self._log_pages >= self._limits.checkpoint_pages:
            self._disk.do(self._checkpoint, lambda _: self._hand_over())
        else:
            self._loop.call_soon(self._hand_over)

    def _sync(self) -> StoreError | None:
        """Bring the log to the disk; where that fails nobody knows what it holds, and nothing more is written.

        A second try would succeed without the data that the first one lost: Linux drops what it could not write.
        """
        try:
            self._log.sync()
        except Exception as error:  # the edge of the disk's thread: whoever waits must hear of it
            self._broken = StoreError(
                f"the disk that holds the store fails ({error}): nothing more is written. See to it, then"
                " `warmline stop`; the next command starts anew"
            )
            logger.exception("log not synced")
        return self._broken

    def _checkpoint(self) -> None:
        """Write the log into the file, so that it begins anew; where that fails it grows, and is tried again."""
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._log_pages = 0
        except apsw.Error as error:
            logger.warning("log not written into the file", extra={"reason": str(error)})

    def _logged(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """Note that a commit has written, and how long the log is."""
        self._log_pages = pages
        self._has_logged = True
        return apsw.SQLITE_OK

    def _run(self, batch: list[Job]) -> Done:
        """Run a batch in one transaction; return each job with its result or error, and the news.

        A lease waits in line behind those who came before it, even when it comes with what makes it due.
        First all verbs run plainly; when one of them fails after it has written, everything is undone
        and runs again with a savepoint around each verb, so that the bad one fails alone. Savepoints
        cost a third of the whole, and such failures are bugs or a full disk.
        """
        if self._broken is not None:
            return self._failed(batch, self._broken)
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
        except Exception as bug:  # the edge of a batch: whoever waits must hear of it
            logger.exception("writer broke")
            return self._failed(batch, StoreError(f"the store could not do this: {type(bug).__name__}: {bug}"))

    def _attempt(self, batch: list[Job], *, careful: bool) -> Done:
        tx = Transaction(self._cursor, micros(self._clock.now()), self._ledger)
        results: Results = []
        self._has_logged = False
        self._cursor.execute("begin immediate")
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
        unsynced = self._has_logged and any(job.synced for job in batch)
        return Done(results + granted, tx.news, unsynced)

    def _checkpointed(self, results: Results) -> Results:
        """Empty the log; where that fails, those who wanted it get the error although theirs is committed."""
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            trouble = translated(error)
            return [(job, trouble if job.checkpointed else result) for job, result in results]
        return results

    def _plain(self, job: Job, tx: Transaction) -> Any:  # noqa: ANN401  # whatever the verb returns
        """Run one verb; return its result, or its error when it has written nothing. Raises _WrittenError."""
        before = self._connection.total_changes(), self._ledger.number
        try:
            return job.verb(tx)
        except Exception as error:  # the edge of a verb: the caller gets it, neighbours go on
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
        except Exception as error:  # the edge of a verb: the caller gets it, neighbours go on
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

    def _failed(self, batch: list[Job], trouble: Exception) -> Done:
        """Give the error to all of a batch; who was parked before stays parked."""
        self._undo()
        for job in batch:
            self._drop(job)
        return Done([(job, trouble) for job in batch], News(), unsynced=False)

    def _withdraw(self, job: Job, tx: Transaction) -> None:
        self._drop(job)
        if job.undo is not None and job.granted is not None:
            job.undo(tx, job.granted)

    def _drop(self, job: Job) -> None:
        parked = self._parked.get(job.parking) if job.parking is not None else None
        if parked and job in parked:
            parked.remove(job)


def _give(results: Results) -> None:
    """Hand results to their callers."""
    for job, result in results:
        if job.done.done():
            continue  # its caller has left, and abandoned it if it was parked
        if isinstance(result, Exception):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)
