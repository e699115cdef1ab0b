"""Being done with a lease without an answer, and receiving without waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sealing import BY
from store_cases import BOBS, LEASE, Line, an_answer
from warmline.errors import LeaseLostError, UnknownMailboxError
from warmline.model import NEXT_STATE, Event, Mailbox, State
from warmline.parties import Credential, Policy


async def receive_now(line: Line, by: Credential, key: str | None = None) -> int:
    """Return how much was handed over at once."""
    async with asyncio.timeout(5):
        return len((await line.store.receive(BOBS, by, 10, LEASE, key, waits=False)).leases)


@pytest.mark.parametrize("state", State)
async def test_only_what_is_leased_can_be_done(line: Line, state: State) -> None:
    lease = await line.bring_to(state)
    before = await line.store.get(lease.message.id)
    if Event.ACK in NEXT_STATE[state]:
        await line.store.done(lease)
        after = await line.store.get(lease.message.id)
        assert (after.delivery.state, after.delivery.ended_at, after.answer) == (
            State.SETTLED,
            line.clock.now(),
            None,
        )
    else:
        with pytest.raises(LeaseLostError):
            await line.store.done(lease)
        assert await line.store.get(lease.message.id) == before


async def test_who_presents_another_lease_is_not_done(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    with pytest.raises(LeaseLostError):
        await line.store.done(replace(lease, lease_id="0123456789abcdef"))
    await line.store.settle(lease, an_answer(line.clock, lease.message))


async def test_who_waits_hears_that_it_is_done(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    waiting = asyncio.create_task(line.store.wait_until_ended(lease.message.id))
    await asyncio.sleep(0)
    await line.store.done(lease)
    async with asyncio.timeout(5):
        assert (await waiting).delivery.state is State.SETTLED


async def test_a_done_head_lets_the_next_of_an_ordered_mailbox_go(line: Line, ada: Credential, bob: Credential) -> None:
    await line.directory.set_policy(BOBS, Policy(ordered=True), by=BY)
    first, second = await line.say(ada, BOBS), await line.say(ada, BOBS)
    batch = await line.receive(bob)
    await line.store.done(batch.leases[0])
    assert (await line.receive(bob)).leases[0].message == second
    assert await line.state(first) is State.SETTLED


async def test_a_receive_that_does_not_wait_gives_what_is_due_or_nothing(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert await receive_now(line, bob) == 0
    for _ in range(2):
        await line.say(ada, BOBS)
    assert await receive_now(line, bob, "k") == 2
    assert await receive_now(line, bob) == 0
    assert await receive_now(line, bob, "k") == 2
    assert len(await line.store.open_batches(bob.id)) == 1


async def test_a_receive_that_did_not_wait_takes_nothing_that_comes_later(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert await receive_now(line, bob) == 0
    note = await line.say(ada, BOBS)
    await line.store.sweep()
    assert await line.state(note) is State.READY
    (lease,) = (await line.receive(bob)).leases
    assert (lease.message, lease.deliveries) == (note, 1)


async def test_a_receive_that_does_not_wait_does_not_jump_the_queue(
    line: Line, ada: Credential, bob: Credential
) -> None:
    waiting = asyncio.create_task(line.receive(bob))
    await asyncio.sleep(0)
    await line.store.sweep()
    assert await receive_now(line, ada) == 0
    note = await line.say(ada, BOBS)
    async with asyncio.timeout(5):
        assert (await waiting).leases[0].message == note


async def test_a_receive_that_does_not_wait_wants_a_mailbox_too(line: Line, bob: Credential) -> None:
    with pytest.raises(UnknownMailboxError):
        await line.store.receive(Mailbox(BOBS.conversation, "nobody"), bob, 1, LEASE, waits=False)
