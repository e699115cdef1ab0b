"""The Store on one SQLite file: one owner process, one writer thread, one reader thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from warmline.model import Delivery, Lease, Mailbox, Message, MessageId, Question, State
from warmline.protocols import Accepted, Clock, QuestionFilter
from warmline.settings import StoreSettings
from warmline.stores import verbs
from warmline.stores.database import Database
from warmline.stores.rows import LeaseRow, lease_of, message_values, micros, time, time_or_none
from warmline.stores.transaction import News
from warmline.stores.waits import EndWaits, SoonerWait

_MICROSECOND = timedelta(microseconds=1)
_END_OF_TIME = 2**62
"""In microseconds: after every lease's end."""


class SqliteStore:
    """Keeps protocols.Store's promises on the file at `path`, which nobody else may write.

    database is what it stands on, for a SqliteDirectory to stand on too: opened and closed with the store.
    """

    def __init__(self, path: Path, settings: StoreSettings, clock: Clock, *, vfs: str | None = None) -> None:
        self.database = Database(path, settings, clock, vfs=vfs)
        self.database.join(self)
        self._settings = settings
        self._ends = EndWaits()
        self._sooner = SoonerWait()

    async def open(self) -> None:
        """Open or make the file, and start the threads."""
        await self.database.open()

    async def close(self) -> None:
        """End the threads and close the file; safe to call twice."""
        await self.database.close()

    async def load(self) -> None:
        """Nothing to read: what is waited for is not known from before."""

    def tell(self, news: News) -> None:
        """Wake those who wait for what was committed."""
        self._ends.opened(news.opened)
        self._ends.ended(news.ended)
        if news.next_event_at is not None:
            self._sooner.event_at(news.next_event_at)

    def fail(self, error: Exception) -> None:
        """Give an error to all who wait."""
        self._ends.fail(error)
        self._sooner.fail(error)

    async def add_mailbox(self, mailbox: Mailbox) -> None:
        """Make sure that this mailbox and its conversation exist."""
        await self.database.write(lambda tx: verbs.add_mailbox(tx, mailbox))

    async def add(self, message: Message, mailbox: Mailbox) -> Accepted:
        """Accept a message."""
        box = self.database.box(mailbox)
        values = message_values(message)
        added = await self.database.write(lambda tx: verbs.add(tx, values, box))
        if isinstance(added, Question):
            return Accepted(added, created=False)
        delivery = Delivery(mailbox=mailbox, position=added, state=State.READY, deadline_at=message.deadline_at)
        return Accepted(Question(message, delivery), created=True)

    async def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> Lease:
        """Wait for a due delivery and lease it."""
        box = self.database.box(mailbox)
        length = duration // _MICROSECOND
        undo = partial(self._give_back, mailbox)
        job = self.database.submit(
            lambda tx: verbs.lease(tx, box, holder, length), synced=False, parking=box, undo=undo
        )
        try:
            return lease_of(await job.done, mailbox)
        except asyncio.CancelledError:
            self.database.abandon(job)
            raise

    async def extend(self, lease: Lease, duration: timedelta) -> Lease:
        """Extend a lease."""
        box, length = self.database.box(lease.mailbox), duration // _MICROSECOND
        return replace(
            lease, lapses_at=await self.database.write(lambda tx: verbs.extend(tx, lease, box, length), synced=False)
        )

    def settle(self, lease: Lease, answer: Message) -> asyncio.Future[None]:
        """Write the answer and settle."""
        box, values = self.database.box(lease.mailbox), message_values(answer)
        return self.database.submit(lambda tx: verbs.settle(tx, lease, box, answer, values), synced=True).done

    async def nack(self, lease: Lease, error: str, delay: timedelta) -> None:
        """Give back with one failure more."""
        box, length = self.database.box(lease.mailbox), delay // _MICROSECOND
        await self.database.write(lambda tx: verbs.nack(tx, lease, box, error, length))

    async def release(self, lease: Lease) -> None:
        """Give back without blame."""
        box = self.database.box(lease.mailbox)
        await self.database.write(lambda tx: verbs.release(tx, lease, box), synced=False)

    async def bury(self, lease: Lease, error: str) -> None:
        """Set aside as a dead letter."""
        box = self.database.box(lease.mailbox)
        await self.database.write(lambda tx: verbs.bury(tx, lease, box, error))

    async def cancel(self, message_id: MessageId) -> Question:
        """End what is ready or leased."""
        return await self.database.write(lambda tx: verbs.cancel(tx, message_id))

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None) -> Question:
        """Put back what is dead or expired."""
        return await self.database.write(lambda tx: verbs.requeue(tx, message_id, deadline_at))

    async def discard(self, message_id: MessageId) -> Question:
        """Give up what is dead."""
        return await self.database.write(lambda tx: verbs.discard(tx, message_id))

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands."""
        return await self.database.read(lambda tx: verbs.get(tx, message_id))

    async def wait_until_ended(self, message_id: MessageId) -> Question:
        """Wait for the end of a question."""
        self.database.check_open()
        return await self._ends.wait(message_id, partial(self.get, message_id))

    def watching(self, message_id: MessageId, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_end when the question ends."""
        return self._ends.calling(message_id, lambda _: on_end())

    async def questions(self, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List questions."""
        box = self.database.box(which.mailbox) if which.mailbox else None
        return await self.database.read(lambda tx: verbs.questions(tx, which, box, limit))

    async def count(self, which: QuestionFilter) -> int:
        """Count questions."""
        box = self.database.box(which.mailbox) if which.mailbox else None
        return await self.database.read(lambda tx: verbs.count(tx, which, box))

    async def tally(self) -> dict[State, int]:
        """Count deliveries by state."""
        return await self.database.read(verbs.tally)

    async def lapse_all(self) -> None:
        """Lapse every lease."""
        await self.database.write(lambda tx: verbs.lapse(tx, self._settings.max_lapses, _END_OF_TIME), synced=False)

    async def sweep(self) -> datetime | None:
        """Expire, lapse and make due."""
        self._sooner.reset()
        due = await self.database.write(lambda tx: verbs.sweep(tx, self._settings.max_lapses), synced=False)
        return time_or_none(self._sooner.earliest(due))  # what it made due may have been leased again at once

    async def wait_until_sooner(self, than: datetime | None) -> datetime:
        """Wait for an event that is due before `than`."""
        self.database.check_open()
        return time(await self._sooner.wait(None if than is None else micros(than)))

    def _give_back(self, mailbox: Mailbox, row: LeaseRow) -> None:
        """Release a lease that was granted to a caller who had left."""
        if not self.database.is_open:
            return
        lease, box = lease_of(row, mailbox), self.database.box(mailbox)
        released = self.database.submit(lambda tx: verbs.release(tx, lease, box), synced=False).done
        released.add_done_callback(lambda future: future.exception())  # it may have lapsed: that is a release too
