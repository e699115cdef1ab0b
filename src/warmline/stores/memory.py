"""The verified fake: the Store in plain dictionaries, held to the same contract suite. Nothing is durable."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from warmline.errors import (
    ConflictError,
    IdempotencyConflictError,
    LeaseLostError,
    StoreClosedError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.model import (
    ENDED,
    MEMORY_MAILBOX,
    NEXT_STATE,
    Delivery,
    Event,
    Kind,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Question,
    State,
)
from warmline.protocols import Accepted, Clock, QuestionFilter
from warmline.settings import StoreSettings
from warmline.stores.rows import micros, time
from warmline.stores.waits import EndWaits, SoonerWait


@dataclass(slots=True, eq=False)
class _Waiter:
    """A caller of `lease` that waits its turn."""

    holder: str
    duration: timedelta
    granted: asyncio.Future[Lease]


@dataclass(slots=True)
class _Box:
    """A mailbox: its last position, and who waits at it."""

    last_position: int = 0
    waiters: deque[_Waiter] = field(default_factory=deque)


class MemoryStore:
    """Keeps protocols.Store's promises but one: nothing survives the process."""

    def __init__(self, settings: StoreSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._boxes: dict[Mailbox, _Box] = {}
        self._questions: dict[MessageId, Question] = {}
        self._message_ids: set[MessageId] = set()
        self._lease_ids: dict[MessageId, str] = {}
        self._keys: dict[tuple[str, str, str | None], MessageId] = {}
        self._ends = EndWaits()
        self._sooner = SoonerWait()
        self._is_open = False

    async def open(self) -> None:
        """Make ready."""
        self._is_open = True
        await self.add_mailbox(MEMORY_MAILBOX)

    async def close(self) -> None:
        """Give StoreClosedError to all who wait."""
        self._is_open = False
        error = StoreClosedError("the store was closed")
        self._ends.fail(error)
        self._sooner.fail(error)
        for box in self._boxes.values():
            for waiter in box.waiters:
                if not waiter.granted.done():
                    waiter.granted.set_exception(error)

    async def add_mailbox(self, mailbox: Mailbox) -> None:
        """Make sure that this mailbox exists."""
        self._check_open()
        self._boxes.setdefault(mailbox, _Box())

    async def add(self, message: Message, mailbox: Mailbox) -> Accepted:
        """Accept a message."""
        box = self._box(mailbox)
        key = (message.conversation, message.sender, message.idempotency_key)
        if key in self._keys:
            return self._same(self._questions[self._keys[key]], message, mailbox)
        self._keep(message)
        if message.idempotency_key is not None:
            self._keys[key] = message.id
        box.last_position += 1
        delivery = Delivery(mailbox, box.last_position, State.READY, deadline_at=message.deadline_at)
        question = self._questions[message.id] = Question(message, delivery)
        self._ends.opened([message.id])
        self._timed(message.deadline_at)
        self._offer(mailbox)
        return Accepted(question, created=True)

    async def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> Lease:
        """Wait for a due delivery and lease it."""
        box = self._box(mailbox)
        waiter = _Waiter(holder, duration, asyncio.get_running_loop().create_future())
        box.waiters.append(waiter)
        self._offer(mailbox)
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter in box.waiters:
                box.waiters.remove(waiter)
            if waiter.granted.done() and not waiter.granted.cancelled():
                self._give_back(waiter.granted.result())
            raise

    async def extend(self, lease: Lease, duration: timedelta) -> Lease:
        """Extend a lease that has not ended."""
        delivery = self._fenced(lease).delivery
        now = self._clock.now()
        if delivery.lease_lapses_at is None or delivery.lease_lapses_at <= now:
            raise _lost(lease.message.id)
        self._change(lease.message.id, delivery.state, lease_lapses_at=now + duration)
        self._timed(now + duration)
        return replace(lease, lapses_at=now + duration)

    def settle(self, lease: Lease, answer: Message) -> asyncio.Future[None]:
        """Write the answer and settle."""
        settled = asyncio.get_running_loop().create_future()
        try:
            question = self._fenced(lease)
            self._keep(answer)
            self._questions[question.message.id] = replace(question, answer=answer.answer)
            self._move(lease.message.id, Event.ACK)
            settled.set_result(None)
        except ConflictError as error:
            settled.set_exception(error)
        return settled

    async def nack(self, lease: Lease, error: str, delay: timedelta) -> None:
        """Give back with one failure more."""
        failures = self._fenced(lease).delivery.failures + 1
        ready_at = self._clock.now() + delay if delay > timedelta(0) else None
        self._move(lease.message.id, Event.NACK, failures=failures, last_error=error, ready_at=ready_at)

    async def release(self, lease: Lease) -> None:
        """Give back without blame."""
        self._fenced(lease)
        self._move(lease.message.id, Event.RELEASE)

    async def bury(self, lease: Lease, error: str) -> None:
        """Set aside as a dead letter."""
        failures = self._fenced(lease).delivery.failures + 1
        self._move(lease.message.id, Event.BURY, failures=failures, last_error=error)

    async def cancel(self, message_id: MessageId) -> Question:
        """End what is ready or leased."""
        return self._move(message_id, Event.CANCEL)

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None) -> Question:
        """Put back what is dead or expired."""
        question = self._move(message_id, Event.REQUEUE, failures=0, lapses=0, deadline_at=deadline_at)
        self._ends.opened([message_id])
        self._timed(deadline_at)
        return question

    async def discard(self, message_id: MessageId) -> Question:
        """Give up what is dead."""
        return self._move(message_id, Event.DISCARD)

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands."""
        self._check_open()
        try:
            return self._questions[message_id]
        except KeyError:
            raise UnknownMessageError(f"there is no question {message_id}") from None

    async def wait_until_ended(self, message_id: MessageId) -> Question:
        """Wait for the end of a question."""
        self._check_open()
        return await self._ends.wait(message_id, partial(self.get, message_id))

    def watching(self, message_id: MessageId, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_end when the question ends."""
        return self._ends.calling(message_id, lambda _: on_end())

    async def questions(self, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List questions."""
        return sorted(self._matching(which), key=lambda question: question.message.id, reverse=True)[:limit]

    async def count(self, which: QuestionFilter) -> int:
        """Count questions."""
        return len(self._matching(which))

    async def tally(self) -> dict[State, int]:
        """Count deliveries by state."""
        self._check_open()
        states = [question.delivery.state for question in self._questions.values()]
        return {state: states.count(state) for state in State}

    async def lapse_all(self) -> None:
        """Lapse every lease."""
        self._check_open()
        for message_id in tuple(self._lease_ids):
            self._lapse(message_id, self._questions[message_id].delivery)
        for mailbox in self._boxes:
            self._offer(mailbox)

    async def sweep(self) -> datetime | None:
        """Expire, lapse and make due what has come to its time; in that order, as SQL does."""
        self._check_open()
        self._sooner.reset()
        for step in (self._expire, self._lapse_late, self._make_due):
            for message_id, question in self._questions.items():
                if question.delivery.state not in ENDED:
                    step(message_id, self._questions[message_id].delivery)
        for mailbox in self._boxes:
            self._offer(mailbox)
        return min((at for question in self._questions.values() for at in _events(question.delivery)), default=None)

    async def wait_until_sooner(self, than: datetime | None) -> datetime:
        """Wait for an event that is due before `than`."""
        self._check_open()
        return time(await self._sooner.wait(None if than is None else micros(than)))

    def _expire(self, message_id: MessageId, delivery: Delivery) -> None:
        if delivery.deadline_at is not None and delivery.deadline_at <= self._clock.now():
            self._move(message_id, Event.EXPIRE)

    def _lapse_late(self, message_id: MessageId, delivery: Delivery) -> None:
        if delivery.lease_lapses_at is not None and delivery.lease_lapses_at <= self._clock.now():
            self._lapse(message_id, delivery)

    def _lapse(self, message_id: MessageId, delivery: Delivery) -> None:
        lapses, limit = delivery.lapses + 1, self._settings.max_lapses
        if lapses > limit:
            self._move(message_id, Event.BURY, lapses=lapses, last_error=f"its lease lapsed more than {limit} times")
        else:
            self._move(message_id, Event.LAPSE, lapses=lapses)

    def _make_due(self, message_id: MessageId, delivery: Delivery) -> None:
        if delivery.ready_at is not None and delivery.ready_at <= self._clock.now():
            self._change(message_id, State.READY, ready_at=None)

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreClosedError("the store is closed")

    def _box(self, mailbox: Mailbox) -> _Box:
        self._check_open()
        try:
            return self._boxes[mailbox]
        except KeyError:
            raise UnknownMailboxError(
                f"there is no mailbox {mailbox.name!a} in the conversation {mailbox.conversation!a}"
            ) from None

    def _keep(self, message: Message) -> None:
        if message.id in self._message_ids:
            raise ConflictError(f"there is a message {message.id} already")
        self._message_ids.add(message.id)

    def _same(self, first: Question, message: Message, mailbox: Mailbox) -> Accepted:
        before = (first.message.kind, first.message.body, first.delivery.mailbox)
        if before != (message.kind, message.body, mailbox):
            raise IdempotencyConflictError("this idempotency key was used for another question: choose a new one")
        return Accepted(first, created=False)

    def _fenced(self, lease: Lease) -> Question:
        self._check_open()
        question = self._questions.get(lease.message.id)
        token = self._lease_ids.get(lease.message.id)
        if question is None or token != lease.lease_id or question.delivery.deliveries != lease.deliveries:
            raise _lost(lease.message.id)
        return question

    def _move(self, message_id: MessageId, event: Event, **values: object) -> Question:
        """Take a delivery along the table."""
        self._check_open()
        if message_id not in self._questions:
            raise UnknownMessageError(f"there is no question {message_id}")
        state = self._questions[message_id].delivery.state
        if event not in NEXT_STATE[state]:
            raise ConflictError(f"cannot {event} {message_id}: it is {state}")
        after = NEXT_STATE[state][event]
        self._lease_ids.pop(message_id, None)
        ended_at = self._clock.now() if after in ENDED else None
        cleared: dict[str, object] = {"holder": None, "lease_lapses_at": None, "ready_at": None, "ended_at": ended_at}
        question = self._change(message_id, after, **{**cleared, **values})
        if after in ENDED:
            self._ends.ended({message_id: lambda: question})
        elif event is not Event.LAPSE:
            self._timed(question.delivery.ready_at)
            self._offer(question.delivery.mailbox)
        return question

    def _change(self, message_id: MessageId, state: State, **values: object) -> Question:
        question = self._questions[message_id]
        delivery = replace(question.delivery, state=state, **values)  # type: ignore[arg-type]
        self._questions[message_id] = replace(question, delivery=delivery)
        return self._questions[message_id]

    def _timed(self, at: datetime | None) -> None:
        if at is not None:
            self._sooner.event_at(micros(at))

    def _offer(self, mailbox: Mailbox) -> None:
        """Hand due deliveries to those who wait, in order on both sides."""
        box = self._boxes[mailbox]
        due = sorted(
            (each for each in self._questions.values() if _is_due(each.delivery) and each.delivery.mailbox == mailbox),
            key=lambda each: each.delivery.position,
        )
        for question in due:
            while box.waiters and box.waiters[0].granted.done():
                box.waiters.popleft()
            if not box.waiters:
                return
            waiter = box.waiters.popleft()
            waiter.granted.set_result(self._grant(question, waiter))

    def _grant(self, question: Question, waiter: _Waiter) -> Lease:
        before = question.delivery
        lapses_at = self._clock.now() + waiter.duration
        message_id = question.message.id
        lease_id = self._lease_ids[message_id] = secrets.token_hex(8)
        changes = {"deliveries": before.deliveries + 1, "holder": waiter.holder, "lease_lapses_at": lapses_at}
        self._change(message_id, NEXT_STATE[before.state][Event.LEASE], **changes)
        self._timed(lapses_at)
        return Lease(
            message=question.message,
            mailbox=before.mailbox,
            deliveries=before.deliveries + 1,
            lease_id=lease_id,
            holder=waiter.holder,
            lapses_at=lapses_at,
            failures=before.failures,
            lapses=before.lapses,
        )

    def _give_back(self, lease: Lease) -> None:
        if self._is_open and self._lease_ids.get(lease.message.id) == lease.lease_id:
            self._move(lease.message.id, Event.RELEASE)

    def _matching(self, which: QuestionFilter) -> list[Question]:
        self._check_open()
        if which.mailbox is not None:
            self._box(which.mailbox)
        tests: list[Callable[[Question], bool]] = [
            lambda each: each.message.kind is Kind.QUESTION,
            lambda each: not which.states or each.delivery.state in which.states,
            lambda each: which.since is None or each.message.sent_at >= which.since,
            lambda each: which.mailbox is None or each.delivery.mailbox == which.mailbox,
        ]
        return [each for each in self._questions.values() if all(test(each) for test in tests)]


def _events(delivery: Delivery) -> list[datetime]:
    if delivery.state in ENDED:
        return []
    return [at for at in (delivery.deadline_at, delivery.lease_lapses_at, delivery.ready_at) if at is not None]


def _is_due(delivery: Delivery) -> bool:
    return delivery.state is State.READY and delivery.ready_at is None


def _lost(message_id: MessageId) -> LeaseLostError:
    return LeaseLostError(f"the lease on {message_id} was settled, has lapsed, or was given to another")
