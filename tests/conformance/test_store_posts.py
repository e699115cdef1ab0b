"""Messages with their receipts: to one, to many, and in a conversation that was closed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from sealing import BY
from store_cases import (
    ADAS,
    BOBS,
    CLEOS,
    DEADLINE,
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
from warmline.model import MEMORY_MAILBOX, OWNER_MAILBOX, Kind, Mailbox, Message, Post, State
from warmline.parties import Credential

UNKNOWN = Mailbox(TEAM, "nobody")
EVERYONE = (ADAS, BOBS, CLEOS)


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


async def test_the_same_key_with_other_memories_is_refused(line: Line) -> None:
    question = replace(a_question(line.clock, key="k"), memories=("notes",))
    await line.store.add(question, MEMORY_MAILBOX)
    for memories in (None, (), ("notes", "code")):
        with pytest.raises(IdempotencyConflictError):
            await line.store.add(replace(a_question(line.clock, key="k"), memories=memories), MEMORY_MAILBOX)
    again = await line.store.add(replace(a_question(line.clock, key="k"), memories=("notes",)), MEMORY_MAILBOX)
    assert (again.created, again.question.message) == (False, question)


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
    for verb in (line.store.post, partial(line.store.erase, by=BY)):
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
    await line.directory.close_conversation(TEAM, line.clock.now(), by=BY)
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
    await line.join("cleo")
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
    for look in (store.get, store.wait_until_ended):
        with pytest.raises(UnknownMessageError):
            await look(note.id)
    for end in (store.cancel, store.discard):
        with pytest.raises(UnknownMessageError):
            await end(note.id, by=BY)
    with pytest.raises(UnknownMessageError):
        await store.requeue(note.id, None, by=BY)
    assert states(await store.post(note.id)) == {"ada": State.READY, "bob": State.DEAD}


# Closed conversations


async def test_a_closed_conversation_takes_nothing_new(line: Line, ada: Credential, bob: Credential) -> None:
    assert bob.name == BOBS.name
    note = a_note(line.clock, ada, idempotency_key="k")
    accepted = await line.store.add(note, BOBS, by=ada)
    await line.directory.close_conversation(TEAM, line.clock.now(), by=BY)
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
    await line.directory.close_conversation(TEAM, line.clock.now(), by=BY)
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
