"""The place where clients of shared memory connect."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack

from warmline.accepting import Accepting
from warmline.listen.addresses import Address
from warmline.listen.shared_memory.bell import STROKE
from warmline.listen.shared_memory.memory import make_rings
from warmline.listen.shared_memory.rendezvous import Rendezvous
from warmline.listen.shared_memory.ring import Shape
from warmline.listen.shared_memory.transport import ShmTransport
from warmline.listen.unix_sockets import is_ours
from warmline.settings import ListenSettings

AT_ONCE = 64
"""Connections that are taken before the loop turns to others."""


class ShmListener:
    """A Listener at shm://NAME. Each connection has a memory of its own, which goes with it."""

    def __init__(self, address: Address, settings: ListenSettings) -> None:
        self._rendezvous = Rendezvous(address)
        self._address = address
        self._shape = Shape(settings.slots, settings.slot_bytes)
        self._accepting = Accepting(
            self._rendezvous.socket, self._welcome, at_once=AT_ONCE, pause=settings.accept_pause
        )

    @property
    def address(self) -> Address:
        """Where clients reach it."""
        return self._address

    def open(self, new_session: Callable[[], asyncio.Protocol]) -> None:
        """Take connections from now on, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._new_session = new_session
        self._accepting.open()

    def close(self) -> None:
        """Take no more, and take the socket away. Connections stay. Twice is fine."""
        self._accepting.close()
        self._rendezvous.close()

    def _welcome(self, connection: socket.socket) -> None:
        """Pass a memory on, and begin; nothing is waited for, so that no client can hold us up.

        Raises OSError: one reason more than elsewhere is that too many clients have not taken what was passed to them.
        """
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
        ShmTransport(self._loop, connection, rings, self._new_session()).start()
