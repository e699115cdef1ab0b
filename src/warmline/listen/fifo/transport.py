"""A transport of asyncio over two descriptors, one to read and one to write. It knows nothing of names or files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any

READ_BYTES = 64 * 1024
"""All that a pipe holds, as Linux makes it."""

HIGH_WATER_BYTES = 64 * 1024
"""What waits to be written before the protocol is told to pause: as much as asyncio's own transports."""

LAST_READS = 64
"""Of what a peer that has gone had written: more than a pipe can hold, and an end to one that goes on writing."""


class FifoTransport(asyncio.Transport):
    """Two streams of bytes. Owns the descriptors, which do not block, and closes them before connection_lost.

    Without a descriptor to read from, the stream in ends after what `begin` is given. write_eof closes the stream out
    and goes on reading. When the peer has gone, what it had said before is still handed on, and then the connection is
    lost; while reading is paused, it is lost at once, or, to who hears_out, when all was read after all.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        reading: int | None,
        writing: int,
        *,
        hears_out: bool = False,
    ) -> None:
        super().__init__()
        self._loop = loop
        self.set_protocol(protocol)
        self._reading = reading
        self._writing: int | None = writing
        self._hears_out = hears_out
        self._unsent = bytearray()
        self._low, self._high = HIGH_WATER_BYTES // 4, HIGH_WATER_BYTES
        self._paused = self._told_to_pause = False
        self._ended_out = self._closing = self._lost = False

    def begin(self, begun: bytes = b"") -> None:
        """Call connection_made, then hand on what was read already, then read. Once, by who made the transport."""
        if not self._lost:
            self._loop.add_reader(self._out, self._peer_left)  # readable: nobody reads what is written any more
        self._tell(self._protocol.connection_made, self)
        if begun and not self._closing:
            self._tell(self._protocol.data_received, begun)
        if self._closing:
            return
        if self._reading is None:
            self._end_of_input()
        elif not self._paused:
            self._loop.add_reader(self._reading, self._read)

    # Reading

    def _read(self) -> None:
        if (data := self._take()) is None:
            return
        if data:
            self._tell(self._protocol.data_received, data)
        else:
            self._end_of_input()

    def _take(self) -> bytes | None:
        """Read once; b"" at the end, None: there is nothing yet."""
        try:
            return os.read(self._in, READ_BYTES)
        except BlockingIOError:
            return None

    def _end_of_input(self) -> None:
        self._stop_reading()
        goes_on = self._tell(self._protocol.eof_received)
        if not goes_on or self._writing is None:
            self.close()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._loop.remove_reader(self._reading)
            os.close(self._reading)
            self._reading = None

    def _tell(self, method: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401  # what a protocol returns
        try:
            return method(*given)
        except BaseException:
            self.abort()  # a connection whose protocol is broken would only hang
            raise

    def pause_reading(self) -> None:
        """See asyncio. Pausing what is paused, or ended, is fine."""
        if self._reading is not None and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._reading)

    def resume_reading(self) -> None:
        """See asyncio."""
        if self._paused:
            self._paused = False
            if self._reading is not None and not self._closing:
                self._loop.add_reader(self._reading, self._read)

    def is_reading(self) -> bool:
        """See asyncio."""
        return self._reading is not None and not self._paused and not self._closing

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio. After the peer has gone, what is written is lost."""
        if self._ended_out:
            raise RuntimeError("the stream was ended by write_eof")
        if self._closing or self._writing is None or not data:
            return
        if not self._unsent:
            data = memoryview(data)[self._push(data) :]
            if not data or self._writing is None:
                return
            self._loop.add_writer(self._writing, self._flush)
        self._unsent += data
        if len(self._unsent) > self._high and not self._told_to_pause:
            self._told_to_pause = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """See asyncio."""
        self.write(b"".join(list_of_data))

    def _push(self, data: bytes | bytearray | memoryview) -> int:
        """Write what the pipe takes and return how much that was."""
        try:
            return os.write(self._out, data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self._loop.call_soon(self._peer_left)  # not from within a protocol's own write
            return len(data)

    def _flush(self) -> None:
        del self._unsent[: self._push(self._unsent)]
        if self._unsent:
            self._go_on()
            return
        self._loop.remove_writer(self._out)
        if self._closing:
            self._lose(None)
            return
        if self._ended_out:
            self._end_output()
        self._go_on()

    def _go_on(self) -> None:
        if self._told_to_pause and len(self._unsent) <= self._low:
            self._told_to_pause = False
            self._protocol.resume_writing()

    def write_eof(self) -> None:
        """See asyncio."""
        if self._ended_out or self._closing:
            return
        self._ended_out = True
        if not self._unsent:
            self._end_output()

    def can_write_eof(self) -> bool:
        """Tell that it can."""
        return True

    def _end_output(self) -> None:
        if self._writing is not None:
            self._loop.remove_reader(self._writing)
            self._loop.remove_writer(self._writing)
            os.close(self._writing)
            self._writing = None
        if self._reading is None:
            self.close()

    def get_write_buffer_size(self) -> int:
        """See asyncio."""
        return len(self._unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """See asyncio."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio."""
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must be at least low ({low}), and low at least 0")
        self._low, self._high = low, high

    # The end

    def _peer_left(self) -> None:
        """Hand on what the peer had said before it went, then end."""
        if self._lost or self._writing is None:
            return
        error = ConnectionResetError("the peer has gone") if self._unsent else None
        self._unsent.clear()
        self._loop.remove_reader(self._writing)
        self._loop.remove_writer(self._writing)
        self._hear_last_words()
        if self._paused and self._hears_out and self._reading is not None:
            self._end_output()
        else:
            self._lose(error)

    def _hear_last_words(self) -> None:
        for _ in range(LAST_READS):
            if not self.is_reading() or (data := self._take()) is None:
                return
            if not data:
                self._stop_reading()
                self._tell(self._protocol.eof_received)
                return
            self._tell(self._protocol.data_received, data)

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self._unsent.clear()
        self._ended_out = True
        self._stop_reading()
        self._end_output()
        self._loop.call_soon(self._protocol.connection_lost, error)

    def close(self) -> None:
        """See asyncio: what is written already still goes out."""
        if self._closing:
            return
        self._closing = True
        if self._reading is not None:
            self._loop.remove_reader(self._reading)
        if not self._unsent:
            self._lose(None)

    def abort(self) -> None:
        """See asyncio."""
        self._lose(None)

    def is_closing(self) -> bool:
        """See asyncio."""
        return self._closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See asyncio."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See asyncio. It must be one for streams."""
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError("a stream wants an asyncio.Protocol")
        self._protocol = protocol

    @property
    def _in(self) -> int:
        if self._reading is None:
            raise ConnectionResetError("the stream in has ended")
        return self._reading

    @property
    def _out(self) -> int:
        if self._writing is None:
            raise ConnectionResetError("the stream out has ended")
        return self._writing
