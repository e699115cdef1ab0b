"""Receiving without waiting, and being done with what wants no answer."""

from __future__ import annotations

import asyncio

import pytest

from store_cases import BOBS, LEASE, Line
from warmline.errors import LeaseLostError, UnknownMailboxError
from warmline.model import Kind, Mailbox, State
from warmline.parties import Credential


async def test_a_receive_that_does_not_wait_takes_what_is_due_and_else_holds_nothing(
    line: Line, ada: Credential, bob: Credential
) -> None:
    nothing = await line.store.receive(BOBS, bob, 10, LEASE, waits=False)
    assert (nothing.mailbox, nothing.leases) == (BOBS, ())
    first, second = await line.say(ada, BOBS, "one"), await line.say(ada, BOBS, "two")
    batch = await line.store.receive(BOBS, bob, 10, LEASE, waits=False)
    assert [lease.message.id for lease in batch.leases] == [first.id, second.id]
    assert not (await line.store.receive(BOBS, bob, 10, LEASE, waits=False)).leases
    assert await line.store.open_batches(bob.id) == [batch.token]


async def test_a_receive_that_does_not_wait_gives_the_same_batch_for_the_same_key(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert not (await line.store.receive(BOBS, bob, 10, LEASE, "k", waits=False)).leases
    await line.say(ada, BOBS, "one")
    first = await line.store.receive(BOBS, bob, 10, LEASE, "k", waits=False)
    again = await line.store.receive(BOBS, bob, 10, LEASE, "k", waits=False)
    assert (again.token, len(again.leases)) == (first.token, 1)


async def test_a_receive_that_does_not_wait_knows_no_unknown_mailbox(line: Line, bob: Credential) -> None:
    with pytest.raises(UnknownMailboxError):
        await line.store.receive(Mailbox(BOBS.conversation, "nobody"), bob, 10, LEASE, waits=False)


async def test_a_receive_that_does_not_wait_and_is_cancelled_holds_nothing(
    line: Line, ada: Credential, bob: Credential
) -> None:
    await line.say(ada, BOBS, "one")
    receiving = asyncio.create_task(line.store.receive(BOBS, bob, 10, LEASE, waits=False))
    await asyncio.sleep(0)
    receiving.cancel()
    await asyncio.wait({receiving}, timeout=5)
    if receiving.cancelled():
        async with asyncio.timeout(5):
            assert (await line.store.receive(BOBS, bob, 10, LEASE)).leases


@pytest.mark.usefixtures("bob")
async def test_what_is_done_is_settled_without_an_answer_and_only_once(line: Line, ada: Credential) -> None:
    note = await line.say(ada, BOBS, "leave, please")
    lease = await line.lease("worker", BOBS)
    await line.store.done(lease)
    post = await line.store.post(note.id)
    assert (post.message.kind, post.answer, post.deliveries[0].state) == (Kind.NOTE, None, State.SETTLED)
    with pytest.raises(LeaseLostError):
        await line.store.done(lease)


@pytest.mark.usefixtures("bob")
async def test_what_has_lapsed_is_not_done(line: Line, ada: Credential) -> None:
    note = await line.say(ada, BOBS, "leave, please")
    lease = await line.lease("worker", BOBS)
    await line.pass_time(LEASE)
    with pytest.raises(LeaseLostError):
        await line.store.done(lease)
    assert (await line.store.post(note.id)).deliveries[0].state is State.READY
