"""What waiting costs: many receivers that wait in one daemon, and how soon a message wakes one of them.

Measured from outside, over HTTP, on a daemon of its own with a throw-away home. What the daemon used is read from
/proc, so this runs on Linux only.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from warmline import daemon
from warmline.errors import DaemonError
from warmline.home import Home
from warmline.operations.floor import FloorMeter
from warmline.settings import DaemonSettings
from warmline.warm.processes import rss_bytes

REQUEST_SECONDS = 60.0
PATIENCE_SECONDS = 3600
WARMING = 100
"""Requests before anything is measured: the first ones make what stays."""

ROUNDS = 100


@dataclass(frozen=True, slots=True)
class WaitersFigures:
    """The cost of `waiting` receivers, and of waking one. Times are medians in milliseconds."""

    waiting: int
    more_mb: float
    core_percent: float
    woken_by_one: int
    wake_p50_ms: float
    commit_ms: float

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program; names carry the units."""
        return asdict(self)


def run(folder: Path | None, *, waiting: int, seconds: float, on_step: Callable[[str], None]) -> WaitersFigures:
    """Measure in a temporary folder within `folder`; seconds is how long the daemon is watched while all wait."""
    if not Path("/proc/self/stat").exists():
        raise DaemonError("this bench reads /proc: run it on Linux")
    with tempfile.TemporaryDirectory(prefix="warmline-bench-", dir=folder) as name:
        home, settings = Home(Path(name) / "home"), DaemonSettings()
        daemon.start(home, settings)
        try:
            commit_ms = FloorMeter(Path(name), rounds=100).slice().floor().commit_ms
            return _measure(home, waiting, seconds, commit_ms, on_step)
        finally:
            daemon.stop(home, settings)


def _measure(
    home: Home, waiting: int, seconds: float, commit_ms: float, on_step: Callable[[str], None]
) -> WaitersFigures:
    owner = _Caller(home, home.read_token())
    made = owner.call("POST", "/v1/conversations", {"between": ["sender", "reader"]})
    tokens = {each["name"]: each["token"] for each in made["credentials"]}
    pid = owner.call("GET", "/v1/status")["pid"]
    for _ in range(WARMING):
        owner.call("GET", "/v1/mailboxes")
    before = rss_bytes(pid) / 2**20
    on_step(f"{waiting} receivers")
    readers = {reader.begin().fileno(): reader for reader in (_Caller(home, tokens["reader"]) for _ in range(waiting))}
    while owner.call("GET", "/v1/status")["receiving"] < waiting:
        continue
    more = rss_bytes(pid) / 2**20 - before
    on_step(f"nothing happens for {seconds:g} s")
    used = _core_seconds(pid)
    time.sleep(seconds)
    used = _core_seconds(pid) - used
    on_step("one message after another")
    sender = _Caller(home, home.read_token())  # the server has closed the owner's connection: it was idle too long
    times, woken = _wake(sender, made["id"], readers)
    return WaitersFigures(
        waiting=waiting,
        more_mb=round(more, 1),
        core_percent=round(used / seconds * 100, 2),
        woken_by_one=woken,
        wake_p50_ms=round(statistics.median(times) * 1000, 2),
        commit_ms=round(commit_ms, 3),
    )


def _wake(sender: _Caller, conversation: str, readers: dict[int, _Caller]) -> tuple[list[float], int]:
    """Send one message at a time; return how long each took to reach a reader, and the most that one woke."""
    times, most = [], 0
    for number in range(min(ROUNDS, len(readers))):
        started = time.perf_counter()
        sender.call("POST", "/v1/messages", {"to": "reader", "conversation": conversation, "body": f"message {number}"})
        woken, _, _ = select.select(list(readers), [], [], REQUEST_SECONDS)
        times.append(time.perf_counter() - started)
        most = max(most, len(woken))
        for each in woken:
            readers.pop(each).end()
    return times, most


class _Caller:
    """One connection to the daemon, with a credential."""

    def __init__(self, home: Home, token: str) -> None:
        self._connection = http.client.HTTPConnection("localhost")
        self._connection.sock = daemon.connect(home, REQUEST_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # JSON
        self._connection.request(method, path, None if body is None else json.dumps(body).encode(), self._headers)
        return json.loads(self._connection.getresponse().read())

    def begin(self) -> Any:  # noqa: ANN401  # http.client has no type for it
        """Begin to wait for messages; return the socket on which they will come."""
        wanted = json.dumps({"wait": PATIENCE_SECONDS, "limit": 1}).encode()
        self._connection.request("POST", "/v1/mailboxes/receive", wanted, self._headers)
        return self._connection.sock

    def end(self) -> None:
        """Read what came, and leave."""
        self._connection.getresponse().read()
        self._connection.close()


def _core_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
