"""A server over HTTP in every era of the protocol: each request stands alone, and no client notices a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.types import ASGIApp, Receive, Scope, Send

from warmline.interfaces.doors import MAX_REQUEST_BYTES
from warmline.interfaces.mcp.exchange import serve_request

VERSION_HEADER = MCP_PROTOCOL_VERSION_HEADER.encode()


@asynccontextmanager
async def serving(server: Server[Any]) -> AsyncIterator[ASGIApp]:
    """Serve until the block ends. It checks no credential, host or origin: that is the doors' work.

    What names a version with a handshake, or none, is an exchange of ours; anything else is of the library's newer era.
    """
    manager = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=MAX_REQUEST_BYTES)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        version = next((value.decode("latin-1") for name, value in scope["headers"] if name == VERSION_HEADER), None)
        if version is None or version in HANDSHAKE_PROTOCOL_VERSIONS:
            await serve_request(server, scope, receive, send)
        else:
            await manager.handle_request(scope, receive, send)

    async with manager.run():
        yield serve
