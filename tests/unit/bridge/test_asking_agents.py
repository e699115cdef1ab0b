"""Asking one agent of the memory: where it goes, who may, and what else its mailbox is for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bridge_cases import AT_ONCE, Scene
from leaks import GITHUB
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    UnknownAgentError,
    UnknownMailboxError,
)
from warmline.model import MEMORY_MAILBOX, SHUTDOWN, Kind, Mailbox, agent_mailbox
from warmline.parties import Credential

CLAUDE = agent_mailbox("claude")


async def asked_of(scene: Scene, by: Credential = THE_OWNER, **how: Any) -> Mailbox:
    return (await scene.bridge.questions.ask(by, "which port?", **how)).question.delivery.mailbox


async def test_a_question_goes_to_the_agent_that_it_names(scene: Scene) -> None:
    await scene.hire("claude", "ben")
    docs, _ = await scene.begin("docs", "code")
    for by in (THE_OWNER, docs):
        assert await asked_of(scene, by, agent="claude") == CLAUDE
        assert await asked_of(scene, by, mailbox="memory/claude") == CLAUDE
        assert await asked_of(scene, by) == MEMORY_MAILBOX


async def test_an_agent_that_is_none_is_refused_with_those_that_are(scene: Scene) -> None:
    with pytest.raises(UnknownAgentError, match="there is no agent 'claude'; there is: extractive"):
        await asked_of(scene, agent="claude")
    await scene.hire("claude", "ben")
    with pytest.raises(UnknownAgentError, match="there is no agent 'cloud'; there is: claude, ben, extractive"):
        await asked_of(scene, agent="cloud")
    with pytest.raises(UnknownMailboxError):
        await asked_of(scene, mailbox="memory/cloud")


async def test_a_name_that_holds_a_secret_is_not_repeated(scene: Scene) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await asked_of(scene, agent=GITHUB)
    assert GITHUB not in str(refused.value)


async def test_the_embedded_answerer_is_asked_by_name_with_and_without_agents(scene: Scene) -> None:
    assert await asked_of(scene, agent="extractive") == MEMORY_MAILBOX
    await scene.hire("claude")
    assert await asked_of(scene, agent="extractive") == agent_mailbox("extractive")


async def test_an_agent_that_went_is_asked_no_more_by_either_name(scene: Scene) -> None:
    await scene.hire("claude")
    await scene.hire("ben")
    with pytest.raises(UnknownAgentError):
        await asked_of(scene, agent="claude")
    with pytest.raises(UnknownAgentError):
        await asked_of(scene, mailbox="memory/claude")


async def test_an_agent_and_a_mailbox_exclude_each_other(scene: Scene) -> None:
    await scene.hire("claude")
    with pytest.raises(InvalidInputError, match="not both"):
        await asked_of(scene, agent="claude", mailbox="memory")


async def test_who_may_ask_the_memory_may_ask_each_agent_and_who_may_not_may_ask_none(scene: Scene) -> None:
    await scene.hire("claude")
    docs, _ = await scene.begin("docs", "code")
    reaching = await scene.more(docs, Grant(mailboxes=frozenset({"memory"})))
    without = await scene.more(docs, Grant(mailboxes=frozenset({"code"})))
    how: dict[str, Any]
    for how in ({"agent": "claude"}, {"mailbox": "memory/claude"}):
        assert await asked_of(scene, reaching, **how) == CLAUDE
        with pytest.raises(ForbiddenError):
            await asked_of(scene, without, **how)
    with pytest.raises(ForbiddenError):
        await asked_of(scene, without, agent="nobody")


async def test_who_may_ask_one_agent_may_ask_no_other_and_not_the_memory(scene: Scene) -> None:
    await scene.hire("claude", "ben")
    docs, _ = await scene.begin("docs", "code")
    scoped = await scene.more(docs, Grant(mailboxes=frozenset({"memory/claude"})))
    assert await asked_of(scene, scoped, agent="claude") == CLAUDE
    how: dict[str, Any]
    for how in ({"agent": "ben"}, {}):
        with pytest.raises(ForbiddenError):
            await asked_of(scene, scoped, **how)


async def test_an_agent_answers_from_the_memories_of_who_asks(scene: Scene) -> None:
    await scene.hire("claude")
    docs, _ = await scene.begin("docs", "code")
    scoped = await scene.more(docs, Grant(memories=frozenset({"notes", "code"})))
    asked = (await scene.bridge.questions.ask(scoped, "which port?", agent="claude")).question
    assert asked.message.memories == ("code", "notes")


async def test_the_same_key_for_another_agent_is_a_conflict(scene: Scene) -> None:
    await scene.hire("claude", "ben")
    await asked_of(scene, agent="claude", idempotency_key="k")
    assert await asked_of(scene, agent="claude", idempotency_key="k") == CLAUDE
    with pytest.raises(IdempotencyConflictError):
        await asked_of(scene, agent="ben", idempotency_key="k")


async def test_nobody_receives_from_an_agents_mailbox_or_sends_it_a_note(scene: Scene) -> None:
    await scene.hire("claude")
    with pytest.raises(InvalidInputError, match="answers by itself"):
        await scene.bridge.batches.receive(THE_OWNER, mailbox="memory/claude", patience=AT_ONCE)
    with pytest.raises(InvalidInputError, match="reads no messages"):
        await scene.send(THE_OWNER, "memory/claude")


async def test_an_agents_mailbox_takes_the_request_to_leave(scene: Scene) -> None:
    await scene.hire("claude")
    sent = await scene.bridge.messages.send(THE_OWNER, "memory/claude", SHUTDOWN, kind=Kind.CONTROL)
    assert [each.mailbox for each in sent.post.deliveries] == [CLAUDE]


async def test_a_question_for_an_agent_keeps_the_line_from_being_idle(scene: Scene) -> None:
    await scene.hire("claude")
    assert await scene.bridge.is_idle()
    asked = (await scene.bridge.questions.ask(THE_OWNER, "which port?", agent="claude")).question
    assert not await scene.bridge.is_idle()
    await scene.bridge.questions.cancel(THE_OWNER, asked.message.id)
    assert await scene.bridge.is_idle()


async def test_agents_mailboxes_are_listed_with_the_memorys_for_everybody_while_they_are_of_use(scene: Scene) -> None:
    async def listed(by: Credential) -> set[str]:
        return {each.mailbox.name for each in await scene.bridge.conversations.mailboxes(by)}

    docs, _ = await scene.begin("docs", "code")
    assert await listed(docs) == {"docs", "code", "memory"}
    await scene.hire("claude")
    assert await listed(docs) == {"docs", "code", "memory", "memory/claude", "memory/extractive"}
    asked = (await scene.bridge.questions.ask(docs, "which port?", agent="claude")).question
    await scene.hire()
    for by in (docs, THE_OWNER):
        assert {name for name in await listed(by) if name.startswith("memory")} == {"memory", "memory/claude"}
    await scene.pass_time(timedelta(hours=1))
    assert asked.delivery.deadline_at is not None
    assert "memory/claude" not in await listed(THE_OWNER)


async def test_a_mailbox_called_like_an_agents_elsewhere_is_an_ordinary_one(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    await scene.store.add_mailbox(Mailbox(docs.conversation, "memory/claude"))
    await scene.send(THE_OWNER, "memory/claude")
    with pytest.raises(UnknownMailboxError):
        await asked_of(scene, docs, mailbox="memory/claude")
