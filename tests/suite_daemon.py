"""A daemon whose /mcp offers what the conformance suite expects; all else is as it is. Usage: as `warmline`.

SUITE_SESSIONS=1 keeps sessions, which the line itself never does: a server cannot ask its caller back without one in
the protocol before 2026-07-28, as the scenarios about that want.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from suite_fixtures.server import create_server
from warmline.interfaces.cli.main import main
from warmline.interfaces.mcp import manager


def with_sessions(server: Any, **options: Any) -> StreamableHTTPSessionManager:
    """Make a manager that keeps sessions."""
    return StreamableHTTPSessionManager(server, **{**options, "stateless": False})


if __name__ == "__main__":
    vars(manager)["create_server"] = create_server
    if os.environ.get("SUITE_SESSIONS"):
        vars(manager)["StreamableHTTPSessionManager"] = with_sessions
    sys.exit(main())
