"""A process that sends or reads on a real line, and writes down what it saw before it says so to the line.

`python line_worker.py HOME TOKEN LOG read MAILBOX`     reads for ever, until it is killed
`python line_worker.py HOME TOKEN LOG send FIRST LAST TO...`   sends messages FIRST..LAST to the names in turn, and ends

Each line of the log is one JSON object, written with one call: what a killed process wrote is whole or absent.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from warmline import daemon
from warmline.home import Home

PAUSE_SECONDS = 0.05
LEASE_SECONDS = 3


class Line:
    """Speaks to the daemon of a home, however often it goes away and comes back."""

    def __init__(self, home: Path, token: str) -> None:
        self._home = Home(home)
        self._token = token
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        """Make a request until it is answered; return the status and what was said."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        while True:
            try:
                connection = self._connected()
                connection.request("POST", path, json.dumps(body), headers)
                response = connection.getresponse()
                said = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError):
                self._connection = None
                time.sleep(PAUSE_SECONDS)
                continue
            if response.status < http.client.INTERNAL_SERVER_ERROR:
                return response.status, said
            self._connection = None
            time.sleep(PAUSE_SECONDS)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("line", timeout=60)
            self._connection.sock = daemon.connect(self._home, 60)
        return self._connection


class Log:
    """Appends lines that are whole or absent."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def write(self, **fields: object) -> None:
        os.write(self._file, json.dumps(fields).encode() + b"\n")


def read(line: Line, log: Log, mailbox: str) -> None:
    """Receive and acknowledge for ever; the log knows of a hand-over before the line hears that it arrived."""
    done = None
    while True:
        body = {"mailbox": mailbox, "wait": 5, "limit": 10, "lease_seconds": LEASE_SECONDS, "done": done}
        status, batch = line.post("/v1/mailboxes/receive", body, uuid.uuid4().hex)
        if status == http.client.CONFLICT:  # the batch lapsed while the daemon was away: it comes again
            log.write(event="lost", token=done)
            done = None
            continue
        if status != http.client.OK:
            log.write(event="refused", status=status, said=batch)
            raise SystemExit(f"{status}: {batch}")
        if done is not None:
            log.write(event="done", token=done)
        done = batch["token"]
        for message in batch["messages"]:
            log.write(
                event="handed",
                token=done,
                id=message["id"],
                body=message["body"],
                deliveries=message["deliveries"],
            )


def send(line: Line, log: Log, first: int, last: int, recipients: list[str]) -> None:
    """Send each message under a key of its own, until it is accepted."""
    for number in range(first, last):
        to = recipients[number % len(recipients)]
        status, said = line.post("/v1/messages", {"to": to, "body": f"message {number}"}, f"message {number}")
        if status not in {http.client.OK, http.client.CREATED}:
            log.write(event="refused", status=status, said=said)
            raise SystemExit(f"{status}: {said}")
        log.write(event="sent", id=said["id"], to=to, number=number)


def main(home: str, token: str, log: str, verb: str, *words: str) -> None:
    line, out = Line(Path(home), token), Log(Path(log))
    if verb == "read":
        read(line, out, words[0])
    else:
        send(line, out, int(words[0]), int(words[1]), list(words[2:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
