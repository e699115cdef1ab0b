"""The place where clients of shared memory connect."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack

from warmline.listen.addresses import Address
from warmline.listen.shared_memory.bell import STROKE
from warmline.listen.shared_memory.memory import make_rings
from warmline.listen.shared_memory.rendezvous import Rendezvous
from warmline.listen.shared_memory.ring import Shape
from warmline.listen.shared_memory.transport import ShmTransport
from warmline.listen.unix_sockets import is_ours
from warmline.settings import ListenSettings

logger = logging.getLogger(__name__)

AT_ONCE = 64
"""Connections that are taken before the loop turns to others."""

EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ETOOMANYREFS}
"""ETOOMANYREFS: too many clients have not taken the memory that was passed to them."""


class ShmListener:
    """A Listener at shm://NAME. Each connection has a memory of its own, which goes with it."""

    def __init__(self, address: Address, settings: ListenSettings) -> None:
        self._rendezvous = Rendezvous(address)
        self._address = address
        self._shape = Shape(settings.slots, settings.slot_bytes)
        self._pause = settings.accept_pause.total_seconds()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resumed: asyncio.TimerHandle | None = None

    @property
    def address(self) -> Address:
        """Where clients reach it."""
        return self._address

    def open(self, new_session: Callable[[], asyncio.Protocol]) -> None:
        """Take connections from now on, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._rendezvous.socket, self._accept, self._loop, new_session)

    def close(self) -> None:
        """Take no more, and take the socket away. Connections stay. Twice is fine."""
        if self._loop is not None:
            self._loop.remove_reader(self._rendezvous.socket)
            self._loop = None
        if self._resumed is not None:
            self._resumed.cancel()
        self._rendezvous.close()

    def _accept(self, loop: asyncio.AbstractEventLoop, new_session: Callable[[], asyncio.Protocol]) -> None:
        try:
            for _ in range(AT_ONCE):
                connection, _ = self._rendezvous.socket.accept()
                self._welcome(loop, connection, new_session)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            logger.warning("no room for a connection", extra={"address": str(self._address), "why": error.strerror})
            loop.remove_reader(self._rendezvous.socket)
            self._resumed = loop.call_later(self._pause, self.open, new_session)

    def _welcome(
        self, loop: asyncio.AbstractEventLoop, connection: socket.socket, new_session: Callable[[], asyncio.Protocol]
    ) -> None:
        """Pass a memory on, and begin; nothing is waited for, so that no client can hold us up. Raises OSError."""
        with ExitStack() as undone:
            undone.callback(connection.close)
            connection.setblocking(False)
            if not is_ours(connection):
                return
            rings, descriptor = make_rings(self._shape)
            undone.callback(rings.close)
            try:
                socket.send_fds(connection, [STROKE], [descriptor], socket.MSG_NOSIGNAL)
            except ConnectionError:
                return  # it left while it waited
            finally:
                os.close(descriptor)
            undone.pop_all()
        ShmTransport(loop, connection, rings, new_session()).start()
