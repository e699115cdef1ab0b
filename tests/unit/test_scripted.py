"""The scripted answerer does what its script says, and tells what it was asked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from warmline.answerers.scripted import After, QuoteFirst, ScriptedAnswerer
from warmline.errors import AnswererError
from warmline.model import DEFAULT_CONVERSATION, OWNER, Draft, Kind, Message, MessageId, Outcome, Recollection

NOTHING = Recollection((), 0.0)
FIXED = Draft(Outcome.ANSWERED, "fixed")


def question(body: str) -> Message:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Message(MessageId("0" * 26), DEFAULT_CONVERSATION, OWNER, Kind.QUESTION, body, now, "trace")


async def test_each_question_takes_a_step_and_the_last_step_repeats() -> None:
    answerer = ScriptedAnswerer([AnswererError("first"), KeyError("a bug"), QuoteFirst(), FIXED])
    with pytest.raises(AnswererError, match="first"):
        await answerer.answer(question("1"), NOTHING)
    with pytest.raises(KeyError, match="a bug"):
        await answerer.answer(question("2"), NOTHING)
    assert (await answerer.answer(question("3"), NOTHING)).outcome is Outcome.INSUFFICIENT_EVIDENCE
    assert await answerer.answer(question("4"), NOTHING) == FIXED
    assert await answerer.answer(question("5"), NOTHING) == FIXED
    assert [message.body for message in answerer.asked] == ["1", "2", "3", "4", "5"]


async def test_it_hangs_until_its_event() -> None:
    event = asyncio.Event()
    answerer = ScriptedAnswerer([After(event, FIXED)])
    async with asyncio.timeout(5):
        work = asyncio.create_task(answerer.answer(question("1"), NOTHING))
        await answerer.until_asked(1)
        assert not work.done()
        event.set()
        assert await work == FIXED
