"""What a reader answers, refuses and replies."""

from __future__ import annotations

import pytest

from bridge_cases import PATIENCE, Scene, token_of
from leaks import GITHUB
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    BodyTooLargeError,
    ForbiddenError,
    InvalidInputError,
    LeaseLostError,
    RateLimitedError,
    UnknownBatchError,
    UnknownMailboxError,
)
from warmline.limits import Limits
from warmline.model import OWNER_MAILBOX, CitationStatus, Claim, Kind, Mailbox, MessageId, Outcome, State
from warmline.parties import Right
from warmline.settings import BridgeSettings

LIMITS = BridgeSettings()
TRUE = Claim("notes/exporter.md", 3, 3, "listens on port 9187")
MOVED = Claim("notes/exporter.md", 1, 1, "every 15 seconds")
FALSE = Claim("notes/exporter.md", 3, 3, "listens on port 80 for everyone")
GONE = Claim("notes/nowhere.md", 1, 1, "listens on port 9187")


async def test_an_answer_reaches_its_asker_with_its_author(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    answered = (await scene.bridge.batches.reply(code, token, question, "It is 9187.", metadata={"model": "m"})).post
    assert answered.answer is not None
    assert (answered.answer.text, answered.answer.author, answered.answer.outcome) == (
        "It is 9187.",
        "code",
        Outcome.ANSWERED,
    )
    ended = await scene.bridge.questions.wait(docs, question, PATIENCE)
    assert (ended.answer, ended.delivery.state) == (answered.answer, State.SETTLED)
    assert await scene.is_empty(docs)  # the answer is found by the ticket, and piles up in no inbox


async def test_true_citations_are_verified_and_false_ones_never(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    claims = [TRUE, FALSE, MOVED, GONE]
    answered = (await scene.bridge.batches.reply(code, token, question, "It is 9187.", claims=claims)).post
    assert answered.answer is not None
    first, second, third, fourth = answered.answer.citations
    assert (first.status, first.first_line, first.quote) == (CitationStatus.VERIFIED, 3, TRUE.quote)
    assert second.status in {CitationStatus.UNSUPPORTED, CitationStatus.CHANGED}
    assert (third.status, third.first_line) == (CitationStatus.MOVED, 4)
    assert fourth.status is CitationStatus.UNSUPPORTED


async def test_claims_are_checked_within_the_speakers_memories(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    scoped = await scene.more(code, Grant(memories=frozenset({"other"})))
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(scoped))
    answered = (await scene.bridge.batches.reply(scoped, token, question, "It is 9187.", claims=[TRUE])).post
    assert answered.answer is not None
    assert [each.status for each in answered.answer.citations] == [CitationStatus.UNSUPPORTED]


async def test_evidence_can_be_insufficient_and_an_error_is_no_answer(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    for outcome in (Outcome.FAILED, Outcome.REFUSED):
        with pytest.raises(InvalidInputError):
            await scene.bridge.batches.reply(code, token, question, "Error: 500", outcome=outcome)
    outcome = Outcome.INSUFFICIENT_EVIDENCE
    answered = (
        await scene.bridge.batches.reply(code, token, question, "It is not in the notes.", outcome=outcome)
    ).post
    assert answered.answer is not None
    assert answered.answer.outcome is outcome


async def test_a_refusal_is_an_answer_that_says_why(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    refused = (await scene.bridge.batches.refuse(code, token_of(await scene.take(code)), question, "not my part")).post
    assert refused.answer is not None
    assert (refused.answer.outcome, refused.answer.text) == (Outcome.REFUSED, "not my part")


async def test_without_the_right_to_answer_a_question_is_only_given_back(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    reader = await scene.more(code, Grant(rights=frozenset({Right.READ, Right.SEND})))
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(reader))
    for verb in (scene.bridge.batches.reply, scene.bridge.batches.refuse):
        with pytest.raises(ForbiddenError):
            await verb(reader, token, question, "no")
    with pytest.raises(ForbiddenError):
        await scene.bridge.batches.escalate(reader, token, question)
    assert (await scene.bridge.batches.acknowledge(reader, token)).unanswered == (question,)
    await scene.bridge.batches.release(reader, token)
    assert (await scene.take(code)).message.id == question


async def test_a_reply_to_a_note_that_comes_again_in_the_same_words_is_the_same_reply(scene: Scene) -> None:
    docs, code, eve = await scene.begin("docs", "code", "eve")
    note = (await scene.send(docs, "code")).message.id
    token = token_of(await scene.take(code))
    batches = scene.bridge.batches
    first, again = [(await batches.reply(code, token, note, "on it")).post.message for _ in range(2)]
    assert first == again
    assert token not in str(first)
    assert [each.message.id for each in (await scene.receive(docs)).leases] == [first.id]
    with pytest.raises(LeaseLostError):
        await batches.reply(code, token, note, "something else")
    other = (await scene.send(docs, "eve")).message.id
    for unseen in (other, first.id[:-1] + "0"):
        with pytest.raises(LeaseLostError):
            await batches.reply(code, token, MessageId(unseen), "on it")
    with pytest.raises(UnknownBatchError):
        await batches.reply(eve, token, note, "on it")


async def test_a_note_whose_lease_has_lapsed_gets_no_reply_under_it(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    note = (await scene.send(docs, "code")).message.id
    token = token_of(await scene.take(code))
    await scene.bridge.batches.release(code, token)
    with pytest.raises(LeaseLostError):
        await scene.bridge.batches.reply(code, token, note, "on it")
    assert await scene.is_empty(docs)
    newer = token_of(await scene.take(code))
    assert (await scene.bridge.batches.reply(code, newer, note, "on it")).post.message.body == "on it"


async def test_an_answer_that_comes_again_in_the_same_words_is_the_same_answer(scene: Scene) -> None:
    docs, code, eve = await scene.begin("docs", "code", "eve")
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    reply = scene.bridge.batches.reply
    said = f"It is {GITHUB}."
    first, again = [await reply(code, token, question, said) for _ in range(2)]
    assert first == again
    assert first.redacted == ("github-token",)
    with pytest.raises(LeaseLostError):
        await reply(code, token, question, said, outcome=Outcome.INSUFFICIENT_EVIDENCE)
    with pytest.raises(LeaseLostError):
        await reply(code, token, question, said, claims=[Claim("notes/a.md", 1, 1, "It")])
    with pytest.raises(UnknownBatchError):
        await reply(eve, token, question, said)
    eves = await scene.ask(docs, "eve")
    await reply(eve, token_of(await scene.take(eve)), eves, said)
    with pytest.raises(LeaseLostError):
        await reply(code, token, eves, said)


async def test_an_answer_is_given_once(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    await scene.bridge.batches.reply(code, token, question, "9187")
    with pytest.raises(LeaseLostError):
        await scene.bridge.batches.reply(code, token, question, "80")
    ended = await scene.bridge.questions.get(docs, question)
    assert ended.answer is not None
    assert ended.answer.text == "9187"


async def test_an_empty_or_too_long_answer_is_refused_and_the_question_stays_held(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    token = token_of(await scene.take(code))
    with pytest.raises(InvalidInputError):
        await scene.bridge.batches.reply(code, token, question, " ")
    with pytest.raises(BodyTooLargeError):
        await scene.bridge.batches.reply(code, token, question, "x" * (LIMITS.max_body_bytes + 1))
    await scene.bridge.batches.reply(code, token, question, "9187")


async def test_a_machines_answer_counts_as_a_hop_and_a_persons_does_not(scene: Scene) -> None:
    docs, code, ada = await scene.begin("docs", "code", persons=["ada"])
    hops = {}
    for by in (code, ada):
        question = await scene.ask(docs, by.name)
        await scene.bridge.batches.reply(by, token_of(await scene.take(by)), question, "9187")
        said = await scene.bridge.conversations.said(THE_OWNER, docs.conversation, 0, 100)
        (answer,) = [post.message for post in said if post.message.in_reply_to == question]
        hops[by.name] = answer.hops
    assert hops == {"code": 2, "ada": 1}


async def test_a_reply_to_a_note_goes_to_its_sender_and_settles_it(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = await scene.send(docs, "code")
    token = token_of(await scene.take(code))
    reply = (await scene.bridge.batches.reply(code, token, sent.message.id, "on it")).post
    assert reply.deliveries[0].mailbox == Mailbox(docs.conversation, "docs")
    assert (reply.message.in_reply_to, reply.message.kind) == (sent.message.id, Kind.NOTE)
    assert (reply.message.trace, reply.message.hops) == (sent.message.id, 2)
    assert (await scene.store.post(sent.message.id)).deliveries[0].state is State.SETTLED
    assert (await scene.take(docs)).message.body == "on it"


async def test_a_reply_that_is_stopped_settles_nothing(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    spent = await scene.more(code, Grant(limits=Limits(per_minute=1, per_hour=1, per_day=9)))
    await scene.send(spent, "docs")
    sent = await scene.send(docs, "code")
    token = token_of(await scene.take(spent))
    with pytest.raises(RateLimitedError):
        await scene.bridge.batches.reply(spent, token, sent.message.id, "on it")
    assert (await scene.store.post(sent.message.id)).deliveries[0].state is State.LEASED


async def test_a_reply_to_the_owner_comes_to_the_owners_mailbox(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    sent = await scene.send(THE_OWNER, "docs")
    reply = (await scene.bridge.batches.reply(docs, token_of(await scene.take(docs)), sent.message.id, "done")).post
    assert reply.deliveries[0].mailbox == OWNER_MAILBOX
    got = await scene.take(THE_OWNER)
    assert got.message.id == reply.message.id
    back = (await scene.bridge.batches.reply(THE_OWNER, token_of(got), reply.message.id, "thanks")).post
    assert back.deliveries[0].mailbox == Mailbox(docs.conversation, "docs")


async def test_a_notice_of_the_line_wants_no_reply(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = await scene.send(docs, "code")
    await scene.bridge.batches.refuse(code, token_of(await scene.take(code)), sent.message.id, "not mine")
    notice = await scene.take(docs)
    assert "refused by code: not mine" in notice.message.body
    with pytest.raises(UnknownMailboxError):
        await scene.bridge.batches.reply(docs, token_of(notice), notice.message.id, "why?")


async def test_only_answers_have_citations_and_only_questions_are_escalated(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = await scene.send(docs, "code")
    token = token_of(await scene.take(code))
    with pytest.raises(InvalidInputError):
        await scene.bridge.batches.reply(code, token, sent.message.id, "on it", claims=[TRUE])
    with pytest.raises(InvalidInputError):
        await scene.bridge.batches.escalate(code, token, sent.message.id)


async def test_a_note_is_refused_with_a_short_reason(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = await scene.send(docs, "code")
    token = token_of(await scene.take(code))
    with pytest.raises(InvalidInputError, match="reason"):
        await scene.bridge.batches.refuse(code, token, sent.message.id, "x" * (LIMITS.max_reason_bytes + 1))
    refused = (await scene.bridge.batches.refuse(code, token, sent.message.id, "x" * LIMITS.max_reason_bytes)).post
    assert refused.deliveries[0].state is State.DEAD
