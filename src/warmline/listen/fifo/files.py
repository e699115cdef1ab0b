"""FIFOs as files: the rendezvous, which one instance owns, and those of clients, which are checked and not trusted."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from warmline.errors import DaemonError, UnsafePathError

MAX_NAME_BYTES = 200
"""Of a rendezvous: its clients' FIFOs have longer names, and a file system takes 255."""

FLAGS = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


def prefix_of(path: Path) -> str:
    """Return how the names of the clients' FIFOs begin."""
    return f".{path.name}."


class Rendezvous:
    """The FIFO at which clients knock, bound when it is made: nobody else has it while we live.

    A FIFO of ours with mode 0600 that no living instance owns is taken over, with those who wait to write to it.
    Raises DaemonError where anything else lies, or where another instance listens.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.prefix = prefix_of(path)
        if len(os.fsencode(path.name)) > MAX_NAME_BYTES:
            raise DaemonError(f"the name of {path} is too long for a FIFO: at most {MAX_NAME_BYTES} bytes")
        try:
            self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise DaemonError(f"cannot listen at {path}: {error.strerror}") from error
        try:
            self.descriptor = _take(path)
        except BaseException:
            os.close(self._folder)
            raise
        found = os.fstat(self.descriptor)
        self._identity = (found.st_dev, found.st_ino)

    def open_checked(self, name: str, flags: int) -> tuple[int, bool]:
        """Open a client's FIFO in our folder without waiting; return it, and whether its mode keeps all others out.

        Raises UnsafePathError for what is no FIFO of our user there, or the rendezvous itself; OSError as open does,
        with ENXIO when it is opened for writing and nobody reads.
        """
        try:
            if "/" in name:
                raise UnsafePathError("a FIFO is named without its folder")
            self._check(os.stat(name, dir_fd=self._folder, follow_symlinks=False))
            descriptor = os.open(name, flags | FLAGS, dir_fd=self._folder)
        except ValueError as error:  # a name with a NUL, or of half a character
            raise UnsafePathError("that is no name of a file") from error
        try:
            return descriptor, self._check(os.fstat(descriptor))  # it may have been replaced in between
        except UnsafePathError:
            os.close(descriptor)
            raise

    def _check(self, found: os.stat_result) -> bool:
        mine = found.st_uid == os.geteuid() and (found.st_dev, found.st_ino) != self._identity
        if not (stat.S_ISFIFO(found.st_mode) and mine):
            raise UnsafePathError("that is no FIFO of this user's")
        return stat.S_IMODE(found.st_mode) & 0o077 == 0

    def unlink(self, name: str) -> None:
        """Take a client's FIFO away, if it still lies there."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self._folder)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove what killed clients left: FIFOs of ours with the prefix that nobody holds open. Return how many."""
        swept = 0
        with suppress(OSError), os.scandir(self._folder) as entries:
            for name in [entry.name for entry in entries if entry.name.startswith(self.prefix)]:
                swept += self._sweep_one(name, older_than_seconds)
        return swept

    def _sweep_one(self, name: str, older_than_seconds: float) -> bool:
        try:
            found = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
            if time.time() - found.st_ctime >= older_than_seconds:
                os.close(self.open_checked(name, os.O_WRONLY)[0])
        except OSError as error:
            if error.errno == errno.ENXIO:  # nobody reads it, and so nobody made it who still lives
                self.unlink(name)
                return True
        except UnsafePathError:
            pass  # a file of another kind, or another's, that happens to be called so
        return False

    def close(self) -> None:
        """Take the rendezvous away, and what dead clients left; twice is fine."""
        if self.descriptor < 0:
            return
        self.sweep(0)
        with suppress(OSError):
            found = os.stat(self.path.name, dir_fd=self._folder, follow_symlinks=False)
            if (found.st_dev, found.st_ino) == self._identity:
                self.unlink(self.path.name)
        os.close(self.descriptor)
        os.close(self._folder)
        self.descriptor = self._folder = -1


def _take(path: Path) -> int:
    """Make the FIFO or take a dead instance's; return it open both ways, so that its end is never read, and locked."""
    try:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        found = path.lstat()
        if not (stat.S_ISFIFO(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o600):
            raise DaemonError(f"{path} is no FIFO of an instance of yours (mode 0600): it is left as it is")
        if is_read(path):
            raise DaemonError(f"another program listens at {path}")
        descriptor = os.open(path, os.O_RDWR | FLAGS)
    except OSError as error:
        raise DaemonError(f"cannot listen at {path}: {error.strerror}") from error
    try:
        _claim(descriptor, found, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _claim(descriptor: int, found: os.stat_result, path: Path) -> None:
    """Of several that begin at the same moment let one have it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.ENOTSUP, errno.EINVAL}:  # macOS locks no FIFOs
            raise DaemonError(f"another program listens at {path}") from error
    now = os.fstat(descriptor)
    if (now.st_dev, now.st_ino) != (found.st_dev, found.st_ino) or now.st_nlink == 0:
        raise DaemonError(f"another program changes {path} at this moment: try again")


def is_read(path: Path) -> bool:
    """Tell whether anybody has the FIFO open for reading. Raises OSError."""
    try:
        os.close(os.open(path, os.O_WRONLY | FLAGS))
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    return True
