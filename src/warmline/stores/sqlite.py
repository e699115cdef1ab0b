"""The Store on one SQLite file: one owner process, one writer, one reader thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from warmline.errors import ConflictError, UnknownMessageError
from warmline.model import (
    Acknowledged,
    Batch,
    BatchToken,
    ConversationId,
    CredentialId,
    Delivery,
    Due,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Post,
    Question,
    State,
)
from warmline.parties import Credential
from warmline.protocols import Accepted, Clock, QuestionFilter
from warmline.security.seals import Seals
from warmline.settings import StoreSettings
from warmline.stores import batches, looking, posts, verbs
from warmline.stores.accepting import sent
from warmline.stores.batches import Reception
from warmline.stores.database import Database
from warmline.stores.disk import Log, LogFile
from warmline.stores.ledger import Ledger
from warmline.stores.rows import BatchRow, batch_of, lease_of, message_values, micros, time, time_or_none
from warmline.stores.speaking import Refused, Speech
from warmline.stores.transaction import News, Transaction
from warmline.stores.waits import EndWaits, SoonerWait, StirWaits, ToQuestion

_MICROSECOND = timedelta(microseconds=1)


class SqliteStore:
    """Keeps protocols.Store's promises on the file at `path`, which nobody else may write.

    database is what it stands on, for a SqliteDirectory to stand on too: opened and closed with the store.
    """

    def __init__(
        self,
        path: Path,
        settings: StoreSettings,
        clock: Clock,
        seals: Seals,
        *,
        vfs: str | None = None,
        log: Callable[[Path], Log] = LogFile,
        ledger: type[Ledger] = Ledger,
        key: bytes | None = None,
    ) -> None:
        self.database = Database(path, settings, clock, seals, vfs=vfs, log=log, ledger=ledger, key=key)
        self.database.join(self)
        self._settings = settings
        self._ends = EndWaits()
        self._sooner = SoonerWait()
        self._stirs = StirWaits[int]()
        self._readers: set[CredentialId] = set()

    async def open(self) -> None:
        """Open or make the file, and start the threads."""
        await self.database.open()

    async def close(self) -> None:
        """End the threads and close the file; safe to call twice."""
        await self.database.close()

    async def load(self) -> None:
        """Read who holds something."""
        self._readers = await self.database.read(batches.readers)

    def committed(self, news: News) -> None:
        """Wake those who wait for it."""
        self._ends.opened(news.opened)
        self._ends.ended(news.ended)
        self._stirs.stirred(news.stirred)
        self._readers.update(news.readers)
        if news.next_event_at is not None:
            self._sooner.event_at(news.next_event_at)

    def fail(self, error: Exception) -> None:
        """Give an error to all who wait."""
        self._ends.fail(error)
        self._sooner.fail(error)
        self._stirs.fail(error)

    async def add_mailbox(self, mailbox: Mailbox) -> None:
        """Make sure that this mailbox and its conversation exist."""
        await self.database.write(lambda tx: verbs.add_mailbox(tx, mailbox))

    async def add(
        self, message: Message, mailbox: Mailbox, *, by: Credential | None = None, settles: Lease | None = None
    ) -> Accepted:
        """Accept a message."""
        box, speech, new = self.database.box(mailbox), self._speech(by), sent(message)
        settled = None if settles is None else (settles, self.database.box(settles.mailbox))
        ends: list[ToQuestion | None] = []
        with self._ends.calling(message.id, ends.append):
            added = await self.database.write(lambda tx: posts.add(tx, new, box, speech, settled))
        if isinstance(added, Question):
            return Accepted(added, created=False)
        if isinstance(added, Refused):
            raise added.error
        if ends and ends[0] is not None:
            return Accepted(ends[0](), created=True)
        delivery = Delivery(mailbox, added.position, State.READY, deadline_at=message.deadline_at)
        return Accepted(Question(added.message, delivery), created=True)

    async def broadcast(self, message: Message, mailboxes: Sequence[Mailbox], *, by: Credential | None = None) -> Post:
        """Accept a message for several."""
        boxes, speech, new = [self.database.box(each) for each in mailboxes], self._speech(by), sent(message)
        post = await self.database.write(lambda tx: posts.broadcast(tx, new, boxes, speech), aside=True)
        if isinstance(post, Refused):
            raise post.error
        return post

    async def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> Lease:
        """Wait for a due delivery and lease it."""
        box = self.database.box(mailbox)
        length = duration // _MICROSECOND
        job = self.database.submit(
            lambda tx: verbs.lease(tx, box, holder, length),
            synced=False,
            parking=box,
            undo=verbs.take_back,
            early=True,
        )
        try:
            return lease_of(await job.done, mailbox)
        except asyncio.CancelledError:
            self.database.abandon(job)
            raise

    async def receive(
        self,
        mailbox: Mailbox,
        by: Credential,
        limit: int,
        duration: timedelta,
        key: str | None = None,
        *,
        waits: bool = True,
    ) -> Batch:
        """Wait for due deliveries and lease them together."""
        box, length = self.database.box(mailbox), duration // _MICROSECOND
        wanted = Reception(mailbox, box, by.id, by.name, limit, length, key)
        # Both are on their way at once: a reader stands in the line from when it came, and has been served, if
        # there was something, when it has arrived.
        job = self.database.submit(
            lambda tx: batches.receive(tx, wanted), synced=False, parking=box, undo=batches.take_back
        )
        arriving = self.database.submit(lambda tx: batches.again(tx, wanted), synced=False)
        try:
            held = await arriving.done
            if held is None and key is not None and not job.done.done():
                # What came at the same time under the same key, on a connection that broke, may have been served since.
                held = await self.database.write(lambda tx: batches.again(tx, wanted), synced=False)
            if held is None and not waits and not job.done.done():
                held = BatchRow("", mailbox, (), is_new=False)
            if held is None:
                return batch_of(await job.done)
        except BaseException:
            self.database.abandon(job)
            raise
        self.database.abandon(job)
        return batch_of(held)

    async def due(self, mailbox: Mailbox, known: Due | None = None, *, waits: bool = True) -> Due:
        """Wait until something new is ready, and tell it."""
        box = self.database.box(mailbox)

        async def look() -> Due:
            return await self.database.read(lambda tx: looking.due(tx, box))

        return await (self._stirs.wait(box.number, known, look) if waits else look())

    async def held(self, token: BatchToken, by: CredentialId) -> Batch:
        """Return what is still leased of a batch."""
        return batch_of(await self.database.read(lambda tx: batches.held(tx, token, by)))

    async def open_batches(self, by: CredentialId) -> Sequence[BatchToken]:
        """Return the reader's open batches."""
        return await self.database.read(lambda tx: batches.open_batches(tx, by))

    async def acknowledge(self, token: BatchToken, by: CredentialId) -> Acknowledged:
        """Settle all of a batch but its questions."""
        return await self.database.write(lambda tx: batches.acknowledge(tx, token, by))

    async def escalate(self, lease: Lease, to: Mailbox, deadline_at: datetime | None) -> None:
        """Release a question into another mailbox."""
        box, other = self.database.box(lease.mailbox), self.database.box(to)
        await self.database.write(lambda tx: verbs.escalate(tx, lease, box, other, deadline_at))

    async def erase(self, message_id: MessageId, *, by: CredentialId) -> Post:
        """Empty a message and its answer, and cancel what is open of it."""
        try:
            return await self.database.write(lambda tx: posts.erase(tx, message_id, by), checkpointed=True)
        except UnknownMessageError:
            erased = await self.database.archive.erase(message_id, self.database.clock.now(), by)
            if erased is None:
                raise
            return erased

    async def post(self, message_id: MessageId) -> Post:
        """Return any message."""
        try:
            return await self.database.read(lambda tx: posts.post(tx, message_id))
        except UnknownMessageError:
            return await self._from_archive(message_id)

    async def archive(self, before: datetime, *, by: CredentialId) -> int:
        """Move what was settled or cancelled before into the archive."""
        return await self.database.archive.move(before, by)

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

    async def done(self, lease: Lease) -> None:
        """Settle without an answer."""
        box = self.database.box(lease.mailbox)
        await self.database.write(lambda tx: verbs.done(tx, lease, box))

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

    async def cancel(self, message_id: MessageId, *, by: CredentialId) -> Question:
        """End what is ready or leased."""
        return await self._steer(message_id, lambda tx: verbs.cancel(tx, message_id, by))

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None, *, by: CredentialId) -> Question:
        """Put back what is dead or expired."""
        return await self._steer(message_id, lambda tx: verbs.requeue(tx, message_id, deadline_at, by))

    async def discard(self, message_id: MessageId, *, by: CredentialId) -> Question:
        """Give up what is dead."""
        return await self._steer(message_id, lambda tx: verbs.discard(tx, message_id, by))

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands."""
        try:
            return await self.database.read(lambda tx: looking.get(tx, message_id))
        except UnknownMessageError:
            post = await self._from_archive(message_id)
            if len(post.deliveries) != 1:
                raise
            return Question(post.message, post.deliveries[0], post.answer)

    async def wait_until_ended(self, message_id: MessageId) -> Question:
        """Wait for the end of a question."""
        self.database.check_open()
        return await self._ends.wait(message_id, partial(self.get, message_id))

    def asker(self, message_id: MessageId) -> tuple[ConversationId, str] | None:
        """Return who asked a question that has not ended."""
        return self._ends.asker(message_id)

    def watching(self, message_id: MessageId, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_end when the question ends."""
        return self._ends.calling(message_id, lambda _: on_end())

    async def questions(self, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List questions."""
        box = self.database.box(which.mailbox) if which.mailbox else None
        return await self.database.read(lambda tx: looking.questions(tx, which, box, limit))

    async def count(self, which: QuestionFilter) -> int:
        """Count questions."""
        box = self.database.box(which.mailbox) if which.mailbox else None
        return await self.database.read(lambda tx: looking.count(tx, which, box))

    async def tally(self) -> dict[State, int]:
        """Count deliveries by state."""
        return await self.database.read(looking.tally)

    async def count_broken(self, since: datetime) -> int:
        """Count what was not handed over because it was not intact."""
        return await self.database.read(lambda tx: looking.count_broken(tx, since))

    async def lapse_all(self) -> None:
        """Lapse every lease."""
        await self.database.write(lambda tx: verbs.lapse_all(tx, self._settings.max_lapses), synced=False, aside=True)

    async def sweep(self) -> datetime | None:
        """Expire, lapse and make due."""
        self._sooner.reset()
        due = await self.database.write(lambda tx: verbs.sweep(tx, self._settings.max_lapses), synced=False, aside=True)
        return time_or_none(self._sooner.earliest(due))  # what it made due may have been leased again at once

    async def wait_until_sooner(self, than: datetime | None) -> datetime:
        """Wait for an event that is due before `than`."""
        self.database.check_open()
        return time(await self._sooner.wait(None if than is None else micros(than)))

    async def _from_archive(self, message_id: MessageId) -> Post:
        """Return an archived message. Raises UnknownMessageError."""
        post = await self.database.archive.find(message_id)
        if post is None:
            raise UnknownMessageError(f"there is no message {message_id}")
        return post

    async def _steer(self, message_id: MessageId, verb: Callable[[Transaction], Question]) -> Question:
        """Run a verb that needs no lease. What is in the archive ended for good: ConflictError."""
        try:
            return await self.database.write(verb)
        except UnknownMessageError:
            post = await self._from_archive(message_id)
            raise ConflictError(f"{message_id} ended, and is in the archive: {post.deliveries[0].state}") from None

    def _speech(self, by: Credential | None) -> Speech | None:
        return None if by is None else Speech(by, self._settings.max_hops, by.id in self._readers)
