"""Server-sent events: reading them, and following them across restarts of the daemon."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from warmline import daemon
from warmline.errors import DaemonError
from warmline.interfaces.cli.client import Client

PAUSE_SECONDS = 0.5
"""Between two looks for the next daemon, while none runs."""

LOST = (OSError, http.client.HTTPException, ValueError, DaemonError)
"""How it shows that the daemon is gone, or is about to be: the next one has all that was not seen."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. id is empty where it has none of its own; data is decoded JSON."""

    name: str
    data: Any
    id: str = ""


def read_events(lines: Iterable[bytes]) -> Iterator[ServerEvent]:
    """Decode a stream's lines, as the HTML standard has it; an event that was cut off is dropped.

    Raises ValueError for data that is no JSON.
    """
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name:
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
        elif not line.strip():
            if "data" in fields:
                yield ServerEvent(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))
            fields = {}


def follow(client: Client, path: str, after: str) -> Iterator[ServerEvent]:
    """Yield the events of a stream that come after the one with this id, for as long as anybody listens.

    When the daemon leaves, waits for the next one and goes on after the last event seen; starts none, so that
    `stop` ends a daemon that is watched. Raises the error that the daemon named.
    """
    watcher = Client(client.home, start=False)
    try:
        while True:
            with suppress(*LOST), watcher.open("GET", path, headers={"Last-Event-ID": after}) as response:
                for event in read_events(response):
                    after = event.id or after
                    yield event
            watcher.close()
            _wait_for_a_daemon(client)
    finally:
        watcher.close()


def _wait_for_a_daemon(client: Client) -> None:
    time.sleep(PAUSE_SECONDS)
    while daemon.owner_of(client.home) is None:
        time.sleep(PAUSE_SECONDS)
