"""Listening on TCP and Unix sockets."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from warmline.endpoints import bind_tcp, bind_unix, connect_unix, resolve_tcp
from warmline.errors import DaemonError
from warmline.listen.addresses import Address, Via, address_of
from warmline.settings import ListenSettings

AT_ONCE = 8
"""Peers accepted before others have their turn on the event loop."""

PROBE_SECONDS = 1.0
"""For a listener that may be dead to take a connection, and for another who binds in the same folder to be done."""

PAUSE_SECONDS = 0.01

KEEPALIVE_SECONDS = 60
"""Of silence, until the system asks whether a peer is still there; it is gone after as long again without an answer."""

CREDENTIALS = struct.Struct("3i")
"""Of a Unix socket's peer: process, user, group."""


class SocketListener:
    """Takes connections over TCP, or over a Unix socket from programs of the same user."""

    def __init__(self, address: Address, settings: ListenSettings) -> None:
        self._settings = settings
        self._listener = _bind_tcp(address) if address.via is Via.TCP else _bind_unix(address)
        self._address = address
        self._identity: os.stat_result | None = None
        if address.via is Via.TCP:
            host, port = self._listener.getsockname()[:2]
            self._address = address_of(Via.TCP, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        else:
            self._identity = address.path.lstat()
        self._greeting: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def address(self) -> Address:
        """Where clients reach it: with the port that was bound."""
        return self._address

    def open(self, new_session: Callable[[], asyncio.Protocol]) -> None:
        """Take connections from now on, each with a protocol of its own, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._new_session = new_session
        self._resume()

    def close(self) -> None:
        """Take no more, and take the socket's path away. Connections stay."""
        if self._is_closed:
            return
        self._is_closed = True
        if hasattr(self, "_loop"):
            self._loop.remove_reader(self._listener)
        if self._identity is not None and _is_same(self._address.path, self._identity):
            self._address.path.unlink(missing_ok=True)
        self._listener.close()

    def _resume(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                peer, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor, or no memory: the peer waits in the kernel's queue
                self._loop.remove_reader(self._listener)
                self._loop.call_later(self._settings.accept_pause.total_seconds(), self._resume)
                return
            if _may_come_in(peer):
                task = self._loop.create_task(self._greet(peer), name="greeting")
                self._greeting.add(task)
                task.add_done_callback(self._greeting.discard)
            else:
                peer.close()

    async def _greet(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        try:
            if self._address.via is Via.TCP:
                _notice_the_lost(peer)
            await self._loop.connect_accepted_socket(self._new_session, peer)
        except OSError:  # the peer has left
            peer.close()
        except asyncio.CancelledError:
            peer.close()
            raise


def _bind_tcp(address: Address) -> socket.socket:
    try:
        return bind_tcp(resolve_tcp(*address.host_and_port))
    except OSError as error:
        raise DaemonError(_refusal(address, error)) from error


def _bind_unix(address: Address) -> socket.socket:
    """Bind, in the place of a dead listener's socket too."""
    try:
        with _alone_in(address.path.parent):
            if _is_dead(address.path):
                address.path.unlink()
            return bind_unix(address.path)
    except OSError as error:
        raise DaemonError(_refusal(address, error)) from error


def _refusal(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen at {address}: something else is there already"
    return f"cannot listen at {address}: {error.strerror or error}"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others who bind here out until the block ends: of two that find a dead socket, one could remove the other's.

    Raises BlockingIOError when another stays too long.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + PROBE_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _is_dead(path: Path) -> bool:
    """Tell whether a Unix socket of ours lies there on which nobody listens."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        return False
    try:
        connect_unix(path, PROBE_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # it takes none now, but somebody may be there
        return False
    return False


def _is_same(path: Path, identity: os.stat_result) -> bool:
    """Tell whether what lies there is still what was bound."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (identity.st_dev, identity.st_ino)


def _may_come_in(peer: socket.socket) -> bool:
    """Tell whether a peer is this user's own, where the system tells; the socket's mode keeps others out, too."""
    if peer.family != socket.AF_UNIX or sys.platform != "linux":
        return True
    _, uid, _ = CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return bool(uid == os.geteuid())


def _notice_the_lost(peer: socket.socket) -> None:
    """Have the system ask a peer that says nothing whether it is still there: a machine may vanish without a word."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS // 4)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
