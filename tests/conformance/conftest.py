"""The stores that must pass the contract suites, each with its directory and a clock that moves only when told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from manual_clock import ManualClock
from store_cases import MAX_LAPSES, OTHER_MAILBOX, Line
from warmline.model import MEMORY_MAILBOX, Credential
from warmline.protocols import Directory, Store
from warmline.settings import StoreSettings
from warmline.stores.memory import MemoryDirectory, MemoryStore

SETTINGS = StoreSettings(max_lapses=MAX_LAPSES)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def _in_memory(clock: ManualClock) -> AsyncIterator[Line]:
    store = MemoryStore(SETTINGS, clock)

    async def open_line() -> Line:
        await store.close()
        await store.open()
        return Line(store, MemoryDirectory(store.records), clock, open_line)

    yield await open_line()
    await store.close()


@pytest.fixture(params=["memory"])
async def line(clock: ManualClock) -> AsyncIterator[Line]:
    lines = _in_memory(clock)
    async for line in lines:
        await line.store.add_mailbox(MEMORY_MAILBOX)
        await line.store.add_mailbox(OTHER_MAILBOX)
        yield line


@pytest.fixture
def store(line: Line) -> Store:
    return line.store


@pytest.fixture
def directory(line: Line) -> Directory:
    return line.directory


@pytest.fixture
async def ada(line: Line) -> Credential:
    return await line.join("ada")


@pytest.fixture
async def bob(line: Line) -> Credential:
    return await line.join("bob")
