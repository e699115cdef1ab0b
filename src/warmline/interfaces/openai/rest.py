"""The routes: /v1/models and /v1/chat/completions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from warmline.errors import UnauthorizedError, UnknownMailboxError
from warmline.interfaces.openai.answers import Writing, failed
from warmline.interfaces.openai.forms import Completion
from warmline.interfaces.openai.models import asked, models
from warmline.interfaces.problem_responses import OPENAI_CODES
from warmline.interfaces.rest_questions import until_ended
from warmline.interfaces.rest_shared import (
    LIMITS,
    MAX_ID_CHARACTERS,
    AnyBridge,
    AnyLine,
    AnyPlaces,
    By,
    Check,
    Key,
    Responses,
    problems,
    while_connected,
)
from warmline.interfaces.views.problems import RefusalView
from warmline.interfaces.views.questions import answer_view

openai = APIRouter(prefix="/v1", tags=["openai"])

NOT_AGAIN = {"X-Should-Retry": "false"}
"""Or OpenAI's client would ask the same question twice more."""

MASKED = "X-Warmline-Redacted"
"""Tells which kinds of secrets were masked in the question; its body has no place for that."""


def refusals(*statuses: int) -> Responses:
    """Declare what an operation is refused with, as `problems` does, in the form that these paths have."""
    declared = problems(*statuses)
    for response in declared.values():
        response["model"] = RefusalView
        del response["content"]
    return declared


@openai.get("/models", responses=refusals(403))
async def list_models(by: By, line: AnyLine) -> dict[str, Any]:
    """List the memory, its agents and the mailboxes that the speaker may ask, as models."""
    return {"object": "list", "data": [_model(name) for name in await models(line, by)]}


@openai.get("/models/{model:path}", responses=refusals(403, 404))
async def get_model(model: Annotated[str, Path(max_length=MAX_ID_CHARACTERS)], by: By, line: AnyLine) -> dict[str, Any]:
    """Describe one of them."""
    if model not in await models(line, by):
        raise UnknownMailboxError("there is no such model: /v1/models lists those that you may ask")
    return _model(model)


@openai.post("/chat/completions", response_model=None, responses=refusals(403, 404, 409, 413, 429, 502, 504, 507))
async def complete_chat(
    *,
    request: Request,
    chat: Completion,
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    check: Check,
    idempotency_key: Key = None,
) -> Response:
    """Ask the last thing that the user said, wait for the answer, and return it with its sources."""
    to = asked(chat.model)
    if to.mailbox is not None:
        await bridge.conversations.check_askable(by, to.mailbox)
    accepted = await bridge.questions.ask(
        by, chat.question, mailbox=to.mailbox, agent=to.agent, idempotency_key=idempotency_key
    )
    question_id = accepted.question.message.id
    told = {MASKED: ", ".join(accepted.redacted)} if accepted.redacted else {}
    writing = Writing(question_id, chat.model, accepted.question.message.body)
    if chat.stream:
        with_usage = chat.stream_options is not None and bool(chat.stream_options.include_usage)
        steps = until_ended(bridge, by, question_id, places)
        return StreamingResponse(
            _checked(writing.chunks(steps, with_usage=with_usage), check),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **told},
        )
    waiting = bridge.questions.ended(by, accepted.question, LIMITS.max_wait)
    answer = answer_view(await while_connected(request, waiting), places)
    check()  # it may have been revoked meanwhile
    if answer.outcome is None:
        text = f"there is no answer yet: the question goes on, under the ticket {answer.id}"
        raise HTTPException(504, text, NOT_AGAIN | told)
    if answer.outcome == "failed":
        raise HTTPException(502, answer.text, NOT_AGAIN | told)
    return JSONResponse(writing.whole(answer), headers=told)


async def _checked(events: AsyncIterator[bytes], check: Callable[[], object]) -> AsyncIterator[bytes]:
    """Pass events on until the speaker's credential is good no more; then end with an error, as no answer ends."""
    async for event in events:
        try:
            check()
        except UnauthorizedError as error:
            yield failed(str(error), OPENAI_CODES["UnauthorizedError"])
            return
        yield event


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "warmline"}
