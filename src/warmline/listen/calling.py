"""Requests of several threads over one channel, which is made anew when it is lost.

Nothing runs beside the threads that ask. One of those that wait receives for all of them, and hands that duty on when
its own reply has come: with one thread, a request is a send and a receive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.calls import Call, new_id
from warmline.listen.exchange import CLOSED, Exchange, lost_for_good
from warmline.listen.lifeline import Lifeline
from warmline.listen.messages import Ping, Progress, Reply, Request, Text
from warmline.listen.transports import connect_channel

if TYPE_CHECKING:
    from warmline.listen.seam import Channel

SHORTEST_LISTENING = 0.001
"""In seconds: to a channel, 0 may mean not to wait at all."""


class _Connection:
    """A channel, and whether a thread that sent found it broken; the one that receives closes it."""

    __slots__ = ("broken", "channel")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.broken = False


class Caller:
    """One client's connection, shared by threads. Made, it is connected. Raises DisconnectedError."""

    def __init__(self, address: Address, token: str | None, lifeline: Lifeline) -> None:
        self._address = address
        self._exchange = Exchange(token)
        self._lifeline = lifeline
        self._state = threading.Lock()
        self._sending = threading.Lock()
        self._closing = threading.Event()
        self._led = False
        self._connection: _Connection | None = _Connection(connect_channel(address, lifeline.timeout))

    @property
    def closed(self) -> bool:
        """Whether nothing more is said."""
        return self._closing.is_set()

    def call(
        self,
        request: Request,
        on_text: Callable[[Text], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Reply:
        """Say a request, hand on what is heard of it, and return the reply that ends it.

        Raises PendingError or DisconnectedError when none will be waited for, ConflictError, InvalidInputError.
        """
        call = self._begin(request)
        try:
            while True:
                reply = self._next(call)
                if isinstance(reply, Text):
                    if on_text is not None:
                        on_text(reply)
                elif isinstance(reply, Progress):
                    if on_progress is not None:
                        on_progress(reply)
                else:
                    return reply
        finally:
            with self._state:
                self._exchange.forget(call)
                self._hand_on()

    def close(self) -> None:
        """End the connection, and whoever waits. Twice is fine."""
        with self._state:
            self._closing.set()
            self._exchange.fail(CLOSED)
            connection, led = self._connection, self._led
            if not led:
                self._connection = None
        if connection is None:
            return
        if led:
            # A channel is not closed under the thread that receives: that one hears the pong, and closes it.
            self._send(connection, self._exchange.encode(Ping(new_id())))
        else:
            connection.channel.close()

    def _begin(self, request: Request) -> Call:
        line = self._exchange.encode(request)
        now = monotonic()
        with self._state:
            if self.closed:
                raise DisconnectedError(CLOSED)
            if not self._exchange:
                self._lifeline.expect(now)
            return self._exchange.begin(request, line, now)

    def _next(self, call: Call) -> Reply:
        """Return what comes next for a call, and do meanwhile what there is to do for all."""
        while True:
            with self._state:
                call.wake = None
                reply = call.take()
                if reply is not None:
                    self._hand_on()
                    return reply
                connection = self._connection
                left = call.left(monotonic(), self._lifeline.timeout if connection else 0.0)
                line = self._line_to_say(call, connection)
                leads = line is None and not self._led
                if leads:
                    self._led = True
                elif line is None:
                    called = threading.Event()
                    call.wake = called.set
            if line is not None and connection is not None:
                self._send(connection, line)
            elif leads:
                self._lead(connection, left)
            else:
                called.wait(left)

    def _line_to_say(self, call: Call, connection: _Connection | None) -> bytes | None:
        """Return what is still to be said for a call, if it can be now. The state is locked."""
        if connection is None or connection.broken or not self._exchange.can_say(call, connection):
            return None
        return self._exchange.say(call, connection, monotonic())

    def _hand_on(self) -> None:
        """Wake one to receive from now on, if nobody does, and one who has room now to speak. The state is locked."""
        if not self._led:
            self._wake_first(lambda _call: True)
        if self._exchange.has_unsaid and (connection := self._connection) is not None:
            self._wake_first(lambda call: self._exchange.can_say(call, connection))

    def _wake_first(self, fits: Callable[[Call], bool]) -> None:
        for call in self._exchange:
            if call.wake is not None and fits(call):
                call.wake()
                return

    def _send(self, connection: _Connection, line: bytes) -> None:
        """Send a line whole, or find the connection broken."""
        with self._sending:
            if connection.broken:
                return
            try:
                connection.channel.send(line, self._lifeline.timeout)
            except (TimeoutError, DisconnectedError):
                connection.broken = True
            except BaseException:
                # Ctrl-C half way leaves half a line, after which nothing can be said.
                connection.broken = True
                raise

    def _lead(self, connection: _Connection | None, left: float) -> None:
        """Take one step for all: connect, or receive."""
        try:
            if connection is None:
                self._connect(left)
            elif connection.broken:
                self._lose(connection, "it took in nothing more")
            else:
                self._receive(connection, left)
        finally:
            with self._state:
                self._led = False
                abandoned = self._connection if self.closed else None
                if abandoned is not None:
                    self._connection = None
            if abandoned is not None:
                abandoned.channel.close()

    def _receive(self, connection: _Connection, left: float) -> None:
        now = monotonic()
        try:
            data = connection.channel.receive(max(min(left, self._lifeline.listen_until() - now), SHORTEST_LISTENING))
        except TimeoutError:
            self._mind_silence(connection)
            return
        except DisconnectedError as error:
            self._lose(connection, str(error))
            return
        if not data:
            self._lose(connection, "it ended the connection")
            return
        with self._state:
            try:
                self._lifeline.heard(monotonic(), understood=self._exchange.receive(data))
                return
            except DisconnectedError as error:
                nonsense = str(error)
        self._lose(connection, nonsense, for_good=True)

    def _mind_silence(self, connection: _Connection) -> None:
        now = monotonic()
        if self._lifeline.is_lost(now):
            self._lose(connection, f"it said nothing for {self._lifeline.timeout:g} seconds")
        elif self._lifeline.ping_is_due(now):
            self._send(connection, self._exchange.encode(Ping(new_id())))

    def _lose(self, connection: _Connection | None, why: str, *, for_good: bool = False) -> None:
        with self._state:
            self._connection = None
            self._exchange.renew()
            if for_good or not self._lifeline.lost(monotonic()):
                self._exchange.fail(lost_for_good(self._address, why))
        if connection is not None:
            connection.channel.close()

    def _connect(self, left: float) -> None:
        pause = self._lifeline.next_try - monotonic()
        if pause > 0:
            self._closing.wait(min(pause, left))
            return
        try:
            channel = connect_channel(self._address, max(min(self._lifeline.timeout, left), SHORTEST_LISTENING))
        except (TimeoutError, DaemonError) as error:
            self._lose(None, str(error))
            return
        with self._state:
            self._connection = _Connection(channel)
            self._lifeline.opened(monotonic())
            for call in self._exchange:
                if call.wake is not None:
                    call.wake()
