"""A connection through shared memory as an asyncio.Transport, for both sides."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TypeVar, cast

from warmline.errors import DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.shared_memory.bell import hear_all_strokes, ring_bell
from warmline.listen.shared_memory.memory import SharedRings
from warmline.listen.shared_memory.rendezvous import reach, take_memory

P = TypeVar("P", bound=asyncio.Protocol)

GREETING_SECONDS = 10.0
"""For the instance to pass the memory; it does so at once."""

HIGH_BYTES = 64 * 1024
"""asyncio's own default."""

GONE = "the other side of the shared memory is gone"


class ShmTransport(asyncio.Transport):
    """Carries bytes over two rings. It owns the rings and the socket, and closes both before `connection_lost`.

    Its protocol is an asyncio.Protocol. A bell rings after every change of the memory, so that nothing is looked at
    without one, but for what was left lying while reading was paused.

    `connection_lost` is told a DisconnectedError when the other side died, left while something was still to be sent
    to it, or wrote what cannot be; else None. What the other side had said is delivered before; but if it died while
    reading was paused, that is dropped and the memory given back at once.

    extra: "socket".
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        rings: SharedRings,
        protocol: asyncio.Protocol,
    ) -> None:
        super().__init__({"socket": connection})
        self._loop = loop
        self._connection = connection
        self._rings = rings
        self._protocol = protocol
        self._unsent = bytearray()
        self._low, self._high = HIGH_BYTES // 4, HIGH_BYTES
        self._reading = True
        self._writing = True  # False: the protocol was asked to pause
        self._heard_end = False
        self._ends = False
        self._closing = False
        self._peer_gone = False
        self._lost = False

    def start(self) -> None:
        """Tell the protocol of its connection, and from now on of what comes. Called once."""
        self._protocol.connection_made(self)
        if not self._lost:
            self._loop.add_reader(self._connection, self._on_bell)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol, an asyncio.Protocol, go on."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol."""
        return self._protocol

    def is_reading(self) -> bool:
        """Tell whether the protocol is told of what comes."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Leave what comes in the ring, so that the other side waits once it is full."""
        self._reading = False

    def resume_reading(self) -> None:
        """Take up again what was left lying."""
        if not self._reading:
            self._reading = True
            self._loop.call_soon(self._look)

    def can_write_eof(self) -> bool:
        """Return True: the end of one direction stands in its ring."""
        return True

    def write_eof(self) -> None:
        """Say, after all that is still to be sent, that nothing follows; the other direction goes on."""
        if not self._ends and not self._closing:
            self._ends = True
            self._say_end_when_sent()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or keep what finds no room until there is. Raises RuntimeError after write_eof."""
        if self._ends:
            raise RuntimeError("nothing can be written after write_eof")
        if self._peer_gone:
            self._lose(DisconnectedError(GONE))
        if self._closing or not data:
            return
        taken = 0 if self._unsent else self._put(data)
        if taken < len(data) and not self._lost:
            self._unsent += memoryview(data)[taken:]
            self._tell_of_pressure()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes found no room in the ring yet."""
        return len(self._unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the marks, low and high, between which the protocol is asked to pause and to go on."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks. Raises ValueError unless 0 <= low <= high."""
        if high is None:
            high = HIGH_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"a high mark of {high} bytes, a low one of {low}")
        self._low, self._high = low, high
        self._tell_of_pressure()

    def is_closing(self) -> bool:
        """Tell whether the connection is ending, or has ended."""
        return self._closing

    def close(self) -> None:
        """End the connection, once all that was written is in the ring; what comes is not told any more."""
        if not self._closing:
            self._closing = True
            self._say_end_when_sent()

    def abort(self) -> None:
        """End the connection at once; the other side sees that it was cut off."""
        self._lose(None)

    def _on_bell(self) -> None:
        if not hear_all_strokes(self._connection):
            self._peer_gone = True
            self._loop.remove_reader(self._connection)
        self._look()

    def _look(self) -> None:
        """Do all that can be done now: send on, deliver, and see whether that was the end."""
        if self._unsent:
            del self._unsent[: self._put(self._unsent)]
            self._tell_of_pressure()
            self._say_end_when_sent()
        if self.is_reading() and not self._heard_end:
            self._deliver()
        if self._peer_gone:
            self._end_without_peer()

    def _deliver(self) -> None:
        reader = self._rings.reader
        try:
            data = reader.read()
        except DisconnectedError as error:
            self._lose(error)
            return
        if data:
            if reader.writer_waits():
                ring_bell(self._connection)
            self._tell(data)
        if reader.ended:
            self._heard_end = True
            if not self._closing and not self._protocol.eof_received():
                self.close()

    def _tell(self, data: bytes) -> None:
        """Hand on what came; a protocol that raises loses its connection, and the loop tells of its error."""
        taken = False
        try:
            self._protocol.data_received(data)
            taken = True
        finally:
            if not taken:
                self.abort()

    def _put(self, data: bytes | bytearray | memoryview) -> int:
        """Put into the ring what finds room, and ask to be woken for the rest; return how many bytes."""
        taken = 0
        try:
            taken = self._rings.writer.write(data)
            while taken < len(data):
                with memoryview(data) as view, view[taken:] as rest:
                    more = self._rings.writer.write(rest)
                if not more and self._rings.writer.waits_for_room():
                    break
                taken += more
        except DisconnectedError as error:
            self._lose(error)
        if taken:
            ring_bell(self._connection)  # after the asking: who is woken by it sees that, too
        return taken

    def _tell_of_pressure(self) -> None:
        if self._writing and len(self._unsent) > self._high:
            self._writing = False
            self._protocol.pause_writing()
        elif not self._writing and len(self._unsent) <= self._low:
            self._writing = True
            self._protocol.resume_writing()

    def _say_end_when_sent(self) -> None:
        if self._unsent or self._lost or not (self._ends or self._closing):
            return
        self._rings.writer.end()
        if self._closing:
            self._lose(None)
        else:
            ring_bell(self._connection)

    def _end_without_peer(self) -> None:
        """End; but what a side said to its end before it left is kept while reading is paused."""
        if self._unsent:
            self._lose(DisconnectedError(GONE))
        elif self._heard_end:
            self._lose(None)
        elif self._reading or not self._rings.reader.is_complete():
            self._lose(DisconnectedError(GONE))

    def _lose(self, reason: DisconnectedError | None) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self._unsent.clear()
        self._loop.remove_reader(self._connection)
        self._loop.call_soon(self._end, reason)

    def _end(self, reason: DisconnectedError | None) -> None:
        self._rings.close()
        self._connection.close()
        self._protocol.connection_lost(reason)


async def connect_shm(address: Address, new_protocol: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """Connect on the running loop. Raises DisconnectedError."""
    loop = asyncio.get_running_loop()
    connection = reach(address, 0.0)  # a Unix socket never takes time: it is connected, or refused
    try:
        await _until_greeted(loop, connection, address)
        rings = take_memory(connection)
    except BaseException:
        connection.close()
        raise
    protocol = new_protocol()
    transport = ShmTransport(loop, connection, rings, protocol)
    transport.start()
    return transport, protocol


async def _until_greeted(loop: asyncio.AbstractEventLoop, connection: socket.socket, address: Address) -> None:
    greeted = asyncio.Event()
    loop.add_reader(connection, greeted.set)
    try:
        async with asyncio.timeout(GREETING_SECONDS):
            await greeted.wait()
    except TimeoutError as error:
        raise DisconnectedError(f"the instance at {address} does not answer") from error
    finally:
        loop.remove_reader(connection)
