"""The seams of this part: who answers requests, and what carries bytes.

A connection is an asyncio.Transport on both sides, whatever lies beneath it, and what is said on it is an
asyncio.Protocol. A listener lets in none but who may come: over what is not TCP, this user's own programs.
tests/conformance/test_listener.py holds every listener and every channel to what stands here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from warmline.listen.addresses import Address
from warmline.listen.messages import Asked, Reply
from warmline.parties import Credential


class Desk(Protocol):
    """Answers requests. It knows nothing of connections."""

    def admit(self, token: str | None) -> Credential:
        """Return who speaks: of None, those who need no token. Raises UnauthorizedError."""

    def check(self, by: Credential) -> None:
        """Raises UnauthorizedError when whom `admit` returned speaks no more."""

    def answer(
        self, by: Credential, request: Asked, say: Callable[[Reply], None], taken: Callable[[], None]
    ) -> Awaitable[Reply]:
        """Answer: interim replies by say, then the last one. Raises WarmlineError, which the client is told.

        A question is durable before anything is said of it. taken is called, in the task that awaits this, once there
        is nothing left but to wait: cancelled from then on, it stops waiting, and the question goes on. It is not to
        be cancelled before.
        """


class Listener(Protocol):
    """A place where clients connect. It is bound when it is made, and gone when it is closed.

    Making one raises DaemonError when the place is taken or cannot be had; what lies there is never overwritten,
    unless a dead listener of the same kind left it.
    """

    @property
    def address(self) -> Address:
        """Where clients reach it: with the port that was bound."""

    def open(self, new_session: Callable[[], asyncio.Protocol]) -> None:
        """Take connections from now on, each with a protocol of its own, on the running loop."""

    def close(self) -> None:
        """Take no more, and take away what others could see of it. Connections stay. Twice is fine."""


class Channel(Protocol):
    """The client's end of one connection, for who blocks. Made by `connect_channel`; raises DisconnectedError.

    Both ways are streams of bytes. One thread may send while another receives.
    """

    def send(self, data: bytes, timeout: float | None) -> None:
        """Send all of it; block at most so many seconds, None: for ever. Raises TimeoutError, DisconnectedError."""

    def receive(self, timeout: float | None) -> bytes:
        """Return what came, at least one byte; b"" at the end. Raises TimeoutError, DisconnectedError."""

    def close(self) -> None:
        """End the connection, and leave nothing of it behind. Twice is fine."""
