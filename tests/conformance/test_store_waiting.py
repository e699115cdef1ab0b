"""Leasers, askers and sweepers who wait: woken by events, served in order, gone without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from sealing import BY
from store_cases import DEADLINE, LEASE, MAX_LAPSES, OTHER_MAILBOX, Line, a_question, an_answer
from store_waiting import begin, end, leave
from warmline.errors import ConflictError, StoreClosedError
from warmline.model import MEMORY_MAILBOX, Kind, Lease, Message, State

SECOND = timedelta(seconds=1)


async def test_twelve_leasers_at_once_get_twelve_deliveries_in_order(line: Line) -> None:
    asked = [await line.ask(f"question {number}") for number in range(12)]
    leases = await end(asyncio.gather(*(line.lease(f"worker {number}") for number in range(12))))
    assert [lease.message for lease in leases] == asked
    assert [lease.holder for lease in leases] == [f"worker {number}" for number in range(12)]
    assert len({lease.lease_id for lease in leases}) == 12


async def test_waiting_leasers_are_served_first_come_first_served(line: Line) -> None:
    waiting = [await begin(line, line.lease(f"worker {number}")) for number in range(12)]
    asked = await asyncio.gather(*(line.ask(f"question {number}") for number in range(12)))
    leases = await end(asyncio.gather(*waiting))
    assert [lease.message for lease in leases] == list(asked)


async def test_a_leaser_waits_for_its_own_mailbox_alone(line: Line) -> None:
    other = await begin(line, line.lease(mailbox=OTHER_MAILBOX))
    own = await begin(line, line.lease())
    message = await line.ask()
    assert (await end(own)).message == message
    assert not other.done()
    await line.store.add(a_question(line.clock), OTHER_MAILBOX)
    assert (await end(other)).mailbox == OTHER_MAILBOX


async def _release(line: Line, lease: Lease) -> None:
    await line.store.release(lease)


async def _nack(line: Line, lease: Lease) -> None:
    await line.store.nack(lease, "failed", timedelta(0))


async def _nack_and_wait(line: Line, lease: Lease) -> None:
    await line.store.nack(lease, "failed", SECOND)
    await line.pass_time(SECOND)


async def _lapse(line: Line, _lease: Lease) -> None:
    await line.pass_time(LEASE)


async def _bury_and_requeue(line: Line, lease: Lease) -> None:
    await line.store.bury(lease, "failed")
    await line.store.requeue(lease.message.id, lease.message.deadline_at, by=BY)


@pytest.mark.parametrize("give_back", [_release, _nack, _nack_and_wait, _lapse, _bury_and_requeue])
async def test_a_waiting_leaser_gets_what_is_given_back(
    line: Line, give_back: Callable[[Line, Lease], Awaitable[None]]
) -> None:
    lease = await line.bring_to(State.LEASED)
    waiting = await begin(line, line.lease("another"))
    await give_back(line, lease)
    again = await end(waiting)
    assert (again.message.id, again.deliveries, again.holder) == (lease.message.id, 2, "another")


async def test_a_waiting_leaser_gets_the_lowest_position_of_what_becomes_due_together(line: Line) -> None:
    asked = [await line.ask(f"question {number}") for number in range(3)]
    leases = [await line.lease() for _ in asked]
    for lease in reversed(leases):
        await line.store.nack(lease, "failed", SECOND)
    waiting = [await begin(line, line.lease()) for _ in asked]
    await line.pass_time(SECOND)
    assert [lease.message for lease in await end(asyncio.gather(*waiting))] == asked


async def test_a_cancelled_leaser_holds_nothing_and_the_next_in_line_is_served(line: Line) -> None:
    cancelled, patient = await begin(line, line.lease("cancelled")), await begin(line, line.lease("patient"))
    await leave(cancelled)
    message = await line.ask()
    assert (await end(patient)).message == message
    assert (await line.store.get(message.id)).delivery.deliveries == 1


@pytest.mark.parametrize("turns", range(6))
async def test_a_leaser_cancelled_while_its_lease_is_granted_gives_it_back_without_blame(
    line: Line, turns: int
) -> None:
    """The question is handed out as it is accepted; the leaser is cancelled before that, then, or after it."""
    leasing = await begin(line, line.lease("cancelled"))
    asking = asyncio.create_task(line.ask())
    for _ in range(turns):
        await asyncio.sleep(0)
    leasing.cancel()
    message = await end(asking)
    (result,) = await end(asyncio.gather(leasing, return_exceptions=True))
    if isinstance(result, Lease):  # it was served before it could be cancelled
        await line.store.release(result)
    lease = await end(line.lease("patient"))
    assert (lease.message, lease.failures, lease.lapses) == (message, 0, 0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_leaser_cancelled_at_any_turn_leaves_the_delivery_to_the_next(line: Line, turns: int) -> None:
    message = await line.ask()
    leasing = asyncio.create_task(line.lease("cancelled"))
    for _ in range(turns):
        await asyncio.sleep(0)
    leasing.cancel()
    (result,) = await end(asyncio.gather(leasing, return_exceptions=True))
    if isinstance(result, Lease):  # it was served before it could be cancelled
        await line.store.release(result)
    lease = await end(line.lease("patient"))
    assert (lease.message, lease.failures, lease.lapses) == (message, 0, 0)


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancelled_asker_leaves_a_whole_question_or_none(line: Line, turns: int) -> None:
    message = a_question(line.clock, key="k")
    adding = asyncio.create_task(line.store.add(message, MEMORY_MAILBOX))
    for _ in range(turns):
        await asyncio.sleep(0)
    adding.cancel()
    await end(asyncio.gather(adding, return_exceptions=True))
    accepted = await line.store.add(replace(message, id=a_question(line.clock).id), MEMORY_MAILBOX)
    assert accepted.question.delivery.position == 1
    assert (await end(line.lease())).message == accepted.question.message
    assert sum((await line.store.tally()).values()) == 1


async def _settle(line: Line, lease: Lease) -> None:
    await line.store.settle(lease, an_answer(line.clock, lease.message))


async def _bury(line: Line, lease: Lease) -> None:
    await line.store.bury(lease, "failed")


async def _expire(line: Line, _lease: Lease) -> None:
    await line.pass_time(DEADLINE)


async def _cancel(line: Line, lease: Lease) -> None:
    await line.store.cancel(lease.message.id, by=BY)


ENDINGS = [(_settle, State.SETTLED), (_bury, State.DEAD), (_expire, State.EXPIRED), (_cancel, State.CANCELLED)]


@pytest.mark.parametrize(("finish", "state"), ENDINGS)
async def test_every_waiter_is_woken_by_every_end(
    line: Line, finish: Callable[[Line, Lease], Awaitable[None]], state: State
) -> None:
    lease = await line.bring_to(State.LEASED)
    waiting = [await begin(line, line.store.wait_until_ended(lease.message.id)) for _ in range(3)]
    await finish(line, lease)
    ended = await end(asyncio.gather(*waiting))
    expected = await line.store.get(lease.message.id)
    assert expected.delivery.state is state
    assert ended == [expected] * 3


async def test_a_waiter_is_woken_when_the_last_lapse_buries(line: Line) -> None:
    message = await line.ask()
    waiting = await begin(line, line.store.wait_until_ended(message.id))
    for _ in range(MAX_LAPSES + 1):
        await end(line.lease())
        await line.pass_time(LEASE)
    assert (await end(waiting)).delivery.state is State.DEAD


@pytest.mark.parametrize(("finish", "state"), ENDINGS)
async def test_a_wait_for_what_has_ended_returns_at_once(
    line: Line, finish: Callable[[Line, Lease], Awaitable[None]], state: State
) -> None:
    lease = await line.bring_to(State.LEASED)
    await finish(line, lease)
    ended = await end(line.store.wait_until_ended(lease.message.id))
    assert ended == await line.store.get(lease.message.id)
    assert ended.delivery.state is state


async def test_a_wait_after_a_requeue_waits_for_the_new_end(line: Line) -> None:
    lease = await line.bring_to(State.DEAD)
    await line.store.requeue(lease.message.id, None, by=BY)
    waiting = await begin(line, line.store.wait_until_ended(lease.message.id))
    assert not waiting.done()
    await _settle(line, await line.lease())
    assert (await end(waiting)).answer is not None


async def test_a_cancelled_waiter_does_not_disturb_the_others(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    impatient = await begin(line, line.store.wait_until_ended(lease.message.id))
    patient = await begin(line, line.store.wait_until_ended(lease.message.id))
    await leave(impatient)
    await _settle(line, lease)
    assert (await end(patient)).delivery.state is State.SETTLED


async def test_closing_ends_every_wait_with_an_error(line: Line) -> None:
    message: Message = await line.ask()
    await line.lease()
    waiting = [
        await begin(line, line.lease()),
        await begin(line, line.store.wait_until_ended(message.id)),
        await begin(line, line.store.wait_until_sooner(line.clock.now())),
    ]
    await line.store.close()
    for error in await end(asyncio.gather(*waiting, return_exceptions=True)):
        assert isinstance(error, StoreClosedError)


async def test_a_sweep_of_an_idle_store_finds_nothing_timed(line: Line) -> None:
    assert await line.store.sweep() is None
    await line.ask(deadline=None)
    assert await line.store.sweep() is None


async def test_a_sweep_returns_the_next_event_of_each_kind(line: Line) -> None:
    start = line.clock.now()
    message = await line.ask()
    assert await line.store.sweep() == start + DEADLINE
    lease = await line.lease()
    assert await line.store.sweep() == start + LEASE
    await line.store.nack(lease, "failed", SECOND)
    assert await line.store.sweep() == start + SECOND
    await line.store.cancel(message.id, by=BY)
    assert await line.store.sweep() is None


async def test_a_deadline_ends_a_leased_question_even_when_its_lease_has_lapsed_too(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    await line.pass_time(DEADLINE * 2)
    delivery = (await line.store.get(lease.message.id)).delivery
    assert (delivery.state, delivery.lapses) == (State.EXPIRED, 0)


async def test_a_sweeper_is_woken_by_an_event_sooner_than_the_one_it_knows(line: Line) -> None:
    start = line.clock.now()
    waiting = await begin(line, line.store.wait_until_sooner(None))
    await line.ask()
    assert await end(waiting) == start + DEADLINE
    waiting = await begin(line, line.store.wait_until_sooner(start + DEADLINE))
    await line.ask(deadline=DEADLINE * 2)
    await line.store.sweep()
    assert not waiting.done()
    await line.lease()
    assert await end(waiting) == start + LEASE


async def test_a_sweeper_that_comes_late_returns_at_once(line: Line) -> None:
    await line.ask()
    await end(line.store.wait_until_sooner(None))
    await end(line.store.wait_until_sooner(line.clock.now() + DEADLINE + SECOND))


async def test_a_sweeper_is_woken_by_a_lease_that_is_made_shorter(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    waiting = await begin(line, line.store.wait_until_sooner(lease.lapses_at))
    assert not waiting.done()
    await line.store.extend(lease, SECOND)
    await end(waiting)
    assert await line.store.sweep() == line.clock.now() + SECOND


async def test_a_sweeper_that_left_does_not_disturb_the_next(line: Line) -> None:
    await leave(await begin(line, line.store.wait_until_sooner(None)))
    waiting = await begin(line, line.store.wait_until_sooner(None))
    await line.ask()
    await end(waiting)


async def test_a_watcher_is_called_once_at_the_end_and_not_after_it_left(line: Line) -> None:
    stays, left = await line.ask(), await line.ask()
    calls: list[str] = []
    with line.store.watching(stays.id, lambda: calls.append("stays")):
        with line.store.watching(left.id, lambda: calls.append("left")):
            await line.store.sweep()
        assert calls == []
        await line.store.cancel(left.id, by=BY)
        await line.store.cancel(stays.id, by=BY)
    assert calls == ["stays"]


async def test_a_leaser_who_comes_with_a_question_does_not_jump_the_queue(line: Line) -> None:
    """The question and the newcomer reach the store together, while another waits already."""
    first = await begin(line, line.lease("first"))
    _, newcomer = asyncio.create_task(line.ask()), asyncio.create_task(line.lease("newcomer"))
    assert (await end(first)).holder == "first"
    await line.ask()
    assert (await end(newcomer)).holder == "newcomer"


async def test_a_verb_that_fails_beside_a_waiting_lease_fails_alone(line: Line) -> None:
    """All of them reach the store together, and one of them finds that it cannot be after it has written."""
    twice = await line.ask()
    await line.store.cancel(twice.id, by=BY)
    leasing = [asyncio.create_task(line.lease(f"worker {number}")) for number in range(2)]
    adding = asyncio.create_task(line.store.add(twice, MEMORY_MAILBOX))
    asking = asyncio.create_task(line.ask())
    with pytest.raises(ConflictError):
        await end(adding)
    first = await end(leasing[0])
    assert (first.message, first.deliveries) == (await asking, 1)
    await line.ask()
    second = await end(leasing[1])
    assert (second.holder, second.deliveries) == ("worker 1", 1)
    assert (await line.store.get(second.message.id)).delivery.position == 3


async def test_who_asked_is_known_until_the_question_ends(line: Line) -> None:
    question, note = a_question(line.clock), replace(a_question(line.clock), kind=Kind.NOTE)
    assert line.store.asker(question.id) is None
    await line.store.add(question, MEMORY_MAILBOX)
    await line.store.add(note, MEMORY_MAILBOX)
    assert line.store.asker(question.id) == (question.conversation, question.sender)
    assert line.store.asker(note.id) is None
    await line.store.cancel(question.id, by=BY)
    assert line.store.asker(question.id) is None
