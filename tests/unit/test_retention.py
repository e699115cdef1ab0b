"""Retention: what is old leaves once a day, and trouble costs a day's run and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from manual_clock import ManualClock
from warmline.dispatch.retention import Retention
from warmline.errors import StoreClosedError, StoreFullError
from warmline.model import CredentialId
from warmline.settings import RetentionSettings, StoreSettings
from warmline.stores.memory import MemoryStore
from warmline.stores.memory.audit import MemoryAuditLog

SETTINGS = RetentionSettings()
MOMENT = timedelta(microseconds=1)


class NotedStore(MemoryStore):
    """A store that notes each run of the archive, and fails those that it is told to."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(StoreSettings(), clock)
        self.runs: asyncio.Queue[datetime] = asyncio.Queue()
        self.trouble: Exception | None = None

    async def archive(self, before: datetime, *, by: CredentialId) -> int:
        self.runs.put_nowait(before)
        if self.trouble is not None:
            raise self.trouble
        return await super().archive(before, by=by)


class NotedAudit(MemoryAuditLog):
    """An audit that notes each run of its archive."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: asyncio.Queue[datetime] = asyncio.Queue()

    async def archive(self, before: datetime) -> int:
        self.runs.put_nowait(before)
        return await super().archive(before)


class Keeper:
    """A retention at work."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.store = NotedStore(clock)
        self.audit = NotedAudit()
        self.work = Retention(self.store, self.audit, clock, SETTINGS)

    async def pass_time(self, duration: timedelta) -> None:
        """Let the time go by once the service sleeps, and what it wakes run."""
        await self.clock.until_sleepers(1)
        self.clock.advance(duration)
        await asyncio.sleep(0)

    async def run_of_the_archive(self) -> datetime:
        async with asyncio.timeout(5):
            return await self.store.runs.get()

    async def run_of_the_audits_archive(self) -> datetime:
        async with asyncio.timeout(5):
            return await self.audit.runs.get()


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    keeper = Keeper(ManualClock())
    await keeper.store.open()
    yield keeper
    await keeper.store.close()


@pytest.fixture
async def running(keeper: Keeper) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(keeper.work.run())
    yield task
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.usefixtures("running")
async def test_the_first_look_comes_a_little_after_the_start(keeper: Keeper) -> None:
    await keeper.pass_time(SETTINGS.first_look - MOMENT)
    assert keeper.store.runs.empty()
    await keeper.pass_time(MOMENT)
    assert await keeper.run_of_the_archive() == keeper.clock.now() - SETTINGS.keep


@pytest.mark.usefixtures("running")
async def test_the_audit_stays_three_times_as_long(keeper: Keeper) -> None:
    await keeper.pass_time(SETTINGS.first_look)
    at = await keeper.run_of_the_archive()
    assert at - await keeper.run_of_the_audits_archive() == SETTINGS.keep_audit - SETTINGS.keep == 2 * SETTINGS.keep


@pytest.mark.usefixtures("running")
async def test_it_looks_again_a_day_later_and_not_before(keeper: Keeper) -> None:
    await keeper.pass_time(SETTINGS.first_look)
    await keeper.run_of_the_archive()
    for _ in range(3):
        await keeper.pass_time(SETTINGS.period - MOMENT)
        assert keeper.store.runs.empty()
        await keeper.pass_time(MOMENT)
        assert await keeper.run_of_the_archive() == keeper.clock.now() - SETTINGS.keep


async def test_a_full_disk_costs_one_days_run(keeper: Keeper, running: asyncio.Task[None]) -> None:
    keeper.store.trouble = StoreFullError("the disk is full")
    await keeper.pass_time(SETTINGS.first_look)
    await keeper.run_of_the_archive()
    keeper.store.trouble = None
    await keeper.pass_time(SETTINGS.period)
    await keeper.run_of_the_archive()
    assert not running.done()


async def test_it_ends_with_the_store(keeper: Keeper, running: asyncio.Task[None]) -> None:
    keeper.store.trouble = StoreClosedError("the store was closed")
    await keeper.pass_time(SETTINGS.first_look)
    await asyncio.wait({running}, timeout=5)
    assert running.result() is None
