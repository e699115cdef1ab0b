"""The open listeners of an instance, and who is connected to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from warmline.errors import DaemonError, NotFoundError
from warmline.listen.addresses import Address
from warmline.listen.crowd import Crowd, Room
from warmline.listen.seam import Desk, Listener
from warmline.listen.session import Session
from warmline.listen.transports import listen_at
from warmline.settings import ListenSettings


@dataclass(frozen=True, slots=True)
class Opened:
    """A listener that is open: connections now, and requests since then."""

    address: Address
    needs_token: bool
    since: datetime
    connections: int
    requests: int


@dataclass(frozen=True, slots=True)
class _Place:
    listener: Listener
    room: Room
    since: datetime


class Listeners:
    """Opens and closes listeners while the loop runs. A service: cancelled, it closes all, and ends their connections.

    To be used on one event loop only.
    """

    def __init__(self, desk: Desk, settings: ListenSettings) -> None:
        self._settings = settings
        self._crowd = Crowd(desk, settings)
        self._places: dict[Address, _Place] = {}

    def open(self, address: Address, *, needs_token: bool) -> Opened:
        """Listen at the address: who speaks there shows a token, or need not.

        Raises DaemonError when the place is taken or cannot be had, or settings.listeners are open.
        """
        if len(self._places) >= self._settings.listeners:
            raise DaemonError(f"{self._settings.listeners} listeners are open, which is the limit: close one of them")
        listener = listen_at(address, self._settings)
        room = Room(self._crowd, needs_token=needs_token)
        listener.open(lambda: Session(room))
        place = self._places[listener.address] = _Place(listener, room, datetime.now(UTC))
        return _opened(place)

    def close(self, address: Address) -> None:
        """Listen there no more. What is in flight there is still answered. Raises NotFoundError."""
        place = self._places.pop(address, None)
        if place is None:
            raise NotFoundError(f"nothing is open at {address}")
        place.listener.close()
        place.room.close()

    def list(self) -> Sequence[Opened]:
        """Return what is open, in the order in which it was opened."""
        return [_opened(place) for place in self._places.values()]

    async def run(self) -> None:
        """Serve until cancelled; then close everything, and return when no connection is left."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for place in self._places.values():
                place.listener.close()
            self._places.clear()
            await self._crowd.leave()


def _opened(place: _Place) -> Opened:
    room = place.room
    return Opened(place.listener.address, room.needs_token, place.since, room.connections, room.requests)
