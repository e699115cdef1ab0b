"""Counting what reaches the disk: a layer under SQLite that counts its syncs."""

from __future__ import annotations

import apsw

COUNTING = "warmline-counting"


class CountingVfs(apsw.VFS):
    """The default file system of SQLite, with a count of all syncs through it."""

    def __init__(self) -> None:
        super().__init__(COUNTING, "")
        self.syncs = 0

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
        """Open a file whose syncs are counted."""
        return _CountingFile(self, name, flags)


class _CountingFile(apsw.VFSFile):
    def __init__(self, vfs: CountingVfs, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's name
        self._vfs.syncs += 1
        super().xSync(flags)
