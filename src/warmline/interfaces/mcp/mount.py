"""Where /mcp is mounted: the server is loaded aside, once the daemon serves, since it takes a third of a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from starlette.types import ASGIApp, Receive, Scope, Send

from warmline.app import Line
from warmline.errors import StoreClosedError

LOADED_AFTER_SECONDS = 1.0
"""So that whoever started the daemon has been answered; a first request loads it sooner."""

logger = logging.getLogger(__name__)


class Mcp:
    """The ASGI application at /mcp. A request waits until the server is loaded, and no longer than it is being."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._wanted = asyncio.Event()
        self._settled = asyncio.Event()
        self._serve: ASGIApp | None = None
        self._failed: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ImportError when the server could not be loaded, StoreClosedError at the end."""
        self._wanted.set()
        await self._settled.wait()
        if self._failed is not None:
            raise ImportError("the MCP server could not be loaded") from self._failed
        if self._serve is None:
            raise StoreClosedError("the daemon is leaving: ask again in a moment")
        await self._serve({**scope, "headers": _bare(scope)}, receive, send)

    async def run(self) -> None:
        """Load the server soon, and serve until cancelled."""
        try:
            async with asyncio.timeout(LOADED_AFTER_SECONDS):
                await self._wanted.wait()
        except TimeoutError:
            pass
        eras = await asyncio.to_thread(import_module, "warmline.interfaces.mcp.eras")
        server = await asyncio.to_thread(import_module, "warmline.interfaces.mcp.server")
        async with eras.serving(server.create_server(self._line)) as self._serve:
            self._settled.set()
            await asyncio.get_running_loop().create_future()

    def end(self, serving: asyncio.Task[None]) -> None:
        """Let go of who waits, whatever the serving came to: to be called when it has ended."""
        self._serve = None
        if not serving.cancelled():
            self._failed = serving.exception()
            logger.error("no MCP", exc_info=self._failed)
        self._settled.set()


@asynccontextmanager
async def mounted(line: Line) -> AsyncIterator[Mcp]:
    """Serve a line over MCP until the block ends."""
    mcp = Mcp(line)
    serving = asyncio.create_task(mcp.run(), name="mcp")
    serving.add_done_callback(mcp.end)
    try:
        yield mcp
    finally:
        serving.cancel()
        await asyncio.wait({serving})


def _bare(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers without the space that may stand around a value: it is no part of it (RFC 9110, 5.5)."""
    return [(name, value.strip(b" \t")) for name, value in scope["headers"]]
