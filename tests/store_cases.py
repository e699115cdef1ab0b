"""What the tests of stores say to them: questions, answers, and the way into every state."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from manual_clock import ManualClock
from sealing import BY
from warmline.directory import Directory
from warmline.ids import new_message_id
from warmline.limits import Limits
from warmline.model import (
    DEFAULT_CONVERSATION,
    MEMORY_MAILBOX,
    OWNER,
    THE_LINE,
    Answer,
    Batch,
    Citation,
    CitationStatus,
    ConversationId,
    CredentialId,
    Event,
    Kind,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Outcome,
    State,
)
from warmline.parties import Conversation, Credential, Participant, Right, Stop
from warmline.protocols import Store
from warmline.settings import StoreSettings

MAX_LAPSES = 3
DEADLINE = timedelta(minutes=10)
LEASE = timedelta(seconds=30)
NO_DELAY = timedelta(0)
OTHER_MAILBOX = Mailbox(DEFAULT_CONVERSATION, "reviews")
TEAM = ConversationId("team")
ADAS, BOBS, CLEOS = (Mailbox(TEAM, name) for name in ("ada", "bob", "cleo"))

_numbers = itertools.count(1)

MAX_HOPS = StoreSettings().max_hops
DEFAULT = Limits(per_minute=60, per_hour=1_000, per_day=10_000)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def new_id(clock: ManualClock) -> MessageId:
    """Make an id like the line's own, but in the order of creation while the clock stands still."""
    return MessageId(f"{new_message_id(clock.now())[:10]}{next(_numbers):016d}")


def a_question(
    clock: ManualClock,
    body: str = "Which port?",
    *,
    sender: str = OWNER,
    key: str | None = None,
    deadline: timedelta | None = DEADLINE,
) -> Message:
    message_id = new_id(clock)
    return Message(
        id=message_id,
        conversation=DEFAULT_CONVERSATION,
        sender=sender,
        kind=Kind.QUESTION,
        body=body,
        sent_at=clock.now(),
        trace=message_id,
        idempotency_key=key,
        deadline_at=None if deadline is None else clock.now() + deadline,
    )


def a_note(clock: ManualClock, by: Credential, body: str = "The port is taken.", **values: Any) -> Message:
    message_id = new_id(clock)
    note = Message(message_id, by.conversation, by.name, Kind.NOTE, body, clock.now(), trace=message_id)
    return replace(note, **values)


def a_credential(clock: ManualClock, name: str, **values: Any) -> Credential:
    rights = frozenset({Right.ASK, Right.ANSWER, Right.SEND, Right.READ})
    return replace(Credential(CredentialId(new_id(clock)), name, TEAM, rights, clock.now()), **values)


def a_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def an_answer(clock: ManualClock, question: Message, text: str = "9276 — “warm”") -> Message:
    answer = Answer(
        outcome=Outcome.ANSWERED,
        text=text,
        author="extractive",
        citations=(Citation("notes/a.md", 3, 4, "the port\nis 9276", CitationStatus.VERIFIED, "ab" * 32, "cd" * 32),),
        timings_ms={"recall": 1.5},
        usage={"tokens": 12},
        in_place_of="ada is down: no login",
    )
    return Message(
        id=new_id(clock),
        conversation=question.conversation,
        sender="extractive",
        kind=Kind.ANSWER,
        body=text,
        sent_at=clock.now(),
        trace=question.trace,
        hops=question.hops + 1,
        in_reply_to=question.id,
        answer=answer,
    )


@dataclass(frozen=True)
class Line:
    """A store with the clock it goes by."""

    store: Store
    directory: Directory
    clock: ManualClock
    reopen: Callable[[], Awaitable[Line]]
    """Close the store, and return the line as it is found again."""

    async def join(self, name: str, *, limits: Limits | None = None, is_person: bool = False) -> Credential:
        """Make a participant of the team, and let it speak."""
        if TEAM not in {each.id for each in await self.directory.conversations(100)}:
            await self.directory.new_conversation(Conversation(TEAM, self.clock.now()), by=BY)
        await self.directory.add_participant(Participant(TEAM, name, is_person=is_person), by=BY)
        credential = a_credential(self.clock, name, limits=limits, is_person=is_person)
        await self.directory.add_credential(credential, a_hash(credential.id), by=BY)
        return credential

    async def say(self, by: Credential, to: Mailbox, body: str = "The port is taken.", **values: Any) -> Message:
        """Send a note under the speaker's rules, and return it as it was accepted."""
        accepted = await self.store.add(a_note(self.clock, by, body, **values), to, by=by)
        return accepted.question.message

    async def receive(self, by: Credential, limit: int = 10, key: str | None = None) -> Batch:
        """Receive from the reader's own mailbox."""
        return await self.store.receive(Mailbox(by.conversation, by.name), by, limit, LEASE, key)

    async def inbox(self, mailbox: Mailbox) -> list[Message]:
        """Return what waits in a mailbox, lowest position first, and leave it there."""
        states = {state.mailbox: state for state in await self.directory.mailboxes(mailbox.conversation)}
        leases = [await self.store.lease(mailbox, "looking", LEASE) for _ in range(states[mailbox].ready)]
        for lease in leases:
            await self.store.release(lease)
        return [lease.message for lease in leases]

    async def ask(self, body: str = "Which port?", *, deadline: timedelta | None = DEADLINE) -> Message:
        message = a_question(self.clock, body, deadline=deadline)
        await self.store.add(message, MEMORY_MAILBOX)
        return message

    async def lease(self, holder: str = "worker", mailbox: Mailbox = MEMORY_MAILBOX) -> Lease:
        return await self.store.lease(mailbox, holder, LEASE)

    async def state(self, message: Message) -> State:
        return (await self.store.get(message.id)).delivery.state

    async def pass_time(self, duration: timedelta) -> None:
        """Let the time go by and the store notice."""
        self.clock.advance(duration)
        await self.store.sweep()

    async def bring_to(self, state: State, *, reader: Credential | None = None) -> Lease:
        """Make a question that stands in this state, and return the lease that it had or has on the way.

        It is leased, or else received by the reader.
        """
        await self.ask()
        if reader is None:
            lease = await self.lease()
        else:
            (lease,) = (await self.store.receive(MEMORY_MAILBOX, reader, 1, LEASE)).leases
        await _WAYS[state](self, lease)
        assert await self.state(lease.message) is state
        return lease


async def _stay(line: Line, lease: Lease) -> None:
    assert await line.state(lease.message) is State.LEASED


async def _release(line: Line, lease: Lease) -> None:
    await line.store.release(lease)


async def _settle(line: Line, lease: Lease) -> None:
    await line.store.settle(lease, an_answer(line.clock, lease.message))


async def _bury(line: Line, lease: Lease) -> None:
    await line.store.bury(lease, "three answerers failed")


async def _nack(line: Line, lease: Lease) -> None:
    await line.store.nack(lease, "the answerer failed", NO_DELAY)


async def _extend(line: Line, lease: Lease) -> None:
    await line.store.extend(lease, LEASE)


async def _expire_leased(line: Line, lease: Lease) -> None:
    deadline = lease.message.deadline_at
    assert deadline is not None
    await line.store.extend(lease, DEADLINE * 2)
    await line.pass_time(deadline - line.clock.now())


async def _cancel(line: Line, lease: Lease) -> None:
    await line.store.cancel(lease.message.id, by=BY)


_WAYS: Mapping[State, Callable[[Line, Lease], Awaitable[None]]] = {
    State.READY: _release,
    State.LEASED: _stay,
    State.SETTLED: _settle,
    State.DEAD: _bury,
    State.EXPIRED: _expire_leased,
    State.CANCELLED: _cancel,
}


async def lease_this(line: Line, lease: Lease) -> None:
    """Lease the question again, if a lease on it is to be had at once."""
    other = await line.store.lease(lease.mailbox, "another", LEASE)
    assert other.message.id == lease.message.id


async def requeue(line: Line, lease: Lease) -> None:
    await line.store.requeue(lease.message.id, line.clock.now() + DEADLINE, by=BY)


async def discard(line: Line, lease: Lease) -> None:
    await line.store.discard(lease.message.id, by=BY)


VERBS: Mapping[Event, Callable[[Line, Lease], Awaitable[None]]] = {
    Event.ACK: _settle,
    Event.NACK: _nack,
    Event.RELEASE: _release,
    Event.BURY: _bury,
    Event.CANCEL: _cancel,
    Event.REQUEUE: requeue,
    Event.DISCARD: discard,
}
"""The verbs that are refused when the table does not allow them."""

TIMES: Mapping[Event, timedelta] = {Event.LAPSE: LEASE, Event.EXPIRE: DEADLINE}
"""The events that the time brings: how long after the question's begin in `bring_to`."""

LEASE_VERBS: Mapping[str, Callable[[Line, Lease], Awaitable[None]]] = {
    "settle": _settle,
    "extend": _extend,
    "nack": _nack,
    "release": _release,
    "bury": _bury,
}
"""The verbs that present a lease."""


async def chain(line: Line, speakers: Sequence[Credential], length: int) -> list[Message]:
    """Let these speakers reply to each other in turn."""
    said: list[Message] = []
    for number in range(length):
        to = speakers[(number + 1) % len(speakers)]
        in_reply_to = said[-1].id if said else None
        said.append(await line.say(speakers[number % len(speakers)], Mailbox(TEAM, to.name), in_reply_to=in_reply_to))
    return said


async def stops(line: Line) -> Sequence[Stop]:
    return await line.directory.stops(BEGINNING)


async def notices(line: Line, mailbox: Mailbox) -> list[Message]:
    return [message for message in await line.inbox(mailbox) if message.sender == THE_LINE]
