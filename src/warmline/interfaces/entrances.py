"""An entrance: a socket on which we listen, with room for so many connections, and strangers who make room for others.

Accepting is ours, not the event loop's: so a connection counts from its first moment, through its TLS handshake too,
one entrance cannot take the room of another, and a system without descriptors is asked again after a pause. Over TCP
a peer whose first head has not come yet costs a descriptor and no more: thousands may come, and others are served.
Such a peer is not left to the kernel (TCP_DEFER_ACCEPT): that forgets it in silence when we end, and clients that keep
spare connections, as those of Rust's hyper do, would send their next request on one that nobody knows.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
from itertools import islice

from uvicorn import Config
from uvicorn.server import ServerState

from warmline.accepting import Accepting
from warmline.daemon import is_loopback
from warmline.interfaces.certificates import Certificate
from warmline.interfaces.connections import Connection
from warmline.interfaces.hosts import Hosts
from warmline.settings import DoorSettings

AT_ONCE = 2
"""Peers accepted, and greeted, before others have their turn on the event loop."""

HEARD_AT_ONCE = 32
"""Arrivals read from likewise: that costs a tenth."""

READ_BYTES = 8192
"""Of an arrival's head; a longer one is the parser's to bound."""


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


class _Arrival:
    """A peer whose first head has not come yet."""

    __slots__ = ("_selector", "_until", "peer", "said")

    def __init__(self, peer: socket.socket, selector: selectors.BaseSelector, until: float) -> None:
        self.peer = peer
        self.said = b""
        self._selector = selector
        self._until = until
        selector.register(peer, selectors.EVENT_READ, self)

    def is_overdue(self, now: float) -> bool:
        """Tell whether it has taken too long."""
        return now > self._until

    def read(self) -> bool:
        """Take in what came; tell whether it is the parser's: a head, or none. Raises OSError when the peer left."""
        more = self.peer.recv(READ_BYTES, socket.MSG_DONTWAIT)
        if not more:
            raise ConnectionResetError
        self.said += more
        is_head = b"\r\n\r\n" in self.said or b"\n\n" in self.said or len(self.said) >= READ_BYTES
        return is_head or not self.said[:1].isupper()  # a method begins so

    def leave(self) -> socket.socket:
        """Listen to it no more; return the peer."""
        self._selector.unregister(self.peer)
        return self.peer

    def abort(self) -> None:
        """End the connection."""
        self.leave().close()


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
        self._strangers: dict[Connection | _Arrival, None] = {}
        self._known: dict[Connection, None] = {}
        self._arrivals = selectors.DefaultSelector()
        self._greeting: set[asyncio.Task[None]] = set()
        self._watching: asyncio.TimerHandle | None = None
        self._accepting = Accepting(listener, self._take, at_once=AT_ONCE, pause=limits.accept_pause)

    def open(self, config: Config, state: ServerState) -> None:
        """Accept connections from now on."""
        self._loop = asyncio.get_running_loop()
        self._config, self._state = config, state
        self._listener.setblocking(False)
        self._loop.add_reader(self._arrivals, self._listen)
        self._accepting.open()

    def close(self) -> None:
        """Accept no more; connections stay, but for those that have not begun."""
        self._accepting.close()
        self._listener.close()
        self._loop.remove_reader(self._arrivals)
        for stranger in [each for each in self._strangers if isinstance(each, _Arrival)]:
            self._end(stranger)
        self._arrivals.close()
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

    def left(self, connection: Connection | _Arrival) -> None:
        """Note that a connection has ended."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)  # type: ignore[arg-type]

    def _take(self, peer: socket.socket) -> None:
        if self._has_room():
            self._take_in(peer)
        else:
            peer.close()

    def _has_room(self) -> bool:
        """Make room where there is none. Tell whether there is now."""
        if len(self._strangers) + len(self._known) < self._room:
            return True
        leaving = next(iter(self._strangers), None) or next((each for each in self._known if each.is_idle), None)
        if leaving is None:
            return False
        self._end(leaving)
        return True

    def _end(self, connection: Connection | _Arrival) -> None:
        self.left(connection)
        connection.abort()

    def _take_in(self, peer: socket.socket) -> None:
        if self.hosts is None:  # no stranger opens the home's socket
            self._greet(peer, b"")
        else:
            patience = self.limits.head_patience.total_seconds()
            self._strangers[_Arrival(peer, self._arrivals, self._loop.time() + patience)] = None
        if self._watching is None:
            self._watch()

    def _listen(self) -> None:
        """Read what arrivals say, and greet some whose heads have come."""
        greeted = 0
        for key, _ in islice(self._arrivals.select(0), HEARD_AT_ONCE):
            greeted += self._hear(key.data)
            if greeted == AT_ONCE:
                return

    def _hear(self, arrival: _Arrival) -> bool:
        """Greet the arrival if its head has come; with TLS, if it says anything. Tell whether it was greeted."""
        try:
            if self._tls is None and not arrival.read():
                return False
        except BlockingIOError:
            return False
        except OSError:
            self._end(arrival)
            return False
        self.left(arrival)
        self._greet(arrival.leave(), arrival.said)
        return True

    def _greet(self, peer: socket.socket, said: bytes) -> None:
        peer.setblocking(False)
        connection = Connection(self._config, self._state, self, said)
        self._strangers[connection] = None
        task = self._loop.create_task(self._shake_hands(peer, connection), name="greeting")
        connection.abandon = task.cancel
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

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
                self._end(connection)
        again = self._strangers or self._known
        period = self.limits.watch_period.total_seconds()
        self._watching = self._loop.call_later(period, self._watch) if again else None
