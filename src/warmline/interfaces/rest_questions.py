"""REST for questions: ask, look, wait, listen, list, cancel, requeue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from warmline.bridge.bridge import Bridge
from warmline.interfaces.events import KEEP_ALIVE_SECONDS, Changes, Event, event_stream, events_of
from warmline.interfaces.rest_shared import (
    WRITES,
    AnyBridge,
    AnyPlaces,
    Body,
    By,
    Check,
    Deadline,
    FileOfMemory,
    Form,
    InConversation,
    Key,
    LastEventId,
    ListLimit,
    Name,
    QuestionIdInPath,
    Responses,
    Since,
    Wait,
    problems,
    while_connected,
)
from warmline.interfaces.views.questions import (
    AnswerView,
    AskedView,
    CountView,
    Places,
    QuestionsView,
    SaidView,
    answer_view,
    asked_view,
    said_view,
)
from warmline.model import ENDED, ConversationId, MessageId, Question, State
from warmline.parties import Credential
from warmline.protocols import QuestionFilter

questions = APIRouter(prefix="/v1/questions", tags=["questions"])

KNOWN: Responses = {200: {"model": AskedView, "description": "the key was known: the same question as it stands"}}


_KEEP_ALIVE = timedelta(seconds=KEEP_ALIVE_SECONDS)

LAST: Responses = {204: {"description": "that answer was the last: do not come back"}}


class Asked(Form):
    """A question to put on the line."""

    question: Body
    to: Annotated[Name | None, Field(description="the mailbox whose holder answers; the memory if absent")] = None
    conversation: Annotated[InConversation | None, Field(description="where several have such a mailbox")] = None
    agent: Annotated[
        Name | None, Field(description="who is to answer from the memory, and nobody else; not beside `to`")
    ] = None
    file: Annotated[
        FileOfMemory | None,
        Field(description="a file of the memory, from which alone it is answered: absolute, or `ROOT/PATH`"),
    ] = None
    deadline_at: Deadline = None


class Requeued(Form):
    """Another life for a question."""

    deadline_at: Deadline = None


async def _which(
    state: Annotated[
        list[State] | None, Query(max_length=100, description="any of these states; all if absent")
    ] = None,
    since: Since = None,
) -> QuestionFilter:
    return QuestionFilter(states=frozenset(state or ()), since=since)


Which = Annotated[QuestionFilter, Depends(_which)]


@questions.post("", status_code=201, responses=KNOWN | problems(403, 404, 409, 429, *WRITES))
async def ask(
    *, asked: Asked, response: Response, by: By, bridge: AnyBridge, places: AnyPlaces, idempotency_key: Key = None
) -> AskedView:
    """Put a question on the line. It is durable when this returns: 201, or 200 when the key was known."""
    accepted = await bridge.questions.ask(
        by,
        asked.question,
        mailbox=asked.to,
        conversation=ConversationId(asked.conversation) if asked.conversation else None,
        agent=asked.agent,
        context_file=asked.file,
        idempotency_key=idempotency_key,
        deadline_at=asked.deadline_at,
    )
    response.status_code = 201 if accepted.created else 200
    return asked_view(accepted, places)


@questions.get("", responses=problems(403))
async def list_questions(
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    which: Which,
    limit: ListLimit = 50,
) -> QuestionsView:
    """List everybody's questions, newest first."""
    found = await bridge.questions.questions(by, which, limit)
    return QuestionsView(questions=[answer_view(question, places) for question in found])


@questions.get("/count", responses=problems(403))
async def count_questions(by: By, bridge: AnyBridge, which: Which) -> CountView:
    """Count everybody's questions."""
    return CountView(count=await bridge.questions.count(by, which))


@questions.delete("/count", include_in_schema=False)
async def cancel_no_count() -> None:
    """Say so: the path below would take the count for a question."""
    raise HTTPException(405)


@questions.get("/{question_id}", responses=problems(404))
async def get_question(
    *,
    request: Request,
    question_id: QuestionIdInPath,
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    check: Check,
    wait: Wait = 0,
) -> AnswerView:
    """Read a question as it stands, after waiting at most this long for its answer."""
    if not wait:
        return answer_view(await bridge.questions.get(by, question_id), places)
    waiting = bridge.questions.wait(by, question_id, timedelta(seconds=wait))
    question = await while_connected(request, waiting)
    check()  # it may have been revoked meanwhile
    return answer_view(question, places)


@questions.get(
    "/{question_id}/events",
    response_model=SaidView,
    response_class=StreamingResponse,
    responses=events_of(text=SaidView, answer=AnswerView) | LAST | problems(404),
)
async def listen_to_question(
    *,
    question_id: QuestionIdInPath,
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    check: Check,
    last_event_id: LastEventId = None,
) -> Response:
    """Hear of the answer: one event `answer`, whose data is the question as it then stands; the stream ends with it.

    Before it come events `text`, if its author writes bit by bit: what was said so far, and then more as it is said.
    Joined, they are how the answer begins, unless another hand-over begins anew; some may be missing, at the end too.
    Who shows its id as Last-Event-ID has it, and gets 204, unless the question has got another life since.
    """
    question = await bridge.questions.get(by, question_id)
    if question.delivery.state in ENDED and last_event_id == _event_id(question):
        return Response(status_code=204)
    return event_stream(until_ended(bridge, by, question_id, places), check)


@questions.delete("/{question_id}", responses=problems(403, 404, 409, 507))
async def cancel_question(question_id: QuestionIdInPath, by: By, bridge: AnyBridge, places: AnyPlaces) -> AnswerView:
    """Cancel a question that was not answered yet, or give up a dead one."""
    return answer_view(await bridge.questions.cancel(by, question_id), places)


@questions.post("/{question_id}/requeue", responses=problems(403, 404, 409, *WRITES))
async def requeue_question(
    question_id: QuestionIdInPath, by: By, bridge: AnyBridge, places: AnyPlaces, requeued: Requeued | None = None
) -> AnswerView:
    """Put a dead or expired question back on the line."""
    deadline_at = requeued.deadline_at if requeued else None
    return answer_view(await bridge.questions.requeue(by, question_id, deadline_at), places)


async def until_ended(
    bridge: Bridge, by: Credential, question_id: MessageId, places: Places
) -> AsyncIterator[Event | None]:
    """Wait for the end of the question, in waits that the daemon can end when it leaves, and tell what is said."""
    changes = Changes()
    async with bridge.questions.hearing(by, question_id, changes.note) as hearing:
        while not bridge.is_ending:
            waiting = asyncio.create_task(bridge.questions.wait(by, question_id, _KEEP_ALIVE), name="wait for answer")
            waiting.add_done_callback(lambda _: changes.note())
            try:
                while not waiting.done():
                    while (said := hearing.more()) is not None:
                        yield Event("text", said_view(said))
                    await changes.within(KEEP_ALIVE_SECONDS)
            finally:
                waiting.cancel()
                await asyncio.wait({waiting})
            question = waiting.result()
            if question.delivery.state in ENDED:
                yield Event("answer", answer_view(question, places), _event_id(question))
                return
            yield None


def _event_id(question: Question) -> str:
    """Name one end of a question: after a requeue there is another."""
    assert question.delivery.ended_at is not None  # noqa: S101  # that is what ENDED means
    return question.delivery.ended_at.isoformat()
