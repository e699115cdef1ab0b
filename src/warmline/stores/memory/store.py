"""The Store in plain dictionaries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from warmline.errors import (
    ConflictError,
    ConversationClosedError,
    LeaseLostError,
    UnknownBatchError,
)
from warmline.model import (
    DEFAULT_CONVERSATION,
    ENDED,
    MEMORY_MAILBOX,
    OWNER,
    Acknowledged,
    Batch,
    BatchToken,
    ConversationId,
    CredentialId,
    Due,
    Event,
    Kind,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Post,
    Question,
    State,
)
from warmline.parties import Conversation, Credential, Participant
from warmline.protocols import Accepted, Clock, QuestionFilter
from warmline.settings import StoreSettings
from warmline.stores.memory.records import BatchRecord, Box, Records, Waiter
from warmline.stores.memory.rules import admitted, check_same, due_in, end_notice, matching, other_use
from warmline.stores.memory.timing import has_lapsed, lapse, next_event, sweep
from warmline.stores.rows import micros, time

Handed = TypeVar("Handed", Lease, Batch)


class MemoryStore:
    """Keeps protocols.Store's promises but one: nothing survives the process."""

    def __init__(self, settings: StoreSettings, clock: Clock) -> None:
        self.records = Records(settings, clock)
        self._clock = clock

    async def open(self) -> None:
        """Make ready; what was there before `close` is there again."""
        self.records.is_open = True
        await self.add_mailbox(MEMORY_MAILBOX)
        owner = Participant(DEFAULT_CONVERSATION, OWNER, is_person=True)
        self.records.add_participant(owner)

    async def close(self) -> None:
        """Give StoreClosedError to all who wait."""
        self.records.close()

    async def add_mailbox(self, mailbox: Mailbox) -> None:
        """Make sure that this mailbox and its conversation exist."""
        with self.records.verb():
            conversation = Conversation(mailbox.conversation, self._clock.now())
            self.records.conversations.setdefault(mailbox.conversation, conversation)
            self.records.boxes.setdefault(mailbox, Box())

    async def add(
        self, message: Message, mailbox: Mailbox, *, by: Credential | None = None, settles: Lease | None = None
    ) -> Accepted:
        """Accept a message."""
        with self.records.verb():
            self.records.box(mailbox)
            first = self._first(message)
            if first is not None:
                check_same(first, message)
                if [entry.sent_to for entry in self.records.entries[first.id]] != [mailbox]:
                    raise other_use()
                return Accepted(self.records.question(self.records.entry(first.id)), created=False)
            held = None if settles is None else self.records.fenced(settles)
            self._accept(message, [mailbox], by)
            if held is not None:
                self.records.move(held, Event.ACK)
            return Accepted(self.records.question(self.records.entry(message.id)), created=True)

    async def broadcast(self, message: Message, mailboxes: Sequence[Mailbox], *, by: Credential | None = None) -> Post:
        """Accept a message for several."""
        with self.records.verb():
            for mailbox in mailboxes:
                self.records.box(mailbox)
            first = self._first(message)
            if first is not None:
                check_same(first, message)
                return self.records.post(first.id)
            self._accept(message, mailboxes, by)
            return self.records.post(message.id)

    async def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> Lease:
        """Wait for a due delivery and lease it."""
        granted: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        waiter = Waiter(holder, 1, duration, lambda batch: granted.set_result(batch.leases[0]), granted)
        return await self._wait(mailbox, waiter, granted, self._give_back)

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
        with self.records.verb():
            self.records.box(mailbox)
            same = self._again(by.id, key)
            if same is not None:
                return same
            if not waits and not self.records.has_due(mailbox):
                return Batch(BatchToken(""), mailbox, ())
        granted: asyncio.Future[Batch] = asyncio.get_running_loop().create_future()

        def grant(batch: Batch) -> None:
            if batch.token not in self.records.batches:
                entries = [self.records.fenced(lease) for lease in batch.leases]
                now = self._clock.now()
                self.records.batches[batch.token] = BatchRecord(batch.token, by.id, mailbox, entries, now)
                if key is not None:
                    self.records.batch_keys[by.id, key] = batch.token
            granted.set_result(batch)

        waiter = Waiter(by.name, limit, duration, grant, granted, lambda: self._again(by.id, key))
        return await self._wait(mailbox, waiter, granted, self._take_back)

    async def due(self, mailbox: Mailbox, known: Due | None = None, *, waits: bool = True) -> Due:
        """Wait until something new is ready, and tell it."""
        look = partial(due_in, self.records, mailbox)
        return await (self.records.stirs.wait(mailbox, known, look) if waits else look())

    async def held(self, token: BatchToken, by: CredentialId) -> Batch:
        """Return what is still leased of a batch."""
        with self.records.verb():
            self._batch(token, by)
            return self._as_held(token)

    async def open_batches(self, by: CredentialId) -> Sequence[BatchToken]:
        """Return the reader's open batches."""
        with self.records.verb():
            batches = self.records.batches.values()
            return [each.token for each in batches if each.reader == by and not each.acknowledged and each.held]

    async def acknowledge(self, token: BatchToken, by: CredentialId) -> Acknowledged:
        """Settle all of a batch but its questions."""
        with self.records.verb():
            batch = self._batch(token, by)
            if batch.acknowledged is None:
                if not batch.held and batch.comes_again:
                    raise LeaseLostError("nothing of this batch is held any more: it will be handed over again")
                kinds = {each.message_id: self.records.messages[each.message_id].kind for each in batch.held}
                settled = [each for each in batch.held if kinds[each.message_id] is not Kind.QUESTION]
                unanswered = tuple(each for each, kind in kinds.items() if kind is Kind.QUESTION)
                for entry in settled:
                    self.records.move(entry, Event.ACK)
                batch.acknowledged = Acknowledged(tuple(each.message_id for each in settled), unanswered)
            return batch.acknowledged

    async def escalate(self, lease: Lease, to: Mailbox, deadline_at: datetime | None) -> None:
        """Release a question into another mailbox."""
        with self.records.verb():
            self.records.box(to)
            entry = self.records.fenced(lease)
            self.records.move(entry, Event.RELEASE)
            self.records.change(entry, mailbox=to, position=self.records.next_position(to))
            if deadline_at is not None:
                self.records.change(entry, deadline_at=deadline_at)
                self.records.timed(deadline_at)
            self.records.due(to)

    async def erase(self, message_id: MessageId, *, by: CredentialId) -> Post:
        """Empty a message and its answer, and cancel what is open of it."""
        with self.records.verb():
            post = self.records.post(message_id)
            if post.message.erased_at is None:
                self.records.erase(message_id)  # first: who waits for its end is to see it erased
                for entry in self.records.entries.get(message_id, ()):
                    if entry.delivery.state not in ENDED:
                        self.records.move(entry, Event.CANCEL)
            return self.records.post(message_id)

    async def post(self, message_id: MessageId) -> Post:
        """Return any message."""
        with self.records.verb():
            return self.records.post(message_id)

    async def archive(self, before: datetime, *, by: CredentialId) -> int:
        """Forget what only served what was settled or cancelled before; messages stay where they are."""
        with self.records.verb():
            return self.records.archive(before)

    async def extend(self, lease: Lease, duration: timedelta) -> Lease:
        """Extend a lease that has not ended."""
        with self.records.verb():
            entry, now = self.records.fenced(lease), self._clock.now()
            if has_lapsed(entry.delivery, now):
                raise LeaseLostError(f"the lease on {lease.message.id} has lapsed")
            self.records.change(entry, lease_lapses_at=now + duration)
            self.records.timed(now + duration)
            return replace(lease, lapses_at=now + duration)

    def settle(self, lease: Lease, answer: Message) -> asyncio.Future[None]:
        """Write the answer and settle."""
        settled = asyncio.get_running_loop().create_future()
        try:
            with self.records.verb():
                entry = self.records.fenced(lease)
                self.records.keep(answer)
                self.records.answers[lease.message.id] = answer.id
                self.records.move(entry, Event.ACK)
                settled.set_result(None)
        except ConflictError as error:
            settled.set_exception(error)
        return settled

    async def done(self, lease: Lease) -> None:
        """Settle without an answer."""
        with self.records.verb():
            self.records.move(self.records.fenced(lease), Event.ACK)

    async def nack(self, lease: Lease, error: str, delay: timedelta) -> None:
        """Give back with one failure more."""
        with self.records.verb():
            entry = self.records.fenced(lease)
            ready_at = self._clock.now() + delay if delay > timedelta(0) else None
            failures = entry.delivery.failures + 1
            self.records.move(entry, Event.NACK, failures=failures, last_error=error, ready_at=ready_at)
            self.records.timed(ready_at)

    async def release(self, lease: Lease) -> None:
        """Give back without blame."""
        with self.records.verb():
            self.records.move(self.records.fenced(lease), Event.RELEASE)

    async def bury(self, lease: Lease, error: str) -> None:
        """Set aside as a dead letter."""
        with self.records.verb():
            entry = self.records.fenced(lease)
            self.records.move(entry, Event.BURY, failures=entry.delivery.failures + 1, last_error=error)
            end_notice(self.records, entry)

    async def cancel(self, message_id: MessageId, *, by: CredentialId) -> Question:
        """End what is ready or leased."""
        return self._steer(message_id, Event.CANCEL)

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None, *, by: CredentialId) -> Question:
        """Put back what is dead or expired."""
        question = self._steer(message_id, Event.REQUEUE, failures=0, lapses=0, deadline_at=deadline_at)
        self.records.ends.opened({message_id: None})
        self.records.timed(deadline_at)
        return question

    async def discard(self, message_id: MessageId, *, by: CredentialId) -> Question:
        """Give up what is dead."""
        return self._steer(message_id, Event.DISCARD)

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands."""
        with self.records.verb():
            return self.records.question(self.records.entry(message_id))

    async def wait_until_ended(self, message_id: MessageId) -> Question:
        """Wait for the end of a question."""
        await self.get(message_id)
        return await self.records.ends.wait(message_id, partial(self.get, message_id))

    def asker(self, message_id: MessageId) -> tuple[ConversationId, str] | None:
        """Return who asked a question that has not ended."""
        return self.records.ends.asker(message_id)

    def watching(self, message_id: MessageId, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_end when the question ends."""
        return self.records.ends.calling(message_id, lambda _: on_end())

    async def questions(self, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List questions."""
        return matching(self.records, which)[:limit]

    async def count(self, which: QuestionFilter) -> int:
        """Count questions."""
        return len(matching(self.records, which))

    async def tally(self) -> dict[State, int]:
        """Count deliveries by state."""
        with self.records.verb():
            states = [entry.delivery.state for entry in self.records.all_entries()]
            return {state: states.count(state) for state in State}

    async def count_broken(self, since: datetime) -> int:  # what nobody else can write is always intact
        """Count what was not handed over because it was not intact."""
        with self.records.verb():
            return 0

    async def lapse_all(self) -> None:
        """Lapse every lease that is of no batch."""
        with self.records.verb():
            for entry in self.records.all_entries():
                if entry.lease_id is not None and entry.lease_id not in self.records.batches:
                    lapse(self.records, entry)

    async def sweep(self) -> datetime | None:
        """Let happen what has come to its time."""
        self.records.sooner.reset()
        with self.records.verb():
            sweep(self.records)
        return next_event(self.records)

    async def wait_until_sooner(self, than: datetime | None) -> datetime:
        """Wait for an event that is due before `than`."""
        with self.records.verb():
            pass
        return time(await self.records.sooner.wait(None if than is None else micros(than)))

    def _first(self, message: Message) -> Message | None:
        """Return the message that was accepted under the same key before."""
        if message.idempotency_key is None:
            return None
        first = self.records.keys.get((message.conversation, message.sender, message.idempotency_key))
        return None if first is None else self.records.messages[first]

    def _accept(self, message: Message, mailboxes: Sequence[Mailbox], by: Credential | None) -> None:
        for mailbox in mailboxes:
            if self.records.conversations[mailbox.conversation].closed_at is not None:
                raise ConversationClosedError(f"the conversation {mailbox.conversation!a} is closed")
        self.records.check_new(message.id)
        self.records.keep(message if by is None else admitted(self.records, message, by), mailboxes)

    async def _wait(
        self, mailbox: Mailbox, waiter: Waiter, granted: asyncio.Future[Handed], undo: Callable[[Handed], None]
    ) -> Handed:
        with self.records.verb():
            box = self.records.box(mailbox)
            box.waiters.append(waiter)
            self.records.due(mailbox)
        try:
            return await granted
        except asyncio.CancelledError:
            if waiter in box.waiters:
                box.waiters.remove(waiter)
            if self.records.is_open and granted.done() and not granted.cancelled():
                undo(granted.result())
            raise

    def _give_back(self, *leases: Lease) -> None:
        """Release what was granted to a caller who had left; what lapsed meanwhile is released by that."""
        with self.records.verb():
            for lease in leases:
                if any(entry.lease_id == lease.lease_id for entry in self.records.entries[lease.message.id]):
                    self.records.move(self.records.fenced(lease), Event.RELEASE)

    def _take_back(self, batch: Batch) -> None:
        if not self.records.batches[batch.token].is_repeated:
            self._give_back(*batch.leases)

    def _batch(self, token: BatchToken, by: CredentialId) -> BatchRecord:
        batch = self.records.batches.get(token)
        if batch is None or batch.reader != by:
            raise UnknownBatchError("there is no such batch of this reader: receive again")
        return batch

    def _as_held(self, token: BatchToken) -> Batch:
        batch = self.records.batches[token]
        return Batch(token, batch.mailbox, tuple(self.records.lease_of(entry) for entry in batch.held))

    def _again(self, reader: CredentialId, key: str | None) -> Batch | None:
        """Return what a reader holds under the same key."""
        token = None if key is None else self.records.batch_keys.get((reader, key))
        if token is None or not self.records.batches[token].held:
            return None
        self.records.batches[token].is_repeated = True
        return self._as_held(token)

    def _steer(self, message_id: MessageId, event: Event, **values: object) -> Question:
        with self.records.verb():
            entry = self.records.entry(message_id)
            self.records.move(entry, event, **values)
            return self.records.question(entry)
