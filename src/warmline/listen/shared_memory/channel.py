"""The client's end of a connection through shared memory, for who blocks."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from threading import Condition, Lock

from warmline.errors import DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.shared_memory.bell import hear_bell, ring_bell
from warmline.listen.shared_memory.rendezvous import meet
from warmline.listen.waiting import deadline_after, seconds_left, wait_for

GONE = "the instance is gone"


class ShmChannel:
    """A Channel over two rings. Any thread may use it; those that send take turns, and those that receive.

    Making one connects, and blocks at most so many seconds. Raises DisconnectedError.
    """

    def __init__(self, address: Address, timeout: float | None) -> None:
        self._connection, self._rings = meet(address, timeout)
        self._ears = Ears(self._connection)
        self._sending = Lock()
        self._receiving = Lock()
        self._closing = False

    def send(self, data: bytes, timeout: float | None) -> None:
        """Send all of it. Raises TimeoutError, after which a part of it may have been sent, and DisconnectedError."""
        until = deadline_after(timeout)
        with self._sending:
            sent = 0
            while sent < len(data):
                heard = self._heard()
                taken = self._rings.writer.write(memoryview(data)[sent:] if sent else data)
                sent += taken
                if taken and not ring_bell(self._connection):
                    raise DisconnectedError(GONE)
                if not taken and self._rings.writer.waits_for_room() and not self._ears.wait(heard, until):
                    raise DisconnectedError(GONE)

    def receive(self, timeout: float | None) -> bytes:
        """Return what came; b"" at the end. Raises TimeoutError, and DisconnectedError when it was cut off."""
        until = deadline_after(timeout)
        with self._receiving:
            while True:
                heard = self._heard()
                data = self._rings.reader.read()
                if data:
                    if self._rings.reader.writer_waits():
                        ring_bell(self._connection)
                    return data
                if self._rings.reader.ended:
                    return b""
                if not self._ears.wait(heard, until):
                    raise DisconnectedError(GONE)

    def close(self) -> None:
        """End the connection. Who sends or receives in another thread is told DisconnectedError."""
        if self._closing:
            return
        self._closing = True
        if self._sending.acquire(blocking=False):  # else it ends in the middle of what another thread sends
            self._rings.writer.end()
            self._sending.release()
        self._ears.close()
        with self._sending, self._receiving:
            self._rings.close()
            self._connection.close()

    def _heard(self) -> int:
        """Return which stroke of the bell we look after. Raises DisconnectedError once closed."""
        if self._closing:
            raise DisconnectedError("this connection was closed")
        return self._ears.heard


class Ears:
    """Hears the bell for several threads: one waits for it in the kernel, the others wait for that one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bell = select.poll()
        self._bell.register(connection, select.POLLIN)
        self._lock = Lock()
        self._changed = Condition(self._lock)
        self._waiting = 0
        self._taken = False
        self._gone = False
        self.heard = 0
        """Counts the looks at the bell. Read it before you look into the memory, and hand it to `wait` after."""

    def wait(self, heard: int, until: float | None) -> bool:
        """Wait until the memory should be looked at again; False when nothing can have changed since, for good.

        Raises TimeoutError at `until`, a time of the monotonic clock.
        """
        with self._lock:
            while self.heard == heard and not self._gone and self._taken:
                self._wait_for_another(until)
            if self.heard != heard or self._gone:
                return self.heard != heard
            self._taken = True
        try:
            self._hear(until)
        finally:
            with self._lock:
                self._taken = False
                self.heard += 1
                if self._waiting:
                    self._changed.notify_all()
        return True

    def close(self) -> None:
        """End the connection for both sides; who waits is woken."""
        with suppress(OSError):  # the other side was faster
            self._connection.shutdown(socket.SHUT_RDWR)

    def _wait_for_another(self, until: float | None) -> None:
        self._waiting += 1
        try:
            if not self._changed.wait(seconds_left(until)):
                raise TimeoutError
        finally:
            self._waiting -= 1

    def _hear(self, until: float | None) -> None:
        wait_for(self._bell, until)
        if not hear_bell(self._connection):
            self._gone = True
