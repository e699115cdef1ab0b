"""Waiting for something to be ready, without taking it: what a bell rings for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sealing import BY
from store_cases import ADAS, BOBS, LEASE, OTHER_MAILBOX, Line
from store_waiting import begin, end, leave
from warmline.errors import StoreClosedError, UnknownMailboxError
from warmline.model import Due, Mailbox
from warmline.parties import AnsweredBy, Credential, Policy

MINUTE = timedelta(minutes=1)


async def test_what_is_ready_is_told_and_stays_there(line: Line, ada: Credential, bob: Credential) -> None:
    note = await line.say(ada, BOBS)
    await line.say(ada, BOBS)
    assert await line.store.due(BOBS) == Due(count=2, newest=2, handed=0)
    batch = await end(line.receive(bob))
    assert batch.leases[0].message == note
    assert batch.leases[0].deliveries == 1


async def test_without_waiting_nothing_is_told_to_be_nothing(line: Line, ada: Credential, bob: Credential) -> None:
    assert await line.store.due(BOBS, waits=False) == Due()
    await line.say(ada, BOBS)
    assert await line.store.due(BOBS, Due(1, 1, 0), waits=False) == Due(1, 1, 0)


async def test_who_waits_hears_of_the_first_message_and_several_hear_of_it(
    line: Line, ada: Credential, bob: Credential
) -> None:
    waiting = [await begin(line, line.store.due(BOBS)) for _ in range(3)]
    await line.say(bob, ADAS)
    await line.store.sweep()
    assert not any(task.done() for task in waiting)
    await line.say(ada, BOBS)
    assert [await end(task) for task in waiting] == [Due(1, 1, 0)] * 3


async def test_what_is_known_already_is_no_news_but_one_more_is(line: Line, ada: Credential, bob: Credential) -> None:
    await line.say(ada, BOBS)
    known = await line.store.due(BOBS)
    waiting = await begin(line, line.store.due(BOBS, known))
    assert not waiting.done()
    await line.say(ada, BOBS)
    assert await end(waiting) == Due(2, 2, 0)


async def test_what_comes_back_is_news(line: Line, ada: Credential, bob: Credential) -> None:
    await line.say(ada, BOBS)
    known = await line.store.due(BOBS)
    lease = (await end(line.receive(bob))).leases[0]
    waiting = await begin(line, line.store.due(BOBS, known))
    await line.store.nack(lease, "it fell", MINUTE)
    await line.store.sweep()
    assert not waiting.done()
    line.clock.advance(MINUTE)
    await line.store.sweep()
    assert await end(waiting) == Due(1, 1, 1)


async def test_what_lapsed_is_news(line: Line, ada: Credential, bob: Credential) -> None:
    await line.say(ada, BOBS)
    await end(line.receive(bob))
    waiting = await begin(line, line.store.due(BOBS))
    line.clock.advance(LEASE)
    await line.store.sweep()
    assert await end(waiting) == Due(1, 1, 1)


async def test_what_a_waiting_reader_gets_rings_no_bell(line: Line, ada: Credential, bob: Credential) -> None:
    bell = await begin(line, line.store.due(BOBS))
    reader = await begin(line, line.receive(bob))
    await line.say(ada, BOBS)
    await end(reader)
    await line.store.sweep()
    assert await line.store.due(BOBS, waits=False) == Due()
    assert not bell.done()
    await leave(bell)


async def test_a_bell_stands_in_no_readers_place(line: Line, ada: Credential, bob: Credential) -> None:
    bell = await begin(line, line.store.due(BOBS))
    await leave(bell)
    reader = await begin(line, line.receive(bob))
    note = await line.say(ada, BOBS)
    assert [lease.message for lease in (await end(reader)).leases] == [note]


async def test_of_an_ordered_mailbox_nothing_is_ready_while_one_is_out(
    line: Line, ada: Credential, bob: Credential
) -> None:
    await line.directory.set_policy(BOBS, Policy(ordered=True, answered_by=AnsweredBy.ANYONE), by=BY)
    await line.say(ada, BOBS)
    await line.say(ada, BOBS)
    assert await line.store.due(BOBS, waits=False) == Due(2, 2, 0)
    lease = (await end(line.receive(bob))).leases[0]
    assert await line.store.due(BOBS, waits=False) == Due()
    waiting = await begin(line, line.store.due(BOBS))
    await line.store.done(lease)
    assert await end(waiting) == Due(1, 2, 0)


async def test_an_unknown_mailbox_is_refused(line: Line) -> None:
    with pytest.raises(UnknownMailboxError):
        await line.store.due(Mailbox(OTHER_MAILBOX.conversation, "nobody"))


async def test_who_waits_when_the_store_is_closed_is_told(line: Line, bob: Credential) -> None:
    waiting = await begin(line, line.store.due(BOBS))
    await line.store.close()
    with pytest.raises(StoreClosedError):
        await end(waiting)
    with pytest.raises(StoreClosedError):
        await line.store.due(BOBS)
