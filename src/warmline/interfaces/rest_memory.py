"""REST for the memory: search, and adding, refreshing, listing and removing roots.

Indexing tells its progress as it goes: one JSON object a line, `{"progress": {...}}` any number of
times, then `{"report": {...}}` or `{"problem": {...}}`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from warmline.errors import InvalidInputError, WarmlineError
from warmline.interfaces import views
from warmline.interfaces.rest_shared import PROBLEMS, AnyLine, AnyPlaces
from warmline.memory.report import IndexReport, OnProgress, Progress

memory = APIRouter(prefix="/v1/memory", tags=["memory"], responses=PROBLEMS)

STEPS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "one object a line: progress, and then a report or a problem",
        "content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/IndexingView"}}},
    }
}

Indexing = Callable[[OnProgress], Awaitable[IndexReport]]


class Added(BaseModel):
    """Files and folders to take into the memory."""

    paths: list[str] = Field(min_length=1, description="absolute paths on the daemon's machine")


class Refreshed(BaseModel):
    """Roots to bring up to date."""

    name: str | None = Field(default=None, description="one root; all if absent")


@memory.get("/search")
async def search(
    line: AnyLine,
    places: AnyPlaces,
    q: Annotated[str, Query(description="what to look for", min_length=1)],
    top: Annotated[int, Query(ge=1, le=1000)] = 10,
) -> views.SearchView:
    """Find the lines that may answer a question, best first."""
    started = time.perf_counter()
    found = await line.memory.search(q, top)
    ms = (time.perf_counter() - started) * 1000
    passages = [views.passage_view(passage, places) for passage in found.passages]
    return views.SearchView(passages=passages, confidence=found.confidence, ms=round(ms, 3))


@memory.get("/roots")
async def list_roots(line: AnyLine) -> views.RootsView:
    """List the memory's roots."""
    return views.RootsView(roots=[views.root_view(root) for root in await line.memory.roots()])


@memory.post("/roots", response_model=views.IndexingView, response_class=StreamingResponse, responses=STEPS)
async def add_roots(added: Added, line: AnyLine) -> StreamingResponse:
    """Take files and folders into the memory; those that are there are brought up to date."""
    paths = [_absolute(path) for path in added.paths]
    return _stream(lambda on_progress: line.memory.add(paths, on_progress))


@memory.post("/refresh", response_model=views.IndexingView, response_class=StreamingResponse, responses=STEPS)
async def refresh_roots(refreshed: Refreshed, line: AnyLine) -> StreamingResponse:
    """Index what changed, forget what vanished."""
    return _stream(lambda on_progress: line.memory.refresh(refreshed.name, on_progress))


@memory.delete("/roots/{name:path}")
async def remove_root(name: str, line: AnyLine) -> views.RemovedView:
    """Take a root out of the memory; its files are not touched."""
    report = await line.memory.remove(name)
    return views.RemovedView(name=name, files=report.removed)


def _absolute(text: str) -> Path:
    """Read a path. A relative one would be below the folder of the daemon, which is none of the caller's."""
    path = Path(text)
    if not path.is_absolute():
        raise InvalidInputError(f"{text!r} is no absolute path: name the whole of it")
    return path


def _stream(indexing: Indexing) -> StreamingResponse:
    return StreamingResponse(_lines(indexing), media_type="application/x-ndjson")


async def _lines(indexing: Indexing) -> AsyncIterator[bytes]:
    """Run the indexing beside the response; a client that leaves cancels it, and the old index stays whole."""
    steps: asyncio.Queue[views.IndexingView | None] = asyncio.Queue()

    def on_progress(progress: Progress) -> None:
        steps.put_nowait(views.IndexingView(progress=views.progress_view(progress)))

    async def work() -> None:
        try:
            steps.put_nowait(views.IndexingView(report=views.report_view(await indexing(on_progress))))
        except WarmlineError as error:
            steps.put_nowait(views.IndexingView(problem=views.problem(error)))

    working = asyncio.create_task(work())
    working.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while (step := await steps.get()) is not None:
            yield step.model_dump_json(exclude_none=True).encode() + b"\n"
        await working  # a bug ends the answer early, and is logged
    finally:
        working.cancel()
