"""Who may do what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from warmline.bridge import rights
from warmline.bridge.credentials import THE_OWNER
from warmline.errors import ForbiddenError, UnknownConversationError
from warmline.model import DEFAULT_CONVERSATION, ConversationId, CredentialId, Kind, Mailbox, Message, MessageId
from warmline.parties import Credential, Right

HERE, THERE = ConversationId("conv_1"), ConversationId("conv_2")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL_BUT_ADMINISTER = frozenset(Right) - {Right.ADMINISTER}


def speaking(name: str = "docs", having: frozenset[Right] = ALL_BUT_ADMINISTER, **scope: frozenset[str]) -> Credential:
    credential = Credential(CredentialId("c"), name, HERE, having, NOW)
    return replace(credential, **scope)  # type: ignore[arg-type]


def said(by: str, conversation: ConversationId = HERE) -> Message:
    return Message(MessageId("m"), conversation, by, Kind.NOTE, "hello", NOW, trace="m")


@pytest.mark.parametrize("right", sorted(ALL_BUT_ADMINISTER))
def test_a_right_that_is_missing_is_forbidden(right: Right) -> None:
    rights.check(speaking(), right)
    with pytest.raises(ForbiddenError, match=f"the right to {right}"):
        rights.check(speaking(having=ALL_BUT_ADMINISTER - {right}), right)


@pytest.mark.parametrize("right", list(Right))
def test_who_administers_has_every_right(right: Right) -> None:
    rights.check(speaking(having=frozenset({Right.ADMINISTER})), right)
    rights.check(THE_OWNER, right)


def test_all_other_rights_together_are_not_the_right_to_administer() -> None:
    with pytest.raises(ForbiddenError):
        rights.check(speaking(), Right.ADMINISTER)


def test_a_mailbox_out_of_scope_is_forbidden() -> None:
    scoped = speaking(mailboxes=frozenset({"code"}))
    rights.check_reach(scoped, "code")
    with pytest.raises(ForbiddenError):
        rights.check_reach(scoped, "memory")
    rights.check_reach(speaking(), "memory")
    with pytest.raises(ForbiddenError):
        rights.check_reach(speaking(mailboxes=frozenset()), "code")


def test_another_conversation_is_as_if_there_were_none() -> None:
    rights.check_conversation(speaking(), HERE)
    rights.check_conversation(THE_OWNER, HERE)
    for elsewhere in (THERE, DEFAULT_CONVERSATION):
        with pytest.raises(UnknownConversationError):
            rights.check_conversation(speaking(), elsewhere)


@pytest.mark.parametrize(
    ("by", "mailbox", "may"),
    [
        (speaking(), Mailbox(HERE, "docs"), True),
        (speaking(), Mailbox(HERE, "code"), False),
        (speaking(), Mailbox(THERE, "docs"), False),
        (speaking(reads=frozenset({"code"})), Mailbox(HERE, "code"), True),
        (speaking(reads=frozenset({"code"})), Mailbox(HERE, "docs"), True),
        (speaking(reads=frozenset({"code"})), Mailbox(THERE, "code"), False),
        (speaking(having=ALL_BUT_ADMINISTER - {Right.READ}), Mailbox(HERE, "docs"), False),
        (THE_OWNER, Mailbox(THERE, "code"), True),
    ],
)
def test_one_reads_ones_own_mailbox_and_those_of_the_scope(by: Credential, mailbox: Mailbox, may: bool) -> None:
    assert rights.may_read(by, mailbox) is may


@pytest.mark.parametrize(
    ("by", "message", "to", "may"),
    [
        (speaking(), said("docs"), [Mailbox(HERE, "code")], True),
        (speaking(), said("code"), [Mailbox(HERE, "docs")], True),
        (speaking(), said("code"), [Mailbox(HERE, "other"), Mailbox(HERE, "docs")], True),
        (speaking(), said("code"), [Mailbox(HERE, "other")], False),
        (speaking(), said("docs", THERE), [Mailbox(THERE, "code")], False),
        (speaking(), said("code"), [], False),
        (THE_OWNER, said("code", THERE), [Mailbox(THERE, "other")], True),
    ],
)
def test_a_message_is_seen_by_sender_recipients_and_who_administers(
    by: Credential, message: Message, to: list[Mailbox], may: bool
) -> None:
    assert rights.may_see(by, message, to) is may


def test_a_message_is_ended_by_its_sender_or_who_administers_and_not_by_its_reader() -> None:
    assert rights.may_end(speaking(), said("docs"))
    assert rights.may_end(THE_OWNER, said("docs"))
    assert not rights.may_end(speaking(), said("code"))
    assert not rights.may_end(speaking(), said("docs", THERE))
