"""The starter's side of the indexing process (indexer.py): start it, listen to it, end it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from warmline import errors
from warmline.errors import StoreError, WarmlineError
from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.report import IndexReport, IndexRequest, OnProgress, Progress, report_from_json, request_to_json
from warmline.settings import MemorySettings

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of one line from the process: a report that lists its skipped files."""

END_SECONDS = 5.0
"""For a process whose input has ended; it watches for that all the time."""

COMMAND = (sys.executable, "-P", "-m", "warmline.memory.indexer")


async def run_indexer(
    folder: Path,
    settings: MemorySettings,
    request: IndexRequest,
    on_progress: OnProgress,
    encrypted: EncryptedIndex | None = None,
) -> IndexReport:
    """Run one indexing process to its end.

    A caller that is cancelled ends it and waits for it: that loses nothing that was committed.
    Should this process die, the indexing process sees the end of its input and leaves.
    Raises the error that it reports, or StoreError when it ended without a word.
    """
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=PIPE,
        stdout=PIPE,
        limit=MAX_MESSAGE_BYTES,
        cwd=folder,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        return await _converse(process, json.dumps(request_to_json(folder, settings, request, encrypted)), on_progress)
    finally:
        await asyncio.shield(_end(process))


async def _end(process: Process) -> None:
    """End its input, on which it leaves; kill it when it does not."""
    assert process.stdin is not None  # noqa: S101 -- it was asked for
    process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _converse(process: Process, request: str, on_progress: OnProgress) -> IndexReport:
    assert process.stdin is not None  # noqa: S101 -- it was asked for
    process.stdin.write(request.encode() + b"\n")
    async for message in _messages(process):
        if "progress" in message:
            on_progress(Progress(**message["progress"]))
        elif "report" in message:
            return report_from_json(message["report"])
        else:
            raise _error(message)
    raise StoreError(
        f"the indexing process ended unexpectedly (exit status {await process.wait()}); "
        "what was indexed before is whole: say it again, or run `warmline memory refresh`"
    )


async def _messages(process: Process) -> AsyncIterator[dict[str, Any]]:
    assert process.stdout is not None  # noqa: S101 -- it was asked for
    while line := await process.stdout.readline():
        yield json.loads(line)


def _error(message: dict[str, Any]) -> WarmlineError:
    kind = getattr(errors, message["kind"], StoreError)
    error: WarmlineError = kind(message["error"])
    return error
