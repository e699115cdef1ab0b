"""Conversations, who is in them, and what was said there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bridge_cases import NOWHERE, Scene, token_of
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    RateLimitedError,
    UnknownConversationError,
    UnknownMailboxError,
)
from warmline.limits import Limits
from warmline.model import DEFAULT_CONVERSATION, Mailbox, State
from warmline.parties import AnsweredBy, Policy, StopKind
from warmline.settings import BridgeSettings

LIMITS = BridgeSettings()
DAY = timedelta(days=1)


async def test_a_conversation_begins_with_a_credential_and_a_mailbox_for_each(scene: Scene) -> None:
    begun, minted = await scene.bridge.conversations.new(THE_OWNER, ["docs", "code"], ["ada", "code"])
    assert re.fullmatch(r"conv_[0-9a-f]{16}", begun.id)
    assert [(each.credential.name, each.credential.is_person) for each in minted] == [
        ("docs", False),
        ("code", True),
        ("ada", True),
    ]
    for each in minted:
        assert scene.bridge.credentials.authenticate(each.token) == each.credential
        assert each.credential.conversation == begun.id
    shown = await scene.bridge.conversations.show(THE_OWNER, begun.id)
    assert [each.name for each in shown.participants] == ["ada", "code", "docs"]
    answered_by = {each.mailbox.name: each.policy.answered_by for each in await scene.directory.mailboxes(begun.id)}
    assert answered_by == {"docs": AnsweredBy.ANYONE, "code": AnsweredBy.PERSON, "ada": AnsweredBy.PERSON}


async def test_a_conversation_of_nobody_too_many_or_bad_names_is_refused_and_leaves_nothing(scene: Scene) -> None:
    for names in ([], [f"agent{number}" for number in range(LIMITS.max_participants + 1)], ["docs", "owner"]):
        with pytest.raises(InvalidInputError):
            await scene.bridge.conversations.new(THE_OWNER, names)
    assert [each.id for each in await scene.bridge.conversations.list(THE_OWNER, 10)] == [DEFAULT_CONVERSATION]


async def test_only_who_administers_begins_closes_and_sets_policies(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    with pytest.raises(ForbiddenError):
        await scene.bridge.conversations.new(docs, ["more"])
    with pytest.raises(ForbiddenError):
        await scene.bridge.conversations.close(docs, docs.conversation)
    with pytest.raises(ForbiddenError):
        await scene.bridge.conversations.set_policy(docs, "docs", None, Policy(ordered=True))
    with pytest.raises(ForbiddenError):
        await scene.bridge.conversations.stops(docs, scene.clock.now() - DAY)


async def test_one_sees_ones_own_conversation_and_no_other(scene: Scene) -> None:
    (docs,), (code,) = await scene.begin("docs"), await scene.begin("code")
    assert [each.id for each in await scene.bridge.conversations.list(docs, 10)] == [docs.conversation]
    assert len(await scene.bridge.conversations.list(THE_OWNER, 10)) == 3
    for conversation in (code.conversation, NOWHERE):
        with pytest.raises(UnknownConversationError):
            await scene.bridge.conversations.show(docs, conversation)
        with pytest.raises(UnknownConversationError):
            await scene.bridge.conversations.said(docs, conversation, 0, 10)
        with pytest.raises(UnknownConversationError):
            await scene.bridge.conversations.who(docs, conversation)
        with (
            pytest.raises(UnknownConversationError),
            scene.bridge.conversations.listening(docs, conversation, lambda: None),
        ):
            pass


async def test_what_was_said_is_what_the_speaker_may_see_of_it(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    first = await scene.send(docs, "code", "one")
    second = await scene.send(code, None, "two")
    await scene.send(docs, "code", "three")

    async def bodies(by: object, after: int, limit: int) -> list[str]:
        said = await scene.bridge.conversations.said(by, docs.conversation, after, limit)  # type: ignore[arg-type]
        return [post.message.body for post in said]

    assert await bodies(THE_OWNER, 0, 10) == await bodies(code, 0, 10) == ["one", "two", "three"]
    assert await bodies(third, 0, 10) == await bodies(third, first.number, 1) == ["two"]
    assert await bodies(docs, second.number, 10) == ["three"]
    assert await bodies(docs, 0, 1) == ["one"]


async def test_a_full_page_of_what_others_said_hides_nothing_behind_it(scene: Scene) -> None:
    docs, _, third = await scene.begin("docs", "code", "third")
    unlimited = await scene.more(docs, Grant(limits=Limits(10**6, 10**6, 10**6)))
    for _ in range(LIMITS.max_listed + 1):
        await scene.send(unlimited, "code")
    await scene.send(docs, "third", "for you")
    said = await scene.bridge.conversations.said(third, docs.conversation, 0, 10)
    assert [post.message.body for post in said] == ["for you"]


async def test_a_listener_hears_what_is_said_and_handed_over_while_it_listens(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    heard: list[None] = []
    with scene.bridge.conversations.listening(code, docs.conversation, lambda: heard.append(None)):
        sent = await scene.send(docs, "code")
        said = len(heard)
        await scene.take(code)
        assert said >= 1
        assert len(heard) > said
    before = len(heard)
    await scene.bridge.messages.erase(docs, sent.message.id)
    assert len(heard) == before


async def test_a_status_is_kept_and_an_empty_one_only_beats(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    said_at = scene.clock.now()
    await scene.bridge.conversations.report(docs, "indexing")
    scene.clock.advance(DAY)
    await scene.bridge.conversations.report(docs)
    present = {each.participant.name: each for each in await scene.bridge.conversations.who(code, docs.conversation)}
    told = present["docs"].participant
    assert (told.status, told.status_at, told.seen_at) == ("indexing", said_at, scene.clock.now())
    assert present["code"].participant.seen_at is None
    assert not present["docs"].is_waiting


async def test_mailboxes_are_those_of_ones_conversation_and_the_memorys(scene: Scene) -> None:
    (docs,), _ = await scene.begin("docs"), await scene.begin("code")
    await scene.send(THE_OWNER, "docs")
    states = {each.mailbox.name: each.ready for each in await scene.bridge.conversations.mailboxes(docs)}
    assert states == {"memory": 0, "docs": 1}
    everything = {each.mailbox.name for each in await scene.bridge.conversations.mailboxes(THE_OWNER)}
    assert everything == {"memory", "owner", "docs", "code"}


async def test_an_ordered_mailbox_hands_over_one_at_a_time(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    changed = await scene.bridge.conversations.set_policy(THE_OWNER, "code", None, Policy(ordered=True))
    assert (changed.mailbox, changed.policy.ordered) == (Mailbox(code.conversation, "code"), True)
    for body in ("one", "two"):
        await scene.send(docs, "code", body)
    first = await scene.take(code)
    assert await scene.is_empty(code)
    await scene.bridge.batches.acknowledge(code, token_of(first))
    assert (await scene.take(code)).message.body == "two"
    with pytest.raises(UnknownMailboxError):
        await scene.bridge.conversations.set_policy(THE_OWNER, "nobody", None, Policy())


async def test_a_closed_conversation_is_shown_as_such_and_the_default_one_is_not_closed(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    closed = await scene.bridge.conversations.close(THE_OWNER, docs.conversation)
    assert closed.closed_at == scene.clock.now()
    assert (await scene.bridge.conversations.show(docs, docs.conversation)).closed_at == closed.closed_at
    with pytest.raises(ConflictError):
        await scene.bridge.conversations.close(THE_OWNER, DEFAULT_CONVERSATION)


async def test_a_flood_is_stopped_once_and_shown(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    hasty = await scene.more(docs, Grant(limits=Limits(per_minute=1, per_hour=9, per_day=9)))
    await scene.send(hasty, "code")
    for _ in range(3):
        with pytest.raises(RateLimitedError) as raised:
            await scene.send(hasty, "code")
        assert raised.value.retry_after > 0
    (stop,) = await scene.bridge.conversations.stops(THE_OWNER, scene.clock.now() - DAY)
    assert (stop.kind, stop.participant, stop.refusals) == (StopKind.RATE, "docs", 3)
    assert len((await scene.receive(docs)).leases) == len((await scene.receive(THE_OWNER)).leases) == 1


async def test_two_that_answer_each_other_for_ever_are_stopped_and_a_third_is_not(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    await scene.send(docs, "code")
    turns = [code, docs] * 20
    stopped_after = 0
    for by in turns:
        lease = await scene.take(by)
        try:
            await scene.bridge.batches.reply(by, token_of(lease), lease.message.id, "and you?")
        except ConflictError:
            break
        stopped_after += 1
    assert stopped_after == 23
    (stop,) = await scene.bridge.conversations.stops(THE_OWNER, scene.clock.now() - DAY)
    assert stop.kind is StopKind.LOOP
    assert (await scene.send(third, "docs")).deliveries[0].state is State.READY
