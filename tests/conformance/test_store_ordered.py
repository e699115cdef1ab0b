"""Ordered mailboxes: at most one lease out, and the head blocks until it is settled or set aside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from sealing import BY
from store_cases import ADAS, BOBS, DEADLINE, LEASE, NO_DELAY, Line, a_question, an_answer
from warmline.model import Lease, Message, State
from warmline.parties import Credential, Policy

T = TypeVar("T")
SECOND = timedelta(seconds=1)
ORDERED, UNORDERED = Policy(ordered=True), Policy(ordered=False)


async def begin(line: Line, waiting: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start to wait, and return when the store has heard of it."""
    task = asyncio.create_task(waiting)
    await asyncio.sleep(0)
    await line.store.sweep()
    return task


async def end(task: Awaitable[T]) -> T:
    async with asyncio.timeout(5):
        return await task


async def ask(line: Line, body: str) -> Message:
    question = a_question(line.clock, body)
    await line.store.add(question, BOBS)
    return question


@pytest.fixture
async def asked(line: Line, bob: Credential) -> list[Message]:
    """Three questions in bob's mailbox, which is ordered."""
    assert bob.name == BOBS.name
    await line.directory.set_policy(BOBS, ORDERED, by=BY)
    return [await ask(line, f"question {number}") for number in range(3)]


async def by_lease(line: Line, _reader: Credential) -> Lease:
    return await line.store.lease(BOBS, "worker", LEASE)


async def by_receive(line: Line, reader: Credential) -> Lease:
    batch = await line.store.receive(BOBS, reader, 10, LEASE)
    (lease,) = batch.leases
    return lease


Taking = Callable[[Line, Credential], Coroutine[Any, Any, Lease]]
taken_either_way = pytest.mark.parametrize("take", [by_lease, by_receive])


async def settle(line: Line, lease: Lease) -> None:
    await line.store.settle(lease, an_answer(line.clock, lease.message))


async def bury(line: Line, lease: Lease) -> None:
    await line.store.bury(lease, "failed")


async def cancel(line: Line, lease: Lease) -> None:
    await line.store.cancel(lease.message.id, by=BY)


async def erase(line: Line, lease: Lease) -> None:
    await line.store.erase(lease.message.id, by=BY)


async def escalate(line: Line, lease: Lease) -> None:
    await line.store.add_mailbox(ADAS)
    await line.store.escalate(lease, ADAS, None)


@taken_either_way
async def test_one_delivery_is_out_at_a_time_however_it_was_taken(
    line: Line, bob: Credential, asked: list[Message], take: Taking
) -> None:
    first = await take(line, bob)
    others = [await begin(line, by_lease(line, bob)), await begin(line, by_receive(line, bob))]
    assert (first.message, [task.done() for task in others]) == (asked[0], [False, False])
    await settle(line, first)
    second = await end(others[0])
    await line.store.sweep()
    assert (second.message, others[1].done()) == (asked[1], False)
    await settle(line, second)
    assert (await end(others[1])).message == asked[2]


@taken_either_way
@pytest.mark.parametrize("end_it", [settle, bury, cancel, erase, escalate])
async def test_the_next_is_due_when_the_head_has_gone(
    line: Line,
    bob: Credential,
    asked: list[Message],
    take: Taking,
    end_it: Callable[[Line, Lease], Awaitable[None]],
) -> None:
    head = await take(line, bob)
    waiting = await begin(line, take(line, bob))
    await end_it(line, head)
    assert (await end(waiting)).message == asked[1]


async def test_the_next_is_due_when_the_head_has_expired(line: Line, bob: Credential, asked: list[Message]) -> None:
    head = await by_receive(line, bob)
    await line.store.extend(head, DEADLINE * 2)
    successor = a_question(line.clock, deadline=None)
    await line.store.add(successor, BOBS)
    waiting = await begin(line, by_receive(line, bob))
    await line.pass_time(DEADLINE)
    assert (await end(waiting)).message == successor
    assert await line.state(asked[0]) is State.EXPIRED


@taken_either_way
async def test_a_head_given_back_is_handed_over_again_before_its_successors(
    line: Line, bob: Credential, asked: list[Message], take: Taking
) -> None:
    waiting = await begin(line, by_lease(line, bob))
    await line.store.release(await end(waiting))
    lapsing = await take(line, bob)
    waiting = await begin(line, take(line, bob))
    await line.pass_time(LEASE)
    again = await end(waiting)
    assert [lapsing.message, again.message] == [asked[0]] * 2
    assert (again.deliveries, again.lapses) == (3, 1)


@taken_either_way
async def test_a_delayed_head_blocks_until_its_time(
    line: Line, bob: Credential, asked: list[Message], take: Taking
) -> None:
    await line.store.nack(await take(line, bob), "failed", SECOND)
    waiting = await begin(line, take(line, bob))
    await ask(line, "another")
    await line.store.sweep()
    assert not waiting.done()
    await line.pass_time(SECOND)
    assert (await end(waiting)).message == asked[0]


async def test_a_delayed_head_that_is_cancelled_blocks_no_more(
    line: Line, bob: Credential, asked: list[Message]
) -> None:
    await line.store.nack(await by_lease(line, bob), "failed", SECOND)
    waiting = await begin(line, by_receive(line, bob))
    await line.store.cancel(asked[0].id, by=BY)
    assert (await end(waiting)).message == asked[1]


async def test_a_requeued_head_comes_before_its_successors_and_after_the_lease_that_is_out(
    line: Line, bob: Credential, asked: list[Message]
) -> None:
    await line.store.bury(await by_lease(line, bob), "failed")
    second = await by_lease(line, bob)
    await line.store.requeue(asked[0].id, None, by=BY)
    waiting = await begin(line, by_receive(line, bob))
    assert not waiting.done()
    await settle(line, second)
    assert (await end(waiting)).message == asked[0]


async def test_two_competing_readers_work_in_strict_order(line: Line, ada: Credential, bob: Credential) -> None:
    await line.directory.set_policy(BOBS, ORDERED, by=BY)
    said = [await line.say(ada, BOBS, f"note {number}") for number in range(12)]
    done: list[Message] = []

    async def work(reader: Credential, turns: int) -> None:
        for _ in range(6):
            batch = await line.store.receive(BOBS, reader, 10, LEASE)
            for _ in range(turns):
                await asyncio.sleep(0)
            done.extend(lease.message for lease in batch.leases)
            await line.store.acknowledge(batch.token, reader.id)

    await end(asyncio.gather(work(ada, 1), work(bob, 4)))
    assert done == said


async def test_another_mailbox_is_not_held_up(line: Line, ada: Credential, bob: Credential) -> None:
    await line.directory.set_policy(BOBS, ORDERED, by=BY)
    for mailbox in (BOBS, BOBS, ADAS, ADAS):
        await line.say(ada, mailbox)
    await by_receive(line, bob)
    assert len((await line.receive(ada)).leases) == 2


async def test_a_mailbox_made_ordered_hands_over_nothing_until_all_that_is_out_came_back(
    line: Line, bob: Credential
) -> None:
    asked = [await ask(line, f"question {number}") for number in range(4)]
    leases = [await by_lease(line, bob) for _ in range(2)]
    await line.directory.set_policy(BOBS, ORDERED, by=BY)
    waiting = await begin(line, by_receive(line, bob))
    await settle(line, leases[0])
    await line.store.sweep()
    assert not waiting.done()
    await settle(line, leases[1])
    assert (await end(waiting)).message == asked[2]


async def test_a_mailbox_made_unordered_hands_over_at_once_to_who_waits(
    line: Line, bob: Credential, asked: list[Message]
) -> None:
    await by_lease(line, bob)
    leasing, receiving = await begin(line, by_lease(line, bob)), await begin(line, by_receive(line, bob))
    assert (leasing.done(), receiving.done()) == (False, False)
    await line.directory.set_policy(BOBS, UNORDERED, by=BY)
    assert [(await end(leasing)).message, (await end(receiving)).message] == asked[1:]


async def test_a_mailbox_stays_ordered_after_reopening(line: Line, bob: Credential, asked: list[Message]) -> None:
    await by_receive(line, bob)
    line = await line.reopen()
    waiting = await begin(line, by_receive(line, bob))
    assert not waiting.done()
    await line.store.cancel(asked[0].id, by=BY)
    assert (await end(waiting)).message == asked[1]


async def test_a_reader_that_leaves_an_ordered_mailbox_blocks_nobody(
    line: Line, ada: Credential, bob: Credential
) -> None:
    await line.directory.set_policy(BOBS, ORDERED, by=BY)
    leaving, staying = await begin(line, by_receive(line, bob)), await begin(line, by_receive(line, bob))
    note = await line.say(ada, BOBS)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await end(leaving)
    assert (await end(staying)).message == note


async def test_a_failure_without_delay_puts_the_head_back_in_front(
    line: Line, bob: Credential, asked: list[Message]
) -> None:
    await line.store.nack(await by_lease(line, bob), "failed", NO_DELAY)
    again = await by_receive(line, bob)
    assert (again.message, again.failures) == (asked[0], 1)
