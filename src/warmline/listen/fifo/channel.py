"""A connection over FIFOs for who blocks. Imports no event loop."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from warmline.errors import DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.fifo.opening import Ends, Opening
from warmline.listen.transports import unreachable
from warmline.listen.waiting import deadline_after, wait_for

READ_BYTES = 64 * 1024
"""All that a pipe holds, as Linux makes it."""

CLOSED = "the connection was closed"


class FifoChannel:
    """See seam.Channel. A thread that waits in it when another closes it hears the end."""

    def __init__(self, address: Address, timeout: float | None) -> None:
        """Connect within so many seconds. Raises DisconnectedError."""
        self._woken, self._wake = os.pipe()
        try:
            ends = _open(address, deadline_after(timeout))
        except BaseException:
            os.close(self._woken)
            os.close(self._wake)
            raise
        self._begun = ends.begun
        self._replies, self._requests = ends.replies, ends.requests
        self._lock = Lock()
        self._inside = 0
        self._closed = False
        self._readable = select.poll()
        self._readable.register(self._replies, select.POLLIN)
        self._readable.register(self._woken, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(self._requests, select.POLLOUT)
        self._writable.register(self._woken, select.POLLIN)

    def send(self, data: bytes, timeout: float | None) -> None:
        """See seam.Channel. What was sent of it before a TimeoutError stays sent."""
        deadline = deadline_after(timeout)
        rest = memoryview(data)
        with self._use():
            while rest:
                try:
                    rest = rest[os.write(self._requests, rest) :]
                except BlockingIOError:
                    wait_for(self._writable, deadline)
                    if self._closed:
                        raise DisconnectedError(CLOSED) from None
                except BrokenPipeError as error:
                    raise DisconnectedError("the instance has ended the connection") from error

    def receive(self, timeout: float | None) -> bytes:
        """See seam.Channel."""
        deadline = deadline_after(timeout)
        with self._use():
            if self._begun:
                data, self._begun = self._begun, b""
                return data
            while True:
                wait_for(self._readable, deadline)
                if self._closed:
                    return b""
                with suppress(BlockingIOError):
                    return os.read(self._replies, READ_BYTES)

    @contextmanager
    def _use(self) -> Iterator[None]:
        """Keep the descriptors while a thread is inside: their numbers would soon be those of others."""
        with self._lock:
            if self._closed:
                raise DisconnectedError(CLOSED)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._closed and not self._inside:
                    self._release()

    def close(self) -> None:
        """See seam.Channel."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.close(self._wake)  # whoever waits reads an end
            if not self._inside:
                self._release()

    def _release(self) -> None:
        for descriptor in (self._requests, self._replies, self._woken):
            os.close(descriptor)


def _open(address: Address, deadline: float | None) -> Ends:
    opening = Opening(address)
    try:
        while (ends := opening.advance()) is None:
            poll = select.poll()
            poll.register(opening.rendezvous, select.POLLOUT if opening.waits_to_write else 0)
            poll.register(opening.replies, select.POLLIN)
            wait_for(poll, deadline)
    except TimeoutError as error:
        late = TimeoutError(errno.ETIMEDOUT, "it opened no connection in time")
        raise unreachable(address, late) from error
    finally:
        opening.close()
    return ends
