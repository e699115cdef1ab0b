"""An asynchronous client's end of a TCP or Unix connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TypeVar

from warmline.endpoints import connect_unix
from warmline.listen.addresses import Address, Via
from warmline.listen.transports import unreachable

P = TypeVar("P", bound=asyncio.Protocol)


async def connect_socket(address: Address, new_protocol: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """Connect on the running loop. Raises DisconnectedError."""
    loop = asyncio.get_running_loop()
    try:
        if address.via is Via.TCP:
            return await loop.create_connection(new_protocol, *address.host_and_port)
        # At once, or the listener's queue is full: a Unix socket is never in between.
        connection = connect_unix(address.path, 0)
        return await _joined(loop, connection, new_protocol)
    except OSError as error:
        raise unreachable(address, error) from error


async def _joined(
    loop: asyncio.AbstractEventLoop, connection: socket.socket, new_protocol: Callable[[], P]
) -> tuple[asyncio.Transport, P]:
    try:
        return await loop.create_unix_connection(new_protocol, sock=connection)
    except BaseException:
        connection.close()
        raise
