"""Syncs that the kernel does by itself: that they sync, that each file hears of its own, and what refuses them."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from kernel_orders import needs_orders, unwritten_pages
from warmline.stores import kernel_sync
from warmline.stores.disk import LogFile
from warmline.stores.kernel_sync import Kernel, KernelSync


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def syncing(descriptor: int) -> Iterator[KernelSync]:
    needs_orders()
    sync = KernelSync.of(descriptor)
    assert sync is not None
    try:
        yield sync
    finally:
        sync.close()


async def ended(sync: KernelSync) -> OSError | None:
    told: asyncio.Future[OSError | None] = asyncio.get_running_loop().create_future()
    sync.begin(told.set_result)
    return await asyncio.wait_for(told, 30)


async def test_what_was_written_is_on_the_disk_when_the_sync_has_ended(tmp_path: Path) -> None:
    with opened(tmp_path / "file") as descriptor, syncing(descriptor) as sync:
        for _ in range(3):
            os.write(descriptor, os.urandom(2**20))
            os.fsync(descriptor)
            if unwritten_pages(descriptor):
                pytest.skip("NOT TESTED: this file system has no disk")
            os.pwrite(descriptor, os.urandom(2**20), 0)
            assert unwritten_pages(descriptor) > 0
            assert await ended(sync) is None
            assert unwritten_pages(descriptor) == 0


async def test_a_descriptor_that_may_only_read_is_enough(tmp_path: Path) -> None:
    with opened(tmp_path / "file") as writing:
        os.write(writing, b"x" * 4096)
        reading = os.open(tmp_path / "file", os.O_RDONLY)
        with syncing(reading) as sync:
            assert await ended(sync) is None
        os.close(reading)


async def test_each_of_many_files_hears_of_its_own_sync(tmp_path: Path) -> None:
    async def sync_often(number: int) -> int:
        heard = 0
        with opened(tmp_path / str(number)) as descriptor, syncing(descriptor) as sync:
            for _ in range(20):
                os.write(descriptor, b"x" * 4096)
                assert await ended(sync) is None
                heard += 1
        return heard

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(sync_often(number)) for number in range(8)]
    assert [task.result() for task in tasks] == [20] * 8


async def test_a_file_that_cannot_be_synced_is_refused_at_once() -> None:
    reading, writing = os.pipe()
    with syncing(writing) as sync, pytest.raises(OSError, match="Invalid argument"):
        await ended(sync)
    os.close(reading)
    os.close(writing)


class FailingDisk:
    """A kernel whose disk loses what it is given."""

    def submit(self, order: kernel_sync.Order) -> None:
        self._order = order
        os.eventfd_write(order.bell, 1)

    def gather(self) -> None:
        kernel_sync.results[self._order.data] = -errno.EIO


async def test_what_went_wrong_is_told(tmp_path: Path) -> None:
    needs_orders()
    with opened(tmp_path / "file") as descriptor:
        sync = KernelSync(cast("Kernel", FailingDisk()), descriptor)
        trouble = await ended(sync)
        sync.close()
    assert trouble is not None
    assert trouble.errno == errno.EIO


def never(trouble: OSError | None) -> None:
    raise AssertionError(trouble)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_log_is_for_threads_where_the_kernel_takes_no_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    kernel_sync.the_kernel.cache_clear()
    (tmp_path / "store.db-wal").touch()
    log = LogFile(tmp_path / "store.db")
    try:
        assert not log.begin_sync(never)
        log.sync()
    finally:
        log.close()
        kernel_sync.the_kernel.cache_clear()


async def test_a_log_is_for_threads_where_no_descriptor_is_left_for_the_bell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_orders()

    def none_is_left(_start: int, _flags: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "eventfd", none_is_left)
    (tmp_path / "store.db-wal").touch()
    log = LogFile(tmp_path / "store.db")
    assert not log.begin_sync(never)
    log.close()


async def test_a_log_whose_file_is_refused_is_for_threads_from_then_on(tmp_path: Path) -> None:
    needs_orders()
    os.mkfifo(tmp_path / "store.db-wal")
    writing = os.open(tmp_path / "store.db-wal", os.O_RDWR)
    log = LogFile(tmp_path / "store.db")
    before = descriptors()
    for _ in range(3):
        assert not log.begin_sync(never)
    assert descriptors() == before
    log.close()
    os.close(writing)
