"""Escalated questions: another mailbox, the same ticket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from store_cases import (
    ADAS,
    BOBS,
    DEADLINE,
    LEASE,
    OTHER_MAILBOX,
    TEAM,
    Line,
    a_question,
    an_answer,
    new_id,
)
from warmline.errors import (
    IdempotencyConflictError,
    LeaseLostError,
    UnknownMailboxError,
)
from warmline.model import MEMORY_MAILBOX, Lease, Mailbox, State
from warmline.parties import Credential

UNKNOWN = Mailbox(TEAM, "nobody")


async def escalated(line: Line, lease: Lease, to: Mailbox, deadline: timedelta | None = None) -> None:
    await line.store.escalate(lease, to, None if deadline is None else line.clock.now() + deadline)


async def test_an_escalated_question_keeps_its_ticket_and_the_asker_sees_the_persons_answer(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert (ada.name, bob.name) == (ADAS.name, BOBS.name)
    lease = await line.bring_to(State.LEASED, reader=bob)
    waiting = asyncio.create_task(line.store.wait_until_ended(lease.message.id))
    await escalated(line, lease, ADAS)
    assert not waiting.done()
    (again,) = (await line.store.receive(ADAS, ada, 1, LEASE)).leases
    assert (again.message, again.mailbox, again.deliveries) == (lease.message, ADAS, 2)
    answer = an_answer(line.clock, lease.message)
    await line.store.settle(again, answer)
    async with asyncio.timeout(5):
        ended = await waiting
    assert (ended.answer, ended.delivery.mailbox) == (answer.answer, ADAS)
    assert ended == await line.store.get(lease.message.id)


async def test_an_escalated_question_stands_at_the_end_of_the_other_mailbox_and_nowhere_else(
    line: Line, ada: Credential
) -> None:
    lease = await line.bring_to(State.LEASED)
    await line.say(ada, OTHER_MAILBOX)
    failed = await line.store.lease(OTHER_MAILBOX, "worker", LEASE)
    await escalated(line, lease, OTHER_MAILBOX)
    question = await line.store.get(lease.message.id)
    delivery = question.delivery
    assert (delivery.mailbox, delivery.position, delivery.state) == (OTHER_MAILBOX, 2, State.READY)
    assert (delivery.holder, delivery.lease_lapses_at, delivery.ended_at) == (None, None, None)
    assert (delivery.deliveries, delivery.failures, delivery.lapses) == (1, 0, 0)
    assert delivery.deadline_at == lease.message.deadline_at
    assert (await line.lease(mailbox=OTHER_MAILBOX)).message == lease.message
    await line.store.release(failed)
    successor = await line.ask()
    assert (await line.lease()).message == successor
    assert (await line.store.post(lease.message.id)).deliveries[0].mailbox == OTHER_MAILBOX


async def test_an_escalation_sets_the_deadline_and_the_message_says_what_was_asked_for(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    await escalated(line, lease, OTHER_MAILBOX, DEADLINE * 10)
    await line.pass_time(DEADLINE * 9)
    question = await line.store.get(lease.message.id)
    assert (question.delivery.state, question.message) == (State.READY, lease.message)
    await line.pass_time(DEADLINE)
    assert await line.state(lease.message) is State.EXPIRED


async def test_an_earlier_deadline_of_an_escalation_wakes_the_sweeper(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    await line.store.extend(lease, DEADLINE)
    known = await line.store.sweep()
    waiting = asyncio.create_task(line.store.wait_until_sooner(known))
    await asyncio.sleep(0)
    await escalated(line, lease, OTHER_MAILBOX, timedelta(seconds=1))
    async with asyncio.timeout(5):
        assert await waiting == line.clock.now() + timedelta(seconds=1)


async def test_only_who_holds_a_question_can_escalate_it_and_only_to_a_mailbox(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    before = await line.store.get(lease.message.id)
    with pytest.raises(UnknownMailboxError):
        await escalated(line, lease, UNKNOWN)
    with pytest.raises(LeaseLostError):
        await escalated(line, replace(lease, lease_id="0123456789abcdef"), OTHER_MAILBOX)
    assert await line.store.get(lease.message.id) == before
    await escalated(line, lease, OTHER_MAILBOX)
    for verb in (escalated(line, lease, MEMORY_MAILBOX), line.store.release(lease)):
        with pytest.raises(LeaseLostError):
            await verb


async def test_an_escalated_question_can_come_back(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    await escalated(line, lease, OTHER_MAILBOX)
    await escalated(line, await line.lease(mailbox=OTHER_MAILBOX), MEMORY_MAILBOX)
    delivery = (await line.store.get(lease.message.id)).delivery
    assert (delivery.mailbox, delivery.position, delivery.deliveries) == (MEMORY_MAILBOX, 2, 2)


async def test_an_asker_who_repeats_an_escalated_question_gets_its_ticket(line: Line) -> None:
    question = a_question(line.clock, key="k")
    await line.store.add(question, MEMORY_MAILBOX)
    await escalated(line, await line.lease(), OTHER_MAILBOX)
    again = await line.store.add(replace(question, id=new_id(line.clock)), MEMORY_MAILBOX)
    assert (again.created, again.question) == (False, await line.store.get(question.id))
    with pytest.raises(IdempotencyConflictError):
        await line.store.add(replace(question, id=new_id(line.clock)), OTHER_MAILBOX)
