"""Sockets at a path or a port: bound so that nobody else comes in before the mode is right, and reached again.

Clients import it too, so it imports nothing heavy.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

MAX_SOCKET_PATH_BYTES = 100
"""sun_path holds 108 bytes on Linux and 104 on macOS, with a closing NUL."""

BACKLOG = 4096
"""Connections that wait to be accepted: what Linux allows. Those beyond would come again a second later."""


def bind_unix(path: Path) -> socket.socket:
    """Bind a socket of mode 0600 at the path, however long it is, and listen without blocking.

    Raises OSError (EADDRINUSE) when anything lies there.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _closed_to_others(listener), short_path(path) as name:
            listener.bind(name)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def connect_unix(path: Path, timeout_seconds: float | None) -> socket.socket:
    """Connect to the Unix socket at the path, however long it is.

    Raises OSError: FileNotFoundError or ConnectionRefusedError when nobody listens.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_seconds)
    try:
        with short_path(path) as name:
            connection.connect(name)
    except BaseException:
        connection.close()
        raise
    return connection


class TcpPlace(NamedTuple):
    """Where to listen over TCP: a numeric host of this machine's, and what the system calls it."""

    host: str
    family: int
    address: tuple[Any, ...]


def resolve_tcp(host: str, port: int) -> TcpPlace:
    """Return a host's first address. Raises OSError when there is none of that name."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from error
    return TcpPlace(str(address[0]), family, address)


def bind_tcp(place: TcpPlace) -> socket.socket:
    """Listen there without blocking; `::` stands for the addresses of IPv6 alone. Port 0 picks a free one.

    Raises OSError.
    """
    listener = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place.address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Name the path within sun_path's length: by a descriptor of its folder, or from within it."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        yield str(path)
        return
    if Path("/proc/self/fd").is_dir():
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{folder}/{path.name}"
        finally:
            os.close(folder)
        return
    before = Path.cwd()  # without /proc (macOS): a relative name, for the moment of the call
    os.chdir(path.parent)
    try:
        yield path.name
    finally:
        os.chdir(before)


@contextmanager
def _closed_to_others(listener: socket.socket) -> Iterator[None]:
    """See to it that what is bound within the block has the mode 0600 from its first moment."""
    if sys.platform == "linux":  # a bound socket's file has the mode of the socket, less the umask
        os.fchmod(listener.fileno(), 0o600)
        yield
        return
    before = os.umask(0o177)  # the whole process's, so only where nothing else helps
    try:
        yield
    finally:
        os.umask(before)
