"""Requests of several coroutines over one transport, which is made anew when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self, cast

from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.calls import Call, new_id
from warmline.listen.exchange import CLOSED, Exchange, lost_for_good
from warmline.listen.lifeline import Lifeline
from warmline.listen.messages import Ping, Progress, Reply, Request, Text
from warmline.listen.transports import connect_transport


class _Wire(asyncio.Protocol):
    """One connection. It tells the caller what came, and that it ended, once."""

    _transport: asyncio.Transport

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller
        self.writable = True
        self.has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._caller.heard(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.has_ended = True
        self._caller.lost(self, str(exc) if exc else "it ended the connection")

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._caller.wake_all()

    def write(self, line: bytes) -> None:
        """Send, sooner or later."""
        self._transport.write(line)

    def abort(self) -> None:
        """End it at once, with what was not sent so far."""
        self._transport.abort()


class AsyncCaller:
    """One client's connection, shared by coroutines of one loop."""

    def __init__(self, address: Address, token: str | None, lifeline: Lifeline) -> None:
        self._address = address
        self._exchange = Exchange(token)
        self._lifeline = lifeline
        self._loop = asyncio.get_running_loop()
        self._attention = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._wire: _Wire | None = None
        self.closed = False

    async def open(self) -> Self:
        """Connect. Raises DisconnectedError."""
        self._wire = await self._connected()
        self._keeper = self._loop.create_task(self._keep(), name=f"warmline client of {self._address}")
        return self

    async def call(
        self,
        request: Request,
        on_text: Callable[[Text], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Reply:
        """Say a request, hand on what is heard of it, and return the reply that ends it.

        Raises PendingError or DisconnectedError when none will be waited for, ConflictError, InvalidInputError.
        Cancelled, it only stops waiting.
        """
        call = self._begin(request)
        try:
            while True:
                reply = await self._next(call)
                if isinstance(reply, Text):
                    if on_text is not None:
                        on_text(reply)
                elif isinstance(reply, Progress):
                    if on_progress is not None:
                        on_progress(reply)
                else:
                    return reply
        finally:
            self._exchange.forget(call)
            self._let_in()

    async def close(self) -> None:
        """End the connection, and whoever waits. Twice is fine."""
        self.closed = True
        self._exchange.fail(CLOSED)
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()

    def heard(self, wire: _Wire, data: bytes) -> None:
        """Take in what came."""
        if wire is not self._wire:
            return
        try:
            self._lifeline.heard(self._loop.time(), understood=self._exchange.receive(data))
        except DisconnectedError as error:
            self._lose(str(error), for_good=True)

    def lost(self, wire: _Wire, why: str) -> None:
        """Take note that a connection ended."""
        if wire is self._wire:
            self._lose(why)

    def _begin(self, request: Request) -> Call:
        if self.closed:
            raise DisconnectedError(CLOSED)
        if not self._exchange:
            self._lifeline.expect(self._loop.time())
            if self._wire is None:
                self._attention.set()
        return self._exchange.begin(request, self._exchange.encode(request), self._loop.time())

    async def _next(self, call: Call) -> Reply:
        """Return what comes next for a call, and say its line first on a connection where it was not said."""
        while True:
            reply = call.take()
            if reply is not None:
                return reply
            wire = self._wire
            left = call.left(self._loop.time(), self._lifeline.timeout if wire else 0.0)
            if wire is not None and wire.writable and self._exchange.can_say(call, wire):
                wire.write(self._exchange.say(call, wire, self._loop.time()))
            else:
                await self._wait(call, left)

    async def _wait(self, call: Call, seconds: float) -> None:
        """Wait until the call is woken, or the time is over."""
        woken = self._loop.create_future()
        call.wake = partial(_resolve, woken)
        timer = self._loop.call_later(seconds, call.wake)
        try:
            await woken
        finally:
            timer.cancel()
            call.wake = None

    def wake_all(self) -> None:
        """Let every call look again whether its line can be said."""
        for call in self._exchange:
            if call.wake is not None:
                call.wake()

    def _let_in(self) -> None:
        """Wake one who may have waited for room to speak."""
        if self._wire is None or not self._exchange.has_unsaid:
            return
        for call in self._exchange:
            if call.wake is not None and self._exchange.can_say(call, self._wire):
                call.wake()
                return

    async def _keep(self) -> None:
        """Connect anew when the connection is lost and somebody waits, and listen for its silence."""
        try:
            while True:
                self._attention.clear()
                if not self._exchange:
                    await self._rest(self._lifeline.timeout / 2)
                elif self._wire is None:
                    await self._connect()
                else:
                    self._mind_silence(self._wire)
                    await self._rest(self._lifeline.listen_until() - self._loop.time())
        finally:
            self._exchange.fail(CLOSED)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._attention.wait()

    def _mind_silence(self, wire: _Wire) -> None:
        now = self._loop.time()
        if self._lifeline.is_lost(now):
            self._lose(f"it said nothing for {self._lifeline.timeout:g} seconds")
        elif self._lifeline.ping_is_due(now):
            wire.write(self._exchange.encode(Ping(new_id())))

    async def _connect(self) -> None:
        pause = self._lifeline.next_try - self._loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        try:
            self._wire = await self._connected()
        except DaemonError as error:
            self._lose(str(error))
        else:
            self._lifeline.opened(self._loop.time())
            self.wake_all()

    async def _connected(self) -> _Wire:
        """Make a connection. Raises DisconnectedError."""
        try:
            async with asyncio.timeout(self._lifeline.timeout):
                _, wire = await connect_transport(self._address, lambda: _Wire(self))
        except TimeoutError:
            raise DisconnectedError(f"nobody took the connection within {self._lifeline.timeout:g} seconds") from None
        if wire.has_ended:
            raise DisconnectedError("the connection ended as soon as it was made")
        return wire

    def _lose(self, why: str, *, for_good: bool = False) -> None:
        wire, self._wire = self._wire, None
        self._exchange.renew()
        if for_good or not self._lifeline.lost(self._loop.time()):
            self._exchange.fail(lost_for_good(self._address, why))
        if wire is not None:
            wire.abort()
        self._attention.set()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
