"""Messages a minute, an hour and a day: what is let through, what is refused, and who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sealing import BY
from store_cases import BOBS, DEFAULT, LEASE, MAX_HOPS, SECOND, TEAM, Line, a_note, chain, notices, stops
from warmline.errors import (
    BudgetSpentError,
    ConflictError,
    ConversationClosedError,
    IdempotencyConflictError,
    LoopStoppedError,
    RateLimitedError,
    UnknownMailboxError,
)
from warmline.limits import Limits
from warmline.model import OWNER_MAILBOX, THE_LINE, ConversationId, Kind, Mailbox
from warmline.parties import Conversation, Credential, Participant, StopKind


async def burst(line: Line, by: Credential, most: int = 1_000) -> int:
    """Send until it is refused, at most so many; return how many were accepted."""
    for count in range(most):
        try:
            await line.say(by, BOBS)
        except RateLimitedError:
            return count
    return most


async def refused(line: Line, by: Credential) -> RateLimitedError:
    with pytest.raises(RateLimitedError) as caught:
        await line.say(by, BOBS)
    return caught.value


@pytest.fixture
async def busy(line: Line, bob: Credential) -> Credential:
    assert bob.name == BOBS.name
    return await line.join("busy", limits=DEFAULT)


async def test_a_minutes_messages_pass_at_once_and_then_one_a_second(line: Line, busy: Credential) -> None:
    assert await burst(line, busy) == 60
    assert (await refused(line, busy)).retry_after == 1.0
    line.clock.advance(SECOND / 2)
    assert (await refused(line, busy)).retry_after == 0.5
    line.clock.advance(SECOND / 2)
    assert await burst(line, busy) == 1
    line.clock.advance(SECOND * 10)
    assert await burst(line, busy) == 10
    line.clock.advance(timedelta(hours=1))
    assert await burst(line, busy) == 60


async def test_an_hours_messages_pass_and_then_one_each_share_of_the_hour(line: Line, bob: Credential) -> None:
    assert bob.name == BOBS.name
    slow = await line.join("slow", limits=Limits(per_minute=60, per_hour=90, per_day=10_000))
    assert await burst(line, slow) == 60
    line.clock.advance(timedelta(minutes=1))
    assert await burst(line, slow) == 31  # the hour's, of which one came back in this minute and a half more
    error = await refused(line, slow)
    assert not isinstance(error, BudgetSpentError)
    assert error.retry_after == 20.0
    line.clock.advance(timedelta(seconds=20))
    assert await burst(line, slow) == 1


async def test_a_days_budget_begins_again_at_midnight_utc(line: Line, bob: Credential) -> None:
    assert bob.name == BOBS.name
    spender = await line.join("spender", limits=Limits(per_minute=60, per_hour=1_000, per_day=5))
    line.clock.advance(timedelta(hours=22))
    assert await burst(line, spender) == 5
    line.clock.advance(timedelta(hours=1))
    error = await refused(line, spender)
    assert isinstance(error, BudgetSpentError)
    assert error.retry_after == 3600.0
    (stop,) = await stops(line)
    assert (stop.kind, stop.participant, stop.refusals) == (StopKind.BUDGET, "spender", 2)
    line.clock.advance(timedelta(hours=1))
    assert await burst(line, spender) == 5
    assert [(stop.kind, stop.refusals) for stop in await stops(line)] == [(StopKind.BUDGET, 1), (StopKind.BUDGET, 2)]


async def test_rates_and_budgets_survive_reopening(line: Line, busy: Credential) -> None:
    spender = await line.join("spender", limits=Limits(per_minute=60, per_hour=1_000, per_day=5))
    await burst(line, busy)
    await burst(line, spender)
    line = await line.reopen()
    assert (await refused(line, busy)).retry_after == 1.0
    assert isinstance(await refused(line, spender), BudgetSpentError)
    assert sorted((stop.kind, stop.refusals) for stop in await stops(line)) == [
        (StopKind.BUDGET, 2),
        (StopKind.RATE, 2),
    ]


async def test_who_has_no_limits_is_exempt(line: Line, ada: Credential, bob: Credential) -> None:
    assert bob.name == BOBS.name
    assert await burst(line, ada, most=200) == 200


async def test_every_credential_has_limits_of_its_own(line: Line, busy: Credential) -> None:
    await burst(line, busy)
    other = await line.join("other", limits=DEFAULT)
    assert await burst(line, other) == 60


async def test_a_burst_puts_one_notice_to_its_sender_and_to_the_owner(line: Line, busy: Credential) -> None:
    await burst(line, busy)
    for _ in range(5):
        await refused(line, busy)
    (stop,) = await stops(line)
    assert (stop.kind, stop.conversation, stop.participant, stop.refusals) == (StopKind.RATE, TEAM, "busy", 6)
    for mailbox in (Mailbox(TEAM, "busy"), OWNER_MAILBOX):
        assert [notice.kind for notice in await notices(line, mailbox)] == [Kind.NOTE]
    assert await notices(line, BOBS) == []


async def test_a_later_hour_is_another_stop_with_another_notice(line: Line, busy: Credential) -> None:
    await burst(line, busy)
    line.clock.advance(timedelta(hours=1))
    await burst(line, busy)
    assert [stop.refusals for stop in await stops(line)] == [1, 1]
    assert len(await notices(line, OWNER_MAILBOX)) == 2


async def test_what_is_refused_charges_nothing(line: Line, busy: Credential, ada: Credential) -> None:
    said = await chain(line, [ada, busy], MAX_HOPS)  # twelve of them are busy's
    taken = a_note(line.clock, busy, idempotency_key="taken")
    await line.store.add(taken, BOBS, by=busy)
    deep = a_note(line.clock, busy, in_reply_to=said[-1].id)
    closed = await _closed(line)
    batch = await line.receive(ada, limit=1)
    await line.store.release(batch.leases[0])
    for error, message, mailbox in (
        (LoopStoppedError, deep, BOBS),
        (IdempotencyConflictError, replace(taken, body="other"), BOBS),
        (ConflictError, replace(taken, idempotency_key=None), BOBS),
        (UnknownMailboxError, a_note(line.clock, busy), Mailbox(TEAM, "nobody")),
        (ConversationClosedError, a_note(line.clock, busy), closed),
    ):
        with pytest.raises(error):
            await line.store.add(message, mailbox, by=busy)
        with pytest.raises(error):
            await line.store.broadcast(message, [mailbox], by=busy)
    with pytest.raises(ConflictError):
        await line.store.add(a_note(line.clock, busy), BOBS, by=busy, settles=batch.leases[0])
    assert await burst(line, busy) == 60 - MAX_HOPS // 2 - 1
    line.clock.advance(SECOND)
    assert await burst(line, busy) == 1


async def _closed(line: Line) -> Mailbox:
    conversation = ConversationId("closed")
    participants = (Participant(conversation, "eve"),)
    await line.directory.new_conversation(
        Conversation(conversation, line.clock.now(), participants=participants), by=BY
    )
    await line.directory.close_conversation(conversation, line.clock.now(), by=BY)
    return Mailbox(conversation, "eve")


async def test_a_repeat_charges_nothing_and_passes_when_all_is_spent(line: Line, busy: Credential) -> None:
    note = a_note(line.clock, busy, idempotency_key="k")
    first = await line.store.add(note, BOBS, by=busy)
    for _ in range(10):
        again = await line.store.add(note, BOBS, by=busy)
        assert (again.created, again.question) == (False, first.question)
    assert await burst(line, busy) == 59
    assert not (await line.store.add(note, BOBS, by=busy)).created
    (stop,) = await stops(line)
    assert stop.refusals == 1


async def test_a_broadcast_charges_one_message_however_many_receive_it(line: Line, busy: Credential) -> None:
    note = a_note(line.clock, busy, idempotency_key="k")
    for _ in range(2):
        await line.store.broadcast(note, [BOBS, Mailbox(TEAM, "busy"), OWNER_MAILBOX], by=busy)
    assert await burst(line, busy) == 59


async def test_a_message_without_a_speaker_charges_nobody(line: Line, busy: Credential) -> None:
    for _ in range(70):
        await line.store.add(a_note(line.clock, busy), BOBS)
    assert await burst(line, busy) == 60


async def test_notices_reach_who_is_concerned_also_past_its_limits(line: Line, busy: Credential) -> None:
    await burst(line, busy)
    (lease,) = (await line.store.receive(Mailbox(TEAM, "busy"), busy, 10, LEASE)).leases
    assert (lease.message.sender, lease.message.kind) == (THE_LINE, Kind.NOTE)
    assert lease.message.body
