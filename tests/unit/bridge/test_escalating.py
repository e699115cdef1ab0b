"""Questions that go on to a person."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bridge_cases import PATIENCE, Scene, token_of
from warmline.bridge.credentials import THE_OWNER
from warmline.errors import (
    AmbiguousMailboxError,
    ForbiddenError,
    InvalidInputError,
    UnknownMailboxError,
)
from warmline.model import Mailbox, State
from warmline.parties import AnsweredBy, Policy
from warmline.settings import BridgeSettings

LIMITS = BridgeSettings()
PERSONS = Policy(answered_by=AnsweredBy.PERSON)


async def test_an_escalated_question_goes_to_the_person_whose_answer_reaches_the_ticket(scene: Scene) -> None:
    docs, code, ada = await scene.begin("docs", "code", persons=["ada"])
    question = await scene.ask(docs, "code")
    post = await scene.bridge.batches.escalate(code, token_of(await scene.take(code)), question)
    assert post.deliveries[0].mailbox == Mailbox(docs.conversation, "ada")
    assert post.deliveries[0].deadline_at == scene.clock.now() + LIMITS.escalation_deadline
    waiting = asyncio.create_task(scene.bridge.questions.wait(docs, question, PATIENCE))
    await scene.bridge.batches.reply(ada, token_of(await scene.take(ada)), question, "9187, I checked")
    async with asyncio.timeout(5):
        answer = (await waiting).answer
    assert answer is not None
    assert (answer.text, answer.author) == ("9187, I checked", "ada")


async def test_where_there_is_no_person_a_question_is_escalated_to_the_owner(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    await scene.bridge.batches.escalate(code, token_of(await scene.take(code)), question)
    lease = await scene.take(THE_OWNER)
    assert lease.message.id == question
    with pytest.raises(InvalidInputError, match="already"):
        await scene.bridge.batches.escalate(THE_OWNER, token_of(lease), question)
    await scene.bridge.batches.reply(THE_OWNER, token_of(lease), question, "9187")
    assert (await scene.bridge.questions.get(docs, question)).delivery.state is State.SETTLED


async def test_of_several_persons_one_is_named(scene: Scene) -> None:
    docs, code, _, bob = await scene.begin("docs", "code", persons=["ada", "bob"])
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    with pytest.raises(AmbiguousMailboxError, match="ada, bob"):
        await scene.bridge.batches.escalate(code, token, question)
    with pytest.raises(InvalidInputError, match="no person"):
        await scene.bridge.batches.escalate(code, token, question, "docs")
    with pytest.raises(UnknownMailboxError):
        await scene.bridge.batches.escalate(code, token, question, "nobody")
    await scene.bridge.batches.escalate(code, token, question, "bob")
    assert (await scene.take(bob)).message.id == question


async def test_a_question_can_be_escalated_past_the_persons_to_the_owner(scene: Scene) -> None:
    docs, code, _ = await scene.begin("docs", "code", persons=["ada"])
    question = await scene.ask(docs, "code")
    await scene.bridge.batches.escalate(code, token_of(await scene.take(code)), question, "owner")
    assert (await scene.take(THE_OWNER)).message.id == question


async def test_a_deadline_that_the_asker_named_is_kept_by_an_escalation(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    named = scene.clock.now() + timedelta(minutes=3)
    accepted = await scene.bridge.questions.ask(docs, "which port?", mailbox="code", deadline_at=named)
    question = accepted.question.message.id
    post = await scene.bridge.batches.escalate(code, token_of(await scene.take(code)), question)
    assert post.deliveries[0].deadline_at == named


async def test_where_only_persons_answer_a_machine_may_escalate_and_nothing_else(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    await scene.bridge.conversations.set_policy(THE_OWNER, "code", None, PERSONS)
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    for verb in (scene.bridge.batches.reply, scene.bridge.batches.refuse):
        with pytest.raises(ForbiddenError, match="escalate"):
            await verb(code, token, question, "9187")
    await scene.bridge.batches.escalate(code, token, question)
    lease = await scene.take(THE_OWNER)
    await scene.bridge.batches.reply(THE_OWNER, token_of(lease), question, "9187")
    assert (await scene.bridge.questions.get(docs, question)).delivery.state is State.SETTLED


async def test_a_person_answers_where_only_persons_do(scene: Scene) -> None:
    docs, ada = await scene.begin("docs", persons=["ada"])
    question = await scene.ask(docs, "ada")
    await scene.bridge.batches.reply(ada, token_of(await scene.take(ada)), question, "9187")
    assert (await scene.bridge.questions.get(docs, question)).delivery.state is State.SETTLED
