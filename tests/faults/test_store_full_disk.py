"""The disk fills up: askers hear of it, what was accepted stays, and work goes on when there is room."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS, assert_ledger_is_true
from store_cases import LEASE, OTHER_MAILBOX, a_question, an_answer
from warmline.errors import LeaseLostError, StoreFullError
from warmline.model import MEMORY_MAILBOX, Lease, Message, MessageId, State
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore

ROOM_BYTES = 1024 * 1024
BODY = "words " * 1000
MOST_QUESTIONS = 2 * ROOM_BYTES // len(BODY)


@dataclass(frozen=True)
class SmallDisk:
    """A folder that fills up, the file system to reach it by, and a way to make room."""

    folder: Path
    vfs: str | None
    make_room: Callable[[], object]


class FullVFS(apsw.VFS):
    """SQLite's own file system, in which no file grows beyond the limit."""

    def __init__(self, name: str) -> None:
        super().__init__(name, base="")
        self.limit_bytes: float = ROOM_BYTES

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
        return FullFile(self, name, flags)

    def make_room(self) -> None:
        self.limit_bytes = float("inf")


class FullFile(apsw.VFSFile):
    """One open file."""

    def __init__(self, vfs: FullVFS, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if offset + len(data) > self._vfs.limit_bytes:
            raise apsw.FullError("no room")
        super().xWrite(data, offset)

    def excepthook(self, *_failure: object) -> bool:
        """Say nothing: SQLite passes the failure on as its own."""
        return True


def by_file_system(folder: Path) -> Iterator[SmallDisk]:
    """A real one in memory, most of it taken by other things."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small file system; the same is tested through SQLite's file layer")
    tried = subprocess.run([mount, "-t", "tmpfs", "-o", f"size={16 * ROOM_BYTES}", "tmpfs", folder], check=False)
    if tried.returncode != 0:
        pytest.skip("no file system can be mounted here; the same is tested through SQLite's file layer")
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(15 * ROOM_BYTES))
    try:
        yield SmallDisk(folder, None, ballast.unlink)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # a failed test may hold the store open


def by_file_layer(folder: Path) -> Iterator[SmallDisk]:
    vfs = FullVFS("full disk")
    yield SmallDisk(folder, "full disk", vfs.make_room)
    vfs.unregister()


@pytest.fixture(params=[by_file_system, by_file_layer])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    yield from request.param(tmp_path)


@pytest.fixture
def small_archive(tmp_path: Path) -> Iterator[SmallDisk]:
    """The archive's folder on a disk of 64 KB."""
    mount = shutil.which("mount")
    folder = tmp_path / "archive"
    folder.mkdir()
    if os.geteuid() != 0 or mount is None:
        pytest.skip("NOT TESTED: only root can mount a small file system")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode != 0:
        pytest.skip("NOT TESTED: no file system can be mounted here")
    yield SmallDisk(folder, None, lambda: subprocess.run(["umount", folder], check=True))
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", folder], check=True)


async def ask_until_full(store: SqliteStore, clock: ManualClock) -> list[Message]:
    """Return what was accepted before the disk was full."""
    accepted: list[Message] = []
    for number in range(MOST_QUESTIONS):
        message = a_question(clock, f"{number}: {BODY}")
        try:
            await store.add(message, MEMORY_MAILBOX)
        except StoreFullError:
            return accepted
        accepted.append(message)
    raise AssertionError("the disk did not fill up")


async def test_who_answers_at_once_loses_nothing_to_a_full_disk_and_goes_on(disk: SmallDisk) -> None:
    """There question, lease and answer are one transaction, whose commit fails."""
    clock = ManualClock()
    store = SqliteStore(disk.folder / "store.db", StoreSettings(), clock, SEALS, vfs=disk.vfs)
    is_full, has_room = asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        while True:
            try:
                lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
                settling = store.settle(lease, an_answer(clock, lease.message))
                settling.add_done_callback(lambda future: future.exception())
            except StoreFullError:
                is_full.set()
                await has_room.wait()

    async with asyncio.timeout(30):
        await store.open()
        worker = asyncio.create_task(serve())
        accepted = await ask_until_full(store, clock)
        assert len(accepted) > 10
        await is_full.wait()
        for message in accepted:
            assert (await store.get(message.id)).message == message

        disk.make_room()
        has_room.set()
        await store.lapse_all()
        accepted.append((await store.add(a_question(clock, BODY), MEMORY_MAILBOX)).question.message)
        for message in accepted:
            assert (await store.wait_until_ended(message.id)).delivery.state is State.SETTLED
        worker.cancel()
        assert (await store.tally())[State.SETTLED] == len(accepted)
        await store.close()


async def test_what_was_accepted_survives_a_full_disk_and_work_goes_on_when_there_is_room(disk: SmallDisk) -> None:
    clock = ManualClock()
    path = disk.folder / "store.db"
    store = SqliteStore(path, StoreSettings(), clock, SEALS, vfs=disk.vfs)
    async with asyncio.timeout(30):
        await store.open()
        accepted = await ask_until_full(store, clock)
        assert len(accepted) > 10
        with pytest.raises(StoreFullError):
            await store.add(a_question(clock, BODY), MEMORY_MAILBOX)
        for message in accepted:
            assert (await store.get(message.id)).message == message

        disk.make_room()
        later = a_question(clock, BODY)
        receipt = await store.add(later, MEMORY_MAILBOX)
        assert receipt.question.delivery.position == len(accepted) + 1
        for message in [*accepted, later]:
            lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
            assert lease.message == message
            await store.settle(lease, an_answer(clock, message))
        await store.close()

        again = SqliteStore(path, StoreSettings(), clock, SEALS, vfs=disk.vfs)
        await again.open()
        assert (await again.tally())[State.SETTLED] == len(accepted) + 1
        await again.close()
        assert_ledger_is_true(path)


async def test_a_worker_that_waits_through_a_full_disk_gets_the_first_question_after_it(disk: SmallDisk) -> None:
    """What it is given before a commit that fails is nobody's question: its answer is refused, and it leases again."""
    clock = ManualClock()
    store = SqliteStore(disk.folder / "store.db", StoreSettings(), clock, SEALS, vfs=disk.vfs)
    refused: list[MessageId] = []

    async def serve() -> Lease:
        while True:
            lease = await store.lease(OTHER_MAILBOX, "worker", LEASE)
            try:
                await store.settle(lease, an_answer(clock, lease.message))
            except (LeaseLostError, StoreFullError):
                refused.append(lease.message.id)
            else:
                return lease

    async with asyncio.timeout(30):
        await store.open()
        await store.add_mailbox(OTHER_MAILBOX)
        serving = asyncio.create_task(serve())
        await ask_until_full(store, clock)
        early = a_question(clock, BODY)
        with pytest.raises(StoreFullError):
            await store.add(early, OTHER_MAILBOX)
        disk.make_room()
        message = a_question(clock, BODY)
        await store.add(message, OTHER_MAILBOX)
        lease = await serving
        assert (lease.message, lease.deliveries) == (message, 1)
        assert refused == [early.id]
        await store.close()


async def test_a_full_disk_under_the_archive_leaves_every_row_and_no_file(small_archive: SmallDisk) -> None:
    clock = ManualClock()
    store = SqliteStore(small_archive.folder.with_name("store.db"), StoreSettings(), clock, SEALS)
    await store.open()
    await store.add_mailbox(MEMORY_MAILBOX)
    asked = [a_question(clock, random.Random(number).randbytes(100_000).hex()) for number in range(3)]
    for question in asked:
        await store.add(question, MEMORY_MAILBOX)
        await store.done(await store.lease(MEMORY_MAILBOX, "worker", LEASE))
    before = [await store.post(question.id) for question in asked]
    clock.advance(LEASE)
    with pytest.raises(StoreFullError, match=str(small_archive.folder)):
        await store.archive(clock.now(), by=BY)
    assert await asyncio.to_thread(os.listdir, small_archive.folder) == []
    assert await store.tally() == dict.fromkeys(State, 0) | {State.SETTLED: 3}
    await asyncio.to_thread(small_archive.make_room)
    assert await store.archive(clock.now(), by=BY) == 2
    assert await store.tally() == dict.fromkeys(State, 0) | {State.SETTLED: 1}
    assert [await store.post(question.id) for question in asked] == before
    await store.close()
