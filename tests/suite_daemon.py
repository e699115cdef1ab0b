"""A daemon whose /mcp offers what the conformance suite expects; all else is as it is. Usage: as `warmline`.

SUITE_SESSIONS=1 keeps sessions, which the line itself never does: a server cannot ask its caller back without one in
the protocol before 2026-07-28, as the scenarios about that want.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import ASGIApp

from suite_fixtures.server import create_server
from warmline.interfaces.cli.main import main
from warmline.interfaces.mcp import eras, server


@asynccontextmanager
async def serving_with_sessions(offered: Any) -> AsyncIterator[ASGIApp]:
    """Serve as the library does, with sessions."""
    manager = StreamableHTTPSessionManager(offered)
    async with manager.run():
        yield manager.handle_request


if __name__ == "__main__":
    vars(server)["create_server"] = create_server
    if os.environ.get("SUITE_SESSIONS"):
        vars(eras)["serving"] = serving_with_sessions
    sys.exit(main())
