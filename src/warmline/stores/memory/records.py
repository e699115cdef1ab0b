"""All that the fake holds, and how a delivery moves. MemoryStore and MemoryDirectory share one `Records`."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from warmline.errors import (
    ConflictError,
    LeaseLostError,
    StoreClosedError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.model import (
    ENDED,
    NEXT_STATE,
    Acknowledged,
    Answer,
    Batch,
    BatchToken,
    ConversationId,
    CredentialId,
    Delivery,
    Event,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Post,
    Question,
    State,
)
from warmline.parties import AnsweredBy, Conversation, Credential, Participant, Policy, Stop, StopKind
from warmline.protocols import Clock
from warmline.settings import StoreSettings
from warmline.stores.rows import emptied, micros
from warmline.stores.waits import EndWaits, SoonerWait, StirWaits


@dataclass(slots=True, eq=False)
class Entry:
    """A delivery in its life. sent_to is its first mailbox: an escalation changes the delivery's."""

    message_id: MessageId
    sent_to: Mailbox
    delivery: Delivery
    lease_id: str | None = None


@dataclass(slots=True, eq=False)
class Waiter:
    """A caller of `lease` or `receive` that waits its turn."""

    holder: str
    limit: int
    duration: timedelta
    grant: Callable[[Batch], None]
    granted: asyncio.Future[Any]
    again: Callable[[], Batch | None] = lambda: None  # what it holds already under the same key


@dataclass(slots=True)
class Box:
    """A mailbox: its policy, its last position, and who waits at it."""

    policy: Policy = field(default_factory=Policy)
    last_position: int = 0
    waiters: deque[Waiter] = field(default_factory=deque)


@dataclass(slots=True)
class BatchRecord:
    """One hand-over to one reader."""

    token: BatchToken
    reader: CredentialId
    mailbox: Mailbox
    entries: Sequence[Entry]
    handed_at: datetime
    is_repeated: bool = False
    acknowledged: Acknowledged | None = None

    @property
    def comes_again(self) -> bool:
        """Whether something of it is to be handed over from the same mailbox; what was escalated is not."""
        return any(
            entry.delivery.state not in ENDED and entry.delivery.mailbox == self.mailbox for entry in self.entries
        )

    @property
    def held(self) -> list[Entry]:
        """What is still leased under the token."""
        return [entry for entry in self.entries if entry.lease_id == self.token]


@dataclass(slots=True)
class Spent:
    """What a credential has used up: due times as in rates.py, and the messages of one UTC day."""

    minute_due_at: int | None = None
    hour_due_at: int | None = None
    day: int = 0
    day_used: int = 0


class Records:
    """The state of the fake. Verbs run inside `verb()`, which serves whoever waits when they are done."""

    def __init__(self, settings: StoreSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.is_open = False
        self.boxes: dict[Mailbox, Box] = {}
        self.messages: dict[MessageId, Message] = {}
        self.entries: dict[MessageId, list[Entry]] = {}
        self.answers: dict[MessageId, MessageId] = {}
        self.keys: dict[tuple[ConversationId, str, str], MessageId] = {}
        self.archived: set[MessageId] = set()
        self.batches: dict[BatchToken, BatchRecord] = {}
        self.batch_keys: dict[tuple[CredentialId, str], BatchToken] = {}
        self.conversations: dict[ConversationId, Conversation] = {}
        self.participants: dict[tuple[ConversationId, str], Participant] = {}
        self.credentials: dict[CredentialId, Credential] = {}
        self.token_hashes: dict[bytes, CredentialId] = {}
        self.spent: dict[CredentialId, Spent] = {}
        self.stops: dict[tuple[StopKind, str], Stop] = {}
        self.ends = EndWaits()
        self.sooner = SoonerWait()
        self.stirs = StirWaits[Mailbox]()
        self.listeners: dict[ConversationId, list[Callable[[], None]]] = {}
        self._numbers: dict[MessageId, int] = {}
        self._due: dict[Mailbox, None] = {}
        self._changed: dict[ConversationId, None] = {}

    @contextmanager
    def verb(self) -> Iterator[None]:
        """Hand over what became due in the block, and tell who listens; also when it raises."""
        if not self.is_open:
            raise StoreClosedError("the store is closed")
        try:
            yield
        finally:
            due, self._due = self._due, {}
            for mailbox in due:
                self._offer(mailbox)
            self.stirs.stirred(due)
            changed, self._changed = self._changed, {}
            for conversation in changed:
                for on_change in tuple(self.listeners.get(conversation, ())):
                    on_change()

    def close(self) -> None:
        """Give StoreClosedError to all who wait."""
        self.is_open = False
        error = StoreClosedError("the store was closed")
        self.ends.fail(error)
        self.sooner.fail(error)
        self.stirs.fail(error)
        for box in self.boxes.values():
            for waiter in box.waiters:
                if not waiter.granted.done():
                    waiter.granted.set_exception(error)
            box.waiters.clear()
        self.sooner = SoonerWait()

    def box(self, mailbox: Mailbox) -> Box:
        """Return a mailbox. Raises UnknownMailboxError."""
        if mailbox not in self.boxes:
            raise _unknown(mailbox)
        return self.boxes[mailbox]

    def participant(self, conversation: ConversationId, name: str) -> Participant:
        """Return a participant. Raises UnknownMailboxError."""
        if (conversation, name) not in self.participants:
            raise _unknown(Mailbox(conversation, name))
        return self.participants[conversation, name]

    def entry(self, message_id: MessageId) -> Entry:
        """Return the one delivery of a message. Raises UnknownMessageError."""
        match self.entries.get(message_id):
            case [entry]:
                return entry
            case _:
                raise UnknownMessageError(f"there is no question {message_id}")

    def all_entries(self) -> list[Entry]:
        """Return every delivery, in the order of acceptance, and of one message by mailbox."""
        return [
            entry
            for entries in self.entries.values()
            for entry in sorted(entries, key=lambda entry: entry.delivery.mailbox.name)
        ]

    def fenced(self, lease: Lease) -> Entry:
        """Return the delivery that is held under exactly this lease. Raises LeaseLostError."""
        for entry in self.entries.get(lease.message.id, ()):
            token = (entry.delivery.mailbox, entry.lease_id, entry.delivery.deliveries)
            if token == (lease.mailbox, lease.lease_id, lease.deliveries):
                return entry
        raise LeaseLostError(f"the lease on {lease.message.id} was settled, has lapsed, or was given to another")

    def question(self, entry: Entry) -> Question:
        """Return a message with this delivery."""
        return Question(self.messages[entry.message_id], entry.delivery, self._answer(entry.message_id))

    def post(self, message_id: MessageId) -> Post:
        """Return a message with all its deliveries. Raises UnknownMessageError."""
        if message_id not in self.messages:
            raise UnknownMessageError(f"there is no message {message_id}")
        deliveries = [entry.delivery for entry in self.entries.get(message_id, ())]
        deliveries.sort(key=lambda each: (each.mailbox.name, each.mailbox.conversation))
        answer = self._answer(message_id)
        return Post(self.messages[message_id], tuple(deliveries), self._numbers[message_id], answer)

    def check_new(self, message_id: MessageId) -> None:
        """Raise ConflictError when the id is taken."""
        if message_id in self.messages:
            raise ConflictError(f"there is a message {message_id} already")

    def keep(self, message: Message, mailboxes: Sequence[Mailbox] = ()) -> None:
        """Accept a new message with a delivery to each mailbox."""
        self.check_new(message.id)
        self.messages[message.id] = message
        self._numbers[message.id] = len(self._numbers) + 1
        self._changed[message.conversation] = None
        if message.idempotency_key is not None:
            self.keys[message.conversation, message.sender, message.idempotency_key] = message.id
        for mailbox in mailboxes:
            delivery = Delivery(mailbox, self.next_position(mailbox), State.READY, deadline_at=message.deadline_at)
            self.entries.setdefault(message.id, []).append(Entry(message.id, mailbox, delivery))
            self.due(mailbox)
        if mailboxes:
            self.ends.opened({message.id: message if len(mailboxes) == 1 else None})
            self.timed(message.deadline_at)

    def next_position(self, mailbox: Mailbox) -> int:
        """Take the next position of a mailbox."""
        self.boxes[mailbox].last_position += 1
        return self.boxes[mailbox].last_position

    def move(self, entry: Entry, event: Event, **values: object) -> None:
        """Take a delivery along the table. Raises ConflictError when the table has no such way."""
        state, message_id = entry.delivery.state, entry.message_id
        if event not in NEXT_STATE[state]:
            raise ConflictError(f"cannot {event} {message_id}: it is {state}")
        after = NEXT_STATE[state][event]
        entry.lease_id = None
        ended_at = self.clock.now() if after in ENDED else None
        cleared: dict[str, object] = {"holder": None, "lease_lapses_at": None, "ready_at": None, "ended_at": ended_at}
        self.change(entry, state=after, **{**cleared, **values})
        self.due(entry.delivery.mailbox)
        self._changed[self.messages[message_id].conversation] = None
        if after in ENDED:
            question = self.question(entry)
            self.ends.ended({message_id: lambda: question})

    def change(self, entry: Entry, **values: object) -> None:
        """Change a delivery's values."""
        entry.delivery = replace(entry.delivery, **values)  # type: ignore[arg-type]

    def erase(self, message_id: MessageId) -> None:
        """Leave of a message and its answer only that they were there."""
        if message_id in self.answers:
            self.erase(self.answers[message_id])
        message = self.messages[message_id]
        answer = message.answer and emptied(message.answer)
        at = self.clock.now()
        self.messages[message_id] = replace(message, body="", answer=answer, metadata=None, erased_at=at)

    def archive(self, before: datetime) -> int:
        """Note which messages left, and forget what only served them; return how many."""
        moved = {
            message_id
            for message_id, entries in self.entries.items()
            if message_id not in self.archived and all(_is_over(entry.delivery, before) for entry in entries)
        }
        newest = next(reversed(self.messages), None)
        moved = {message_id for message_id in moved if newest not in (message_id, self.answers.get(message_id))}
        moved |= {self.answers[message_id] for message_id in moved if message_id in self.answers}
        self.archived |= moved
        self.keys = {key: message_id for key, message_id in self.keys.items() if message_id not in moved}
        self.batches = {
            token: batch for token, batch in self.batches.items() if batch.held or batch.handed_at >= before
        }
        self.batch_keys = {key: token for key, token in self.batch_keys.items() if token in self.batches}
        self.stops = {key: stop for key, stop in self.stops.items() if stop.last_at >= before}
        return len(moved)

    def add_participant(self, participant: Participant) -> None:
        """Make sure that a participant and its mailbox exist."""
        key = (participant.conversation, participant.name)
        if key not in self.participants:
            self.participants[key] = participant
            policy = Policy(answered_by=AnsweredBy.PERSON if participant.is_person else AnsweredBy.ANYONE)
            self.boxes.setdefault(Mailbox(*key), Box(policy))

    def due(self, mailbox: Mailbox) -> None:
        """Note that something may be due in a mailbox when the verb is done."""
        self._due[mailbox] = None

    def timed(self, at: datetime | None) -> None:
        """Note an event for the sweeper."""
        if at is not None:
            self.sooner.event_at(micros(at))

    def lease_of(self, entry: Entry) -> Lease:
        """Return the lease under which a delivery is held."""
        delivery = entry.delivery
        if entry.lease_id is None or delivery.holder is None or delivery.lease_lapses_at is None:
            raise LeaseLostError(f"{entry.message_id} is not held")
        return Lease(
            message=self.messages[entry.message_id],
            mailbox=delivery.mailbox,
            deliveries=delivery.deliveries,
            lease_id=entry.lease_id,
            holder=delivery.holder,
            lapses_at=delivery.lease_lapses_at,
            failures=delivery.failures,
            lapses=delivery.lapses,
        )

    def _answer(self, message_id: MessageId) -> Answer | None:
        answer_id = self.answers.get(message_id)
        return None if answer_id is None else self.messages[answer_id].answer

    def _offer(self, mailbox: Mailbox) -> None:
        """Hand due deliveries to those who wait, in order on both sides."""
        box = self.boxes[mailbox]
        while box.waiters:
            waiter = box.waiters[0]
            if not waiter.granted.done():
                due = self.due_entries(mailbox, box.policy)[: waiter.limit]
                if not due:
                    return
                waiter.grant(waiter.again() or self._hand_over(due, waiter))
            box.waiters.popleft()

    def has_due(self, mailbox: Mailbox) -> bool:
        """Tell whether something would be handed over at once."""
        box = self.boxes[mailbox]
        return not box.waiters and bool(self.due_entries(mailbox, box.policy))

    def due_entries(self, mailbox: Mailbox, policy: Policy) -> list[Entry]:
        """Return what may be handed over now, lowest position first."""
        entries = [entry for entry in self.all_entries() if entry.delivery.mailbox == mailbox]
        entries.sort(key=lambda entry: entry.delivery.position)
        ready = [entry for entry in entries if entry.delivery.state is State.READY]
        if not policy.ordered:
            return [entry for entry in ready if entry.delivery.ready_at is None]
        is_out = any(entry.delivery.state is State.LEASED for entry in entries)
        return [] if is_out or not ready or ready[0].delivery.ready_at is not None else ready[:1]

    def _hand_over(self, entries: Sequence[Entry], waiter: Waiter) -> Batch:
        """Lease these deliveries to a waiter, under one token."""
        token, now = secrets.token_hex(8), self.clock.now()
        for entry in entries:
            self.change(
                entry,
                state=NEXT_STATE[entry.delivery.state][Event.LEASE],
                deliveries=entry.delivery.deliveries + 1,
                holder=waiter.holder,
                lease_lapses_at=now + waiter.duration,
                handed_at=now,
                handed_to=waiter.holder,
            )
            entry.lease_id = token
            self._changed[self.messages[entry.message_id].conversation] = None
        self.timed(now + waiter.duration)
        mailbox = entries[0].delivery.mailbox
        return Batch(BatchToken(token), mailbox, tuple(self.lease_of(entry) for entry in entries))


def _unknown(mailbox: Mailbox) -> UnknownMailboxError:
    return UnknownMailboxError(f"there is no mailbox {mailbox.name!a} in the conversation {mailbox.conversation!a}")


def _is_over(delivery: Delivery, before: datetime) -> bool:
    """Tell whether a delivery was settled or cancelled before this time."""
    over = delivery.state in {State.SETTLED, State.CANCELLED}
    return over and delivery.ended_at is not None and delivery.ended_at < before
