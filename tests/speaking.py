"""Somebody who speaks HTTP to a real daemon over its Unix socket, with a credential of their own."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from warmline import daemon
from warmline.home import Home

LIMIT_SECONDS = 5


@dataclass(frozen=True)
class Reply:
    """What the daemon answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Connection(http.client.HTTPConnection):
    def __init__(self, home: Home) -> None:
        super().__init__("localhost", timeout=LIMIT_SECONDS)
        self._home = home

    def connect(self) -> None:
        self.sock = daemon.connect(self._home, LIMIT_SECONDS)


class Speaker:
    """Makes each request on a connection of its own. token of None: shows no credential."""

    def __init__(self, home: Home, token: str | None) -> None:
        self.home = home
        self.token = token

    def call(self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **headers: str) -> Reply:
        """Make a request; headers are named with underscores."""
        connection = self.begin(method, path, body, raw=raw, **headers)
        try:
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def begin(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **headers: str
    ) -> http.client.HTTPConnection:
        """Send a request, and leave its answer to be read: close the connection."""
        connection = _Connection(self.home)
        sent = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection.request(method, path, sent, self._headers(headers))
        return connection

    def ok(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Make a request that must succeed, and return what it gave."""
        reply = self.call(method, path, body, raw=None, **headers)
        assert reply.status < 300, (reply.status, reply.body)
        return reply.json if reply.body else None

    def ok_lines(self, method: str, path: str, body: object = None) -> list[Any]:
        """Make a request that must succeed, and return what each line of the answer gave."""
        reply = self.call(method, path, body)
        assert reply.status < 300, (reply.status, reply.body)
        return [json.loads(each) for each in reply.body.splitlines()]

    @contextmanager
    def listen(self, path: str, **headers: str) -> Iterator[Events]:
        """Listen to a stream of events while the block lasts."""
        connection = self.begin("GET", path, raw=None, **headers)
        try:
            yield Events(connection.getresponse())
        finally:
            connection.close()

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers | {name.replace("_", "-"): value for name, value in more.items()}


class Events:
    """A stream of server-sent events, parsed as the standard says."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response

    def next(self) -> dict[str, str] | None:
        """Return the next event that has data, or None when the stream has ended."""
        event: dict[str, str] = {}
        while line := self._response.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            if name:
                event[name] = event[name] + "\n" + value[1:] if name in event else value[1:]
            elif "data" in event:
                return event
            elif not line.strip() and "data" not in event:
                event = {}
        return None

    def read(self, count: int) -> list[dict[str, str]]:
        """Return the next events, all of which must come."""
        events = [self.next() for _ in range(count)]
        assert None not in events, events
        return [event for event in events if event is not None]


def until(holds: Callable[[], bool], limit_seconds: float = LIMIT_SECONDS) -> None:
    """Look again and again until it holds, as it must soon."""
    deadline = time.monotonic() + limit_seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"


def shut_down(connection: http.client.HTTPConnection) -> None:
    """Cut a connection off, as a machine that dies does for its peer."""
    assert isinstance(connection.sock, socket.socket)
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
