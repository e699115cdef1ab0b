"""What one `receive` hands to one reader: held together, acknowledged together, come back when it lapses."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from store_cases import (
    BOBS,
    LEASE,
    LEASE_VERBS,
    NO_DELAY,
    TIMES,
    VERBS,
    Line,
    a_question,
    an_answer,
)
from warmline.errors import ConflictError, LeaseLostError, UnknownBatchError, UnknownMailboxError
from warmline.model import (
    MEMORY_MAILBOX,
    NEXT_STATE,
    Acknowledged,
    Batch,
    BatchToken,
    Event,
    Lease,
    Mailbox,
    Message,
    State,
)
from warmline.parties import Credential


async def notes(line: Line, by: Credential, count: int, to: Mailbox = BOBS) -> list[Message]:
    return [await line.say(by, to, f"note {number}") for number in range(count)]


async def ask(line: Line, to: Mailbox = BOBS) -> Message:
    accepted = await line.store.add(a_question(line.clock), to)
    return accepted.question.message


def messages(batch: Batch) -> list[Message]:
    return [lease.message for lease in batch.leases]


@pytest.mark.parametrize("event", VERBS)
@pytest.mark.parametrize("state", State)
async def test_every_cell_of_the_table_holds_for_what_a_reader_does_with_one_of_a_batch(
    line: Line, bob: Credential, state: State, event: Event
) -> None:
    lease = await line.bring_to(state, reader=bob)
    before = await line.store.get(lease.message.id)
    expected = NEXT_STATE[state].get(event)
    if expected is None:
        with pytest.raises(ConflictError):
            await VERBS[event](line, lease)
        assert await line.store.get(lease.message.id) == before
    else:
        await VERBS[event](line, lease)
        assert await line.state(lease.message) is expected


@pytest.mark.parametrize("event", TIMES)
@pytest.mark.parametrize("state", State)
async def test_every_cell_of_the_table_holds_for_what_time_does_to_one_of_a_batch(
    line: Line, bob: Credential, state: State, event: Event
) -> None:
    lease = await line.bring_to(state, reader=bob)
    before = await line.store.get(lease.message.id)
    await line.pass_time(TIMES[event])
    after = await line.store.get(lease.message.id)
    expected = NEXT_STATE[state].get(event)
    if expected is None:
        assert after == before
    else:
        assert after.delivery.state is expected


async def test_a_batch_holds_the_lowest_positions_up_to_its_limit(line: Line, ada: Credential, bob: Credential) -> None:
    said = await notes(line, ada, 5)
    assert messages(await line.receive(bob, limit=3)) == said[:3]
    assert messages(await line.receive(bob, limit=3)) == said[3:]


async def test_everything_in_a_batch_is_leased_under_its_token(line: Line, ada: Credential, bob: Credential) -> None:
    said = await notes(line, ada, 2)
    batch = await line.receive(bob)
    now = line.clock.now()
    assert (batch.mailbox, len(batch.token) >= 16) == (BOBS, True)
    assert list(batch.leases) == [Lease(note, BOBS, 1, batch.token, "bob", now + LEASE, 0, 0) for note in said]
    for note in said:
        delivery = (await line.store.get(note.id)).delivery
        assert (delivery.state, delivery.deliveries, delivery.holder) == (State.LEASED, 1, "bob")
        assert (delivery.lease_lapses_at, delivery.handed_at, delivery.handed_to) == (now + LEASE, now, "bob")


async def test_what_was_handed_over_stays_so_in_its_receipt(line: Line, ada: Credential, bob: Credential) -> None:
    note = await line.say(ada, BOBS)
    handed_at = line.clock.now()
    batch = await line.receive(bob)
    line.clock.advance(timedelta(seconds=1))
    await line.store.release(batch.leases[0])
    delivery = (await line.store.get(note.id)).delivery
    assert (delivery.state, delivery.holder) == (State.READY, None)
    assert (delivery.handed_at, delivery.handed_to) == (handed_at, "bob")
    batch = await line.receive(bob)
    await line.store.acknowledge(batch.token, bob.id)
    delivery = (await line.store.get(note.id)).delivery
    assert (delivery.handed_at, delivery.ended_at) == (line.clock.now(), line.clock.now())


async def test_a_plain_lease_is_a_hand_over_too(line: Line) -> None:
    lease = await line.bring_to(State.SETTLED)
    delivery = (await line.store.get(lease.message.id)).delivery
    assert (delivery.handed_at, delivery.handed_to) == (line.clock.now(), "worker")


async def test_what_lapsed_comes_back_marked_and_before_its_successors(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await notes(line, ada, 3)
    await line.receive(bob, limit=2)
    await line.pass_time(LEASE)
    again = await line.receive(bob)
    assert messages(again) == said
    assert [(lease.deliveries, lease.lapses, lease.failures) for lease in again.leases] == [(2, 1, 0)] * 2 + [(1, 0, 0)]


async def test_first_hand_overs_follow_the_positions_however_they_are_taken(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await notes(line, ada, 8)
    handed = messages(await line.receive(bob, limit=3))
    handed.append((await line.lease(mailbox=BOBS)).message)
    handed += messages(await line.store.receive(BOBS, ada, 2, LEASE))
    handed += messages(await line.receive(bob, limit=10))
    assert handed == said


@pytest.mark.parametrize("verb", LEASE_VERBS)
async def test_one_of_a_batch_is_fenced_like_any_lease(line: Line, bob: Credential, verb: str) -> None:
    lease = await line.bring_to(State.LEASED, reader=bob)
    with pytest.raises(LeaseLostError):
        await LEASE_VERBS[verb](line, replace(lease, lease_id="0123456789abcdef"))
    await line.pass_time(LEASE)
    with pytest.raises(LeaseLostError):
        await LEASE_VERBS[verb](line, lease)


async def test_what_one_does_to_one_of_a_batch_leaves_the_others_held(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await notes(line, ada, 4)
    batch = await line.receive(bob)
    await line.store.release(batch.leases[0])
    await line.store.nack(batch.leases[1], "later", NO_DELAY)
    await line.store.bury(batch.leases[2], "not for me")
    held = await line.store.held(batch.token, bob.id)
    assert held == replace(batch, leases=batch.leases[3:])
    states = [State.READY, State.READY, State.DEAD, State.LEASED]
    assert [await line.state(note) for note in said] == states


async def test_a_held_batch_shows_its_leases_as_they_stand(line: Line, ada: Credential, bob: Credential) -> None:
    await notes(line, ada, 2)
    batch = await line.receive(bob)
    extended = await line.store.extend(batch.leases[0], LEASE * 2)
    assert await line.store.held(batch.token, bob.id) == replace(batch, leases=(extended, batch.leases[1]))
    await line.pass_time(LEASE)
    assert await line.store.held(batch.token, bob.id) == replace(batch, leases=(extended,))
    await line.store.acknowledge(batch.token, bob.id)
    assert await line.store.held(batch.token, bob.id) == replace(batch, leases=())


async def test_a_batch_is_its_readers_alone(line: Line, ada: Credential, bob: Credential) -> None:
    (note,) = await notes(line, ada, 1)
    batch = await line.receive(bob)
    for token, reader in ((batch.token, ada.id), (BatchToken("0123456789abcdef"), bob.id)):
        with pytest.raises(UnknownBatchError):
            await line.store.acknowledge(token, reader)
        with pytest.raises(UnknownBatchError):
            await line.store.held(token, reader)
    assert await line.state(note) is State.LEASED


async def test_a_plain_lease_is_no_batch(line: Line, bob: Credential) -> None:
    lease = await line.bring_to(State.LEASED)
    with pytest.raises(UnknownBatchError):
        await line.store.acknowledge(BatchToken(lease.lease_id), bob.id)


async def test_the_open_batches_are_those_that_still_hold_something_oldest_first(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert list(await line.store.open_batches(bob.id)) == []
    await notes(line, ada, 6)
    batches = []
    for _ in range(5):
        batches.append(await line.receive(bob, limit=1))
        line.clock.advance(timedelta(seconds=1))
    await line.store.receive(BOBS, ada, 1, LEASE)
    assert list(await line.store.open_batches(bob.id)) == [batch.token for batch in batches]
    await line.store.acknowledge(batches[1].token, bob.id)
    await line.store.release(batches[3].leases[0])
    assert list(await line.store.open_batches(bob.id)) == [batches[index].token for index in (0, 2, 4)]
    await line.pass_time(LEASE)
    assert list(await line.store.open_batches(bob.id)) == []


async def test_the_same_key_gives_the_same_batch_as_far_as_it_is_held(
    line: Line, ada: Credential, bob: Credential
) -> None:
    await notes(line, ada, 3)
    batch = await line.receive(bob, limit=2, key="k")
    assert await line.receive(bob, limit=2, key="k") == batch
    await line.store.release(batch.leases[0])
    assert await line.receive(bob, limit=2, key="k") == replace(batch, leases=batch.leases[1:])


async def test_a_key_whose_batch_is_over_gives_a_new_batch_and_names_that_from_then_on(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await notes(line, ada, 2)
    first = await line.receive(bob, limit=1, key="k")
    await line.store.acknowledge(first.token, bob.id)
    second = await line.receive(bob, limit=1, key="k")
    assert (messages(second), second.token == first.token) == (said[1:], False)
    assert await line.receive(bob, limit=1, key="k") == second
    assert await line.store.acknowledge(first.token, bob.id) == Acknowledged((said[0].id,), ())


async def test_the_same_key_of_another_reader_or_no_key_is_another_batch(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await notes(line, ada, 4)
    batches = [
        await line.receive(bob, limit=1, key="k"),
        await line.store.receive(BOBS, ada, 1, LEASE, "k"),
        await line.receive(bob, limit=1),
        await line.receive(bob, limit=1),
    ]
    assert [messages(batch) for batch in batches] == [[note] for note in said]


async def test_a_sole_owner_that_begins_leaves_batches_to_their_readers(
    line: Line, ada: Credential, bob: Credential
) -> None:
    leased, received = await line.ask("leased"), await line.say(ada, BOBS)
    await line.lease()
    batch = await line.receive(bob)
    await line.store.lapse_all()
    assert [await line.state(leased), await line.state(received)] == [State.READY, State.LEASED]
    assert await line.store.held(batch.token, bob.id) == batch


async def test_a_batch_outlives_the_store_that_handed_it_over(line: Line, ada: Credential, bob: Credential) -> None:
    (note,) = await notes(line, ada, 1)
    batch = await line.receive(bob, key="k")
    line = await line.reopen()
    assert await line.store.held(batch.token, bob.id) == batch
    assert await line.receive(bob, key="k") == batch
    assert list(await line.store.open_batches(bob.id)) == [batch.token]
    first = await line.store.acknowledge(batch.token, bob.id)
    assert await line.state(note) is State.SETTLED
    line = await line.reopen()
    assert await line.store.acknowledge(batch.token, bob.id) == first


async def test_a_batch_of_an_unknown_mailbox_is_refused(line: Line, bob: Credential) -> None:
    with pytest.raises(UnknownMailboxError):
        await line.store.receive(Mailbox(BOBS.conversation, "nobody"), bob, 1, LEASE)


async def test_a_sweeper_is_woken_by_what_is_received(line: Line, ada: Credential, bob: Credential) -> None:
    await notes(line, ada, 1)
    assert await line.store.sweep() is None
    waiting = asyncio.create_task(line.store.wait_until_sooner(None))
    await line.receive(bob)
    async with asyncio.timeout(5):
        assert await waiting == line.clock.now() + LEASE


async def test_two_readers_at_once_never_hold_the_same(line: Line, ada: Credential, bob: Credential) -> None:
    said = await notes(line, ada, 12)
    readers = [line.store.receive(BOBS, reader, 2, LEASE) for reader in (ada, bob) * 3]
    async with asyncio.timeout(5):
        batches = await asyncio.gather(*readers)
    handed = [lease.message.id for batch in batches for lease in batch.leases]
    assert sorted(handed) == [note.id for note in said]
    assert len({batch.token for batch in batches}) == 6


async def test_a_question_of_a_batch_is_a_question_as_any_other(line: Line, bob: Credential) -> None:
    lease = await line.bring_to(State.LEASED, reader=bob)
    waiting = asyncio.create_task(line.store.wait_until_ended(lease.message.id))
    await line.store.settle(lease, an_answer(line.clock, lease.message))
    async with asyncio.timeout(5):
        ended = await waiting
    assert (ended.delivery.mailbox, ended.delivery.handed_to) == (MEMORY_MAILBOX, "bob")
    assert ended == await line.store.get(lease.message.id)
