"""REST for the memory: search, and adding, refreshing, listing and removing roots.

Indexing tells its progress as it goes: one JSON object a line, `{"progress": {...}}` any number of
times, then `{"report": {...}}` or `{"problem": {...}}`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from warmline.bridge import rights
from warmline.interfaces.rest_shared import (
    ADMINISTERS,
    MAX_PATH_CHARACTERS,
    WRITES,
    AbsolutePath,
    AnyLine,
    AnyPlaces,
    By,
    Form,
    absolute,
    problems,
    while_connected,
)
from warmline.interfaces.steps import Say, described, in_steps
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
from warmline.interfaces.views.mistakes import WITHOUT_NUL
from warmline.memory.report import IndexReport, OnProgress
from warmline.security.redaction import redact_aside

memory = APIRouter(prefix="/v1/memory", tags=["memory"])

STEPS = described("IndexingView")

MAX_QUERY_CHARACTERS = 4096
MAX_PATHS = 1000

Indexing = Callable[[OnProgress], Awaitable[IndexReport]]


class Added(Form):
    """Files and folders to take into the memory."""

    paths: Annotated[
        list[AbsolutePath],
        Field(min_length=1, max_length=MAX_PATHS, description="absolute paths on the daemon's machine"),
    ]


class Refreshed(Form):
    """Roots to bring up to date."""

    name: str | None = Field(
        default=None, max_length=MAX_PATH_CHARACTERS, description="one root; all if absent", pattern=WITHOUT_NUL
    )


OWNERS = [ADMINISTERS]
"""To change what everybody is answered from is the owner's."""


@memory.get("/search", responses=problems(403))
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
    """Find the lines that may answer a question, best first, in the memories of the speaker's scope.

    Wants what asking the memory wants: who may not ask it reads nothing of it. Secrets are masked.
    """
    rights.check_memory(by)
    started = time.perf_counter()
    found = await while_connected(request, line.memory.search(q, top, by.memories))
    ms = (time.perf_counter() - started) * 1000
    passages = [passage_view(passage, places, await redact_aside(passage.text)) for passage in found.passages]
    return SearchView(passages=passages, confidence=found.confidence, ms=round(ms, 3))


@memory.get("/roots", responses=problems())
async def list_roots(by: By, line: AnyLine) -> RootsView:
    """List the memory's roots, those of the speaker's scope: a path in that is as a root of that name."""
    return RootsView(roots=[root_view(root) for root in await line.memory.roots(by.memories)])


@memory.post(
    "/roots",
    response_model=IndexingView,
    response_class=StreamingResponse,
    responses=STEPS | problems(403, *WRITES),
    dependencies=OWNERS,
)
async def add_roots(added: Added, line: AnyLine) -> StreamingResponse:
    """Take files and folders into the memory; those that are there are brought up to date."""
    paths = [absolute(path) for path in added.paths]
    return _stream(lambda on_progress: line.memory.add(paths, on_progress))


@memory.post(
    "/refresh",
    response_model=IndexingView,
    response_class=StreamingResponse,
    responses=STEPS | problems(403, *WRITES),
    dependencies=OWNERS,
)
async def refresh_roots(refreshed: Refreshed, line: AnyLine) -> StreamingResponse:
    """Index what changed, forget what vanished."""
    return _stream(lambda on_progress: line.memory.refresh(refreshed.name, on_progress))


@memory.delete("/roots/{name:path}", responses=problems(403, 404, 507), dependencies=OWNERS)
async def remove_root(name: Annotated[str, Path(max_length=MAX_PATH_CHARACTERS)], line: AnyLine) -> RemovedView:
    """Take a root out of the memory; its files are not touched."""
    report = await line.memory.remove(name)
    return RemovedView(name=name, files=report.removed)


def _stream(indexing: Indexing) -> StreamingResponse:
    """Answer with an indexing run's steps; a client that leaves cancels it, and the old index stays whole."""

    async def work(say: Say) -> IndexingView:
        return IndexingView(
            report=report_view(await indexing(lambda step: say(IndexingView(progress=progress_view(step)))))
        )

    return in_steps(work, lambda problem: IndexingView(problem=problem))
