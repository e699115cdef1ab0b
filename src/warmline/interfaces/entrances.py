"""An entrance: a socket on which we listen, with room for so many connections, and strangers who make room for others.

Accepting is ours, not the event loop's: so a connection counts from its first moment, through its TLS handshake too,
one entrance cannot take the room of another, and a system without descriptors is asked again after a pause.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from uvicorn import Config
from uvicorn.server import ServerState

from warmline.daemon import is_loopback
from warmline.interfaces.certificates import Certificate
from warmline.interfaces.connections import Connection
from warmline.interfaces.hosts import Hosts
from warmline.settings import DoorSettings

ACCEPTED_AT_ONCE = 4
"""Before others have their turn on the event loop."""


class Tcp:
    """Where the daemon is reached over TCP: a socket that listens, the name it was asked for by, and how it speaks."""

    def __init__(self, listener: socket.socket, host: str, certificate: Certificate | None) -> None:
        address, port = listener.getsockname()[:2]
        self.listener = listener
        self.tls = certificate.context if certificate else None
        self.hosts = Hosts(
            "https" if certificate else "http", port, (host, *(certificate.names if certificate else ()))
        )
        self.address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self.is_exposed = certificate is None and not is_loopback(address)
        """Whether other machines reach it and may speak without TLS."""


class Entrance:
    """Listens until closed. Over TCP it has hosts, and a stranger who came first leaves first when room is needed."""

    def __init__(
        self,
        listener: socket.socket,
        room: int,
        limits: DoorSettings,
        *,
        hosts: Hosts | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.hosts = hosts
        self.limits = limits
        self.inside = 0
        self._listener = listener
        self._room = room
        self._tls = tls
        self._strangers: dict[Connection, None] = {}
        self._known: dict[Connection, None] = {}
        self._greeting: set[asyncio.Task[None]] = set()
        self._watching: asyncio.TimerHandle | None = None
        self._is_closed = False

    def open(self, config: Config, state: ServerState) -> None:
        """Accept connections from now on."""
        self._loop = asyncio.get_running_loop()
        self._config, self._state = config, state
        self._listener.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Accept no more; connections stay, but for those that are still in their handshake."""
        self._is_closed = True
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for task in self._greeting:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until nothing of it is left but connections."""
        if self._greeting:
            await asyncio.wait(self._greeting)

    def welcome(self, connection: Connection) -> None:
        """Keep a connection when strangers have to leave."""
        if connection in self._strangers:
            del self._strangers[connection]
            self._known[connection] = None

    def left(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def _resume(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                peer, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor, or no memory: the peer waits in the kernel's queue
                self._loop.remove_reader(self._listener)
                self._loop.call_later(self.limits.accept_pause.total_seconds(), self._resume)
                return
            if self._has_room():
                self._greet(peer)
            else:
                peer.close()

    def _has_room(self) -> bool:
        """Make room where there is none. Tell whether there is now."""
        if len(self._strangers) + len(self._known) < self._room:
            return True
        leaving = next(iter(self._strangers), None) or next((each for each in self._known if each.is_idle), None)
        if leaving is None:
            return False
        self.left(leaving)
        leaving.abort()
        return True

    def _greet(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        if peer.family != socket.AF_UNIX:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self._config, self._state, self)
        self._strangers[connection] = None
        task = self._loop.create_task(self._shake_hands(peer, connection), name="greeting")
        connection.abandon = task.cancel
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)
        if self._watching is None:
            self._watch()

    async def _shake_hands(self, peer: socket.socket, connection: Connection) -> None:
        patience = self.limits.head_patience.total_seconds() if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, peer, ssl=self._tls, ssl_handshake_timeout=patience
            )
        except OSError:  # the peer's doing, as is all that goes wrong in a handshake: not worth a line in the log
            self.left(connection)
            peer.close()
        except asyncio.CancelledError:
            self.left(connection)
            peer.close()
            raise

    def _watch(self) -> None:
        """Look at every connection, and again in a while, until there are none."""
        now = self._loop.time()
        for connection in [*self._strangers, *self._known]:
            if connection.is_overdue(now):
                connection.abort()
        again = self._strangers or self._known
        period = self.limits.watch_period.total_seconds()
        self._watching = self._loop.call_later(period, self._watch) if again else None
