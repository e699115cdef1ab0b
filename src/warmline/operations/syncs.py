"""Counting what reaches the disk: a layer under SQLite that counts its syncs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw

from warmline.stores.disk import LogFile

COUNTING = "warmline-counting"


class CountingVfs(apsw.VFS):
    """The default file system of SQLite, with a count of all syncs through it."""

    def __init__(self) -> None:
        super().__init__(COUNTING, "")
        self.syncs = 0

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
        """Open a file whose syncs are counted."""
        return _CountingFile(self, name, flags)

    def log(self, path: Path) -> LogFile:
        """Open the log of a database, whose syncs are counted, too."""
        return _CountingLog(self, path)


class _CountingLog(LogFile):
    def __init__(self, vfs: CountingVfs, path: Path) -> None:
        super().__init__(path)
        self._vfs = vfs

    def sync(self) -> None:
        self._vfs.syncs += 1
        super().sync()

    def begin_sync(self, then: Callable[[OSError | None], None]) -> bool:
        is_begun = super().begin_sync(then)
        self._vfs.syncs += is_begun
        return is_begun


class _CountingFile(apsw.VFSFile):
    def __init__(self, vfs: CountingVfs, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's name
        self._vfs.syncs += 1
        super().xSync(flags)
