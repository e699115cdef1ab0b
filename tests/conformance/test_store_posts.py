"""Messages with their receipts: to one and to many, escalated, erased, and in a conversation that was closed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from store_cases import (
    ADAS,
    BOBS,
    CLEOS,
    DEADLINE,
    LEASE,
    OTHER_MAILBOX,
    TEAM,
    Line,
    a_note,
    a_question,
    an_answer,
    new_id,
)
from warmline.errors import (
    ConflictError,
    ConversationClosedError,
    IdempotencyConflictError,
    LeaseLostError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.model import (
    ENDED,
    MEMORY_MAILBOX,
    OWNER_MAILBOX,
    Credential,
    Kind,
    Lease,
    Mailbox,
    Message,
    Post,
    State,
)

UNKNOWN = Mailbox(TEAM, "nobody")
EVERYONE = (ADAS, BOBS, CLEOS)


@pytest.fixture
async def cleo(line: Line) -> Credential:
    return await line.join("cleo")


def states(post: Post) -> dict[str, State]:
    return {delivery.mailbox.name: delivery.state for delivery in post.deliveries}


# Posts


async def test_a_post_shows_a_message_as_it_was_said_with_its_delivery(line: Line, ada: Credential) -> None:
    note = a_note(
        line.clock,
        ada,
        "naïve “quotes”\n\ttabs 🙂",
        kind=Kind.CONTROL,
        metadata='{"files":["a.md"]}',
        deadline_at=line.clock.now() + DEADLINE,
        in_reply_to=new_id(line.clock),
        idempotency_key="k",
    )
    accepted = await line.store.add(note, ADAS)
    post = await line.store.post(note.id)
    assert (post.message, post.deliveries, post.answer) == (note, (accepted.question.delivery,), None)


async def test_a_question_keeps_the_memories_it_may_be_answered_from(line: Line) -> None:
    for memories in (None, (), ("notes", "naïve")):
        question = replace(a_question(line.clock), memories=memories)
        await line.store.add(question, MEMORY_MAILBOX)
        assert (await line.store.post(question.id)).message == question
        assert (await line.lease()).message == question


async def test_a_post_shows_the_answer_of_a_settled_question_and_answers_are_posts_without_deliveries(
    line: Line,
) -> None:
    lease = await line.bring_to(State.LEASED)
    answer = an_answer(line.clock, lease.message)
    await line.store.settle(lease, answer)
    asked, answered = await line.store.post(lease.message.id), await line.store.post(answer.id)
    assert asked.answer == answer.answer
    assert (answered.message, answered.deliveries, answered.answer) == (answer, (), None)
    assert answered.number > asked.number


async def test_an_unknown_post_is_refused(line: Line) -> None:
    for verb in (line.store.post, line.store.erase):
        with pytest.raises(UnknownMessageError):
            await verb(new_id(line.clock))


async def test_numbers_grow_in_the_order_of_acceptance_whatever_the_ids(line: Line, ada: Credential) -> None:
    ids = [new_id(line.clock) for _ in range(4)]
    numbers = []
    for message_id in reversed(ids):
        note = replace(a_note(line.clock, ada), id=message_id)
        await line.store.add(note, ADAS)
        numbers.append((await line.store.post(message_id)).number)
    line = await line.reopen()
    note = a_note(line.clock, ada)
    await line.store.add(note, ADAS)
    numbers.append((await line.store.post(note.id)).number)
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 0


# Broadcasts


async def test_a_broadcast_is_one_message_with_one_delivery_for_each(
    line: Line, ada: Credential, bob: Credential, cleo: Credential
) -> None:
    await line.say(bob, BOBS)
    note = a_note(line.clock, ada, deadline_at=line.clock.now() + DEADLINE)
    post = await line.store.broadcast(note, [CLEOS, BOBS], by=ada)
    assert post == await line.store.post(note.id)
    assert post.message == replace(note, hops=1)
    assert [delivery.mailbox for delivery in post.deliveries] == [BOBS, CLEOS]
    assert [(each.position, each.state, each.deadline_at) for each in post.deliveries] == [
        (2, State.READY, note.deadline_at),
        (1, State.READY, note.deadline_at),
    ]
    assert [len((await line.receive(reader)).leases) for reader in (bob, cleo)] == [2, 1]


async def test_every_recipient_has_a_receipt_of_its_own(
    line: Line, ada: Credential, bob: Credential, cleo: Credential
) -> None:
    note = a_note(line.clock, ada)
    await line.store.broadcast(note, EVERYONE, by=ada)
    batch = await line.receive(bob)
    await line.receive(cleo)
    await line.store.acknowledge(batch.token, bob.id)
    post = await line.store.post(note.id)
    assert states(post) == {"ada": State.READY, "bob": State.SETTLED, "cleo": State.LEASED}
    assert [(each.deliveries, each.handed_to) for each in post.deliveries] == [(0, None), (1, "bob"), (1, "cleo")]


async def test_the_leases_of_one_broadcast_are_told_apart(
    line: Line, ada: Credential, bob: Credential, cleo: Credential
) -> None:
    note = a_note(line.clock, ada)
    await line.store.broadcast(note, [BOBS, CLEOS], by=ada)
    (bobs,), (cleos,) = (await line.receive(bob)).leases, (await line.receive(cleo)).leases
    with pytest.raises(LeaseLostError):
        await line.store.release(replace(bobs, lease_id=cleos.lease_id))
    await line.store.release(bobs)
    await line.store.bury(cleos, "not for me")
    assert states(await line.store.post(note.id)) == {"bob": State.READY, "cleo": State.DEAD}


async def test_a_broadcast_with_one_unknown_or_closed_mailbox_reaches_nobody(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert bob.name == BOBS.name
    note = a_note(line.clock, ada)
    with pytest.raises(UnknownMailboxError):
        await line.store.broadcast(note, [BOBS, UNKNOWN, ADAS], by=ada)
    await line.directory.close_conversation(TEAM, line.clock.now())
    with pytest.raises(ConversationClosedError):
        await line.store.broadcast(note, [OWNER_MAILBOX, BOBS], by=ada)
    assert sum((await line.store.tally()).values()) == 0
    with pytest.raises(UnknownMessageError):
        await line.store.post(note.id)


async def test_the_same_key_gives_the_same_broadcast_whoever_joined_in_between(
    line: Line, ada: Credential, bob: Credential
) -> None:
    note = a_note(line.clock, ada, idempotency_key="k")
    first = await line.store.broadcast(note, [BOBS], by=ada)
    await line.receive(bob)
    again = replace(note, id=new_id(line.clock))
    assert await line.join("cleo")
    repeated = await line.store.broadcast(again, [BOBS, CLEOS], by=ada)
    assert (repeated.message, repeated.number) == (first.message, first.number)
    assert states(repeated) == {"bob": State.LEASED}
    with pytest.raises(IdempotencyConflictError):
        await line.store.broadcast(replace(again, body="other"), [BOBS], by=ada)
    with pytest.raises(IdempotencyConflictError):
        await line.store.broadcast(replace(again, kind=Kind.CONTROL), [BOBS], by=ada)


async def test_a_key_of_a_broadcast_is_not_that_of_a_message_to_one(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert bob.name == BOBS.name
    note = a_note(line.clock, ada, idempotency_key="k")
    await line.store.broadcast(note, [ADAS, BOBS], by=ada)
    with pytest.raises(IdempotencyConflictError):
        await line.store.add(replace(note, id=new_id(line.clock)), BOBS, by=ada)


async def test_twelve_broadcasts_with_one_key_at_once_are_one(line: Line, ada: Credential, bob: Credential) -> None:
    assert bob.name == BOBS.name
    notes = [a_note(line.clock, ada, idempotency_key="k") for _ in range(12)]
    posts = await asyncio.gather(*(line.store.broadcast(note, [ADAS, BOBS], by=ada) for note in notes))
    assert len({post.message.id for post in posts}) == 1
    assert (await line.store.tally())[State.READY] == 2


async def test_what_went_to_several_is_no_question(line: Line, ada: Credential, bob: Credential) -> None:
    note = a_note(line.clock, ada)
    await line.store.broadcast(note, [ADAS, BOBS])
    await line.store.bury((await line.receive(bob)).leases[0], "not for me")
    store = line.store
    for verb in (store.get, store.cancel, store.discard, store.wait_until_ended):
        with pytest.raises(UnknownMessageError):
            await verb(note.id)
    with pytest.raises(UnknownMessageError):
        await store.requeue(note.id, None)
    assert states(await store.post(note.id)) == {"ada": State.READY, "bob": State.DEAD}


# Escalations


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


# Erasing


async def test_an_erased_message_is_empty_and_says_when_it_was_erased(line: Line, ada: Credential) -> None:
    note = a_note(line.clock, ada, "the password is swordfish", metadata='{"files":["secret.md"]}')
    await line.store.add(note, ADAS)
    before = await line.store.post(note.id)
    line.clock.advance(timedelta(seconds=1))
    erased = await line.store.erase(note.id)
    assert erased == await line.store.post(note.id)
    assert erased.message == replace(note, body="", metadata=None, erased_at=line.clock.now())
    assert erased.number == before.number
    assert states(erased) == {"ada": State.CANCELLED}


async def test_erasing_cancels_what_is_open_and_leaves_what_has_ended(
    line: Line, ada: Credential, bob: Credential, cleo: Credential
) -> None:
    note = a_note(line.clock, ada)
    await line.store.broadcast(note, [*EVERYONE, OWNER_MAILBOX])
    settled, held = await line.receive(bob), await line.receive(cleo)
    await line.store.acknowledge(settled.token, bob.id)
    await line.store.bury(await line.lease(mailbox=ADAS), "failed")
    erased = await line.store.erase(note.id)
    assert states(erased) == {
        "ada": State.DEAD,
        "bob": State.SETTLED,
        "cleo": State.CANCELLED,
        "owner": State.CANCELLED,
    }
    with pytest.raises(LeaseLostError):
        await line.store.release(held.leases[0])
    assert {delivery.state for delivery in erased.deliveries} <= ENDED


async def test_an_erased_question_takes_its_answer_along(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    answer = an_answer(line.clock, lease.message)
    assert answer.answer is not None
    await line.store.settle(lease, answer)
    erased = await line.store.erase(lease.message.id)
    emptied = replace(answer.answer, text="", citations=())
    assert (erased.message.body, erased.answer) == ("", emptied)
    left = (await line.store.post(answer.id)).message
    assert left == replace(answer, body="", answer=emptied, erased_at=line.clock.now())
    assert (await line.store.get(lease.message.id)).answer == emptied


async def test_an_erased_answer_leaves_its_question(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    answer = an_answer(line.clock, lease.message)
    assert answer.answer is not None
    await line.store.settle(lease, answer)
    await line.store.erase(answer.id)
    question = await line.store.get(lease.message.id)
    assert question.message == lease.message
    assert question.answer == replace(answer.answer, text="", citations=())


async def test_erasing_twice_says_the_same(line: Line, ada: Credential) -> None:
    note = await line.say(ada, ADAS)
    first = await line.store.erase(note.id)
    line.clock.advance(timedelta(seconds=1))
    assert await line.store.erase(note.id) == first


async def test_who_waits_for_a_question_is_woken_when_it_is_erased(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    waiting = asyncio.create_task(line.store.wait_until_ended(lease.message.id))
    await asyncio.sleep(0)
    await line.store.sweep()
    await line.store.erase(lease.message.id)
    async with asyncio.timeout(5):
        assert (await waiting).delivery.state is State.CANCELLED


# Closed conversations


async def test_a_closed_conversation_takes_nothing_new(line: Line, ada: Credential, bob: Credential) -> None:
    assert bob.name == BOBS.name
    note = a_note(line.clock, ada, idempotency_key="k")
    accepted = await line.store.add(note, BOBS, by=ada)
    await line.directory.close_conversation(TEAM, line.clock.now())
    line = await line.reopen()
    for by in (None, ada):
        with pytest.raises(ConversationClosedError):
            await line.store.add(a_note(line.clock, ada), BOBS, by=by)
    assert await line.store.add(note, BOBS, by=ada) == replace(accepted, created=False)
    assert (await line.store.tally())[State.READY] == 1
    elsewhere = await line.store.add(a_note(line.clock, ada), OWNER_MAILBOX, by=ada)
    assert elsewhere.created


async def test_what_is_in_a_closed_conversation_stays_and_can_be_worked_on(
    line: Line, ada: Credential, bob: Credential
) -> None:
    note, question = await line.say(ada, BOBS), a_question(line.clock)
    await line.store.add(question, BOBS)
    await line.directory.close_conversation(TEAM, line.clock.now())
    batch = await line.receive(bob)
    await line.store.acknowledge(batch.token, bob.id)
    await line.store.settle(batch.leases[1], an_answer(line.clock, question))
    assert [await line.state(each) for each in (note, question)] == [State.SETTLED] * 2


async def test_a_message_id_is_taken_once(line: Line, ada: Credential) -> None:
    note: Message = await line.say(ada, ADAS)
    for verb in (line.store.add(note, OWNER_MAILBOX), line.store.broadcast(note, [OWNER_MAILBOX])):
        with pytest.raises(ConflictError):
            await verb
    assert len((await line.store.post(note.id)).deliveries) == 1
