"""Where both sides meet: a Unix socket in a folder of the user's own, over which the instance passes the memory.

shm://NAME is NAME.shm in the folder `warmline` of the user's runtime folder ($XDG_RUNTIME_DIR, else /run/user/UID, if
it belongs to the user), or in `warmline-UID` where temporary files go. The folder is held open while something is
done in it, so that what was checked is what is used, and its name may be of any length.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from warmline.endpoints import connect_unix
from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.shared_memory.bell import STROKE
from warmline.listen.shared_memory.memory import SharedRings, map_rings
from warmline.listen.transports import not_to_be_had
from warmline.listen.unix_sockets import UnixPlace, clear_left_behind, is_ours

_SUFFIX = ".shm"


def refuse_elsewhere() -> None:
    """Raise DaemonError unless this is Linux: memory without a name, sealed, and passed on is there alone."""
    if sys.platform != "linux":
        raise DaemonError("shared memory needs Linux: use unix://PATH")


def runtime_folder() -> Path:
    """Return the folder in which the instances of this user listen. It need not be there."""
    user = os.geteuid()
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{user}"):
        # After `su` or `sudo` the variable may still name another user's.
        if folder.startswith("/") and _owner_of(Path(folder)) == user:
            return Path(folder, "warmline")
    temporary = os.environ.get("TMPDIR", "")
    return Path(temporary if temporary.startswith("/") else "/tmp", f"warmline-{user}")  # noqa: S108  # checked when used


@contextmanager
def opened_folder() -> Iterator[Path]:
    """Yield a short path of the runtime folder, which stays the one that was checked until the block ends.

    Raises FileNotFoundError, and DaemonError when it is no folder of ours, or others have a right to it.
    """
    path = runtime_folder()
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DaemonError(f"{path} cannot be used as a folder: {error.strerror}") from error
    try:
        status = os.fstat(folder)
        if status.st_uid != os.geteuid():
            raise DaemonError(f"{path} belongs to another user: set XDG_RUNTIME_DIR to a folder of your own")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise DaemonError(f"others have a right to {path}: take it from them with `chmod 700 {path}`")
        yield Path(f"/proc/self/fd/{folder}")
    finally:
        os.close(folder)


class Rendezvous:
    """A bound socket. What lies at its place is replaced only if it is the socket of a dead listener.

    Raises DaemonError when the place is taken or cannot be had.
    """

    def __init__(self, address: Address) -> None:
        refuse_elsewhere()
        path = runtime_folder()
        try:
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
            with opened_folder() as folder:
                clear_left_behind(folder, f"*{_SUFFIX}")  # who was killed with -9 may never use its name again
                self._place = UnixPlace(folder / _file_name(address))
        except OSError as error:
            raise not_to_be_had(address, error, f", which is in {path}") from error
        self.socket = self._place.socket
        self._address = address

    def close(self) -> None:
        """Take the socket away, unless another one lies in its place by now. Twice is fine."""
        with suppress(OSError, DaemonError), opened_folder() as folder:
            self._place.close(folder / _file_name(self._address))
        self.socket.close()


def meet(address: Address, timeout: float | None) -> tuple[socket.socket, SharedRings]:
    """Connect, blocking at most so many seconds; who calls owns both. Raises DisconnectedError, DaemonError."""
    connection = reach(address, timeout)
    try:
        return connection, take_memory(connection)
    except BaseException:
        connection.close()
        raise


def reach(address: Address, timeout: float | None) -> socket.socket:
    """Connect to the socket alone. Raises DisconnectedError, DaemonError."""
    refuse_elsewhere()
    try:
        with opened_folder() as folder:
            return connect_unix(folder / _file_name(address), timeout)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        name = address.place
        raise DisconnectedError(f"nobody listens at {address}: `warmline instance open --shm {name}`") from error
    except OSError as error:
        raise DisconnectedError(f"{address} cannot be reached now: {error}") from error


def take_memory(connection: socket.socket) -> SharedRings:
    """Take what the instance passes; the socket does not block from then on. Raises DisconnectedError."""
    try:
        if not is_ours(connection):
            raise DisconnectedError("another user's program listens there")
        _, descriptors, _, _ = socket.recv_fds(connection, len(STROKE), 1, socket.MSG_CMSG_CLOEXEC)
        if not descriptors:
            raise DisconnectedError("the instance ended the connection before it had begun")
        connection.setblocking(False)  # with a timeout, Python would wait where the bell must not
        try:
            return map_rings(descriptors[0])
        finally:
            os.close(descriptors[0])
    except OSError as error:
        raise DisconnectedError(f"the instance passed no memory: {error}") from error


def _file_name(address: Address) -> str:
    return f"{address.place}{_SUFFIX}"


def _owner_of(folder: Path) -> int | None:
    try:
        return folder.stat().st_uid
    except OSError:
        return None
