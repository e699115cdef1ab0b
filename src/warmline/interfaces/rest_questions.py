"""REST for questions: ask, look, wait, list, cancel, requeue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field

from warmline.bridge.credentials import THE_OWNER
from warmline.errors import InvalidInputError
from warmline.interfaces import views
from warmline.interfaces.rest_shared import PROBLEMS, AnyLine, AnyPlaces, Id, while_connected
from warmline.model import State
from warmline.protocols import QuestionFilter
from warmline.settings import BridgeSettings

LIMITS = BridgeSettings()

questions = APIRouter(prefix="/v1/questions", tags=["questions"], responses=PROBLEMS)


class Asked(BaseModel):
    """A question to put on the line."""

    question: str = Field(description="at most 1 MiB of UTF-8")
    deadline_at: datetime | None = Field(default=None, description="with a time zone; 10 minutes from now if absent")


class Requeued(BaseModel):
    """Another life for a question."""

    deadline_at: datetime | None = Field(default=None, description="10 minutes from now if absent")


def _which(
    state: Annotated[list[State] | None, Query(description="any of these states; all if absent")] = None,
    since: Annotated[datetime | None, Query(description="accepted at or after this time, with a time zone")] = None,
) -> QuestionFilter:
    if since is not None and since.tzinfo is None:
        raise InvalidInputError("since names no time zone: end it with Z or +00:00")
    return QuestionFilter(states=frozenset(state or ()), since=since)


Wait = Annotated[float, Query(ge=0, le=LIMITS.max_wait.total_seconds(), description="seconds to wait for the answer")]
Which = Annotated[QuestionFilter, Depends(_which)]


KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": views.AnswerView, "description": "the key was known: the same question as it stands"}
}


@questions.post("", status_code=201, responses=KNOWN)
async def ask(
    asked: Asked,
    response: Response,
    line: AnyLine,
    places: AnyPlaces,
    idempotency_key: Annotated[str | None, Header(description="the same key and question: the same ticket")] = None,
) -> views.AnswerView:
    """Put a question on the line. It is durable when this returns: 201, or 200 when the key was known."""
    accepted = await line.bridge.questions.ask(
        THE_OWNER, asked.question, idempotency_key=idempotency_key, deadline_at=asked.deadline_at
    )
    response.status_code = 201 if accepted.created else 200
    return views.answer_view(accepted.question, places)


@questions.get("")
async def list_questions(
    line: AnyLine, places: AnyPlaces, which: Which, limit: Annotated[int, Query(ge=1, le=LIMITS.max_listed)] = 50
) -> views.QuestionsView:
    """List questions, newest first."""
    found = await line.bridge.questions.questions(THE_OWNER, which, limit)
    return views.QuestionsView(questions=[views.answer_view(question, places) for question in found])


@questions.get("/count")
async def count_questions(line: AnyLine, which: Which) -> views.CountView:
    """Count questions."""
    return views.CountView(count=await line.bridge.questions.count(THE_OWNER, which))


@questions.get("/{question_id}")
async def get_question(
    request: Request, question_id: Id, line: AnyLine, places: AnyPlaces, wait: Wait = 0
) -> views.AnswerView:
    """Read a question as it stands, after waiting at most this long for its answer."""
    waiting = line.bridge.questions.wait(THE_OWNER, question_id, timedelta(seconds=wait))
    return views.answer_view(await while_connected(request, waiting), places)


@questions.delete("/{question_id}")
async def cancel_question(question_id: Id, line: AnyLine, places: AnyPlaces) -> views.AnswerView:
    """Cancel a question that was not answered yet, or give up a dead one."""
    return views.answer_view(await line.bridge.questions.cancel(THE_OWNER, question_id), places)


@questions.post("/{question_id}/requeue")
async def requeue_question(
    question_id: Id, line: AnyLine, places: AnyPlaces, requeued: Requeued | None = None
) -> views.AnswerView:
    """Put a dead or expired question back on the line."""
    deadline_at = requeued.deadline_at if requeued else None
    return views.answer_view(await line.bridge.questions.requeue(THE_OWNER, question_id, deadline_at), places)
