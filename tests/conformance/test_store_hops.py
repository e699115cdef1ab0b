"""Hops in a trace: inherited, counted, and stopped at the limit with one notice to those concerned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store_cases import (
    ADAS,
    BOBS,
    CLEOS,
    MAX_HOPS,
    SECOND,
    TEAM,
    Line,
    a_note,
    a_question,
    an_answer,
    chain,
    new_id,
    notices,
    stops,
)
from warmline.errors import (
    LoopStoppedError,
)
from warmline.model import OWNER_MAILBOX, Kind, Mailbox
from warmline.parties import Credential, StopKind


async def test_what_a_machine_begins_has_one_hop_in_a_trace_of_its_own(line: Line, ada: Credential) -> None:
    note = a_note(line.clock, ada)
    accepted = await line.store.add(note, ADAS, by=ada)
    assert accepted.question.message == replace(note, hops=1)
    assert await line.store.get(note.id) == accepted.question


async def test_what_a_person_begins_has_no_hop(line: Line, person: Credential) -> None:
    note = a_note(line.clock, person)
    await line.say(person, OWNER_MAILBOX)
    assert (await line.store.add(note, OWNER_MAILBOX, by=person)).question.message == note


async def test_a_message_without_a_speaker_keeps_trace_and_hops(line: Line) -> None:
    message = replace(a_question(line.clock), trace="t", hops=MAX_HOPS * 2)
    assert (await line.store.add(message, OWNER_MAILBOX)).question.message == message


async def test_a_reply_goes_on_with_the_trace_of_what_it_replies_to(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await chain(line, [ada, bob], 3)
    assert [message.trace for message in said] == [said[0].trace] * 3
    assert [message.hops for message in said] == [1, 2, 3]


async def test_a_reply_to_an_answer_goes_on_with_its_trace(line: Line, ada: Credential) -> None:
    question = await line.ask()
    lease = await line.lease()
    answer = an_answer(line.clock, question)
    await line.store.settle(lease, answer)
    reply = await line.say(ada, ADAS, in_reply_to=answer.id)
    assert (reply.trace, reply.hops) == (answer.trace, answer.hops + 1)


async def test_a_person_goes_on_with_a_trace_and_adds_no_hop(
    line: Line, ada: Credential, bob: Credential, person: Credential
) -> None:
    first, second = await chain(line, [ada, bob], 2)
    reply = await line.say(person, BOBS, in_reply_to=second.id)
    assert (reply.trace, reply.hops) == (first.trace, 2)


async def test_what_is_sent_while_something_is_held_goes_on_with_its_trace(
    line: Line, ada: Credential, bob: Credential, cleo: Credential
) -> None:
    first = await line.say(ada, BOBS)
    batch = await line.receive(bob)
    held = await line.say(bob, CLEOS)
    assert (held.trace, held.hops) == (first.trace, 2)
    assert (await line.say(cleo, BOBS)).hops == 1
    await line.store.acknowledge(batch.token, bob.id)
    assert (await line.say(bob, CLEOS)).hops == 1


async def test_of_several_that_are_held_the_one_with_most_hops_counts(
    line: Line, ada: Credential, bob: Credential
) -> None:
    await line.say(ada, BOBS)
    long = await chain(line, [bob, ada, bob], 5)
    deep = await line.say(ada, BOBS, in_reply_to=long[-1].id)
    await line.say(ada, BOBS)
    await line.receive(bob, limit=1)
    await line.receive(bob, limit=100)
    said = await line.say(bob, ADAS)
    assert (said.trace, said.hops) == (long[0].trace, deep.hops + 1)


async def test_what_was_held_and_given_back_counts_no_more(line: Line, ada: Credential, bob: Credential) -> None:
    await line.say(ada, BOBS)
    batch = await line.receive(bob)
    await line.store.release(batch.leases[0])
    assert (await line.say(bob, ADAS)).hops == 1


async def test_a_question_that_is_held_after_its_batch_was_acknowledged_counts(line: Line, bob: Credential) -> None:
    question = replace(a_question(line.clock), hops=7)
    await line.store.add(question, BOBS)
    batch = await line.receive(bob)
    await line.store.acknowledge(batch.token, bob.id)
    said = await line.say(bob, BOBS)
    assert (said.trace, said.hops) == (question.trace, 8)


async def test_a_reply_is_in_the_trace_of_what_it_replies_to_with_the_most_hops_of_what_is_held(
    line: Line, ada: Credential, bob: Credential
) -> None:
    (begun,) = await chain(line, [ada, bob], 1)
    deep = await chain(line, [ada, bob], 3)
    await line.receive(bob)
    reply = await line.say(bob, ADAS, in_reply_to=begun.id)
    assert (reply.trace, reply.hops) == (begun.trace, deep[-1].hops + 1)
    assert (await line.say(bob, ADAS)).trace == deep[0].trace


async def test_a_reply_to_what_the_store_does_not_hold_is_as_no_reply(
    line: Line, ada: Credential, bob: Credential
) -> None:
    gone = new_id(line.clock)
    note = await line.say(ada, BOBS, in_reply_to=gone)
    assert (note.in_reply_to, note.hops, note.trace) == (gone, 1, note.id)
    await line.receive(bob)
    assert (await line.say(bob, ADAS, in_reply_to=gone)).trace == note.trace


async def test_a_broadcast_is_one_hop_in_the_trace_it_goes_on_with(
    line: Line, ada: Credential, bob: Credential, cleo: Credential
) -> None:
    first = await line.say(ada, BOBS)
    await line.receive(bob)
    post = await line.store.broadcast(a_note(line.clock, bob), [ADAS, CLEOS], by=bob)
    assert (post.message.trace, post.message.hops) == (first.trace, 2)
    (lease,) = (await line.receive(cleo)).leases
    assert lease.message == post.message


@pytest.mark.parametrize("count", [2, 3, 4])
async def test_a_loop_is_stopped_at_the_limit_with_one_notice_to_each_concerned(line: Line, count: int) -> None:
    speakers = [await line.join(name) for name in ("ada", "bob", "cleo", "dan")[:count]]
    said = await chain(line, speakers, MAX_HOPS)
    assert said[-1].hops == MAX_HOPS
    stopped = speakers[MAX_HOPS % count]
    for number in range(3):
        line.clock.advance(SECOND)
        with pytest.raises(LoopStoppedError):
            await line.say(stopped, ADAS, in_reply_to=said[-1].id)
        (stop,) = await stops(line)
        assert (stop.kind, stop.conversation, stop.participant) == (StopKind.LOOP, TEAM, stopped.name)
        assert (stop.refusals, stop.last_at) == (number + 1, line.clock.now())
        assert stop.last_at - stop.first_at == number * SECOND
    concerned = {Mailbox(TEAM, stopped.name), OWNER_MAILBOX, ADAS}
    for mailbox in [Mailbox(TEAM, speaker.name) for speaker in speakers] + [OWNER_MAILBOX]:
        told = await notices(line, mailbox)
        assert [notice.kind for notice in told] == [Kind.NOTE] * (mailbox in concerned)


async def test_a_refused_message_is_not_there(line: Line, ada: Credential, bob: Credential) -> None:
    said = await chain(line, [ada, bob], MAX_HOPS)
    refused = a_note(line.clock, ada, in_reply_to=said[-1].id, idempotency_key="k")
    with pytest.raises(LoopStoppedError):
        await line.store.add(refused, BOBS, by=ada)
    with pytest.raises(LoopStoppedError):
        await line.store.broadcast(refused, [BOBS], by=ada)
    assert refused.body not in {each.body for each in await notices(line, BOBS)}
    accepted = await line.store.add(replace(refused, in_reply_to=None), BOBS, by=ada)
    assert (accepted.created, accepted.question.delivery.position) == (True, 1 + MAX_HOPS // 2)


async def test_a_loop_stopped_while_it_holds_its_messages_leaves_them_held(
    line: Line, ada: Credential, bob: Credential
) -> None:
    said = await chain(line, [ada, bob], MAX_HOPS - 1)
    last = await line.say(bob, ADAS, in_reply_to=said[-1].id)
    batch = await line.receive(ada, limit=100)
    with pytest.raises(LoopStoppedError):
        await line.store.add(a_note(line.clock, ada), BOBS, by=ada, settles=batch.leases[-1])
    assert await line.store.held(batch.token, ada.id) == batch
    assert batch.leases[-1].message == last


async def test_a_person_may_go_on_where_machines_were_stopped(
    line: Line, ada: Credential, bob: Credential, person: Credential
) -> None:
    said = await chain(line, [ada, bob], MAX_HOPS)
    reply = await line.say(person, BOBS, in_reply_to=said[-1].id)
    assert reply.hops == MAX_HOPS


async def test_another_trace_is_not_slowed_and_stops_for_itself(line: Line, ada: Credential, bob: Credential) -> None:
    said = await chain(line, [ada, bob], MAX_HOPS)
    with pytest.raises(LoopStoppedError):
        await line.say(ada, BOBS, in_reply_to=said[-1].id)
    line.clock.advance(SECOND)
    other = await chain(line, [bob, ada], MAX_HOPS)
    with pytest.raises(LoopStoppedError):
        await line.say(bob, ADAS, in_reply_to=other[-1].id)
    assert [stop.participant for stop in await stops(line)] == ["bob", "ada"]


async def test_stops_are_listed_by_when_they_were_tried_last(line: Line, ada: Credential, bob: Credential) -> None:
    traces = [await chain(line, [ada, bob], MAX_HOPS) for _ in range(2)]
    begun = line.clock.now()
    for said in (traces[0], traces[1], traces[0]):
        line.clock.advance(SECOND)
        with pytest.raises(LoopStoppedError):
            await line.say(ada, BOBS, in_reply_to=said[-1].id)
    listed = await line.directory.stops(begun)
    assert [(stop.last_at - begun, stop.refusals) for stop in listed] == [(3 * SECOND, 2), (2 * SECOND, 1)]
    assert list(await line.directory.stops(begun + 3 * SECOND)) == list(listed[:1])
    assert list(await line.directory.stops(begun + 4 * SECOND)) == []
    line = await line.reopen()
    assert list(await stops(line)) == list(listed)
