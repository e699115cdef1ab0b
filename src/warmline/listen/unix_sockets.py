"""Unix sockets as places: taken over from the dead alone, and taken away only while they are one's own.

It also tells whose program is at the other end. It knows no event loop, and nothing of what is said.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from warmline.endpoints import bind_unix, connect_unix

PATIENCE_SECONDS = 1.0
"""Longer than another listener of this user needs to bind in the same folder."""

PAUSE_SECONDS = 0.01

CREDENTIALS = struct.Struct("3i")
"""struct ucred: process, user, group."""


class UnixPlace:
    """A socket that listens at a path with mode 0600, bound when it is made, in the place of a dead listener's too.

    Raises OSError: EADDRINUSE where anything else lies, EAGAIN when another binds in the folder and is not done.
    """

    def __init__(self, path: Path) -> None:
        with _alone_in(path.parent):
            if _is_left_behind(path):
                path.unlink()
            self.socket = bind_unix(path)
            self._identity = _identity_of(path)

    def close(self, path: Path) -> None:
        """Listen no more, and take the socket away if it is what lies at the path, which may be spelled otherwise now.

        Twice is fine.
        """
        # Unlinked first: as long as somebody listens, nobody else takes the place.
        if self.socket.fileno() >= 0 and _identity_of(path) == self._identity:
            with suppress(OSError):
                path.unlink()
        self.socket.close()


def clear_left_behind(folder: Path, names: str) -> None:
    """Take away the sockets of dead listeners in a folder where nobody but ours listen; names is a pattern.

    Raises OSError: EAGAIN when another binds there and is not done.
    """
    with _alone_in(folder):
        for path in folder.glob(names):
            if _is_left_behind(path):
                path.unlink()


def is_ours(connection: socket.socket) -> bool:
    """Tell whether a program of our own user is at the other end, as the kernel noted it when the two met.

    Where the system does not tell, its mode alone keeps others from a socket.
    """
    if sys.platform != "linux":
        return True
    _, user, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return bool(user == os.geteuid())


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others who bind here out until the block ends: of two that find a dead socket, one could remove the other's.

    Raises BlockingIOError when another stays too long.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise BlockingIOError(errno.EAGAIN, "another program keeps its folder to itself") from error
                time.sleep(PAUSE_SECONDS)
        yield
    finally:
        os.close(held)


def _is_left_behind(path: Path) -> bool:
    """Tell whether a Unix socket of ours lies there on which nobody listens. Never waits."""
    try:
        found = path.lstat()
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
            return False
        connect_unix(path, 0.0).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # there is nothing; or it takes none at this moment, but somebody may be there
        return False
    return False


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
