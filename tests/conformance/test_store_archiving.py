"""Archiving: what ended long ago moves, and is found as before; what it alone needed is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from sealing import BY
from store_cases import ADAS, BOBS, LEASE, TEAM, Line, a_note, lease_this, requeue
from warmline.errors import ConflictError, RateLimitedError, UnknownBatchError
from warmline.limits import Limits
from warmline.model import Message, MessageId, State
from warmline.parties import Credential

WHILE = timedelta(days=30)
EVERYTHING = 1000


async def read_by(line: Line, ada: Credential, bob: Credential, body: str = "The port is taken.") -> Message:
    """Let bob read a note of ada's."""
    note = await line.say(ada, BOBS, body)
    await line.store.acknowledge((await line.receive(bob)).token, bob.id)
    return note


async def move(line: Line) -> int:
    line.clock.advance(WHILE)
    return await line.store.archive(line.clock.now(), by=BY)


async def test_what_moved_is_counted_with_its_answers_and_once(line: Line, ada: Credential, bob: Credential) -> None:
    await line.bring_to(State.SETTLED)
    await line.bring_to(State.CANCELLED)
    note = a_note(line.clock, ada)
    await line.store.broadcast(note, [BOBS, ADAS], by=ada)
    for mailbox in (ADAS, BOBS):
        await line.store.done(await line.lease("reader", mailbox))
    await line.ask()
    assert await move(line) == 4
    assert await move(line) == 0


@pytest.mark.parametrize("state", [State.READY, State.LEASED, State.DEAD, State.EXPIRED])
async def test_what_may_still_go_on_stays(line: Line, state: State) -> None:
    lease = await line.bring_to(state)
    await line.ask()
    assert await move(line) == 0
    assert await line.state(lease.message) is state
    if state in (State.DEAD, State.EXPIRED):
        await requeue(line, lease)
    if state is not State.LEASED:
        await lease_this(line, lease)


async def test_a_message_stays_while_anything_of_it_is_open_or_ended_since(
    line: Line, ada: Credential, bob: Credential
) -> None:
    note = a_note(line.clock, ada)
    await line.store.broadcast(note, [ADAS, BOBS], by=ada)
    await line.ask()
    await line.store.done(await line.lease("reader", ADAS))
    assert await move(line) == 0
    limit = line.clock.now()
    await line.store.done(await line.lease("reader", BOBS))
    assert await line.store.archive(limit, by=BY) == 0
    assert await move(line) == 1


async def test_the_newest_message_stays_and_a_question_whose_answer_it_is(line: Line) -> None:
    await line.bring_to(State.SETTLED)
    assert await move(line) == 0
    await line.ask()
    assert await move(line) == 2


async def test_what_moved_is_found_as_before(line: Line, ada: Credential, bob: Credential) -> None:
    asked = (await line.bring_to(State.SETTLED)).message
    notes = [await read_by(line, ada, bob, f"note {number}") for number in range(5)]
    late = await line.say(ada, BOBS)
    posts = [await line.store.post(each.id) for each in (asked, *notes, late)]
    question, said = await line.store.get(asked.id), await line.directory.said(TEAM, 0, EVERYTHING)
    assert await move(line) == 7
    assert [await line.store.post(each.id) for each in (asked, *notes, late)] == posts
    assert await line.store.get(asked.id) == question
    assert await line.directory.said(TEAM, 0, EVERYTHING) == said
    assert await line.directory.said(TEAM, said[1].number, 2) == said[2:4]
    async with asyncio.timeout(5):
        assert await line.store.wait_until_ended(asked.id) == question


@pytest.mark.parametrize("verb", ["requeue", "cancel", "discard"])
async def test_what_moved_is_over(line: Line, verb: str) -> None:
    verbs: dict[str, Callable[[MessageId], Awaitable[object]]] = {
        "requeue": lambda message_id: line.store.requeue(message_id, None, by=BY),
        "cancel": partial(line.store.cancel, by=BY),
        "discard": partial(line.store.discard, by=BY),
    }
    asked = (await line.bring_to(State.SETTLED)).message
    await line.ask()
    assert await move(line) == 2
    with pytest.raises(ConflictError):
        await verbs[verb](asked.id)


async def test_what_moved_is_erased_as_before(line: Line, ada: Credential, bob: Credential) -> None:
    asked, note = (await line.bring_to(State.SETTLED)).message, await read_by(line, ada, bob)
    await line.ask()
    before = await line.store.post(asked.id)
    assert before.answer is not None
    assert await move(line) == 3
    erased = await line.store.erase(asked.id, by=BY)
    at = line.clock.now()
    assert erased.message == replace(asked, body="", metadata=None, erased_at=at)
    assert erased.answer == replace(before.answer, text="", citations=(), in_place_of=None)
    assert (erased.number, erased.deliveries) == (before.number, before.deliveries)
    line.clock.advance(WHILE)
    assert await line.store.erase(asked.id, by=BY) == erased == await line.store.post(asked.id)
    emptied = replace(note, body="", erased_at=line.clock.now())
    assert (await line.store.erase(note.id, by=BY)).message == emptied
    assert [each.message for each in await line.directory.said(TEAM, 0, EVERYTHING)] == [emptied]


async def test_numbers_are_not_given_again(line: Line, ada: Credential, bob: Credential) -> None:
    for _ in range(3):
        await read_by(line, ada, bob)
        await move(line)
    numbers = [post.number for post in await line.directory.said(TEAM, 0, EVERYTHING)]
    assert len(numbers) == len(set(numbers)) == 3


async def test_a_key_is_forgotten_with_its_message_and_not_before(line: Line, ada: Credential, bob: Credential) -> None:
    first, again, last = [a_note(line.clock, ada, idempotency_key="k") for _ in range(3)]
    await line.store.add(first, BOBS, by=ada)
    await line.ask(deadline=None)
    assert await move(line) == 0
    assert (await line.store.add(again, BOBS, by=ada)).question.message.id == first.id
    await line.store.acknowledge((await line.receive(bob)).token, bob.id)
    assert await move(line) == 1
    assert (await line.store.add(last, BOBS, by=ada)).question.message.id == last.id


async def test_a_batch_is_forgotten_with_its_time_unless_something_of_it_is_held(
    line: Line, ada: Credential, bob: Credential
) -> None:
    await line.say(ada, BOBS)
    over = await line.receive(bob, key="over")
    await line.store.acknowledge(over.token, bob.id)
    await line.say(ada, BOBS)
    held = await line.receive(bob, key="held")
    await line.store.extend(held.leases[0], WHILE * 2)
    await move(line)
    with pytest.raises(UnknownBatchError):
        await line.store.acknowledge(over.token, bob.id)
    assert [lease.message for lease in (await line.store.held(held.token, bob.id)).leases] == [held.leases[0].message]
    assert (await line.store.acknowledge(held.token, bob.id)).settled == (held.leases[0].message.id,)


async def test_a_stop_is_forgotten_with_its_time(line: Line, bob: Credential) -> None:
    hasty = await line.join("cleo", limits=Limits(per_minute=1, per_hour=1, per_day=10))
    await line.say(hasty, BOBS)
    with pytest.raises(RateLimitedError):
        await line.say(hasty, BOBS)
    begin = line.clock.now()
    line.clock.advance(LEASE)
    await line.store.archive(begin, by=BY)
    assert len(await line.directory.stops(begin)) == 1
    await line.store.archive(line.clock.now(), by=BY)
    assert await line.directory.stops(begin) == []
