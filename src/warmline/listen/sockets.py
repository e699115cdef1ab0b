"""Listening on TCP and Unix sockets."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable

from warmline.accepting import Accepting
from warmline.endpoints import bind_tcp, resolve_tcp
from warmline.listen.addresses import Address, Via, address_of
from warmline.listen.transports import not_to_be_had
from warmline.listen.unix_sockets import UnixPlace, is_ours
from warmline.settings import ListenSettings

AT_ONCE = 8
"""Peers accepted before others have their turn on the event loop."""

KEEPALIVE_SECONDS = 60
"""Of silence, until the system asks whether a peer is still there; it is gone after as long again without an answer."""


class SocketListener:
    """Takes connections over TCP, or over a Unix socket from programs of the same user."""

    def __init__(self, address: Address, settings: ListenSettings) -> None:
        self._place: UnixPlace | None = None
        try:
            if address.via is Via.TCP:
                self._listener = bind_tcp(resolve_tcp(*address.host_and_port))
            else:
                self._place = UnixPlace(address.path)
                self._listener = self._place.socket
        except OSError as error:
            raise not_to_be_had(address, error) from error
        self._address = address if self._place else _address_of(self._listener)
        self._accepting = Accepting(self._listener, self._take, at_once=AT_ONCE, pause=settings.accept_pause)
        self._greeting: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where clients reach it: with the port that was bound."""
        return self._address

    def open(self, new_session: Callable[[], asyncio.Protocol]) -> None:
        """Take connections from now on, each with a protocol of its own, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._new_session = new_session
        self._accepting.open()

    def close(self) -> None:
        """Take no more, and take the socket's path away. Connections stay."""
        self._accepting.close()
        if self._place is not None:
            self._place.close(self._address.path)
        self._listener.close()

    def _take(self, peer: socket.socket) -> None:
        if self._place is None or is_ours(peer):
            task = self._loop.create_task(self._greet(peer), name="greeting")
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)
        else:
            peer.close()

    async def _greet(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        try:
            if self._address.via is Via.TCP:
                _notice_the_lost(peer)
            await self._loop.connect_accepted_socket(self._new_session, peer)
        except OSError:  # the peer has left
            peer.close()
        except asyncio.CancelledError:
            peer.close()
            raise


def _address_of(listener: socket.socket) -> Address:
    """Return the TCP address that was bound, with the port that the system may have chosen."""
    host, port = listener.getsockname()[:2]
    return address_of(Via.TCP, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _notice_the_lost(peer: socket.socket) -> None:
    """Have the system ask a peer that says nothing whether it is still there: a machine may vanish without a word."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS // 4)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
