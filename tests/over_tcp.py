"""Raw bytes to a real daemon over TCP, as a peer that keeps to no rules sends them."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

from real_home import RealHome

LIMIT_SECONDS = 5


@dataclass(frozen=True)
class Peer:
    """A peer at an address, from one of its own."""

    host: str
    port: int
    token: str
    source: str = "127.0.0.1"

    def request(self, *lines: str, path: str = "/healthz", method: str = "GET", host: str | None = None) -> bytes:
        """Return a request with a Host header and these header lines, after which the connection ends."""
        named = host or f"{self.host}:{self.port}"
        return "\r\n".join(
            (f"{method} {path} HTTP/1.1", f"Host: {named}", "Connection: close", *lines, "", "")
        ).encode()

    def known(self) -> str:
        """Return the header that shows the owner's credential."""
        return f"Authorization: Bearer {self.token}"

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection((self.host, self.port), LIMIT_SECONDS, (self.source, 0))

    def say(self, raw: bytes) -> bytes:
        """Send this, and return all that comes back until the other side ends the connection."""
        with self.connect() as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(raw)
            return read_all(connection)

    def status(self, raw: bytes) -> int:
        """Send this, and return the status of the answer; 0 when there is none."""
        said = self.say(raw)
        return int(said.split(b" ", 2)[1]) if said else 0


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side ends it."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            said += piece
    return said


def peer_of(line: RealHome, source: str = "127.0.0.1") -> Peer:
    """Return a peer of the daemon of a home."""
    host, _, port = line.json("status")["address"].rpartition(":")
    return Peer(host, int(port), line.home.read_token(), source)
