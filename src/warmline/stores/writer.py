"""The writer: commits together whatever waits, one transaction at a time, and tells what came of it.

A batch of verbs runs on the event loop, since most take microseconds; one with a verb that may take longer runs on the
disk's thread. What comes until a commit is on the disk is gathered, and is the next batch.

Nothing leaves the store before it is durable: the result of a verb that must be, that a question has ended, what was
read. What stays inside does not wait: a lease is granted, and worked on, before its question is committed. An answer
that is at hand at once is the next round of the same transaction, so that one sync does for both. If the power goes,
nobody was told of either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import apsw

from warmline.errors import StoreClosedError, StoreError
from warmline.protocols import Clock
from warmline.settings import StoreSettings
from warmline.stores.disk import DiskThread, Log
from warmline.stores.jobs import Done, Job, Results, Undo, Verb, give
from warmline.stores.ledger import Ledger
from warmline.stores.rounds import Rounds, Unit
from warmline.stores.transaction import News

logger = logging.getLogger(__name__)


class Tell(Protocol):
    """Who hears of commits, on the event loop, before those who caused them get their results."""

    def committed(self, news: News) -> None:
        """Hear of what was committed, once it is as durable as it is to be."""


class Writer:
    """Runs verbs, on and for one event loop.

    The log is given back at `close`.
    """

    def __init__(
        self, connection: apsw.Connection, log: Log, ledger: Ledger, *, clock: Clock, limits: StoreSettings, tell: Tell
    ) -> None:
        self._rounds = Rounds(connection, ledger, clock)
        self._log = log
        self._limits = limits
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._disk = DiskThread()
        self._collected: list[Job] = []
        self._open: Unit | None = None
        self._is_busy = False  # a transaction is under way, or the next hand-over is
        self._is_unsettled = False  # something was given that is not committed, or is not as durable as it is to be
        self._until_settled: list[asyncio.Future[None]] = []
        self._broken: StoreError | None = None
        self._drained = asyncio.Event()
        self._closed = False

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
            undone = self.submit(partial(self._rounds.withdraw, job), synced=False).done
            undone.add_done_callback(lambda future: future.exception())  # where it fails, the lease lapses

    async def until_settled(self) -> None:
        """Return when what was given before is committed, and what was committed before is as durable as it is to be.

        Raises StoreError for a broken disk.
        """
        if self._is_unsettled:
            settled: asyncio.Future[None] = self._loop.create_future()
            self._until_settled.append(settled)
            await settled

    async def close(self) -> None:
        """Finish what was submitted, end the thread, and give StoreClosedError to what is parked."""
        self._closed = True
        if not self._is_busy:
            self._hand_over()
        await self._drained.wait()
        await self._disk.end()
        closed = StoreClosedError("the store was closed")
        give([(job, closed) for job in self._rounds.close()])
        self._log.close()

    def _hand_over(self) -> None:
        """Run the next batch; where there is none for the transaction that is open, or no room, end that."""
        before = 0 if self._open is None else len(self._open.jobs)
        batch = self._collected[: self._limits.max_batch - before]
        is_aside = any(job.aside for job in batch)
        if self._open is not None and (is_aside or not batch):
            self._end(self._open)
            return
        del self._collected[: len(batch)]
        self._is_busy = bool(batch)
        if not batch:
            if self._closed:
                self._drained.set()
        elif self._broken is not None:
            self._tell_all(_failed(batch, self._broken))
        elif is_aside:
            self._is_unsettled = True
            self._disk.do(lambda: self._rounds.commit(self._rounds.run(batch, None)), self._bring)
        else:
            self._go_on(self._rounds.run(batch, self._open))

    def _go_on(self, unit: Unit) -> None:
        """Give what stays inside, and let those who got it have their turn: they may have an answer at once."""
        early: Results = []
        for job, result in unit.granted:
            if job.early and not job.done.done():
                self._rounds.drop(job)
                early.append((job, result))
        give(early)
        if early:
            self._open = unit
            self._is_unsettled = True
            self._loop.call_soon(self._hand_over)
        else:
            self._end(unit)

    def _end(self, unit: Unit) -> None:
        """Commit a transaction."""
        self._open = None
        self._bring(self._rounds.commit(unit))

    def _bring(self, done: Done) -> None:
        """Bring the log to the disk, if need be, and tell what came of a transaction."""
        if not done.unsynced:
            self._tell_all(done)
            return
        self._is_unsettled = True
        then = partial(self._brought, done)
        if not self._log.begin_sync(then):
            self._disk.do(partial(_trouble_of, self._log), then)

    def _brought(self, done: Done, trouble: Exception | None) -> None:
        """Tell what came of a transaction; where the log could not be synced nobody knows what it holds: writing ends.

        A second try would succeed without the data that the first one lost: Linux drops what it could not write.
        """
        if trouble is not None:
            self._broken = StoreError(
                f"the disk that holds the store fails ({trouble}): nothing more is written. See to it, then"
                " `warmline stop`; the next command starts anew"
            )
            logger.error("log not synced", exc_info=trouble)
            done = _failed([job for job, _ in done.results], self._broken)
        self._tell_all(done)

    def _tell_all(self, done: Done) -> None:
        """Tell what came of a transaction; a log that has grown long is then written into the file.

        The next batch goes out after those who got something have had their turn, so that what they submit travels
        with what came in meanwhile.
        """
        self._is_unsettled = False
        self._tell.committed(done.news)
        give(done.results)
        waiting, self._until_settled = self._until_settled, []
        for settled in waiting:
            if not settled.done():
                settled.set_result(None) if self._broken is None else settled.set_exception(self._broken)
        if self._rounds.log_pages >= self._limits.checkpoint_pages:
            self._disk.do(self._rounds.checkpoint, lambda _: self._hand_over())
        else:
            self._loop.call_soon(self._hand_over)


def _failed(jobs: Sequence[Job], trouble: StoreError) -> Done:
    return Done([(job, trouble) for job in jobs], News(), unsynced=False)


def _trouble_of(log: Log) -> Exception | None:
    """Sync a log; return what went wrong."""
    try:
        log.sync()
    except Exception as error:  # noqa: BLE001  # the edge of the disk's thread: whoever waits must hear of it
        return error
    return None
