"""The OpenAPI 3.1 document of the whole API, at /openapi.json: made once, by a thread, when somebody first asks for it.

To make it takes half a second, and to write it out some milliseconds: as long as dozens of questions.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response


class OpenApiDocument:
    """The document of an API to which no route is added any more."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api
        self._making = asyncio.Lock()
        self._made: bytes | None = None

    async def respond(self, request: Request) -> Response:
        """Send it, the same bytes to everybody."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return Response(self._made, media_type=JSONResponse.media_type)

    def _make(self) -> bytes:
        return bytes(JSONResponse(self._api.openapi()).body)
