"""SQLite files whose path is longer than its VFS bears: named by a descriptor of their folder.

SQLite's buffers for a path have 512 bytes, whatever a VFS says of its own. So what a VFS passes on must be short;
SQLite would follow /proc/self/fd back to the long path, were that not left to us. The ciphers stand above this VFS, not
below: below it, a -wal is written as it was read.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import apsw

MAX_PATH_BYTES = 504
"""Of a real path that SQLite opens by itself: 512, less the ending of a journal."""

_BY_DESCRIPTOR = "/proc/self/fd"
_NAME = "warmline-long-paths"


def vfs_for(*paths: Path) -> str | None:
    """Return the VFS that opens these paths: SQLite's own, None, unless one of them is too long for it."""
    if all(len(os.fsencode(os.path.realpath(path))) <= MAX_PATH_BYTES for path in paths):
        return None
    _register()
    return f"multipleciphers-{_NAME}"


@cache
def _register() -> _LongPaths:
    """Make the VFS, once; it is known as long as somebody has it."""
    return _LongPaths()


class _LongPaths(apsw.VFS):
    """The system's VFS, which sees each folder by a descriptor. Those stay open as long as this process lives."""

    def __init__(self) -> None:
        super().__init__(_NAME, base="unix")
        self._folders: dict[tuple[int, int], int] = {}

    def xFullPathname(self, name: str) -> str:  # noqa: N802  # SQLite's name
        """Return a short path to the same place. Raises apsw.CantOpenError for a folder that cannot be opened."""
        path = Path(name)
        try:
            return f"{_BY_DESCRIPTOR}/{self._opened(path.parent)}/{path.name}"
        except OSError as error:
            raise apsw.CantOpenError(f"unable to open the folder of {name}: {error.strerror}") from error

    def _opened(self, folder: Path) -> int:
        """Return the one descriptor of this folder: by what it is, as another may have taken its place."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        found = os.fstat(descriptor)
        first = self._folders.setdefault((found.st_dev, found.st_ino), descriptor)
        if first != descriptor:
            os.close(descriptor)
        return first
