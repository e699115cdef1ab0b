"""The four kinds of transports by address. Each kind is imported only when it is used: a client pays for its own."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address, Via

if TYPE_CHECKING:
    import asyncio

    from warmline.listen.seam import Channel, Listener
    from warmline.settings import ListenSettings

P = TypeVar("P", bound="asyncio.Protocol")


def listen_at(address: Address, settings: ListenSettings) -> Listener:
    """Bind a listener. Raises DaemonError when the place is taken or cannot be had."""
    match address.via:
        case Via.TCP | Via.UNIX:
            from warmline.listen.sockets import SocketListener  # noqa: PLC0415

            return SocketListener(address, settings)
        case Via.FIFO:
            from warmline.listen.fifo.listener import FifoListener  # noqa: PLC0415

            return FifoListener(address, settings)
        case Via.SHM:
            from warmline.listen.shared_memory.listener import ShmListener  # noqa: PLC0415

            return ShmListener(address, settings)


def connect_channel(address: Address, timeout: float | None) -> Channel:
    """Connect a blocking client within so many seconds. Raises DisconnectedError."""
    match address.via:
        case Via.TCP | Via.UNIX:
            from warmline.listen.socket_channel import SocketChannel  # noqa: PLC0415

            return SocketChannel(address, timeout)
        case Via.FIFO:
            from warmline.listen.fifo.channel import FifoChannel  # noqa: PLC0415

            return FifoChannel(address, timeout)
        case Via.SHM:
            from warmline.listen.shared_memory.channel import ShmChannel  # noqa: PLC0415

            return ShmChannel(address, timeout)


async def connect_transport(address: Address, new_protocol: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """Connect on the running loop. Raises DisconnectedError."""
    match address.via:
        case Via.TCP | Via.UNIX:
            from warmline.listen.socket_transport import connect_socket  # noqa: PLC0415

            return await connect_socket(address, new_protocol)
        case Via.FIFO:
            from warmline.listen.fifo.connecting import connect_fifo  # noqa: PLC0415

            return await connect_fifo(address, new_protocol)
        case Via.SHM:
            from warmline.listen.shared_memory.transport import connect_shm  # noqa: PLC0415

            return await connect_shm(address, new_protocol)


def unreachable(address: Address, error: OSError) -> DisconnectedError:
    """Return the error to raise when nobody could be reached at the address."""
    return DisconnectedError(f"no instance answers at {address} ({error.strerror or error}): is it open?")


def not_to_be_had(address: Address, error: OSError, where: str = "") -> DaemonError:
    """Return the error to raise when one cannot listen at the address; where tells of a path that it does not name."""
    why = "something else is there already" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
    return DaemonError(f"cannot listen at {address}{where}: {why}")
