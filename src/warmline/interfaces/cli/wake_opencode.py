"""Waking opencode: its server takes a prompt for a session, and begins a turn, or has it wait behind one."""

from __future__ import annotations

import base64
import http.client
import json
import os
from typing import Any
from urllib.parse import quote, urlsplit

from warmline.errors import DaemonError, InvalidInputError

LOCAL = ("127.0.0.1", "localhost", "::1")
PASSWORD, USER = "OPENCODE_SERVER_PASSWORD", "OPENCODE_SERVER_USERNAME"  # names of variables


def place_of(server: str) -> tuple[str, int]:
    """Return the host and port of a server. Raises InvalidInputError for one on another machine, or none."""
    try:
        place = urlsplit(server)
        host, port = place.hostname, place.port or 80
    except ValueError as error:
        raise InvalidInputError(f"{server!a} is no URL: write http://127.0.0.1:4096") from error
    if place.scheme != "http" or host not in LOCAL:
        raise InvalidInputError(f"{server!a} is no server of opencode on this machine: write http://127.0.0.1:4096")
    return host, port


def wake(server: str, session: str | None, text: str, limit_seconds: float) -> str:
    """Have the session, else the one that was used last, begin a turn; return its id.

    Raises as `place_of`, and DaemonError.
    """
    host, port = place_of(server)
    try:
        connection = http.client.HTTPConnection(host, port, timeout=limit_seconds)
        chosen = session or _newest(connection)
        _call(
            connection,
            "POST",
            f"/session/{quote(chosen, safe='')}/prompt_async",
            {"parts": [{"type": "text", "text": text}]},
        )
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise DaemonError(f"no opencode answers at {server} ({error}): start it with `opencode --port N`") from error
    return chosen


def _newest(connection: http.client.HTTPConnection) -> str:
    sessions = _call(connection, "GET", "/session", None)
    if not sessions:
        raise DaemonError("opencode has no session yet: begin one, or name it with --session")
    try:
        return str(max(sessions, key=lambda each: each["time"]["updated"])["id"])
    except (KeyError, TypeError, AttributeError) as error:
        raise DaemonError("what answers there is no opencode: name its server with --server") from error


def _call(connection: http.client.HTTPConnection, method: str, path: str, body: object) -> Any:  # noqa: ANN401  # JSON
    headers = {"Content-Type": "application/json"}
    if password := os.environ.get(PASSWORD):
        said = f"{os.environ.get(USER, 'opencode')}:{password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(said).decode()}"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    said_back = response.read()
    if response.status >= http.client.BAD_REQUEST:
        raise DaemonError(f"opencode refused the wake with {response.status}; the messages wait on")
    return json.loads(said_back) if said_back else None
