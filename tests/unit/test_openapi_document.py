"""The OpenAPI document: made once, and not on the loop that serves everybody."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request

from warmline.interfaces.openapi_document import OpenApiDocument


class Watched(FastAPI):
    """Notes in which threads its document was made."""

    def __init__(self) -> None:
        super().__init__(title="watched")
        self.threads: list[threading.Thread] = []

    def openapi(self) -> dict[str, Any]:
        self.threads.append(threading.current_thread())
        return super().openapi()


async def test_the_document_is_made_once_by_a_thread_for_all_who_ask_for_it() -> None:
    api = Watched()
    document = OpenApiDocument(api)
    request = Request({"type": "http", "method": "GET", "path": "/openapi.json", "headers": []})
    first, *others = await asyncio.gather(*(document.respond(request) for _ in range(5)))
    assert [each.body for each in others] == [first.body] * 4
    assert json.loads(bytes(first.body))["info"]["title"] == "watched"
    assert first.headers["content-type"] == "application/json"
    assert len(api.threads) == 1
    assert api.threads[0] is not threading.main_thread()
