"""What died or expired tells its sender; nothing else does, and notices tell nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealing import BY
from store_cases import ADAS, BOBS, DEADLINE, LEASE, MAX_LAPSES, TEAM, Line, a_note, a_question
from warmline.model import MEMORY_MAILBOX, OWNER, OWNER_MAILBOX, THE_LINE, Kind, Mailbox, Message, State
from warmline.parties import Credential

OWN_OWNER = Mailbox(TEAM, OWNER)


async def note_with_deadline(line: Line, by: Credential) -> Message:
    return await line.say(by, BOBS, deadline_at=line.clock.now() + DEADLINE)


async def test_a_buried_message_puts_a_notice_into_its_senders_mailbox(
    line: Line, ada: Credential, bob: Credential
) -> None:
    note = await line.say(ada, BOBS)
    (lease,) = (await line.receive(bob)).leases
    await line.store.bury(lease, "refused by bob: not my matter")
    (notice,) = await line.inbox(ADAS)
    assert (notice.sender, notice.kind, notice.in_reply_to) == (THE_LINE, Kind.NOTE, note.id)
    assert (notice.conversation, notice.trace, notice.sent_at) == (TEAM, note.trace, line.clock.now())
    assert note.id in notice.body
    assert "refused by bob: not my matter" in notice.body
    assert note.body not in notice.body


async def test_an_expired_message_puts_a_notice_whether_it_was_handed_over_or_not(
    line: Line, ada: Credential, bob: Credential
) -> None:
    handed, waiting = await note_with_deadline(line, ada), await note_with_deadline(line, ada)
    (lease,) = (await line.receive(bob, limit=1)).leases
    await line.store.extend(lease, DEADLINE * 2)
    await line.pass_time(DEADLINE)
    assert [await line.state(note) for note in (handed, waiting)] == [State.EXPIRED] * 2
    assert {notice.in_reply_to for notice in await line.inbox(ADAS)} == {handed.id, waiting.id}


async def test_a_message_that_lapsed_too_often_puts_a_notice(line: Line, ada: Credential, bob: Credential) -> None:
    note = await line.say(ada, BOBS)
    for _ in range(MAX_LAPSES + 1):
        assert await line.inbox(ADAS) == []
        await line.receive(bob)
        await line.pass_time(LEASE)
    assert await line.state(note) is State.DEAD
    assert [notice.in_reply_to for notice in await line.inbox(ADAS)] == [note.id]


async def test_what_a_new_owner_of_the_store_buries_puts_a_notice(line: Line, ada: Credential) -> None:
    note = await line.say(ada, OWNER_MAILBOX)
    for _ in range(MAX_LAPSES + 1):
        await line.lease(mailbox=OWNER_MAILBOX)
        await line.store.lapse_all()
    assert [notice.in_reply_to for notice in await line.inbox(ADAS)] == [note.id]


async def test_the_owner_is_told_in_the_owners_mailbox(line: Line) -> None:
    lease = await line.bring_to(State.DEAD)
    assert [notice.in_reply_to for notice in await line.inbox(OWNER_MAILBOX)] == [lease.message.id]


async def test_the_owner_of_a_message_in_another_conversation_is_told_there_if_it_receives_there(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert (ada.conversation, bob.conversation) == (TEAM, TEAM)
    for told in (OWNER_MAILBOX, OWN_OWNER):
        if told == OWN_OWNER:
            await line.store.add_mailbox(OWN_OWNER)
        message = replace(a_question(line.clock, sender=OWNER), conversation=TEAM)
        await line.store.add(message, BOBS)
        await line.store.bury(await line.lease(mailbox=BOBS), "failed")
        assert [notice.in_reply_to for notice in await line.inbox(told)] == [message.id]


async def test_who_has_no_mailbox_is_not_told(line: Line) -> None:
    message = a_question(line.clock, sender="codex")
    await line.store.add(message, MEMORY_MAILBOX)
    await line.store.bury(await line.lease(), "failed")
    assert await line.inbox(OWNER_MAILBOX) == []
    assert sum((await line.store.tally()).values()) == 1


async def test_a_question_that_died_tells_its_asker_once_more_after_a_requeue(
    line: Line, ada: Credential, bob: Credential
) -> None:
    assert bob.name == BOBS.name
    question = replace(a_question(line.clock, sender=ada.name), conversation=TEAM)
    await line.store.add(question, BOBS)
    for told in (1, 2):
        await line.store.bury(await line.lease(mailbox=BOBS), "failed")
        assert [notice.in_reply_to for notice in await line.inbox(ADAS)] == [question.id] * told
        await line.store.requeue(question.id, None, by=BY)


@pytest.mark.parametrize("state", [State.DEAD, State.EXPIRED])
async def test_a_broadcast_puts_a_notice_for_each_delivery_that_ended_so(
    line: Line, ada: Credential, bob: Credential, state: State
) -> None:
    cleo = await line.join("cleo")
    note = a_note(line.clock, ada, deadline_at=line.clock.now() + DEADLINE)
    await line.store.broadcast(note, [BOBS, Mailbox(TEAM, "cleo"), OWNER_MAILBOX], by=ada)
    batch = await line.receive(cleo)
    await line.store.acknowledge(batch.token, cleo.id)
    if state is State.DEAD:
        await line.store.bury((await line.receive(bob)).leases[0], "not for me")
    else:
        await line.pass_time(DEADLINE)
    told = await line.inbox(ADAS)
    assert [notice.in_reply_to for notice in told] == [note.id] * (1 if state is State.DEAD else 2)
    assert len({notice.id for notice in told}) == len(told)


async def test_a_message_that_was_settled_cancelled_or_discarded_puts_no_notice(line: Line) -> None:
    for state in (State.SETTLED, State.CANCELLED):
        await line.bring_to(state)
    assert await line.inbox(OWNER_MAILBOX) == []
    lease = await line.bring_to(State.DEAD)
    await line.store.discard(lease.message.id, by=BY)
    assert len(await line.inbox(OWNER_MAILBOX)) == 1


async def test_a_notice_that_dies_tells_nobody(line: Line, ada: Credential) -> None:
    await line.store.add_mailbox(Mailbox(TEAM, THE_LINE))
    await line.say(ada, OWNER_MAILBOX)
    await line.store.bury(await line.lease(mailbox=OWNER_MAILBOX), "not for me")
    before = sum((await line.store.tally()).values())
    await line.store.bury((await line.receive(ada)).leases[0], "no more of this")
    assert sum((await line.store.tally()).values()) == before


async def test_a_notice_wakes_who_waits_for_it_and_never_expires(line: Line, ada: Credential, bob: Credential) -> None:
    note = await note_with_deadline(line, ada)
    batch = await line.receive(bob)
    await line.store.bury(batch.leases[0], "failed")
    (lease,) = (await line.receive(ada)).leases
    assert (lease.message.in_reply_to, lease.message.deadline_at) == (note.id, None)
    await line.store.release(lease)
    await line.pass_time(DEADLINE * 1000)
    assert len(await line.inbox(ADAS)) == 1


async def test_a_notice_comes_into_a_closed_conversation_too(line: Line, ada: Credential, bob: Credential) -> None:
    note = await line.say(ada, BOBS)
    (lease,) = (await line.receive(bob)).leases
    await line.directory.close_conversation(TEAM, line.clock.now(), by=BY)
    await line.store.bury(lease, "failed")
    assert [notice.in_reply_to for notice in await line.inbox(ADAS)] == [note.id]
