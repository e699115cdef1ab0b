"""Asking, waiting, ending: who may, and what becomes of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bridge_cases import AT_ONCE, NOWHERE, PATIENCE, Scene, token_of
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    AmbiguousMailboxError,
    ConflictError,
    ConversationClosedError,
    ForbiddenError,
    IdempotencyConflictError,
    UnknownConversationError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.model import MEMORY_MAILBOX, OWNER, OWNER_MAILBOX, Mailbox, MessageId, State
from warmline.parties import Right
from warmline.protocols import QuestionFilter
from warmline.settings import BridgeSettings

LIMITS = BridgeSettings()


async def test_the_owners_question_goes_to_the_memory_and_names_no_roots(scene: Scene) -> None:
    asked = (await scene.bridge.questions.ask(THE_OWNER, "which port?")).question
    assert asked.delivery.mailbox == MEMORY_MAILBOX
    assert (asked.message.sender, asked.message.memories, asked.message.hops) == (OWNER, None, 0)
    assert asked.message.deadline_at == scene.clock.now() + LIMITS.question_deadline


async def test_a_question_to_the_memory_names_the_roots_of_the_askers_scope(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    scoped = await scene.more(docs, Grant(memories=frozenset({"notes", "code"})))
    asked = (await scene.bridge.questions.ask(scoped, "which port?")).question
    assert asked.message.memories == ("code", "notes")
    assert (asked.message.conversation, asked.message.hops) == (docs.conversation, 1)


async def test_a_question_to_another_mailbox_names_no_roots(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    scoped = await scene.more(docs, Grant(memories=frozenset({"notes"})))
    asked = (await scene.bridge.questions.ask(scoped, "which port?", mailbox="code")).question
    assert asked.delivery.mailbox == Mailbox(docs.conversation, "code")
    assert asked.message.memories is None


async def test_the_owners_question_belongs_to_the_conversation_that_it_goes_to(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    asked = (await scene.bridge.questions.ask(THE_OWNER, "which port?", mailbox="docs")).question
    assert asked.message.conversation == docs.conversation


async def test_a_question_to_a_person_waits_as_long_as_a_person_may_take(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", persons=["ada"])
    asked = (await scene.bridge.questions.ask(docs, "which port?", mailbox="ada")).question
    assert asked.message.deadline_at == scene.clock.now() + LIMITS.escalation_deadline


async def test_without_the_right_to_ask_a_question_is_forbidden(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    mute = await scene.more(docs, Grant(rights=frozenset({Right.SEND})))
    with pytest.raises(ForbiddenError):
        await scene.bridge.questions.ask(mute, "which port?")


@pytest.mark.parametrize("mailbox", [None, "memory", "code", "nobody"])
async def test_a_mailbox_out_of_scope_is_forbidden_whether_it_is_there_or_not(
    scene: Scene, mailbox: str | None
) -> None:
    docs, _, _ = await scene.begin("docs", "code", "reviews")
    scoped = await scene.more(docs, Grant(mailboxes=frozenset({"reviews"})))
    with pytest.raises(ForbiddenError):
        await scene.bridge.questions.ask(scoped, "which port?", mailbox=mailbox)
    await scene.ask(scoped, "reviews")


async def test_an_ambiguous_name_is_an_error_that_lists_the_candidates(scene: Scene) -> None:
    (first,), (second,) = await scene.begin("docs"), await scene.begin("docs")
    with pytest.raises(AmbiguousMailboxError) as raised:
        await scene.ask(THE_OWNER, "docs")
    assert f"docs in {first.conversation}" in str(raised.value)
    assert f"docs in {second.conversation}" in str(raised.value)
    asked = await scene.bridge.questions.ask(THE_OWNER, "which port?", mailbox="docs", conversation=second.conversation)
    assert asked.question.delivery.mailbox == Mailbox(second.conversation, "docs")


async def test_a_name_that_is_in_two_conversations_is_not_ambiguous_to_who_is_in_one(scene: Scene) -> None:
    _, code = await scene.begin("docs", "code")
    await scene.begin("docs")
    assert await scene.ask(code, "docs")


async def test_a_closed_conversation_makes_a_name_ambiguous_no_more(scene: Scene) -> None:
    (first,), (second,) = await scene.begin("docs"), await scene.begin("docs")
    await scene.bridge.conversations.close(THE_OWNER, first.conversation)
    asked = await scene.bridge.questions.ask(THE_OWNER, "which port?", mailbox="docs")
    assert asked.question.delivery.mailbox == Mailbox(second.conversation, "docs")


async def test_an_unknown_mailbox_is_an_error_that_names_those_there_are(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    with pytest.raises(UnknownMailboxError, match=r"'nobody'; known: code, docs"):
        await scene.ask(docs, "nobody")
    with pytest.raises(UnknownMailboxError, match=r"known: .*memory"):
        await scene.ask(THE_OWNER, "nobody")


async def test_an_unknown_mailbox_names_at_most_ten_others(scene: Scene) -> None:
    first, *_ = await scene.begin(*(f"agent{number:02}" for number in range(12)))
    with pytest.raises(UnknownMailboxError, match=r"agent09 \.\.\.$"):
        await scene.ask(first, "nobody")


async def test_another_conversation_is_unknown(scene: Scene) -> None:
    (docs,), (code,) = await scene.begin("docs"), await scene.begin("code")
    for conversation in (code.conversation, NOWHERE):
        with pytest.raises(UnknownConversationError):
            await scene.bridge.questions.ask(docs, "which port?", mailbox="code", conversation=conversation)
    with pytest.raises(UnknownConversationError):
        await scene.bridge.questions.ask(THE_OWNER, "which port?", mailbox="code", conversation=NOWHERE)
    with pytest.raises(UnknownMailboxError):
        await scene.ask(docs, "code")


async def test_a_name_that_is_left_in_closed_conversations_only_is_said_to_be(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "ada")
    await scene.bridge.conversations.close(THE_OWNER, docs.conversation)
    with pytest.raises(
        UnknownMailboxError, match=f"^the mailbox 'docs' is in a closed conversation: {docs.conversation}$"
    ):
        await scene.bridge.questions.ask(THE_OWNER, "Which port?", mailbox="docs")


async def test_a_closed_conversation_takes_no_question(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    await scene.bridge.conversations.close(THE_OWNER, docs.conversation)
    with pytest.raises(ConversationClosedError):
        await scene.ask(docs, "code")


async def test_the_same_key_is_the_same_question_for_one_speaker_and_not_for_two(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    first = await scene.bridge.questions.ask(docs, "which port?", idempotency_key="k")
    again = await scene.bridge.questions.ask(docs, "which port?", idempotency_key="k")
    other = await scene.bridge.questions.ask(code, "which port?", idempotency_key="k")
    assert (again.created, again.question.message.id) == (False, first.question.message.id)
    assert other.created
    with pytest.raises(IdempotencyConflictError):
        await scene.bridge.questions.ask(docs, "which host?", idempotency_key="k")


async def test_a_question_is_seen_by_asker_reader_and_owner_and_by_nobody_else(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    (stranger,) = await scene.begin("docs")
    asked = await scene.ask(docs, "code")
    for by in (docs, code, THE_OWNER):
        assert (await scene.bridge.questions.get(by, asked)).message.id == asked
    for by in (third, stranger):
        with pytest.raises(UnknownMessageError):
            await scene.bridge.questions.get(by, asked)
        with pytest.raises(UnknownMessageError):
            await scene.bridge.questions.wait(by, asked, PATIENCE)
        with pytest.raises(UnknownMessageError):
            await scene.bridge.questions.cancel(by, asked)


async def test_a_question_that_is_not_there_and_one_of_others_read_alike(scene: Scene) -> None:
    docs, _, third = await scene.begin("docs", "code", "third")
    asked = await scene.ask(docs, "code")
    said = set()
    for message_id in (asked, MessageId("0" * 26)):
        with pytest.raises(UnknownMessageError) as raised:
            await scene.bridge.questions.get(third, message_id)
        said.add(str(raised.value).replace(message_id, "ID"))
    assert len(said) == 1


async def test_a_reader_may_not_end_the_question_that_it_reads(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    asked = await scene.ask(docs, "code")
    with pytest.raises(ForbiddenError):
        await scene.bridge.questions.cancel(code, asked)
    assert (await scene.bridge.questions.cancel(docs, asked)).delivery.state is State.CANCELLED


async def test_an_expired_question_is_requeued_by_its_asker_with_a_new_deadline(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    asked = await scene.ask(docs, "code")
    await scene.pass_time(LIMITS.question_deadline)
    with pytest.raises(ForbiddenError):
        await scene.bridge.questions.requeue(code, asked)
    again = (await scene.bridge.questions.requeue(docs, asked)).delivery
    assert (again.state, again.deadline_at) == (State.READY, scene.clock.now() + LIMITS.question_deadline)


async def test_lists_and_counts_of_everybodys_questions_want_the_right_to_administer(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    asked = await scene.ask(docs, "code")
    with pytest.raises(ForbiddenError):
        await scene.bridge.questions.questions(docs, QuestionFilter(), 10)
    with pytest.raises(ForbiddenError):
        await scene.bridge.questions.count(docs, QuestionFilter())
    (listed,) = await scene.bridge.questions.questions(THE_OWNER, QuestionFilter(), 10)
    assert listed.message.id == asked
    assert await scene.bridge.questions.count(THE_OWNER, QuestionFilter()) == 1


async def test_a_wait_ends_with_the_answer(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    asked = await scene.ask(docs, "code")
    waiting = asyncio.create_task(scene.bridge.questions.wait(docs, asked, PATIENCE))
    lease = await scene.take(code)
    await scene.bridge.batches.reply(code, token_of(lease), asked, "9187")
    async with asyncio.timeout(5):
        ended = await waiting
    assert ended.answer is not None
    assert ended.answer.text == "9187"


async def test_a_wait_without_patience_looks_only(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    asked = await scene.ask(docs, "code")
    for patience in (AT_ONCE, timedelta(microseconds=1)):
        assert (await scene.bridge.questions.wait(docs, asked, patience)).delivery.state is State.READY


async def test_the_line_is_idle_unless_the_memory_has_work_or_somebody_waits(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    await scene.ask(docs, "code")  # waits for an agent, not for the daemon
    assert await scene.bridge.is_idle()
    asked = (await scene.bridge.questions.ask(docs, "which port?")).question.message.id
    assert not await scene.bridge.is_idle()
    await scene.store.lease(MEMORY_MAILBOX, "worker", PATIENCE)
    assert not await scene.bridge.is_idle()
    await scene.bridge.questions.cancel(docs, asked)
    assert await scene.bridge.is_idle()


async def test_a_mailbox_of_the_owner_in_no_conversation_but_the_default_one(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    assert (
        await scene.bridge.questions.ask(THE_OWNER, "why?", mailbox=OWNER)
    ).question.delivery.mailbox == OWNER_MAILBOX
    with pytest.raises(UnknownMailboxError):
        await scene.ask(docs, OWNER)


async def test_a_note_is_no_question_that_failed(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    note = (await scene.send(docs, "code")).message.id
    await scene.bridge.batches.acknowledge(code, (await scene.receive(code)).token)
    for speaker in (docs, THE_OWNER):
        with pytest.raises(UnknownMessageError):
            await scene.bridge.questions.get(speaker, note)
        for patience in (AT_ONCE, PATIENCE):
            with pytest.raises(UnknownMessageError):
                await scene.bridge.questions.wait(speaker, note, patience)


async def test_a_note_that_nobody_read_can_be_taken_back(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    note = (await scene.send(docs, "code")).message.id
    assert (await scene.bridge.questions.cancel(docs, note)).delivery.state is State.CANCELLED


async def test_what_was_erased_is_not_requeued(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    note = (await scene.send(docs, "code")).message.id
    await scene.bridge.batches.refuse(code, (await scene.receive(code)).token, note, "not mine")
    await scene.bridge.messages.erase(docs, note)
    with pytest.raises(ConflictError, match="erased"):
        await scene.bridge.questions.requeue(docs, note)
    assert await scene.bridge.batches.receive(code, patience=AT_ONCE) is None
