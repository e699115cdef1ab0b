"""Where /mcp is mounted: the server is loaded aside, once the daemon serves, since it takes a third of a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from warmline.app import Line

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

LOADED_AFTER_SECONDS = 1.0
"""So that whoever started the daemon has been answered; a first request loads it sooner."""

MAX_REQUEST_BYTES = 8 * 1024 * 1024


class Mcp:
    """The ASGI application at /mcp."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._wanted = asyncio.Event()
        self._manager: asyncio.Future[StreamableHTTPSessionManager] = asyncio.get_running_loop().create_future()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, once the server is loaded."""
        self._wanted.set()
        manager = await asyncio.shield(self._manager)
        await manager.handle_request({**scope, "headers": _bare(scope)}, receive, send)

    async def run(self) -> None:
        """Load the server soon, and serve until cancelled."""
        try:
            async with asyncio.timeout(LOADED_AFTER_SECONDS):
                await self._wanted.wait()
        except TimeoutError:
            pass
        module = await asyncio.to_thread(import_module, "warmline.interfaces.mcp.manager")
        manager: StreamableHTTPSessionManager = module.create_manager(self._line)
        async with manager.run():
            self._manager.set_result(manager)
            await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def mounted(line: Line) -> AsyncIterator[Mcp]:
    """Serve a line over MCP until the block ends."""
    mcp = Mcp(line)
    serving = asyncio.create_task(mcp.run(), name="mcp")
    try:
        yield mcp
    finally:
        serving.cancel()
        await asyncio.wait({serving})


def _bare(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers without the space that may stand around a value: it is no part of it (RFC 9110, 5.5)."""
    return [(name, value.strip(b" \t")) for name, value in scope["headers"]]
