"""One client of a measurement, whatever it measures: each request is made, and its reply checked to be whole."""

from __future__ import annotations

import subprocess
import sys
from typing import Protocol

from warmline.errors import DaemonError
from warmline.listen.client import LineClient, connect
from warmline.operations.bench_transports import lines
from warmline.operations.bench_transports.ways import Load, Subject

LIMIT_SECONDS = 60.0
"""For one reply: what takes longer is lost."""

PROGRAM = "import sys; sys.stdout.write(sys.stdin.readline())"
"""What is started for a question: as little as a program in Python can be. An agent's takes seconds more."""

COMMAND = (sys.executable, "-I", "-S", "-c", PROGRAM)


class Client(Protocol):
    """Makes one request after another."""

    def request(self) -> None:
        """Make a request, and have its reply. Raises DaemonError when it is not whole, or what its transport raises."""

    def close(self) -> None:
        """Let go of everything."""


class BareClient:
    """Sends a line over a bare transport."""

    def __init__(self, load: Load, number: int) -> None:
        assert load.target.address is not None  # noqa: S101  # a bare server has a place
        self._line = b"x" * (load.size - 1) + b"\n"
        self._exchange = lines.connect(load.target.address, number)

    def request(self) -> None:
        """Send it there and back."""
        if self._exchange.exchange(self._line) != self._line:
            raise DaemonError("a bare line came back as another")

    def close(self) -> None:
        """Close the transport."""
        self._exchange.close()


class SpawnClient:
    """Starts a process for each request."""

    def __init__(self, load: Load) -> None:
        self._line = b"x" * (load.size - 1) + b"\n"

    def request(self) -> None:
        """Start it, give it the line, and read what it says to its end."""
        done = subprocess.run(COMMAND, input=self._line, capture_output=True, timeout=LIMIT_SECONDS, check=True)  # noqa: S603  # our own
        if done.stdout != self._line:
            raise DaemonError("a process said another line than it was given")

    def close(self) -> None:
        """Nothing is held."""


class PingClient:
    """Asks an instance for a sign of life."""

    def __init__(self, load: Load) -> None:
        self._line = _connected(load)
        self._data = "x" * load.size

    def request(self) -> None:
        """Have its data come back."""
        if self._line.ping(self._data) != self._data:
            raise DaemonError("a ping's data came back as another")

    def close(self) -> None:
        """Leave."""
        self._line.close()


class AskClient:
    """Asks an instance questions, each a new one."""

    def __init__(self, load: Load) -> None:
        self._line = _connected(load)
        self._question = "q" * load.size

    def request(self) -> None:
        """Ask, and have the answer."""
        self._line.ask(self._question, wait=LIMIT_SECONDS)

    def close(self) -> None:
        """Leave."""
        self._line.close()


def _connected(load: Load) -> LineClient:
    assert load.target.address is not None  # noqa: S101  # an instance has a place
    return connect(str(load.target.address), token=load.target.token, timeout=LIMIT_SECONDS, reconnect=0)


def open_client(load: Load, number: int) -> Client:
    """Connect the client of this number."""
    match load.target.subject:
        case Subject.BARE:
            return BareClient(load, number)
        case Subject.SPAWN:
            return SpawnClient(load)
        case Subject.PING:
            return PingClient(load)
        case Subject.ASK:
            return AskClient(load)
