"""Readers who wait: one message wakes one of them, and who left holds nothing."""

from __future__ import annotations

import asyncio

import pytest

from sealing import BY
from store_cases import ADAS, BOBS, LEASE, Line, a_note
from store_waiting import begin, end, leave
from warmline.errors import StoreClosedError
from warmline.model import Batch, State
from warmline.parties import Credential


async def test_one_message_wakes_one_reader_and_the_others_sleep_on(
    line: Line, ada: Credential, bob: Credential
) -> None:
    waiting = [await begin(line, line.receive(bob)) for _ in range(5)]
    for served in range(5):
        note = await line.say(ada, BOBS)
        batch = await end(waiting[served])
        assert [lease.message for lease in batch.leases] == [note]
        await line.store.sweep()
        assert [task.done() for task in waiting] == [True] * (served + 1) + [False] * (4 - served)


async def test_readers_and_leasers_wait_in_one_line(line: Line, ada: Credential, bob: Credential) -> None:
    first = await begin(line, line.receive(bob))
    second = await begin(line, line.lease(mailbox=BOBS))
    third = await begin(line, line.receive(bob))
    said = [await line.say(ada, BOBS, f"note {number}") for number in range(3)]
    assert (await end(first)).leases[0].message == said[0]
    assert (await end(second)).message == said[1]
    assert (await end(third)).leases[0].message == said[2]


async def test_what_a_reader_came_back_for_stays_its_own_when_its_first_call_leaves(
    line: Line, ada: Credential, bob: Credential
) -> None:
    first = await begin(line, line.receive(bob, key="k"))
    note = await line.say(ada, BOBS)
    again = await end(line.receive(bob, key="k"))
    first.cancel()
    await asyncio.wait({first}, timeout=5)
    await line.store.sweep()
    assert (await line.store.acknowledge(again.token, bob.id)).settled == (note.id,)


async def test_a_reader_waits_for_its_mailbox_alone(line: Line, ada: Credential, bob: Credential) -> None:
    waiting = await begin(line, line.receive(bob))
    await line.say(bob, ADAS)
    await line.store.sweep()
    assert not waiting.done()
    await line.say(ada, BOBS)
    assert (await end(waiting)).mailbox == BOBS


async def test_a_waiting_reader_gets_what_lapsed(line: Line, ada: Credential, bob: Credential) -> None:
    note = await line.say(ada, BOBS)
    await line.receive(bob)
    waiting = await begin(line, line.receive(bob))
    await line.pass_time(LEASE)
    (lease,) = (await end(waiting)).leases
    assert (lease.message, lease.deliveries) == (note, 2)


async def test_a_broadcast_wakes_one_reader_of_every_mailbox(line: Line, ada: Credential, bob: Credential) -> None:
    waiting = [await begin(line, line.receive(reader)) for reader in (ada, bob, bob)]
    cleo = await line.join("cleo")
    note = a_note(line.clock, cleo)
    await line.store.broadcast(note, [ADAS, BOBS])
    assert [(await end(task)).leases[0].message for task in waiting[:2]] == [note] * 2
    await line.store.sweep()
    assert not waiting[2].done()


async def test_a_reader_who_left_holds_nothing_and_the_next_is_served(
    line: Line, ada: Credential, bob: Credential
) -> None:
    leaving, staying = await begin(line, line.receive(bob)), await begin(line, line.receive(bob))
    await leave(leaving)
    note = await line.say(ada, BOBS)
    (lease,) = (await end(staying)).leases
    assert (lease.message, lease.deliveries) == (note, 1)
    assert len(await line.store.open_batches(bob.id)) == 1


async def test_a_reader_who_leaves_while_it_is_served_gives_all_of_it_back(
    line: Line, ada: Credential, bob: Credential
) -> None:
    """The note is handed out as it is accepted, and the reader is cancelled before it can run."""
    leaving = await begin(line, line.receive(bob))
    note = await line.say(ada, BOBS)
    await leave(leaving)
    (lease,) = (await end(line.receive(bob))).leases
    assert (lease.message, lease.failures, lease.lapses) == (note, 0, 0)
    assert len(await line.store.open_batches(bob.id)) == 1


@pytest.mark.parametrize("waits", [True, False])
async def test_two_that_come_at_once_under_one_key_get_the_same_batch(
    line: Line, ada: Credential, bob: Credential, waits: bool
) -> None:
    """A reader that lost its connection is back before the line has heard of the loss."""
    note = await line.say(ada, BOBS)
    both = (line.store.receive(BOBS, bob, 10, LEASE, "k", waits=waits) for _ in range(2))
    batches = await end(asyncio.gather(*both))
    assert [[lease.message for lease in batch.leases] for batch in batches] == [[note], [note]]
    assert batches[0].token == batches[1].token


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("turns", range(6))
async def test_a_reader_cancelled_at_any_turn_leaves_the_messages_to_the_next(
    line: Line, ada: Credential, bob: Credential, turns: int, key: str | None
) -> None:
    said = [await line.say(ada, BOBS, f"note {number}") for number in range(3)]
    receiving = asyncio.create_task(line.receive(bob, key=key))
    for _ in range(turns):
        await asyncio.sleep(0)
    receiving.cancel()
    (result,) = await end(asyncio.gather(receiving, return_exceptions=True))
    if isinstance(result, Batch):  # it was served before it could be cancelled
        for lease in result.leases:
            await line.store.release(lease)
    batch = await end(line.receive(bob, key=key))
    assert [(lease.message, lease.failures, lease.lapses) for lease in batch.leases] == [(note, 0, 0) for note in said]
    await line.store.acknowledge(batch.token, bob.id)
    assert [await line.state(note) for note in said] == [State.SETTLED] * 3


async def test_a_reader_with_a_key_that_waited_anew_gets_the_same_again(
    line: Line, ada: Credential, bob: Credential
) -> None:
    waiting = await begin(line, line.receive(bob, key="k"))
    await line.say(ada, BOBS)
    batch = await end(waiting)
    await line.say(ada, BOBS)
    assert await end(line.receive(bob, key="k")) == batch


async def test_closing_ends_the_wait_of_readers_with_an_error(line: Line, bob: Credential) -> None:
    waiting = [await begin(line, line.receive(bob)) for _ in range(2)]
    await line.store.close()
    for error in await end(asyncio.gather(*waiting, return_exceptions=True)):
        assert isinstance(error, StoreClosedError)


async def test_a_closed_store_refuses_what_readers_ask(line: Line, ada: Credential, bob: Credential) -> None:
    await line.say(ada, BOBS)
    batch = await line.receive(bob)
    await line.store.close()
    for verb in (
        line.receive(bob),
        line.store.held(batch.token, bob.id),
        line.store.acknowledge(batch.token, bob.id),
        line.store.open_batches(bob.id),
        line.store.escalate(batch.leases[0], ADAS, None),
        line.store.erase(batch.leases[0].message.id, by=BY),
        line.store.post(batch.leases[0].message.id),
        line.directory.conversations(1),
        line.directory.credentials(),
        line.directory.stops(line.clock.now()),
    ):
        with pytest.raises(StoreClosedError):
            await verb
