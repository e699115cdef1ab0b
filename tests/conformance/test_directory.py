"""Who and what there is on the line: conversations, participants, mailboxes and credentials."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest

from sealing import BY
from store_cases import (
    ADAS,
    BOBS,
    OTHER_MAILBOX,
    TEAM,
    Line,
    a_credential,
    a_hash,
    a_note,
    a_question,
    an_answer,
)
from warmline.directory import Directory
from warmline.errors import (
    ConflictError,
    UnknownConversationError,
    UnknownMailboxError,
)
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, OWNER, OWNER_MAILBOX, ConversationId, Mailbox, State
from warmline.parties import AnsweredBy, Conversation, Credential, MailboxState, Participant, Policy

SECOND = timedelta(seconds=1)
NOWHERE = ConversationId("nowhere")
BY_PERSONS = Policy(answered_by=AnsweredBy.PERSON)


async def new_conversation(line: Line, name: str, *participants: str) -> Conversation:
    """Make a conversation whose participants stand in the order of their names, and return it."""
    conversation = ConversationId(name)
    made = Conversation(
        conversation, line.clock.now(), participants=tuple(Participant(conversation, each) for each in participants)
    )
    await line.directory.new_conversation(made, by=BY)
    return made


# Conversations and participants


async def test_a_conversation_comes_back_as_it_was_made_its_participants_by_name(line: Line) -> None:
    participants = (
        Participant(TEAM, "pia", is_person=True),
        Participant(TEAM, "ada", status="at work", status_at=line.clock.now(), seen_at=line.clock.now()),
        Participant(TEAM, "Zoë", legacy_session="a"),
    )
    made = Conversation(TEAM, line.clock.now(), participants=participants)
    await line.directory.new_conversation(made, by=BY)
    expected = replace(made, participants=tuple(sorted(participants, key=lambda each: each.name)))
    for _ in range(2):
        assert await line.directory.conversation(TEAM) == expected
        line = await line.reopen()


async def test_a_conversation_that_was_closed_before_it_is_made_is_closed(line: Line) -> None:
    participants = (Participant(TEAM, "ada"),)
    made = Conversation(TEAM, line.clock.now(), line.clock.now() + SECOND, participants)
    await line.directory.new_conversation(made, by=BY)
    assert await line.directory.conversation(TEAM) == made
    assert list(line.directory.mailboxes_named("ada")) == []


async def test_every_participant_has_a_mailbox_and_a_persons_is_answered_by_persons(line: Line) -> None:
    participants = (Participant(TEAM, "ada"), Participant(TEAM, "pia", is_person=True))
    await line.directory.new_conversation(Conversation(TEAM, line.clock.now(), participants=participants), by=BY)
    await line.directory.add_participant(Participant(TEAM, "pit", is_person=True), by=BY)
    assert list(await line.directory.mailboxes(TEAM)) == [
        MailboxState(ADAS, Policy(), 0, 0),
        MailboxState(Mailbox(TEAM, "pia"), BY_PERSONS, 0, 0),
        MailboxState(Mailbox(TEAM, "pit"), BY_PERSONS, 0, 0),
    ]
    question = a_question(line.clock)
    await line.store.add(question, ADAS)
    assert (await line.lease(mailbox=ADAS)).message == question


async def test_an_id_is_taken_once_and_what_stands_there_stays(line: Line) -> None:
    made = await new_conversation(line, "team", "ada")
    with pytest.raises(ConflictError):
        await new_conversation(line, "team", "bob")
    assert await line.directory.conversation(TEAM) == made
    assert list(line.directory.mailboxes_named("bob")) == []


async def test_a_participant_is_added_once_however_often_and_stays_as_it_is(line: Line) -> None:
    await new_conversation(line, "team", "ada")
    await line.directory.report(TEAM, "ada", line.clock.now(), "at work", by=BY)
    before = await line.directory.conversation(TEAM)
    await line.directory.set_policy(ADAS, Policy(ordered=True), by=BY)
    await line.directory.add_participant(Participant(TEAM, "ada", is_person=True), by=BY)
    assert await line.directory.conversation(TEAM) == before
    assert line.directory.policy(ADAS) == Policy(ordered=True)


async def test_a_participant_takes_over_the_mailbox_of_its_name(line: Line) -> None:
    await new_conversation(line, "team")
    await line.store.add_mailbox(ADAS)
    question = a_question(line.clock)
    await line.store.add(question, ADAS)
    await line.directory.add_participant(Participant(TEAM, "ada"), by=BY)
    assert (await line.lease(mailbox=ADAS)).message == question
    assert len(await line.directory.mailboxes(TEAM)) == 1


async def test_conversations_come_newest_first_the_default_one_too(line: Line) -> None:
    made = []
    for name in ("b", "a", "c"):
        line.clock.advance(timedelta(days=3650))  # on a file, the default conversation is as old as the file
        made.append(await new_conversation(line, name, "ada"))
    listed = list(await line.directory.conversations(100))
    assert listed[:3] == made[::-1]
    assert [each.id for each in listed[3:]] == [DEFAULT_CONVERSATION]
    assert list(await line.directory.conversations(2)) == listed[:2]
    assert list(await line.directory.conversations(0)) == []


async def test_the_owner_is_there_from_the_beginning(line: Line) -> None:
    (owner,) = (await line.directory.conversation(DEFAULT_CONVERSATION)).participants
    assert owner == Participant(DEFAULT_CONVERSATION, OWNER, is_person=True)
    assert line.directory.policy(OWNER_MAILBOX) == BY_PERSONS
    assert line.directory.policy(MEMORY_MAILBOX) == Policy()


async def test_closing_says_when_and_a_second_time_changes_nothing(line: Line) -> None:
    made = await new_conversation(line, "team", "ada")
    closed = await line.directory.close_conversation(TEAM, line.clock.now(), by=BY)
    assert closed == replace(made, closed_at=line.clock.now())
    assert await line.directory.close_conversation(TEAM, line.clock.now() + SECOND, by=BY) == closed
    line = await line.reopen()
    assert await line.directory.conversation(TEAM) == closed


async def test_the_default_conversation_cannot_be_closed(line: Line) -> None:
    with pytest.raises(ConflictError):
        await line.directory.close_conversation(DEFAULT_CONVERSATION, line.clock.now(), by=BY)
    assert (await line.directory.conversation(DEFAULT_CONVERSATION)).closed_at is None
    await line.ask()


async def test_an_unknown_conversation_is_refused(directory: Directory, line: Line) -> None:
    now = line.clock.now()
    verbs: list[Awaitable[object]] = [
        directory.conversation(NOWHERE),
        directory.close_conversation(NOWHERE, now, by=BY),
        directory.add_participant(Participant(NOWHERE, "ada"), by=BY),
        directory.said(NOWHERE, 0, 10),
        directory.report(NOWHERE, "ada", now, None, by=BY),
        directory.mailboxes(NOWHERE),
        directory.add_credential(a_credential(line.clock, "ada", conversation=NOWHERE), a_hash("a"), by=BY),
    ]
    for verb in verbs:
        with pytest.raises(UnknownConversationError):
            await verb


async def test_a_report_sets_the_status_and_a_beat_leaves_it(line: Line) -> None:
    await new_conversation(line, "team", "ada", "bob")
    begun = line.clock.now()
    reported = await line.directory.report(TEAM, "ada", begun, "indexing the “notes”", by=BY)
    assert reported == Participant(TEAM, "ada", status="indexing the “notes”", status_at=begun, seen_at=begun)
    beat = await line.directory.report(TEAM, "ada", begun + SECOND, None, by=BY)
    assert beat == replace(reported, seen_at=begun + SECOND)
    participants = (await line.directory.conversation(TEAM)).participants
    assert participants == (beat, Participant(TEAM, "bob"))
    cleared = await line.directory.report(TEAM, "ada", begun + 2 * SECOND, "", by=BY)
    assert (cleared.status, cleared.status_at) == ("", begun + 2 * SECOND)


async def test_who_was_noted_is_seen_at_once_and_stays_seen(line: Line) -> None:
    await new_conversation(line, "team", "ada", "bob")
    first = line.clock.now()
    for at in (first, first + SECOND):
        line.directory.note_seen(TEAM, "ada", at)
        seen = (Participant(TEAM, "ada", seen_at=at), Participant(TEAM, "bob"))
        assert (await line.directory.conversation(TEAM)).participants == seen
    listed = {each.id: each.participants for each in await line.directory.conversations(10)}
    assert listed[TEAM] == seen
    assert (await line.directory.close_conversation(TEAM, first, by=BY)).participants == seen
    line = await line.reopen()
    kept, never = (await line.directory.conversation(TEAM)).participants
    assert kept.seen_at is not None
    assert kept.seen_at >= first
    assert never.seen_at is None


async def test_a_report_after_it_was_noted_is_seen_later(line: Line) -> None:
    await new_conversation(line, "team", "ada")
    noted = line.clock.now()
    line.directory.note_seen(TEAM, "ada", noted)
    await line.directory.report(TEAM, "ada", noted + SECOND, None, by=BY)
    (ada,) = (await line.directory.conversation(TEAM)).participants
    assert ada.seen_at == noted + SECOND


async def test_to_note_who_is_not_there_is_harmless(line: Line) -> None:
    line.directory.note_seen(NOWHERE, "ada", line.clock.now())
    line.directory.note_seen(DEFAULT_CONVERSATION, "nobody", line.clock.now())
    assert [each.name for each in (await line.directory.conversation(DEFAULT_CONVERSATION)).participants] == [OWNER]


async def test_who_is_no_participant_cannot_report(line: Line) -> None:
    await new_conversation(line, "team", "ada")
    with pytest.raises(UnknownMailboxError):
        await line.directory.report(TEAM, "bob", line.clock.now(), "at work", by=BY)


# What was said, and who listens


async def test_what_was_said_comes_in_the_order_of_acceptance_with_receipts(
    line: Line, ada: Credential, bob: Credential
) -> None:
    first = await line.say(ada, BOBS)
    question = replace(a_question(line.clock, sender=ada.name), conversation=TEAM)
    await line.store.add(question, BOBS)
    await line.ask("elsewhere")
    batch = await line.receive(bob)
    await line.store.acknowledge(batch.token, bob.id)
    answer = an_answer(line.clock, question)
    await line.store.settle(batch.leases[1], answer)
    broadcast = a_note(line.clock, bob)
    await line.store.broadcast(broadcast, [ADAS, BOBS])
    said = list(await line.directory.said(TEAM, 0, 100))
    assert [post.message.id for post in said] == [first.id, question.id, answer.id, broadcast.id]
    assert said == [await line.store.post(post.message.id) for post in said]
    assert list(await line.directory.said(TEAM, said[1].number, 100)) == said[2:]
    assert list(await line.directory.said(TEAM, 0, 2)) == said[:2]
    assert list(await line.directory.said(TEAM, said[-1].number, 100)) == []
    elsewhere = await line.directory.said(DEFAULT_CONVERSATION, 0, 100)
    assert [post.message.body for post in elsewhere] == ["elsewhere"]


async def test_what_was_said_to_another_conversation_belongs_to_its_senders(line: Line, ada: Credential) -> None:
    note = await line.say(ada, OWNER_MAILBOX)
    (post,) = await line.directory.said(TEAM, 0, 10)
    assert (post.message, post.deliveries[0].mailbox) == (note, OWNER_MAILBOX)


async def test_who_listens_hears_what_is_said_handed_over_and_ended_while_it_listens(
    line: Line, ada: Credential, bob: Credential
) -> None:
    calls: list[str] = []

    async def heard(verb: Awaitable[object]) -> bool:
        calls.clear()
        await verb
        await line.store.sweep()
        return "team" in calls

    async def say_two() -> None:
        await line.store.broadcast(a_note(line.clock, ada), [ADAS, BOBS], by=ada)

    with line.directory.listening(TEAM, lambda: calls.append("team")):
        assert await heard(line.say(ada, BOBS))
        batch = await line.receive(bob)
        assert "team" in calls
        assert await heard(line.store.acknowledge(batch.token, bob.id))
        assert await heard(say_two())
        assert not await heard(line.ask())
        assert not await heard(line.bring_to(State.SETTLED))
        assert not await heard(line.directory.conversation(TEAM))
    assert not await heard(line.say(ada, BOBS))


async def test_several_listen_each_for_itself(line: Line, ada: Credential) -> None:
    calls: list[str] = []
    with line.directory.listening(TEAM, lambda: calls.append("stays")):
        with line.directory.listening(TEAM, lambda: calls.append("leaves")):
            await line.say(ada, ADAS)
            await line.store.sweep()
        assert set(calls) == {"stays", "leaves"}
        calls.clear()
        await line.say(ada, ADAS)
        await line.store.sweep()
    assert set(calls) == {"stays"}


# Mailboxes


async def test_a_mailbox_shows_what_waits_and_what_is_out(line: Line, ada: Credential, bob: Credential) -> None:
    for _ in range(4):
        await line.say(ada, BOBS)
    await line.receive(bob, limit=1)
    batch = await line.receive(bob, limit=2)
    await line.store.nack(batch.leases[0], "later", SECOND)
    await line.store.settle(batch.leases[1], an_answer(line.clock, batch.leases[1].message))
    listed = {state.mailbox: state for state in await line.directory.mailboxes()}
    assert listed[BOBS] == MailboxState(BOBS, Policy(), 2, 1)
    assert set(listed) == {ADAS, BOBS, MEMORY_MAILBOX, OTHER_MAILBOX, OWNER_MAILBOX}
    assert {state.mailbox for state in await line.directory.mailboxes(TEAM)} == {ADAS, BOBS}


async def test_a_policy_is_what_it_was_set_to_last_also_after_reopening(line: Line, bob: Credential) -> None:
    assert line.directory.policy(BOBS) == Policy()
    assert bob.name == BOBS.name
    policy = Policy(ordered=True, answered_by=AnsweredBy.PERSON)
    await line.directory.set_policy(BOBS, Policy(ordered=True), by=BY)
    await line.directory.set_policy(BOBS, policy, by=BY)
    for _ in range(2):
        assert line.directory.policy(BOBS) == policy
        assert [state.policy for state in await line.directory.mailboxes(TEAM)] == [policy]
        line = await line.reopen()


async def test_an_unknown_mailbox_has_no_policy(line: Line) -> None:
    with pytest.raises(UnknownMailboxError):
        line.directory.policy(BOBS)
    with pytest.raises(UnknownMailboxError):
        await line.directory.set_policy(BOBS, Policy(), by=BY)


async def test_a_name_finds_its_mailboxes_in_all_open_conversations(line: Line) -> None:
    for name in ("one", "two", "three"):
        await new_conversation(line, name, "ada", "bob")
    await line.directory.close_conversation(ConversationId("two"), line.clock.now(), by=BY)
    await line.store.add_mailbox(Mailbox(DEFAULT_CONVERSATION, "ada"))
    expected = {Mailbox(ConversationId(name), "ada") for name in ("one", "three", "default")}
    for _ in range(2):
        assert set(line.directory.mailboxes_named("ada")) == expected
        assert list(line.directory.mailboxes_named("nobody")) == []
        line = await line.reopen()
