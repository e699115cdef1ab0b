"""REST for the upkeep of the store, which is the owner's: take an old bridge's database over, move what is old away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import Field

from warmline.interfaces.rest_shared import (
    ADMINISTERS,
    NUMBER,
    WRITES,
    AnyBridge,
    AnyLine,
    By,
    Form,
    absolute,
    problems,
)
from warmline.interfaces.rest_shared import AbsolutePath as AnyPath
from warmline.interfaces.steps import Say, described, in_steps
from warmline.interfaces.views.store import (
    ArchivedView,
    ImportingView,
    ImportProgressView,
    RotatedView,
    import_report_view,
)
from warmline.operations.legacy.taking import Terms, take_legacy

store = APIRouter(prefix="/v1/store", tags=["store"], dependencies=[ADMINISTERS])

MAX_DAYS = 3650


class LegacyFile(Form):
    """A database of the old bridge."""

    path: AnyPath
    extend_days: Annotated[
        float | None,
        Field(gt=0, le=MAX_DAYS, description="let its credentials last at least so long from now"),
        NUMBER,
    ] = None


class Age(Form):
    """How old what is moved has to be."""

    older_than_days: Annotated[float, Field(ge=0, le=MAX_DAYS, description="since it was settled"), NUMBER] = 30


@store.post(
    "/import-legacy",
    response_model=ImportingView,
    response_class=StreamingResponse,
    responses=described("ImportingView") | problems(403, *WRITES),
)
async def import_legacy(file: LegacyFile, by: By, line: AnyLine) -> StreamingResponse:
    """Take over conversations, messages, statuses and audit rows of an old bridge; a second time adds what is new.

    The file is copied with its -wal, and the copy is read. Tokens work as credentials until they expire.
    """
    source = absolute(file.path)
    extend = None if file.extend_days is None else timedelta(days=file.extend_days)

    async def work(say: Say) -> ImportingView:
        def on_progress(done: int, total: int) -> None:
            say(ImportingView(progress=ImportProgressView(messages_done=done, messages_total=total)))

        terms = Terms(by=by.id, now=line.clock.now(), limits=line.settings.bridge.rate, extend=extend)
        report = await take_legacy(Path(source), line.workspace, line.importer, terms, on_progress)
        return ImportingView(report=import_report_view(report))

    return in_steps(work, lambda problem: ImportingView(problem=problem))


@store.post("/rotate-key", responses=problems(403, *WRITES))
async def rotate_key(by: By, line: AnyLine) -> RotatedView:
    """Seal under a new key from now on. The old ones are kept, to verify what they sealed."""
    return RotatedView(key=await line.rotate_key(by.id), file=str(line.home.seal_keys))


@store.post("/archive", responses=problems(403, *WRITES))
async def archive(age: Age, by: By, bridge: AnyBridge) -> ArchivedView:
    """Move messages that were settled or cancelled so long ago into compressed files; they read as before."""
    return ArchivedView(messages=await bridge.messages.archive(by, timedelta(days=age.older_than_days)))
