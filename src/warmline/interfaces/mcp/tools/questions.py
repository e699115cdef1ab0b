"""Tools for questions: ask, and collect an answer later."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from warmline.ids import parse_message_id
from warmline.interfaces.mcp.offering import MAX_WAIT_SECONDS, Arguments, Call, Offers, Wait, offering
from warmline.interfaces.mcp.texts import masked_text, question_text
from warmline.interfaces.views.questions import NOWHERE, answer_view
from warmline.model import Question

QUESTIONS: Offers = {}


class Ask(Arguments):
    """A question."""

    question: Annotated[str, Field(description="one question, in words of its own: nothing else is seen")]
    to: Annotated[str | None, Field(description="the name of another agent or person; the memory if absent")] = None
    agent: Annotated[str | None, Field(description="which agent is to answer from the memory; not beside `to`")] = None
    wait_seconds: Wait = MAX_WAIT_SECONDS


class Collect(Arguments):
    """Which answer."""

    ticket: Annotated[str, Field(description="from `ask`")]
    first_character: Annotated[int, Field(ge=0, description="where to go on in a long answer")] = 0
    wait_seconds: Wait = MAX_WAIT_SECONDS


@offering(QUESTIONS, Ask)
async def ask(call: Call, asked: Ask) -> str:
    """Ask the project's shared memory (documents, code, decisions, past sessions) or another agent one question.

    Use it before you search files at length, and whenever something may have been written down or decided before.
    The answer cites the lines it comes from, as `path:first-last`, each checked against the file. If it takes
    longer, you get a ticket: go on with your work and call get_answer later.
    """
    accepted = await call.bridge.questions.ask(
        call.by, asked.question, mailbox=asked.to, agent=asked.agent, idempotency_key=call.key
    )
    waiting = call.bridge.questions.ended(call.by, accepted.question, timedelta(seconds=asked.wait_seconds))
    return await _answer(call, waiting, masked=masked_text(accepted.redacted))


@offering(QUESTIONS, Collect, reads=True)
async def get_answer(call: Call, asked: Collect) -> str:
    """Get the answer to a question that was asked before, by its ticket; or more of a long answer."""
    patience = timedelta(seconds=asked.wait_seconds)
    waiting = call.bridge.questions.wait(call.by, parse_message_id(asked.ticket), patience)
    return await _answer(call, waiting, asked.first_character)


async def _answer(
    call: Call, waiting: Coroutine[Any, Any, Question], first_character: int = 0, masked: str = ""
) -> str:
    question = await call.patiently(waiting, "waiting for the answer")
    call.check()  # it may have been revoked meanwhile
    return question_text(answer_view(question, NOWHERE).model_dump(mode="json"), first_character, masked)
