"""`bench line`: how long a message takes from one process to another that waits for it, over HTTP.

A real daemon on a throw-away home, a sender and a waiting receiver, each a process of its own. A time counts
from before `send` is called to after the receiver's `receive` returned; both read the same monotonic clock.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from warmline import daemon
from warmline.errors import DaemonError
from warmline.home import Home
from warmline.operations.floor import Floor, FloorMeter
from warmline.settings import DaemonSettings

WARM_UP = 20
TIMEOUT_SECONDS = 60
RATE = 1_000_000_000
"""Messages a minute, an hour and a day that the bench gives its participants: none is to be stopped by it."""
NANOSECONDS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class LineFigures:
    """Times of hand-overs in milliseconds, beside the floor: a request that does nothing, and the disk."""

    messages: int
    p50_ms: float
    p99_ms: float
    request_p50_ms: float
    messages_per_minute_allowed: int
    floor: Floor

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program; names carry the units."""
        return asdict(self)


class Speaker:
    """One participant's connection to the daemon of a home."""

    def __init__(self, home: Home, token: str) -> None:
        self._connection = http.client.HTTPConnection("line", timeout=TIMEOUT_SECONDS)
        self._connection.sock = daemon.connect(home, TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:  # noqa: ANN401  # JSON
        """Make a request and return what was said. Raises DaemonError when it was refused, or could not be made."""
        return json.loads(self._said(method, path, body, key))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def steps(self, method: str, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Have work done that tells its steps, and return them at its end. Raises as `call`."""
        return [json.loads(line) for line in self._said(method, path, body, None).splitlines()]

    def _said(self, method: str, path: str, body: dict[str, Any] | None, key: str | None) -> bytes:
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = self._connection.getresponse()
            said = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise DaemonError(f"{method} {path} got no answer: {error!r}") from error
        if response.status >= http.client.BAD_REQUEST:
            raise DaemonError(f"{method} {path} was refused: {said.decode(errors='replace')}")
        return said


def run(folder: Path | None, *, messages: int, on_step: Callable[[str], None]) -> LineFigures:
    """Measure in a temporary folder within `folder` (its disk is what counts; default: where temporary files live)."""
    with tempfile.TemporaryDirectory(prefix="warmline-bench-", dir=folder) as name:
        meter = FloorMeter(Path(name), rounds=300).slice()
        home = Home(Path(name) / "home")
        daemon.start(home, DaemonSettings())
        try:
            on_step(f"{messages:,} messages from one process to another")
            tokens = _participants(Speaker(home, home.read_token()))
            times = _hand_overs(home, tokens, messages)
            asker = Speaker(home, home.read_token())  # one that was idle for so long is closed by now
            requests = [_timed(lambda: asker.call("GET", "/healthz")) for _ in range(messages)]
        finally:
            daemon.stop(home, DaemonSettings())
        floor = meter.slice().floor()
    times.sort()
    return LineFigures(
        messages=len(times),
        p50_ms=statistics.median(times),
        p99_ms=times[int(len(times) * 0.99)],
        request_p50_ms=statistics.median(requests),
        messages_per_minute_allowed=RATE,
        floor=floor,
    )


def receive_for_ever(home: Path, token: str) -> None:
    """Be the receiver: print each message's body and when it came, in nanoseconds of the monotonic clock."""
    speaker = Speaker(Home(home), token)
    done = None
    while True:
        batch = speaker.call("POST", "/v1/mailboxes/receive", {"wait": 30, "done": done}, uuid.uuid4().hex)
        now = time.monotonic_ns()
        for message in batch["messages"]:
            print(message["body"], now, flush=True)  # noqa: T201  # this is what the process is for
        done = batch["token"]


def _participants(owner: Speaker) -> list[str]:
    conversation = owner.call("POST", "/v1/conversations", {"between": ["first", "second"]})["id"]
    limits = {"per_minute": RATE, "per_hour": RATE, "per_day": RATE}
    return [
        owner.call("POST", "/v1/credentials", {"name": name, "conversation": conversation, **limits})["token"]
        for name in ("sender", "receiver")
    ]


def _hand_overs(home: Home, tokens: list[str], messages: int) -> list[float]:
    sender = Speaker(home, tokens[0])
    times = []
    with _receiver(home, tokens[1]) as lines:
        for number in range(WARM_UP + messages):
            began = time.monotonic_ns()
            sender.call("POST", "/v1/messages", {"to": "receiver", "body": str(number)}, uuid.uuid4().hex)
            body, came = next(lines).split()
            if int(body) != number:
                raise DaemonError(f"message {number} was awaited, and {body} came")
            times.append((int(came) - began) / NANOSECONDS_PER_MS)
    return times[WARM_UP:]


@contextmanager
def _receiver(home: Home, token: str) -> Iterator[Iterator[str]]:
    """Start the receiver and yield what it prints."""
    program = f"from {__name__} import *; import sys; receive_for_ever(Path(sys.argv[1]), sys.stdin.readline().strip())"
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", program, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdin is not None and receiver.stdout is not None  # noqa: S101, PT018  # asked for above
        receiver.stdin.write(f"{token}\n")
        receiver.stdin.flush()
        try:
            yield iter(receiver.stdout.readline, "")
        finally:
            receiver.kill()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / NANOSECONDS_PER_MS
