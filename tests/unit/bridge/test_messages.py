"""Sending to one and to all, looking, erasing."""

from __future__ import annotations

import pytest

from bridge_cases import NOWHERE, Scene, token_of
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    ConversationClosedError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    UnknownConversationError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.model import MEMORY_MAILBOX, OWNER, OWNER_MAILBOX, SHUTDOWN, Kind, Mailbox, MessageId, State
from warmline.parties import Right


async def test_a_note_is_from_who_speaks_and_stands_in_the_recipients_mailbox(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = await scene.bridge.messages.send(docs, "code", "the build is red", metadata={"files": ["a.py"]})
    assert sent.created
    assert (sent.post.message.sender, sent.post.message.conversation) == ("docs", docs.conversation)
    assert [each.mailbox for each in sent.post.deliveries] == [Mailbox(docs.conversation, "code")]
    got = (await scene.take(code)).message
    assert (got.id, got.body, got.metadata) == (sent.post.message.id, "the build is red", '{"files": ["a.py"]}')


async def test_the_owners_note_belongs_to_the_conversation_that_it_goes_to(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    post = await scene.send(THE_OWNER, "docs")
    assert (post.message.conversation, post.message.sender) == (docs.conversation, OWNER)


async def test_the_same_key_is_the_same_note(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    first = await scene.bridge.messages.send(docs, "code", "hello", idempotency_key="k")
    again = await scene.bridge.messages.send(docs, "code", "hello", idempotency_key="k")
    assert (first.created, again.created, again.post.message.id) == (True, False, first.post.message.id)
    with pytest.raises(IdempotencyConflictError):
        await scene.bridge.messages.send(docs, "code", "good bye", idempotency_key="k")


async def test_a_broadcast_reaches_all_others_with_a_receipt_each(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    post = await scene.send(docs, None)
    assert [each.mailbox.name for each in post.deliveries] == ["code", "third"]
    await scene.bridge.batches.acknowledge(code, (await scene.receive(code)).token)
    states = {
        each.mailbox.name: each.state for each in (await scene.bridge.messages.post(docs, post.message.id)).deliveries
    }
    assert states == {"code": State.SETTLED, "third": State.READY}
    assert await scene.is_empty(docs)
    assert (await scene.take(third)).message.id == post.message.id


async def test_the_owners_broadcast_reaches_all_of_the_conversation_it_names(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    sent = await scene.bridge.messages.send(THE_OWNER, None, "stop", conversation=docs.conversation)
    assert [each.mailbox.name for each in sent.post.deliveries] == ["code", "docs"]


async def test_a_broadcast_to_nobody_is_refused(scene: Scene) -> None:
    (docs,) = await scene.begin("docs")
    with pytest.raises(InvalidInputError, match="nobody else"):
        await scene.send(docs, None)


async def test_a_broadcast_goes_no_further_than_the_scope(scene: Scene) -> None:
    docs, _, _ = await scene.begin("docs", "code", "third")
    scoped = await scene.more(docs, Grant(mailboxes=frozenset({"code"})))
    with pytest.raises(ForbiddenError):
        await scene.send(scoped, None)
    await scene.send(scoped, "code")


async def test_without_the_right_to_send_a_note_is_forbidden(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    mute = await scene.more(docs, Grant(rights=frozenset({Right.ASK, Right.READ, Right.ANSWER})))
    with pytest.raises(ForbiddenError):
        await scene.send(mute, "code")


async def test_a_control_message_wants_the_right_to_administer(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    with pytest.raises(ForbiddenError):
        await scene.bridge.messages.send(docs, "code", SHUTDOWN, kind=Kind.CONTROL)
    await scene.bridge.messages.send(THE_OWNER, "code", SHUTDOWN, kind=Kind.CONTROL)
    got = (await scene.take(code)).message
    assert (got.kind, got.body) == (Kind.CONTROL, SHUTDOWN)


async def test_the_memory_takes_no_messages_but_a_shutdown(scene: Scene) -> None:
    with pytest.raises(InvalidInputError, match="ask it a question"):
        await scene.send(THE_OWNER, "memory")
    with pytest.raises(InvalidInputError, match="ask it a question"):
        await scene.bridge.messages.send(THE_OWNER, "memory", "dance", kind=Kind.CONTROL)
    sent = await scene.bridge.messages.send(THE_OWNER, "memory", SHUTDOWN, kind=Kind.CONTROL)
    assert sent.post.deliveries[0].mailbox == MEMORY_MAILBOX


@pytest.mark.parametrize("kind", [Kind.QUESTION, Kind.ANSWER, Kind.STATUS, Kind.HEARTBEAT])
async def test_other_kinds_cannot_be_sent(scene: Scene, kind: Kind) -> None:
    docs, _ = await scene.begin("docs", "code")
    with pytest.raises(InvalidInputError, match="cannot be sent"):
        await scene.bridge.messages.send(docs, "code", "hello", kind=kind)


async def test_an_unknown_recipient_is_an_error_at_once(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    await scene.begin("elsewhere")
    for name in ("nobody", "elsewhere", OWNER, "co/de", "\0", ""):
        with pytest.raises(UnknownMailboxError):
            await scene.send(docs, name)
    with pytest.raises(UnknownConversationError):
        await scene.bridge.messages.send(docs, "code", "hello", conversation=NOWHERE)


async def test_a_closed_conversation_takes_no_note_and_still_gives_out_what_it_has(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    await scene.send(docs, "code")
    await scene.bridge.conversations.close(THE_OWNER, docs.conversation)
    with pytest.raises(ConversationClosedError):
        await scene.send(docs, "code")
    await scene.take(code)


async def test_a_message_is_seen_by_its_sender_and_its_recipients_only(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    sent = (await scene.send(docs, "code")).message.id
    for by in (docs, code, THE_OWNER):
        assert (await scene.bridge.messages.post(by, sent)).message.id == sent
    for by in (third, *await scene.begin("docs", "code")):
        with pytest.raises(UnknownMessageError):
            await scene.bridge.messages.post(by, sent)
        with pytest.raises(UnknownMessageError):
            await scene.bridge.messages.erase(by, sent)


async def test_one_replies_only_to_what_one_sees(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    sent = (await scene.send(docs, "code")).message.id
    reply = await scene.bridge.messages.send(code, "docs", "on it", in_reply_to=sent)
    assert reply.post.message.in_reply_to == sent
    for by, unseen in ((third, sent), (code, MessageId("0" * 26))):
        with pytest.raises(UnknownMessageError):
            await scene.bridge.messages.send(by, "docs", "on it", in_reply_to=unseen)


async def test_an_answer_is_seen_by_who_sees_its_question(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    asked = await scene.ask(docs, "code")
    await scene.bridge.batches.reply(code, token_of(await scene.take(code)), asked, "9187")
    said = await scene.bridge.conversations.said(docs, docs.conversation, 0, 10)
    assert [(post.message.kind, post.message.body) for post in said] == [
        (Kind.QUESTION, "which port?"),
        (Kind.ANSWER, "9187"),
    ]
    answer = said[-1].message.id
    assert (await scene.bridge.messages.post(docs, answer)).message.body == "9187"
    with pytest.raises(UnknownMessageError):
        await scene.bridge.messages.post(third, answer)


async def test_a_sender_erases_its_message_and_a_reader_does_not(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = (await scene.send(docs, "code", "the password is swordfish")).message.id
    with pytest.raises(ForbiddenError):
        await scene.bridge.messages.erase(code, sent)
    erased = await scene.bridge.messages.erase(docs, sent)
    assert (erased.message.body, erased.message.erased_at) == ("", scene.clock.now())
    assert erased.deliveries[0].state is State.CANCELLED
    assert await scene.is_empty(code)


async def test_a_dead_note_tells_its_sender_also_when_that_is_the_owner(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    sent = await scene.send(THE_OWNER, "docs")
    await scene.bridge.batches.refuse(docs, token_of(await scene.take(docs)), sent.message.id, "not mine")
    notice = await scene.take(THE_OWNER)
    assert notice.mailbox == OWNER_MAILBOX
    assert notice.message.in_reply_to == sent.message.id
    assert "refused by docs: not mine" in notice.message.body
