"""How long a peer is waited for that takes its replies too slowly, or has gone. No clock: the time is handed in."""

from __future__ import annotations

import asyncio
import select
from datetime import timedelta

LEAST_SHARE_READ = 0.1


class Unread:
    """Watches what a peer takes in of what was said to it. To be asked again and again."""

    __slots__ = ("_patience", "_since", "_taken", "_waiting")

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience.total_seconds()
        self._since: float | None = None
        self._taken = 0
        self._waiting = 0

    def is_left(self, now: float, sent: int, waiting: int) -> bool:
        """Tell whether, for too long, the peer took in too little of what waited; sent counts all bytes so far."""
        if waiting == 0:
            self._since = None
            return False
        taken = sent - waiting
        if self._since is None or taken - self._taken >= self._waiting * LEAST_SHARE_READ:
            self._since, self._taken, self._waiting = now, taken, waiting
        return now - self._since > self._patience


def has_left(transport: asyncio.BaseTransport) -> bool:
    """Tell whether a peer that says no more hears no more either, where its socket tells the two apart."""
    connection = transport.get_extra_info("socket")
    if connection is None:
        return False
    ends = select.poll()
    ends.register(connection.fileno(), 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in ends.poll(0))
