"""Long work over HTTP: one JSON object a line while it goes on, the last one its report or its problem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from warmline.errors import WarmlineError
from warmline.interfaces.views.problems import ProblemView, problem

NDJSON = "application/x-ndjson"

Say = Callable[[BaseModel], None]
Work = Callable[[Say], Awaitable[BaseModel]]
"""Says its steps, and returns the last line."""


def described(view: str) -> dict[int | str, dict[str, Any]]:
    """Declare the answer of an operation whose lines are each a view of this name."""
    schema = {"$ref": f"#/components/schemas/{view}"}
    return {
        200: {
            "description": "one object a line: progress, and then a report or a problem",
            "content": {NDJSON: {"schema": schema}},
        }
    }


def in_steps(work: Work, failed: Callable[[ProblemView], BaseModel]) -> StreamingResponse:
    """Answer with the steps of some work; failed makes the last line of a problem."""
    return StreamingResponse(_lines(work, failed), media_type=NDJSON)


async def _lines(work: Work, failed: Callable[[ProblemView], BaseModel]) -> AsyncIterator[bytes]:
    """Run the work beside the response; a client that leaves cancels it."""
    steps: asyncio.Queue[BaseModel | None] = asyncio.Queue()

    async def run() -> None:
        try:
            steps.put_nowait(await work(steps.put_nowait))
        except WarmlineError as error:
            steps.put_nowait(failed(problem(error)))

    working = asyncio.create_task(run())
    working.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while (step := await steps.get()) is not None:
            yield step.model_dump_json(exclude_none=True).encode() + b"\n"
        await working  # a bug ends the answer early, and is logged
    finally:
        working.cancel()
