"""The life of a delivery, cell by cell of the table; fencing; what each step leaves behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from manual_clock import ManualClock
from sealing import BY
from store_cases import (
    DEADLINE,
    LEASE,
    LEASE_VERBS,
    MAX_LAPSES,
    NO_DELAY,
    OTHER_MAILBOX,
    TIMES,
    VERBS,
    Line,
    a_question,
    an_answer,
    new_id,
)
from warmline.errors import (
    ConflictError,
    IdempotencyConflictError,
    LeaseLostError,
    StoreClosedError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.model import ENDED, MEMORY_MAILBOX, NEXT_STATE, Event, Kind, Mailbox, State
from warmline.protocols import Store

UNKNOWN = Mailbox(MEMORY_MAILBOX.conversation, "nobody")


@pytest.mark.parametrize("event", VERBS)
@pytest.mark.parametrize("state", State)
async def test_every_cell_of_the_table_holds_for_what_callers_do(line: Line, state: State, event: Event) -> None:
    lease = await line.bring_to(state)
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
async def test_every_cell_of_the_table_holds_for_what_time_does(line: Line, state: State, event: Event) -> None:
    lease = await line.bring_to(state)
    before = await line.store.get(lease.message.id)
    await line.pass_time(TIMES[event])
    after = await line.store.get(lease.message.id)
    expected = NEXT_STATE[state].get(event)
    if expected is None:
        assert after == before
    else:
        assert after.delivery.state is expected


@pytest.mark.parametrize("state", State)
async def test_only_what_is_ready_is_leased(line: Line, state: State) -> None:
    lease = await line.bring_to(state)
    waiting = asyncio.create_task(line.lease("another"))
    successor = await line.ask()
    async with asyncio.timeout(5):
        leased = await waiting
    expected = lease.message if Event.LEASE in NEXT_STATE[state] else successor
    assert leased.message.id == expected.id


@pytest.mark.parametrize("state", State)
async def test_what_a_delivery_shows_fits_its_state(line: Line, state: State) -> None:
    lease = await line.bring_to(state)
    question = await line.store.get(lease.message.id)
    delivery = question.delivery
    assert (delivery.ended_at == line.clock.now()) is (state in ENDED)
    assert (delivery.holder == "worker") is (state is State.LEASED)
    assert (delivery.lease_lapses_at is not None) is (state is State.LEASED)
    assert delivery.ready_at is None
    assert (question.answer is not None) is (state is State.SETTLED)
    assert (delivery.mailbox, delivery.position, delivery.deliveries) == (MEMORY_MAILBOX, 1, 1)


@pytest.mark.parametrize("verb", LEASE_VERBS)
async def test_another_lease_id_is_refused_and_changes_nothing(line: Line, verb: str) -> None:
    lease = await line.bring_to(State.LEASED)
    before = await line.store.get(lease.message.id)
    for forged in (replace(lease, lease_id="0123456789abcdef"), replace(lease, deliveries=lease.deliveries + 1)):
        with pytest.raises(LeaseLostError):
            await LEASE_VERBS[verb](line, forged)
    assert await line.store.get(lease.message.id) == before


@pytest.mark.parametrize("verb", LEASE_VERBS)
async def test_an_earlier_lease_is_refused_while_a_later_one_holds(line: Line, verb: str) -> None:
    earlier = await line.bring_to(State.LEASED)
    await line.pass_time(LEASE)
    later = await line.lease("another")
    with pytest.raises(LeaseLostError):
        await LEASE_VERBS[verb](line, earlier)
    await LEASE_VERBS[verb](line, later)


@pytest.mark.parametrize("verb", LEASE_VERBS)
async def test_a_lease_on_an_unknown_message_is_refused(line: Line, verb: str) -> None:
    lease = await line.bring_to(State.LEASED)
    unknown = replace(lease, message=replace(lease.message, id=new_id(line.clock)))
    with pytest.raises(LeaseLostError):
        await LEASE_VERBS[verb](line, unknown)


async def test_a_lease_holds_the_message_the_token_and_what_went_before(line: Line) -> None:
    message = await line.ask()
    await line.store.nack(await line.lease(), "failed", NO_DELAY)
    await line.lease()
    await line.pass_time(LEASE)
    lease = await line.lease("another")
    assert lease.message == message
    assert (lease.mailbox, lease.holder, lease.deliveries) == (MEMORY_MAILBOX, "another", 3)
    assert (lease.failures, lease.lapses) == (1, 1)
    assert lease.lapses_at == line.clock.now() + LEASE
    assert len(lease.lease_id) >= 16


async def test_positions_are_dense_and_count_from_one_in_every_mailbox(line: Line) -> None:
    positions = []
    for mailbox in (MEMORY_MAILBOX, OTHER_MAILBOX, MEMORY_MAILBOX, MEMORY_MAILBOX, OTHER_MAILBOX):
        accepted = await line.store.add(a_question(line.clock), mailbox)
        positions.append(accepted.question.delivery.position)
    assert positions == [1, 1, 2, 3, 2]


async def test_a_refused_message_takes_no_position(line: Line) -> None:
    first = await line.ask()
    with pytest.raises(ConflictError):
        await line.store.add(replace(first, idempotency_key="k"), MEMORY_MAILBOX)
    accepted = await line.store.add(a_question(line.clock, key="k"), MEMORY_MAILBOX)
    assert (accepted.created, accepted.question.delivery.position) == (True, 2)


async def test_first_hand_overs_follow_the_positions(line: Line) -> None:
    asked = [await line.ask(f"question {number}") for number in range(4)]
    assert [(await line.lease()).message for _ in asked] == asked


async def test_a_given_back_delivery_keeps_its_position_and_comes_first_again(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    await line.ask("a successor")
    await line.store.release(lease)
    assert (await line.lease()).message == lease.message


async def test_a_message_comes_back_as_it_was_said(line: Line) -> None:
    message = replace(
        a_question(line.clock, "naïve “quotes”\n\ttabs 🙂", key="k"), hops=3, trace="t", kind=Kind.NOTE, sender="codex"
    )
    accepted = await line.store.add(message, OTHER_MAILBOX)
    assert accepted.question.message == message
    assert await line.store.get(message.id) == accepted.question


async def test_an_answer_is_read_again_as_it_was_given(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    answer = an_answer(line.clock, lease.message)
    await line.store.settle(lease, answer)
    for _ in range(2):
        assert (await line.store.get(lease.message.id)).answer == answer.answer


async def test_a_settle_with_the_id_of_another_message_is_refused_and_the_lease_still_settles(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    successor = await line.ask()
    answer = an_answer(line.clock, lease.message)
    with pytest.raises(ConflictError):
        await line.store.settle(lease, replace(answer, id=successor.id))
    await line.store.settle(lease, answer)
    assert await line.state(lease.message) is State.SETTLED


async def test_an_answer_is_no_question(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    answer = an_answer(line.clock, lease.message)
    await line.store.settle(lease, answer)
    with pytest.raises(UnknownMessageError):
        await line.store.get(answer.id)


async def test_a_delayed_delivery_is_due_when_its_time_has_come_and_swept(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    await line.store.nack(lease, "failed", timedelta(seconds=5))
    ready_at = line.clock.now() + timedelta(seconds=5)
    assert (await line.store.get(lease.message.id)).delivery.ready_at == ready_at
    assert await line.store.sweep() == ready_at
    successor = await line.ask()
    assert (await line.lease()).message == successor
    await line.pass_time(timedelta(seconds=5))
    again = await line.lease()
    assert (again.message, again.failures) == (lease.message, 1)
    assert (await line.store.get(lease.message.id)).delivery.ready_at is None


async def test_an_extended_lease_lapses_later(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    line.clock.advance(LEASE / 2)
    extended = await line.store.extend(lease, LEASE)
    assert extended == replace(lease, lapses_at=line.clock.now() + LEASE)
    await line.pass_time(LEASE - timedelta(microseconds=1))
    assert await line.state(lease.message) is State.LEASED
    await line.pass_time(timedelta(microseconds=1))
    assert await line.state(lease.message) is State.READY


async def test_a_late_extension_is_refused_even_before_a_sweep(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    line.clock.advance(LEASE)
    with pytest.raises(LeaseLostError):
        await line.store.extend(lease, LEASE)


async def test_a_lease_that_is_late_by_the_clock_settles_until_it_is_swept(line: Line) -> None:
    late, too_late = await line.bring_to(State.LEASED), await line.bring_to(State.LEASED)
    line.clock.advance(LEASE * 2)
    await line.store.settle(late, an_answer(line.clock, late.message))
    await line.store.sweep()
    with pytest.raises(LeaseLostError):
        await line.store.settle(too_late, an_answer(line.clock, too_late.message))
    assert await line.state(too_late.message) is State.READY


async def test_a_lapse_raises_lapses_alone_until_the_limit_buries(line: Line) -> None:
    message = await line.ask()
    for lapses in range(1, MAX_LAPSES + 1):
        await line.lease()
        await line.pass_time(LEASE)
        delivery = (await line.store.get(message.id)).delivery
        assert (delivery.state, delivery.lapses, delivery.failures) == (State.READY, lapses, 0)
    await line.lease()
    await line.pass_time(LEASE)
    delivery = (await line.store.get(message.id)).delivery
    assert (delivery.state, delivery.lapses, delivery.failures) == (State.DEAD, MAX_LAPSES + 1, 0)
    assert delivery.last_error == f"its lease lapsed more than {MAX_LAPSES} times"


async def test_a_sole_owner_that_begins_lapses_every_lease_whatever_its_time(line: Line) -> None:
    held, waiting = await line.ask("held"), await line.ask("ready")
    lease = await line.lease()
    await line.store.lapse_all()
    delivery = (await line.store.get(held.id)).delivery
    assert (delivery.state, delivery.lapses, delivery.failures) == (State.READY, 1, 0)
    assert (await line.store.get(waiting.id)).delivery.lapses == 0
    with pytest.raises(LeaseLostError):
        await line.store.settle(lease, an_answer(line.clock, held))
    assert (await line.lease()).message == held


async def test_lapsing_all_buries_what_lapsed_too_often(line: Line) -> None:
    message = await line.ask()
    for _ in range(MAX_LAPSES + 1):
        await line.lease()
        await line.store.lapse_all()
    assert await line.state(message) is State.DEAD


async def test_a_release_raises_nothing_but_the_count_of_hand_overs(line: Line) -> None:
    message = await line.ask()
    for deliveries in range(1, 5):
        await line.store.release(await line.lease())
        delivery = (await line.store.get(message.id)).delivery
        assert (delivery.deliveries, delivery.failures, delivery.lapses) == (deliveries, 0, 0)
        assert delivery.last_error is None


async def test_nack_and_bury_count_a_failure_and_keep_the_reason(line: Line) -> None:
    message = await line.ask()
    await line.store.nack(await line.lease(), "first", NO_DELAY)
    delivery = (await line.store.get(message.id)).delivery
    assert (delivery.failures, delivery.lapses, delivery.last_error) == (1, 0, "first")
    await line.store.bury(await line.lease(), "second")
    delivery = (await line.store.get(message.id)).delivery
    assert (delivery.failures, delivery.lapses, delivery.last_error) == (2, 0, "second")


@pytest.mark.parametrize("state", [State.DEAD, State.EXPIRED])
async def test_a_requeued_question_starts_again_at_its_position(line: Line, state: State) -> None:
    lease = await line.bring_to(state)
    await line.ask("a successor")
    deadline = line.clock.now() + DEADLINE * 3
    question = await line.store.requeue(lease.message.id, deadline, by=BY)
    assert question == await line.store.get(lease.message.id)
    assert question.message == lease.message
    delivery = question.delivery
    assert delivery.deadline_at == deadline
    assert (delivery.state, delivery.position, delivery.deliveries) == (State.READY, 1, 1)
    assert (delivery.failures, delivery.lapses, delivery.ended_at) == (0, 0, None)
    again = await line.lease()
    assert (again.message, again.deliveries) == (question.message, 2)
    await line.store.settle(again, an_answer(line.clock, again.message))
    assert await line.state(lease.message) is State.SETTLED


async def test_a_question_requeued_without_a_deadline_never_expires(line: Line) -> None:
    lease = await line.bring_to(State.DEAD)
    await line.store.requeue(lease.message.id, None, by=BY)
    await line.pass_time(DEADLINE * 1000)
    assert await line.state(lease.message) is State.READY


async def test_cancel_and_discard_return_the_question_as_it_then_stands(line: Line) -> None:
    cancelled, dead = await line.bring_to(State.LEASED), await line.bring_to(State.DEAD)
    line.clock.advance(timedelta(seconds=1))
    cancel, discard = line.store.cancel(cancelled.message.id, by=BY), line.store.discard(dead.message.id, by=BY)
    for question in (await cancel, await discard):
        assert (question.delivery.state, question.delivery.ended_at) == (State.CANCELLED, line.clock.now())
        assert question == await line.store.get(question.message.id)


async def test_the_same_key_and_body_is_the_same_question(line: Line) -> None:
    first = await line.store.add(a_question(line.clock, key="k"), MEMORY_MAILBOX)
    lease = await line.lease()
    again = await line.store.add(a_question(line.clock, key="k"), MEMORY_MAILBOX)
    assert (first.created, again.created) == (True, False)
    assert again.question == await line.store.get(first.question.message.id)
    assert again.question.delivery.state is State.LEASED
    await line.store.settle(lease, an_answer(line.clock, lease.message))
    answered = await line.store.add(a_question(line.clock, key="k"), MEMORY_MAILBOX)
    assert answered.question.answer is not None
    assert sum((await line.store.tally()).values()) == 1


async def test_the_same_key_with_another_body_kind_or_mailbox_is_refused(line: Line, clock: ManualClock) -> None:
    await line.store.add(a_question(clock, key="k"), MEMORY_MAILBOX)
    same = a_question(clock, key="k")
    for message, mailbox in (
        (replace(same, body="Which host?"), MEMORY_MAILBOX),
        (replace(same, kind=Kind.NOTE), MEMORY_MAILBOX),
        (same, OTHER_MAILBOX),
    ):
        with pytest.raises(IdempotencyConflictError):
            await line.store.add(message, mailbox)
    assert sum((await line.store.tally()).values()) == 1


async def test_the_same_key_of_another_sender_is_another_question(line: Line) -> None:
    await line.store.add(a_question(line.clock, key="k"), MEMORY_MAILBOX)
    other = await line.store.add(a_question(line.clock, "Which host?", key="k", sender="codex"), MEMORY_MAILBOX)
    assert other.created


async def test_twelve_askers_with_one_key_at_once_make_one_question(line: Line) -> None:
    messages = [a_question(line.clock, key="k") for _ in range(12)]
    accepted = await asyncio.gather(*(line.store.add(message, MEMORY_MAILBOX) for message in messages))
    assert sum(receipt.created for receipt in accepted) == 1
    assert len({receipt.question.message.id for receipt in accepted}) == 1


async def test_an_unknown_mailbox_is_refused(line: Line) -> None:
    with pytest.raises(UnknownMailboxError):
        await line.store.add(a_question(line.clock), UNKNOWN)
    with pytest.raises(UnknownMailboxError):
        await line.lease(mailbox=UNKNOWN)


async def test_a_mailbox_is_added_once_however_often(line: Line) -> None:
    await line.ask()
    await line.store.add_mailbox(MEMORY_MAILBOX)
    await line.store.add_mailbox(UNKNOWN)
    assert (await line.store.add(a_question(line.clock), UNKNOWN)).question.delivery.position == 1
    assert (await line.lease()).mailbox == MEMORY_MAILBOX


async def test_an_unknown_message_is_refused(line: Line) -> None:
    store, unknown = line.store, new_id(line.clock)
    requeue = partial(store.requeue, deadline_at=None, by=BY)
    ends = partial(store.cancel, by=BY), partial(store.discard, by=BY), requeue
    for verb in (store.get, store.wait_until_ended, *ends):
        with pytest.raises(UnknownMessageError):
            await verb(unknown)


async def test_a_closed_store_refuses_every_verb(store: Store, clock: ManualClock) -> None:
    message = a_question(clock)
    await store.close()
    for verb in (
        store.add(message, MEMORY_MAILBOX),
        store.lease(MEMORY_MAILBOX, "worker", LEASE),
        *(store.get(message.id), store.sweep(), store.tally(), store.wait_until_sooner(None)),
    ):
        with pytest.raises(StoreClosedError):
            await verb
