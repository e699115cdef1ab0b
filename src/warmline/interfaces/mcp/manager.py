"""The server over HTTP, in every era of the protocol: each request stands alone, and no client notices a restart."""

from __future__ import annotations

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from warmline.app import Line
from warmline.interfaces.doors import MAX_REQUEST_BYTES
from warmline.interfaces.mcp.server import create_server


def create_manager(line: Line) -> StreamableHTTPSessionManager:
    """Make what serves requests. It checks no credential, host or origin: that is the doors' work."""
    return StreamableHTTPSessionManager(create_server(line), stateless=True, max_request_body_size=MAX_REQUEST_BYTES)
