"""Server-sent events: a stream that is looked at again when something changed, and costs nothing while nothing does.

The framing is FastAPI's; its ready-made response would hold two tasks and two queues for each listener, and
cannot say 204. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from warmline.errors import UnauthorizedError

KEEP_ALIVE_SECONDS = 15.0
"""Proxies cut connections that are silent for 30 to 60 s."""

RETRY_MS = 1000
"""When a client comes back after a connection was lost: about as long as a daemon takes to be replaced."""


def events_of(**views: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Declare a stream of events of these names, whose data is their view as JSON. The schema is each event's."""
    schema = {"oneOf": [_event_of(name, view) for name, view in views.items()]}
    return {200: {"description": "a stream of events", "content": {"text/event-stream": {"schema": schema}}}}


def _event_of(name: str, view: type[BaseModel]) -> dict[str, Any]:
    data = {"contentSchema": {"$ref": f"#/components/schemas/{view.__name__}"}, "contentMediaType": "application/json"}
    return {
        "type": "object",
        "properties": {
            "event": {"type": "string", "const": name},
            "id": {"type": "string"},
            "data": {"type": "string", **data},
        },
        "required": ["event", "data"],
    }


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Without an id, a client that reconnects goes on from the one before."""

    name: str
    data: BaseModel
    id: str | None = None

    def framed(self) -> bytes:
        """Return it as it goes over the wire."""
        return format_sse_event(data_str=self.data.model_dump_json(), event=self.name, id=self.id)


class Changes:
    """A flag that listeners raise, and that one stream lowers."""

    def __init__(self) -> None:
        self._raised = asyncio.Event()

    def note(self) -> None:
        """Say that something changed."""
        self._raised.set()

    async def within(self, seconds: float) -> bool:
        """Wait until something changed since the last call, at most this long; tell whether it did."""
        try:
            async with asyncio.timeout(seconds):
                await self._raised.wait()
        except TimeoutError:
            return False
        self._raised.clear()
        return True


def event_stream(steps: AsyncIterator[Event | None], check: Callable[[], object]) -> StreamingResponse:
    """Send events as they come; None is a moment in which nothing did, and keeps the connection alive.

    check raises UnauthorizedError when the listener's credential is good no more: the stream ends before
    anything else is sent. It also ends with the steps, and is closed when the client leaves.
    """
    return StreamingResponse(
        _framed(steps, check),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _framed(steps: AsyncIterator[Event | None], check: Callable[[], object]) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=RETRY_MS)
    async for step in steps:
        try:
            check()
        except UnauthorizedError:
            return
        yield format_sse_event(comment="") if step is None else step.framed()
