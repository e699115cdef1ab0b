"""REST for the memory: search, and adding, refreshing, listing and removing roots.

Indexing tells its progress as it goes: one JSON object a line, `{"progress": {...}}` any number of
times, then `{"report": {...}}` or `{"problem": {...}}`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from warmline.bridge import rights
from warmline.errors import InvalidInputError, WarmlineError
from warmline.interfaces.rest_shared import (
    WRITES,
    AnyLine,
    AnyPlaces,
    By,
    Form,
    Responses,
    problems,
    while_connected,
)
from warmline.interfaces.views.memory import (
    IndexingView,
    RemovedView,
    RootsView,
    SearchView,
    passage_view,
    progress_view,
    report_view,
    root_view,
)
from warmline.interfaces.views.problems import problem
from warmline.memory.report import IndexReport, OnProgress, Progress
from warmline.model import Right

memory = APIRouter(prefix="/v1/memory", tags=["memory"])

STEPS: Responses = {
    200: {
        "description": "one object a line: progress, and then a report or a problem",
        "content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/IndexingView"}}},
    }
}

WITHOUT_NUL = r"^[^\x00]*$"
MAX_QUERY_CHARACTERS = 4096
MAX_PATHS = 1000
MAX_PATH_CHARACTERS = 4096
ABSOLUTE = {"pattern": r"^/[^\x00]*$", "maxLength": MAX_PATH_CHARACTERS}

Indexing = Callable[[OnProgress], Awaitable[IndexReport]]


class Added(Form):
    """Files and folders to take into the memory."""

    paths: Annotated[
        list[Annotated[str, Field(json_schema_extra=ABSOLUTE)]],
        Field(min_length=1, max_length=MAX_PATHS, description="absolute paths on the daemon's machine"),
    ]


class Refreshed(Form):
    """Roots to bring up to date."""

    name: str | None = Field(
        default=None, max_length=MAX_PATH_CHARACTERS, description="one root; all if absent", pattern=WITHOUT_NUL
    )


async def _administers(by: By) -> None:
    rights.check(by, Right.ADMINISTER)


ADMINISTERS = [Depends(_administers)]
"""To change what everybody is answered from is the owner's."""


@memory.get("/search", responses=problems())
async def search(
    *,
    request: Request,
    by: By,
    line: AnyLine,
    places: AnyPlaces,
    q: Annotated[
        str,
        Query(description="what to look for", min_length=1, max_length=MAX_QUERY_CHARACTERS, pattern=WITHOUT_NUL),
    ],
    top: Annotated[int, Query(ge=1, le=1000)] = 10,
) -> SearchView:
    """Find the lines that may answer a question, best first, in the memories of the speaker's scope."""
    started = time.perf_counter()
    found = await while_connected(request, line.memory.search(q, top, by.memories))
    ms = (time.perf_counter() - started) * 1000
    passages = [passage_view(passage, places) for passage in found.passages]
    return SearchView(passages=passages, confidence=found.confidence, ms=round(ms, 3))


@memory.get("/roots", responses=problems())
async def list_roots(by: By, line: AnyLine) -> RootsView:
    """List the memory's roots, those of the speaker's scope."""
    return RootsView(roots=[root_view(root) for root in await line.memory.roots(by.memories)])


@memory.post(
    "/roots",
    response_model=IndexingView,
    response_class=StreamingResponse,
    responses=STEPS | problems(403, *WRITES),
    dependencies=ADMINISTERS,
)
async def add_roots(added: Added, line: AnyLine) -> StreamingResponse:
    """Take files and folders into the memory; those that are there are brought up to date."""
    paths = [_absolute(path) for path in added.paths]
    return _stream(lambda on_progress: line.memory.add(paths, on_progress))


@memory.post(
    "/refresh",
    response_model=IndexingView,
    response_class=StreamingResponse,
    responses=STEPS | problems(403, *WRITES),
    dependencies=ADMINISTERS,
)
async def refresh_roots(refreshed: Refreshed, line: AnyLine) -> StreamingResponse:
    """Index what changed, forget what vanished."""
    return _stream(lambda on_progress: line.memory.refresh(refreshed.name, on_progress))


@memory.delete("/roots/{name:path}", responses=problems(403, 404, 507), dependencies=ADMINISTERS)
async def remove_root(name: Annotated[str, Path(max_length=MAX_PATH_CHARACTERS)], line: AnyLine) -> RemovedView:
    """Take a root out of the memory; its files are not touched."""
    report = await line.memory.remove(name)
    return RemovedView(name=name, files=report.removed)


def _absolute(text: str) -> FilePath:
    """Read a path. A relative one would be below the folder of the daemon, which is none of the caller's."""
    path = FilePath(text)
    if not path.is_absolute():
        raise InvalidInputError(f"{text!r} is no absolute path: name the whole of it")
    return path


def _stream(indexing: Indexing) -> StreamingResponse:
    return StreamingResponse(_lines(indexing), media_type="application/x-ndjson")


async def _lines(indexing: Indexing) -> AsyncIterator[bytes]:
    """Run the indexing beside the response; a client that leaves cancels it, and the old index stays whole."""
    steps: asyncio.Queue[IndexingView | None] = asyncio.Queue()

    def on_progress(progress: Progress) -> None:
        steps.put_nowait(IndexingView(progress=progress_view(progress)))

    async def work() -> None:
        try:
            steps.put_nowait(IndexingView(report=report_view(await indexing(on_progress))))
        except WarmlineError as error:
            steps.put_nowait(IndexingView(problem=problem(error)))

    working = asyncio.create_task(work())
    working.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while (step := await steps.get()) is not None:
            yield step.model_dump_json(exclude_none=True).encode() + b"\n"
        await working  # a bug ends the answer early, and is logged
    finally:
        working.cancel()
