"""The stores that must pass the contract suites, each with its directory and a clock that moves only when told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import KEY, SEALS, assert_ledger_is_true
from store_cases import MAX_LAPSES, OTHER_MAILBOX, Line
from warmline.directory import Directory
from warmline.model import MEMORY_MAILBOX
from warmline.parties import Credential
from warmline.protocols import Store
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.memory import MemoryDirectory, MemoryStore
from warmline.stores.sqlite import SqliteStore

SETTINGS = StoreSettings(max_lapses=MAX_LAPSES)

ENCRYPTED_TOO = {"test_store_archiving", "test_store_erasing", "test_store_batches", "test_store_at_once"}


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


async def _on_file(clock: ManualClock, path: Path, key: bytes | None) -> AsyncIterator[Line]:
    opened: list[SqliteStore] = []

    async def open_line() -> Line:
        for store in opened:
            await store.close()
        opened.append(SqliteStore(path, SETTINGS, clock, SEALS, key=key))
        directory = SqliteDirectory(opened[-1].database)
        await opened[-1].open()
        return Line(opened[-1], directory, clock, open_line)

    yield await open_line()
    await opened[-1].close()
    assert_ledger_is_true(path, key=key)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every suite on both stores, and those that touch all files of a home on an encrypted one as well."""
    if "line" in metafunc.fixturenames:
        encrypted = ["encrypted"] if metafunc.module.__name__.rpartition(".")[2] in ENCRYPTED_TOO else []
        metafunc.parametrize("line", ["memory", "sqlite", *encrypted], indirect=True)


@pytest.fixture
async def line(request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Line]:
    key = KEY if request.param == "encrypted" else None
    lines = _in_memory(clock) if request.param == "memory" else _on_file(clock, tmp_path / "store.db", key)
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


@pytest.fixture
async def cleo(line: Line) -> Credential:
    return await line.join("cleo")


@pytest.fixture
async def person(line: Line) -> Credential:
    return await line.join("pia", is_person=True)
