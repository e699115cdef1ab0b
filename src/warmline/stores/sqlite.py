"""The Store on one SQLite file: one owner process, one writer thread, one reader thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import apsw

from warmline.errors import StoreClosedError, UnknownMailboxError
from warmline.model import Delivery, Lease, Mailbox, Message, MessageId, Question, State
from warmline.protocols import Accepted, Clock, QuestionFilter
from warmline.settings import StoreSettings
from warmline.stores import verbs
from warmline.stores.opening import open_reader, open_writer, translated
from warmline.stores.rows import LeaseRow, lease_of, message_values, micros, time, time_or_none
from warmline.stores.transaction import News, Transaction
from warmline.stores.waits import EndWaits, SoonerWait
from warmline.stores.writer import Writer

Result = TypeVar("Result")

_MICROSECOND = timedelta(microseconds=1)
_END_OF_TIME = 2**62
"""In microseconds: after every lease's end."""


class SqliteStore:
    """Keeps protocols.Store's promises on the file at `path`, which nobody else may write."""

    def __init__(self, path: Path, settings: StoreSettings, clock: Clock, *, vfs: str | None = None) -> None:
        self._path = path
        self._settings = settings
        self._clock = clock
        self._vfs = vfs
        self._ends = EndWaits()
        self._sooner = SoonerWait()
        self._mailboxes: dict[Mailbox, int] = {}
        self._writer: Writer | None = None

    async def open(self) -> None:
        """Open or make the file, and start the threads."""
        self._connection = await asyncio.to_thread(open_writer, self._path, self._settings, self._vfs)
        self._reading = await asyncio.to_thread(open_reader, self._path, self._vfs)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store reader")
        self._writer = Writer(self._connection, self._clock, self._settings.max_batch, self._on_news)
        self._mailboxes = await self._read(verbs.mailboxes)

    async def close(self) -> None:
        """End the threads and close the file; safe to call twice."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        await writer.close()
        await asyncio.to_thread(self._reader.shutdown)
        self._reading.close()
        self._connection.close()
        error = StoreClosedError("the store was closed")
        self._ends.fail(error)
        self._sooner.fail(error)

    async def add_mailbox(self, mailbox: Mailbox) -> None:
        """Make sure that this mailbox and its conversation exist."""
        self._mailboxes = await self._write(lambda tx: verbs.add_mailbox(tx, mailbox))

    async def add(self, message: Message, mailbox: Mailbox) -> Accepted:
        """Accept a message."""
        box = self._box(mailbox)
        values = message_values(message)
        added = await self._write(lambda tx: verbs.add(tx, message, values, box))
        if isinstance(added, Question):
            return Accepted(added, created=False)
        delivery = Delivery(mailbox=mailbox, position=added, state=State.READY, deadline_at=message.deadline_at)
        return Accepted(Question(message, delivery), created=True)

    async def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> Lease:
        """Wait for a due delivery and lease it."""
        box = self._box(mailbox)
        length = duration // _MICROSECOND
        writer = self._open_writer()
        undo = partial(self._give_back, mailbox)
        job = writer.submit(lambda tx: verbs.lease(tx, box, holder, length), synced=False, parking=box, undo=undo)
        try:
            return lease_of(await job.done, mailbox)
        except asyncio.CancelledError:
            writer.abandon(job)
            raise

    async def extend(self, lease: Lease, duration: timedelta) -> Lease:
        """Extend a lease."""
        box, length = self._box(lease.mailbox), duration // _MICROSECOND
        return replace(
            lease, lapses_at=await self._write(lambda tx: verbs.extend(tx, lease, box, length), synced=False)
        )

    def settle(self, lease: Lease, answer: Message) -> asyncio.Future[None]:
        """Write the answer and settle."""
        box, values = self._box(lease.mailbox), message_values(answer)
        return self._open_writer().submit(lambda tx: verbs.settle(tx, lease, box, answer, values), synced=True).done

    async def nack(self, lease: Lease, error: str, delay: timedelta) -> None:
        """Give back with one failure more."""
        box, length = self._box(lease.mailbox), delay // _MICROSECOND
        await self._write(lambda tx: verbs.nack(tx, lease, box, error, length))

    async def release(self, lease: Lease) -> None:
        """Give back without blame."""
        box = self._box(lease.mailbox)
        await self._write(lambda tx: verbs.release(tx, lease, box), synced=False)

    async def bury(self, lease: Lease, error: str) -> None:
        """Set aside as a dead letter."""
        box = self._box(lease.mailbox)
        await self._write(lambda tx: verbs.bury(tx, lease, box, error))

    async def cancel(self, message_id: MessageId) -> Question:
        """End what is ready or leased."""
        return await self._write(lambda tx: verbs.cancel(tx, message_id))

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None) -> Question:
        """Put back what is dead or expired."""
        return await self._write(lambda tx: verbs.requeue(tx, message_id, deadline_at))

    async def discard(self, message_id: MessageId) -> Question:
        """Give up what is dead."""
        return await self._write(lambda tx: verbs.discard(tx, message_id))

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands."""
        return await self._read(lambda tx: verbs.get(tx, message_id))

    async def wait_until_ended(self, message_id: MessageId) -> Question:
        """Wait for the end of a question."""
        self._open_writer()
        return await self._ends.wait(message_id, partial(self.get, message_id))

    def watching(self, message_id: MessageId, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_end when the question ends."""
        return self._ends.calling(message_id, lambda _: on_end())

    async def questions(self, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List questions."""
        box = self._box(which.mailbox) if which.mailbox else None
        return await self._read(lambda tx: verbs.questions(tx, which, box, limit))

    async def count(self, which: QuestionFilter) -> int:
        """Count questions."""
        box = self._box(which.mailbox) if which.mailbox else None
        return await self._read(lambda tx: verbs.count(tx, which, box))

    async def tally(self) -> dict[State, int]:
        """Count deliveries by state."""
        return await self._read(verbs.tally)

    async def lapse_all(self) -> None:
        """Lapse every lease."""
        await self._write(lambda tx: verbs.lapse(tx, self._settings.max_lapses, _END_OF_TIME), synced=False)

    async def sweep(self) -> datetime | None:
        """Expire, lapse and make due."""
        self._sooner.reset()
        due = await self._write(lambda tx: verbs.sweep(tx, self._settings.max_lapses), synced=False)
        return time_or_none(self._sooner.earliest(due))  # what it made due may have been leased again at once

    async def wait_until_sooner(self, than: datetime | None) -> datetime:
        """Wait for an event that is due before `than`."""
        self._open_writer()
        return time(await self._sooner.wait(None if than is None else micros(than)))

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StoreClosedError("the store is closed")
        return self._writer

    async def _write(self, verb: Callable[[Transaction], Result], *, synced: bool = True) -> Result:
        return await self._open_writer().submit(verb, synced=synced).done  # type: ignore[no-any-return]

    async def _read(self, verb: Callable[[Transaction], Result]) -> Result:
        self._open_writer()
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read_now, verb)

    def _read_now(self, verb: Callable[[Transaction], Result]) -> Result:
        try:
            cursor = self._reading.cursor()
            cursor.execute("begin")  # one snapshot for all of a verb's statements
            try:
                return verb(Transaction(cursor, 0))
            finally:
                cursor.execute("commit")
        except apsw.Error as error:
            raise translated(error) from error

    def _box(self, mailbox: Mailbox) -> int:
        """Return a mailbox's number. Raises UnknownMailboxError, or StoreClosedError."""
        self._open_writer()
        try:
            return self._mailboxes[mailbox]
        except KeyError:
            raise UnknownMailboxError(
                f"there is no mailbox {mailbox.name!a} in the conversation {mailbox.conversation!a}"
            ) from None

    def _give_back(self, mailbox: Mailbox, row: LeaseRow) -> None:
        """Release a lease that was granted to a caller who had left."""
        if self._writer is None:
            return
        lease, box = lease_of(row, mailbox), self._mailboxes[mailbox]
        released = self._writer.submit(lambda tx: verbs.release(tx, lease, box), synced=False).done
        released.add_done_callback(lambda future: future.exception())  # it may have lapsed: that is a release too

    def _on_news(self, news: News) -> None:
        self._ends.opened(news.opened)
        self._ends.ended(news.ended)
        if news.next_event_at is not None:
            self._sooner.event_at(news.next_event_at)
