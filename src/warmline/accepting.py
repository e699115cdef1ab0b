"""Taking the peers of a socket that listens: some at a time, and later where the system has no room for them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta


class Accepting:
    """Hands each peer of a listening socket, which does not block, to `take`, from `open` to `close`.

    So many at once are taken before others have their turn on the event loop. Where the system has no descriptor or no
    memory left, or `take` raises OSError for that, the next wait in the kernel's queue for the pause. Closing the
    socket is left to who made it.
    """

    def __init__(
        self, listener: socket.socket, take: Callable[[socket.socket], None], *, at_once: int, pause: timedelta
    ) -> None:
        self._listener = listener
        self._take = take
        self._at_once = at_once
        self._pause = pause.total_seconds()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pausing: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Take peers from now on, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._listener, self._accept, self._loop)

    def close(self) -> None:
        """Take no more. Twice is fine, and before it was opened."""
        if self._loop is not None:
            self._loop.remove_reader(self._listener)
            self._loop = None
        if self._pausing is not None:
            self._pausing.cancel()

    def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for _ in range(self._at_once):
                peer, _address = self._listener.accept()
                self._take(peer)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            loop.remove_reader(self._listener)
            self._pausing = loop.call_later(self._pause, self.open)
