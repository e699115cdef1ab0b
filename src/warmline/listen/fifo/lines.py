"""What is written to a rendezvous, without I/O: lines of at most PIPE_BUF bytes, out of bytes by anybody."""

from __future__ import annotations

import json
from select import PIPE_BUF
from typing import NamedTuple

OPENED = b'{"type":"opened"}\n'


class Open(NamedTuple):
    """A client wants a connection over two FIFOs of its own."""

    requests: str
    replies: str


class Letter(NamedTuple):
    """One request, whose replies go to the FIFO reply_to; line is it all, with a newline."""

    reply_to: str
    line: bytes


class Lines:
    """Cuts what was read into lines. Holds at most PIPE_BUF + 1 bytes; a line longer than PIPE_BUF is left out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole now, without newlines and without those that are empty."""
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[: PIPE_BUF + 1]  # as many more as show that it is too long
        return [line for line in whole if 0 < len(line) <= PIPE_BUF]


def read_line(line: bytes) -> Open | Letter | None:
    """Tell what a line wants; None: nothing that can be understood."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match said:
        case {"type": "open", "requests": str(requests), "replies": str(replies)}:
            return Open(requests, replies)
        case {"type": str(), "reply_to": str(reply_to)}:
            return Letter(reply_to, line + b"\n")
        case _:
            return None


def write_open(requests: str, replies: str) -> bytes:
    """Return what a client writes in one call."""
    said = {"type": "open", "requests": requests, "replies": replies}
    return b"\n" + json.dumps(said, separators=(",", ":")).encode() + b"\n"


def refusal_in(line: bytes) -> str | None:
    """Tell why the instance did not open a connection; None: it did."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    match said:
        case {"type": "opened"}:
            return None
        case {"type": "error", "error": str(error)}:
            return error
        case _:
            return "it said something that is not of this protocol"
