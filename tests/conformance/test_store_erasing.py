"""Erased messages: nothing is left but that they were there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sealing import BY
from store_cases import (
    ADAS,
    BOBS,
    CLEOS,
    TEAM,
    Line,
    a_note,
    an_answer,
)
from warmline.errors import (
    LeaseLostError,
)
from warmline.model import ENDED, OWNER_MAILBOX, Mailbox, Post, State
from warmline.parties import Credential

UNKNOWN = Mailbox(TEAM, "nobody")
EVERYONE = (ADAS, BOBS, CLEOS)


def states(post: Post) -> dict[str, State]:
    return {delivery.mailbox.name: delivery.state for delivery in post.deliveries}


async def test_an_erased_message_is_empty_and_says_when_it_was_erased(line: Line, ada: Credential) -> None:
    note = a_note(line.clock, ada, "the password is swordfish", metadata='{"files":["secret.md"]}')
    await line.store.add(note, ADAS)
    before = await line.store.post(note.id)
    line.clock.advance(timedelta(seconds=1))
    erased = await line.store.erase(note.id, by=BY)
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
    erased = await line.store.erase(note.id, by=BY)
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
    erased = await line.store.erase(lease.message.id, by=BY)
    emptied = replace(answer.answer, text="", citations=(), in_place_of=None)
    assert (erased.message.body, erased.answer) == ("", emptied)
    left = (await line.store.post(answer.id)).message
    assert left == replace(answer, body="", answer=emptied, erased_at=line.clock.now())
    assert (await line.store.get(lease.message.id)).answer == emptied


async def test_an_erased_answer_leaves_its_question(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    answer = an_answer(line.clock, lease.message)
    assert answer.answer is not None
    await line.store.settle(lease, answer)
    await line.store.erase(answer.id, by=BY)
    question = await line.store.get(lease.message.id)
    assert question.message == lease.message
    assert question.answer == replace(answer.answer, text="", citations=(), in_place_of=None)


async def test_erasing_twice_says_the_same(line: Line, ada: Credential) -> None:
    note = await line.say(ada, ADAS)
    first = await line.store.erase(note.id, by=BY)
    line.clock.advance(timedelta(seconds=1))
    assert await line.store.erase(note.id, by=BY) == first


async def test_who_waits_for_a_question_is_woken_when_it_is_erased(line: Line) -> None:
    lease = await line.bring_to(State.LEASED)
    waiting = asyncio.create_task(line.store.wait_until_ended(lease.message.id))
    await asyncio.sleep(0)
    await line.store.sweep()
    await line.store.erase(lease.message.id, by=BY)
    async with asyncio.timeout(5):
        assert (await waiting).delivery.state is State.CANCELLED
