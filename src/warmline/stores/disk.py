"""What of a store is waited for on the disk, and the thread that waits: the event loop does not.

SQLite writes a commit into its log (store.db-wal); a commit survives a power cut once the log was synced. Bytes that
make a file longer take half as long again to sync as bytes in the place of others, since the file system finds blocks
for them and notes it (docs/decisions/0025-room-in-the-log.md).
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from warmline.stores.kernel_sync import KernelSync

logger = logging.getLogger(__name__)

T = TypeVar("T")

MOST_ROOM_BYTES = 256 * 1024
"""Of more, the commit whose sync takes it along would be late."""

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Log(Protocol):
    """A database's log."""

    def sync(self) -> None:
        """Return when every commit in it survives a power cut. Raises OSError. Called from any thread."""

    def begin_sync(self, then: Callable[[OSError | None], None]) -> bool:
        """Begin to sync, and return; `then` is called on the event loop, with what went wrong.

        False, and nothing is called, where only `sync` can. One at a time.
        """

    def close(self) -> None:
        """Let go of it."""


class LogFile:
    """The log of the database at `path`, which a connection holds open: it is there until the last one closes.

    Where commits have made it longer it gets room for as much again, written with zeros, so that the next ones do not.
    Readers end at the first frame that has not the log's salt: https://www.sqlite.org/fileformat2.html#walformat.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(f"{path}-wal", os.O_RDWR)
        self._length = 0  # in bytes, with the room
        self._kernel: KernelSync | None = None
        self._is_for_threads = False

    def sync(self) -> None:
        """Sync its content; SQLite synced its name when it began it."""
        self._make_room()
        _sync(self._descriptor)

    def begin_sync(self, then: Callable[[OSError | None], None]) -> bool:
        """Have the kernel sync its content, if it takes the order."""
        if self._is_for_threads:
            return False
        self._make_room()
        try:
            self._kernel = self._kernel or KernelSync.of(self._descriptor)
            if self._kernel is not None:
                self._kernel.begin(then)
                return True
        except OSError as error:
            logger.info("a thread syncs the log", extra={"reason": str(error)})
            self._forget_kernel()
        self._is_for_threads = True
        return False

    def close(self) -> None:
        """Close the descriptor."""
        self._forget_kernel()
        os.close(self._descriptor)

    def _make_room(self) -> None:
        """Make it longer where commits did; on a full disk the next one makes do with what there is, or tells."""
        length = os.fstat(self._descriptor).st_size
        if length > self._length:
            with suppress(OSError):
                length += os.pwrite(self._descriptor, bytes(min(length, MOST_ROOM_BYTES)), length)
        self._length = length

    def _forget_kernel(self) -> None:
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None


class DiskThread:
    """Does one piece of work after the other, and tells the event loop what came of each."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._todo: queue.SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store disk", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Call `work`, which must not raise, on the thread, and `then` with its result on the event loop."""
        self._todo.put((work, then))

    async def end(self) -> None:
        """Return when all is done and the thread has ended."""
        self._todo.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (todo := self._todo.get()) is not None:
            work, then = todo
            self._loop.call_soon_threadsafe(then, work())
