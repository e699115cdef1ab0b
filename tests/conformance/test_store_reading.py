"""Lists, counts and tallies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from store_cases import LEASE, OTHER_MAILBOX, Line, a_question, an_answer
from warmline.errors import UnknownMailboxError
from warmline.model import MEMORY_MAILBOX, Kind, Mailbox, State
from warmline.protocols import QuestionFilter

EVERYTHING = QuestionFilter()


async def _one_in_every_state(line: Line) -> None:
    for state in (State.SETTLED, State.DEAD, State.EXPIRED, State.CANCELLED):
        await line.bring_to(state)
    await line.bring_to(State.LEASED)
    await line.ask()


async def test_a_tally_counts_every_state(line: Line) -> None:
    assert await line.store.tally() == dict.fromkeys(State, 0)
    await _one_in_every_state(line)
    notices = {State.READY: 2}  # of what died and of what expired
    assert await line.store.tally() == {state: 1 + notices.get(state, 0) for state in State}


async def test_questions_come_newest_first_and_at_most_as_many_as_asked_for(line: Line) -> None:
    asked = [await line.ask(f"question {number}") for number in range(5)]
    listed = await line.store.questions(EVERYTHING, 3)
    assert [question.message for question in listed] == asked[:1:-1]
    assert await line.store.questions(EVERYTHING, 0) == []
    assert await line.store.count(EVERYTHING) == 5


async def test_a_list_shows_each_question_as_get_does(line: Line) -> None:
    await _one_in_every_state(line)
    listed = await line.store.questions(EVERYTHING, 100)
    assert len(listed) == len(State)
    assert list(listed) == [await line.store.get(question.message.id) for question in listed]


@pytest.mark.parametrize("states", [{State.READY}, {State.DEAD, State.EXPIRED}, set(State), set()])
async def test_a_filter_by_states_finds_those_alone(line: Line, states: set[State]) -> None:
    await _one_in_every_state(line)
    which = QuestionFilter(states=frozenset(states))
    listed = await line.store.questions(which, 100)
    assert {question.delivery.state for question in listed} == (states or set(State))
    assert await line.store.count(which) == len(listed) == len(states or State)


async def test_a_filter_by_time_holds_what_was_accepted_then_or_later(line: Line) -> None:
    await line.ask("before")
    line.clock.advance(timedelta(seconds=1))
    then = await line.ask("then")
    line.clock.advance(timedelta(seconds=1))
    later = await line.ask("later")
    which = QuestionFilter(since=then.sent_at)
    assert [question.message for question in await line.store.questions(which, 100)] == [later, then]
    assert await line.store.count(which) == 2


async def test_a_filter_by_mailbox_holds_its_own_alone(line: Line) -> None:
    await line.ask()
    other = a_question(line.clock)
    await line.store.add(other, OTHER_MAILBOX)
    which = QuestionFilter(mailbox=OTHER_MAILBOX)
    assert [question.message for question in await line.store.questions(which, 100)] == [other]
    assert await line.store.count(which) == 1


async def test_a_filter_for_any_kind_holds_each_recipient_of_a_message_too(line: Line) -> None:
    asked = await line.bring_to(State.DEAD)
    mailboxes = (MEMORY_MAILBOX, OTHER_MAILBOX)
    await line.store.add_mailbox(OTHER_MAILBOX)
    line.clock.advance(timedelta(seconds=1))
    said = replace(a_question(line.clock), kind=Kind.NOTE)
    await line.store.broadcast(said, mailboxes)
    for mailbox in mailboxes:
        await line.store.bury(await line.store.lease(mailbox, "holder", LEASE), "not mine")
    dead = QuestionFilter(states=frozenset({State.DEAD}))
    listed = await line.store.questions(replace(dead, any_kind=True), 100)
    assert [(each.message.id, each.delivery.mailbox) for each in listed] == [
        *((said.id, mailbox) for mailbox in reversed(mailboxes)),
        (asked.message.id, asked.mailbox),
    ]
    assert await line.store.count(replace(dead, any_kind=True)) == 3
    assert await line.store.count(dead) == 1


async def test_a_filter_by_an_unknown_mailbox_is_refused(line: Line) -> None:
    which = QuestionFilter(mailbox=Mailbox(MEMORY_MAILBOX.conversation, "nobody"))
    with pytest.raises(UnknownMailboxError):
        await line.store.questions(which, 100)
    with pytest.raises(UnknownMailboxError):
        await line.store.count(which)


async def test_a_note_is_no_question(line: Line) -> None:
    note = replace(a_question(line.clock), kind=Kind.NOTE)
    await line.store.add(note, OTHER_MAILBOX)
    assert await line.store.questions(EVERYTHING, 100) == []
    assert await line.store.count(EVERYTHING) == 0
    assert (await line.store.tally())[State.READY] == 1


async def test_all_fields_of_a_filter_hold_together(line: Line) -> None:
    await line.ask("too old")
    line.clock.advance(timedelta(seconds=1))
    since = line.clock.now()
    lease = await line.store.lease(MEMORY_MAILBOX, "worker", LEASE)
    await line.store.settle(lease, an_answer(line.clock, lease.message))
    wanted = await line.ask("wanted")
    await line.store.add(a_question(line.clock, "elsewhere"), OTHER_MAILBOX)
    which = QuestionFilter(states=frozenset({State.READY}), since=since, mailbox=MEMORY_MAILBOX)
    assert [question.message for question in await line.store.questions(which, 100)] == [wanted]
    assert await line.store.count(which) == 1
