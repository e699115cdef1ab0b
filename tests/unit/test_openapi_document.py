"""The OpenAPI document: one process writes it, for all who ask, and where that fails it is tried again."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from starlette.requests import Request

from talk import until
from warmline.errors import DaemonError
from warmline.interfaces import openapi_document
from warmline.interfaces.openapi_document import OpenApiDocument

WRITER = """
import pathlib, sys
with pathlib.Path(sys.argv[1]).open("a") as runs:
    runs.write("x")
if pathlib.Path(sys.argv[1]).stat().st_size == 1:
    sys.exit("no memory is left")
print('{"openapi": "3.1.0"}', end="")
"""


async def test_one_process_writes_the_document_and_one_that_fails_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    monkeypatch.setattr(openapi_document, "COMMAND", (sys.executable, "-c", WRITER, str(runs)))
    document = OpenApiDocument()
    request = Request({"type": "http", "method": "GET", "path": "/openapi.json", "headers": []})
    with pytest.raises(DaemonError, match="log tells why"):
        await document.respond(request)
    responses = await asyncio.gather(*(document.respond(request) for _ in range(5)))
    assert [each.body for each in responses] == [b'{"openapi": "3.1.0"}'] * 5
    assert responses[0].headers["content-type"] == "application/json"
    assert runs.read_text() == "xx"


async def test_the_process_is_ended_with_the_request_that_it_writes_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "pid"
    program = f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(openapi_document, "COMMAND", (sys.executable, "-c", program))
    asking = asyncio.create_task(OpenApiDocument().respond(Request({"type": "http", "headers": []})))
    await asyncio.to_thread(until, lambda: told.exists() and told.read_text() != "")
    asking.cancel()
    ended, _ = await asyncio.wait([asking], timeout=5)
    assert ended == {asking}
    assert asking.cancelled()
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
