"""A blocking client's end of a TCP or Unix connection."""

from __future__ import annotations

import select
import socket
from contextlib import suppress

from warmline.endpoints import connect_unix
from warmline.errors import DisconnectedError
from warmline.listen.addresses import Address, Via
from warmline.listen.transports import unreachable
from warmline.listen.waiting import deadline_after, wait_for

READ_BYTES = 64 * 1024
"""Of one read."""


class SocketChannel:
    """A blocking client's end of a TCP or Unix connection."""

    def __init__(self, address: Address, timeout: float | None) -> None:
        try:
            if address.via is Via.TCP:
                self._socket = socket.create_connection(address.host_and_port, timeout)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                self._socket = connect_unix(address.path, timeout)
        except OSError as error:
            raise unreachable(address, error) from error
        self._socket.settimeout(None)
        self._is_closed = False
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._writable.register(self._socket, select.POLLOUT)

    def send(self, data: bytes, timeout: float | None) -> None:
        """Send all of it."""
        deadline = deadline_after(timeout)
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                wait_for(self._writable, deadline)
            except OSError as error:
                raise _ended(error) from error

    def receive(self, timeout: float | None) -> bytes:
        """Return what came; b"" at the end."""
        deadline = deadline_after(timeout)
        while True:
            if deadline is not None:
                wait_for(self._readable, deadline)
            try:
                return self._socket.recv(READ_BYTES, 0 if deadline is None else socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError as error:
                raise _ended(error) from error

    def close(self) -> None:
        """End the connection, also for a thread that waits on it."""
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(OSError):  # the peer has left already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _ended(error: OSError) -> DisconnectedError:
    return DisconnectedError(f"the connection ended: {error.strerror}")
