"""A disk whose power can be cut: under SQLite, it forgets what was written and not synced."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import apsw

SECTOR_BYTES = 512


class Disk:
    """The files of a folder as the medium holds them, beside what is written and not yet synced.

    After so many writes and syncs the power goes: from then on every one of them fails. `restore`
    writes what is left. What was not synced survives by chance, sector by sector, as on a real disk.
    """

    def __init__(self, chance: random.Random, operations_until_cut: int) -> None:
        self._chance = chance
        self._left = operations_until_cut
        self._lock = threading.Lock()
        self._durable: dict[str, bytearray] = {}
        self._pending: dict[str, list[tuple[int, bytes | None]]] = {}

    @property
    def is_cut(self) -> bool:
        return self._left <= 0

    def cut(self) -> None:
        with self._lock:
            self._left = 0

    def write(self, path: str, offset: int, data: bytes | None) -> None:
        """Note a write, or with None that the file ends at offset."""
        with self._lock:
            self._operate()
            self._pending.setdefault(path, []).append((offset, data))

    def sync(self, path: str) -> None:
        with self._lock:
            self._operate()
            for offset, data in self._pending.pop(path, ()):
                self._apply(path, offset, data)

    def delete(self, path: str) -> None:
        with self._lock:
            self._operate()
            self._durable.pop(path, None)
            self._pending.pop(path, None)

    def restore(self, folder: Path) -> None:
        """Write the files as they are found when the power is back."""
        for path, writes in self._pending.items():
            for offset, data in writes:
                if data is None:
                    if self._chance.random() < 0.5:
                        self._apply(path, offset, None)
                    continue
                for start in range(0, len(data), SECTOR_BYTES):
                    if self._chance.random() < 0.5:
                        self._apply(path, offset + start, data[start : start + SECTOR_BYTES])
        for path, content in self._durable.items():
            (folder / Path(path).name).write_bytes(content)

    def _operate(self) -> None:
        if self._left <= 0:
            raise apsw.IOError("the power is gone")
        self._left -= 1

    def _apply(self, path: str, offset: int, data: bytes | None) -> None:
        content = self._durable.setdefault(path, bytearray())
        if data is None:
            del content[offset:]
            return
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


class DiskVFS(apsw.VFS):
    """SQLite's own file system, which tells the disk of every change first."""

    def __init__(self, name: str, disk: Disk, base: str = "") -> None:
        super().__init__(name, base=base)
        self._disk = disk
        self._base = base

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's names
        return DiskFile(name, flags, self._disk, self._base)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._disk.delete(filename)
        super().xDelete(filename, syncdir)

    def excepthook(self, *_failure: object) -> bool:
        """Say nothing: SQLite passes the failure on as its own."""
        return True


class DiskLog:
    """A database's log on that disk."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = f"{path}-wal"
        self._disk = disk

    def sync(self) -> None:
        try:
            self._disk.sync(self._path)
        except apsw.IOError as error:
            raise OSError(str(error)) from error

    def begin_sync(self, then: object) -> bool:
        return False  # the kernel knows nothing of this disk

    def close(self) -> None:
        """Nothing is held."""


class DiskFile(apsw.VFSFile):
    """One open file."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], disk: Disk, base: str) -> None:
        super().__init__(base, name, flags)
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.write(self._path, offset, data)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.write(self._path, newsize, None)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._disk.sync(self._path)

    def excepthook(self, *_failure: object) -> bool:
        """Say nothing: SQLite passes the failure on as its own."""
        return True
