"""The stores that must pass the contract suite, each with a clock that moves only when told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from manual_clock import ManualClock
from store_cases import MAX_LAPSES, OTHER_MAILBOX, Line
from warmline.model import MEMORY_MAILBOX
from warmline.protocols import Store
from warmline.settings import StoreSettings
from warmline.stores.memory import MemoryStore
from warmline.stores.sqlite import SqliteStore


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Store]:
    settings = StoreSettings(max_lapses=MAX_LAPSES)
    on_file = SqliteStore(tmp_path / "store.db", settings, clock)
    store: Store = MemoryStore(settings, clock) if request.param == "memory" else on_file
    await store.open()
    await store.add_mailbox(MEMORY_MAILBOX)
    await store.add_mailbox(OTHER_MAILBOX)
    yield store
    await store.close()


@pytest.fixture
def line(store: Store, clock: ManualClock) -> Line:
    return Line(store, clock)
