"""The bare shared memory: one page of memory each way, one message in it at a time, and an eventfd as its doorbell.

It is as little as there can be: a message is written and rung for, and read when its bell rings. Nothing notices a peer
that died, and nothing is larger than the page. Descriptors are handed over a Unix socket. Linux only.

The page: 8 bytes, the message's length in the machine's own order; then the message.
"""

from __future__ import annotations

import mmap
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

from warmline.endpoints import bind_unix, connect_unix

LENGTH_BYTES = 8
PAGE_BYTES = 2 * 1024 * 1024
"""One way: what is measured has 1 MB."""

DESCRIPTORS = 3


class Page:
    """One way of a client's memory."""

    def __init__(self, memory: mmap.mmap, offset: int, bell: int) -> None:
        self._length = memoryview(memory)[offset : offset + LENGTH_BYTES].cast("Q")
        self._body = memoryview(memory)[offset + LENGTH_BYTES : offset + PAGE_BYTES]
        self._bell = bell

    def put(self, message: bytes) -> None:
        """Write a message and ring."""
        self._body[: len(message)] = message
        self._length[0] = len(message)
        os.eventfd_write(self._bell, 1)

    def take(self) -> bytes:
        """Wait for the bell, and read the message."""
        os.eventfd_read(self._bell)
        return bytes(self._body[: self._length[0]])


class PageClient:
    """The client's end: a request in the first page, its reply in the second."""

    def __init__(self, place: Path) -> None:
        self._line = connect_unix(place, None)
        _, self._descriptors, _, _ = socket.recv_fds(self._line, 1, DESCRIPTORS)
        self._requests, self._replies = _pages(self._descriptors)

    def exchange(self, line: bytes) -> bytes:
        """Send a line, and return the one that comes back."""
        self._requests.put(line)
        return self._replies.take()

    def close(self) -> None:
        """Let go of the descriptors; the memory goes with the process."""
        self._line.close()
        for descriptor in self._descriptors:
            os.close(descriptor)


def listen_unix(place: Path) -> socket.socket:
    """Listen where clients come, or are handed their descriptors."""
    listener = bind_unix(place)
    listener.setblocking(True)
    return listener


def serve_page(connection: socket.socket) -> None:
    """Serve one client. When its socket ends a last ring wakes who waits for its requests."""
    descriptors = [os.memfd_create("bare"), os.eventfd(0), os.eventfd(0)]
    os.ftruncate(descriptors[0], 2 * PAGE_BYTES)
    requests, replies = _pages(descriptors)
    gone = threading.Event()
    with connection:
        socket.send_fds(connection, [b"."], descriptors)
        threading.Thread(target=_watch, args=(connection, descriptors[1], gone), daemon=True).start()
        line = requests.take()
        while not gone.is_set():
            replies.put(line)
            line = requests.take()
    for descriptor in descriptors:
        os.close(descriptor)


def _watch(connection: socket.socket, bell: int, gone: threading.Event) -> None:
    with suppress(ConnectionError):
        connection.recv(1)
    gone.set()
    os.eventfd_write(bell, 1)


def _pages(descriptors: list[int]) -> tuple[Page, Page]:
    memory, *bells = descriptors
    shared = mmap.mmap(memory, 2 * PAGE_BYTES)
    return Page(shared, 0, bells[0]), Page(shared, PAGE_BYTES, bells[1])
