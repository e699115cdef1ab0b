"""Acknowledgements, and replies that settle: what they settle, and what they leave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from sealing import BY
from store_cases import (
    ADAS,
    BOBS,
    DEADLINE,
    LEASE,
    Line,
    a_note,
    a_question,
    an_answer,
)
from warmline.errors import ConflictError, LeaseLostError, UnknownBatchError, UnknownMailboxError
from warmline.model import NEXT_STATE, Acknowledged, Batch, BatchToken, Event, Lease, Mailbox, Message, State
from warmline.parties import Credential


async def notes(line: Line, by: Credential, count: int, to: Mailbox = BOBS) -> list[Message]:
    return [await line.say(by, to, f"note {number}") for number in range(count)]


async def ask(line: Line, to: Mailbox = BOBS) -> Message:
    accepted = await line.store.add(a_question(line.clock), to)
    return accepted.question.message


def messages(batch: Batch) -> list[Message]:
    return [lease.message for lease in batch.leases]


async def _release(line: Line, lease: Lease) -> None:
    await line.store.release(lease)


async def _acknowledge_first(line: Line, lease: Lease) -> None:
    reader = await line.join("another reader")
    with pytest.raises(UnknownBatchError):
        await line.store.acknowledge(BatchToken(lease.lease_id), reader.id)


async def _bury(line: Line, lease: Lease) -> None:
    await line.store.bury(lease, "cannot be read")


async def _expire(line: Line, lease: Lease) -> None:
    await line.store.extend(lease, DEADLINE * 2)
    await line.pass_time(DEADLINE)


async def _cancel(line: Line, lease: Lease) -> None:
    await line.store.cancel(lease.message.id, by=BY)


NOTE_WAYS: dict[State, Callable[[Line, Lease], Awaitable[None]]] = {
    State.READY: _release,
    State.LEASED: _acknowledge_first,
    State.DEAD: _bury,
    State.EXPIRED: _expire,
    State.CANCELLED: _cancel,
}


@pytest.mark.parametrize("state", NOTE_WAYS)
async def test_an_acknowledgement_settles_only_what_is_leased(
    line: Line, ada: Credential, bob: Credential, state: State
) -> None:
    note = await line.say(ada, BOBS, deadline_at=line.clock.now() + DEADLINE)
    kept = await line.say(ada, BOBS)
    batch = await line.receive(bob)
    await line.store.extend(batch.leases[1], DEADLINE * 2)
    await NOTE_WAYS[state](line, batch.leases[0])
    acknowledged = await line.store.acknowledge(batch.token, bob.id)
    is_leased = Event.ACK in NEXT_STATE[state]
    assert await line.state(note) is (State.SETTLED if is_leased else state)
    assert acknowledged == Acknowledged((note.id, kept.id) if is_leased else (kept.id,), ())


async def test_an_acknowledgement_settles_its_batch_and_only_that(line: Line, ada: Credential, bob: Credential) -> None:
    said = await notes(line, ada, 6)
    first, _second = await line.receive(bob, limit=2), await line.receive(bob, limit=2)
    acknowledged = await line.store.acknowledge(first.token, bob.id)
    assert acknowledged == Acknowledged((said[0].id, said[1].id), ())
    settled, leased, ready = [State.SETTLED] * 2, [State.LEASED] * 2, [State.READY] * 2
    assert [await line.state(note) for note in said] == settled + leased + ready


async def test_acknowledging_twice_says_the_same_and_changes_nothing_more(
    line: Line, ada: Credential, bob: Credential
) -> None:
    (note,), question = await notes(line, ada, 1), await ask(line)
    batch = await line.receive(bob)
    first = await line.store.acknowledge(batch.token, bob.id)
    before = await line.store.get(note.id)
    line.clock.advance(timedelta(seconds=1))
    assert await line.store.acknowledge(batch.token, bob.id) == first
    assert first == Acknowledged((note.id,), (question.id,))
    assert await line.store.get(note.id) == before
    assert await line.state(question) is State.LEASED


async def test_acknowledging_after_the_lapse_is_refused_and_settles_nothing(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await notes(line, ada, 2)
    batch = await line.receive(bob)
    await line.pass_time(LEASE)
    with pytest.raises(LeaseLostError):
        await line.store.acknowledge(batch.token, bob.id)
    assert [await line.state(note) for note in said] == [State.READY] * 2


async def test_acknowledging_late_by_the_clock_settles_until_it_is_swept(
    line: Line, ada: Credential, bob: Credential
) -> None:
    (note,) = await notes(line, ada, 1)
    batch = await line.receive(bob)
    line.clock.advance(LEASE * 2)
    await line.store.acknowledge(batch.token, bob.id)
    await line.store.sweep()
    assert await line.state(note) is State.SETTLED


async def test_after_a_partial_lapse_an_acknowledgement_settles_what_is_held(
    line: Line, ada: Credential, bob: Credential
) -> None:
    lapsed, kept = await notes(line, ada, 2)
    batch = await line.receive(bob)
    await line.store.extend(batch.leases[1], LEASE * 2)
    await line.pass_time(LEASE)
    assert await line.store.acknowledge(batch.token, bob.id) == Acknowledged((kept.id,), ())
    assert [await line.state(lapsed), await line.state(kept)] == [State.READY, State.SETTLED]


async def test_a_reader_does_not_settle_what_was_handed_to_another_since(
    line: Line, ada: Credential, bob: Credential
) -> None:
    (note,) = await notes(line, ada, 1)
    slow = await line.receive(bob)
    await line.pass_time(LEASE)
    await line.store.receive(BOBS, ada, 1, LEASE)
    with pytest.raises(LeaseLostError):
        await line.store.acknowledge(slow.token, bob.id)
    delivery = (await line.store.get(note.id)).delivery
    assert (delivery.state, delivery.holder) == (State.LEASED, "ada")


async def test_a_question_stays_unanswered_until_it_is_settled(line: Line, bob: Credential) -> None:
    question = await ask(line)
    batch = await line.receive(bob)
    assert await line.store.acknowledge(batch.token, bob.id) == Acknowledged((), (question.id,))
    assert await line.state(question) is State.LEASED
    await line.store.settle(batch.leases[0], an_answer(line.clock, question))
    assert await line.state(question) is State.SETTLED


async def test_a_question_of_an_acknowledged_batch_comes_back_when_it_lapses(line: Line, bob: Credential) -> None:
    question = await ask(line)
    batch = await line.receive(bob)
    await line.store.acknowledge(batch.token, bob.id)
    await line.pass_time(LEASE)
    (again,) = (await line.receive(bob)).leases
    assert (again.message, again.deliveries, again.lapses) == (question, 2, 1)


async def test_a_batch_whose_messages_were_settled_one_by_one_can_be_acknowledged(
    line: Line, ada: Credential, bob: Credential
) -> None:
    question, note = await ask(line), await line.say(ada, BOBS)
    batch = await line.receive(bob)
    await line.store.settle(batch.leases[0], an_answer(line.clock, question))
    await line.store.bury(batch.leases[1], "not for me")
    for _ in range(2):
        assert await line.store.acknowledge(batch.token, bob.id) == Acknowledged((), ())
    assert [await line.state(question), await line.state(note)] == [State.SETTLED, State.DEAD]


async def test_a_batch_that_was_given_back_cannot_be_acknowledged(line: Line, ada: Credential, bob: Credential) -> None:
    await notes(line, ada, 2)
    batch = await line.receive(bob)
    await line.store.bury(batch.leases[0], "not for me")
    await line.store.release(batch.leases[1])
    with pytest.raises(LeaseLostError):
        await line.store.acknowledge(batch.token, bob.id)


async def test_an_acknowledged_batch_is_open_no_more_though_its_question_is_held(line: Line, bob: Credential) -> None:
    await ask(line)
    batch = await line.receive(bob)
    await line.store.acknowledge(batch.token, bob.id)
    assert list(await line.store.open_batches(bob.id)) == []


async def test_a_note_that_replies_settles_what_it_replies_to(line: Line, ada: Credential, bob: Credential) -> None:
    first, second = await notes(line, ada, 2)
    batch = await line.receive(bob)
    reply = a_note(line.clock, bob, "I know.", in_reply_to=first.id)
    accepted = await line.store.add(reply, ADAS, by=bob, settles=batch.leases[0])
    assert accepted.created
    assert [await line.state(first), await line.state(second)] == [State.SETTLED, State.LEASED]
    assert messages(await line.receive(ada)) == [accepted.question.message]


async def test_a_reply_under_a_lost_lease_is_not_said(line: Line, ada: Credential, bob: Credential) -> None:
    await notes(line, ada, 1)
    (lease,) = (await line.receive(bob)).leases
    await line.store.release(lease)
    with pytest.raises(LeaseLostError):
        await line.store.add(a_note(line.clock, bob, "I know."), ADAS, by=bob, settles=lease)
    assert await line.inbox(ADAS) == []


async def test_a_repeated_reply_is_the_same_although_its_lease_is_over(
    line: Line, ada: Credential, bob: Credential
) -> None:
    await notes(line, ada, 1)
    (lease,) = (await line.receive(bob)).leases
    reply = a_note(line.clock, bob, "I know.", idempotency_key="k")
    first = await line.store.add(reply, ADAS, by=bob, settles=lease)
    again = await line.store.add(reply, ADAS, by=bob, settles=lease)
    assert (again.created, again.question) == (False, first.question)


async def test_a_reply_that_is_refused_settles_nothing(line: Line, ada: Credential, bob: Credential) -> None:
    (note,) = await notes(line, ada, 1)
    (lease,) = (await line.receive(bob)).leases
    with pytest.raises(ConflictError):
        await line.store.add(replace(a_note(line.clock, bob), id=note.id), ADAS, by=bob, settles=lease)
    with pytest.raises(UnknownMailboxError):
        await line.store.add(a_note(line.clock, bob), Mailbox(ADAS.conversation, "nobody"), by=bob, settles=lease)
    assert await line.state(note) is State.LEASED
