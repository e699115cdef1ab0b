"""What HTTP handlers share: the running line, ids, waits that end when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from warmline.app import Line
from warmline.ids import parse_message_id
from warmline.interfaces import views
from warmline.model import MessageId

Result = TypeVar("Result")

CLIENT_GONE = 499
"""Nobody reads this status; it names the case in a log."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": views.ProblemView, "content": {"application/problem+json": {}}, "description": title}
    for status, title in {
        400: "what was given cannot be used",
        401: "no credential of this line",
        404: "no such thing",
        409: "its state does not allow this",
        413: "too large",
        422: "not of this operation's form",
        503: "the store cannot work now",
        507: "the disk has no room",
    }.items()
}


def line_of(request: Request) -> Line:
    """Return the line that this application serves."""
    line: Line = request.app.state.line
    return line


def _places(request: Request) -> views.Places:
    return views.Places(line_of(request).memory.resolve)


def _id(question_id: str) -> MessageId:
    return parse_message_id(question_id)


AnyLine = Annotated[Line, Depends(line_of)]
AnyPlaces = Annotated[views.Places, Depends(_places)]
Id = Annotated[MessageId, Depends(_id)]


async def while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """Await the work, but cancel it when the client goes away."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise HTTPException(CLIENT_GONE, "the client went away")
    finally:
        working.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
