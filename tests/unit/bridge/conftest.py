"""A line for the tests of the bridge's verbs, on every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge_cases import Scene, directory_of, join
from manual_clock import ManualClock
from sealing import SEALS
from warmline.errors import UnknownFileError, UnknownRootError
from warmline.memory.citations import FileVerifier
from warmline.scopes import reaches
from warmline.settings import MemorySettings, StoreSettings
from warmline.stores.memory import MemoryStore
from warmline.stores.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path, notes: Path) -> AsyncIterator[Scene]:
    """An open line whose memory has the one root `notes`."""

    def resolve(shown: str, within: frozenset[str] | None) -> Path:
        if not shown.startswith("notes/") or not reaches(within, shown):
            raise UnknownRootError(shown)
        return notes.parent / shown

    async def indexed(shown: str, within: frozenset[str] | None) -> Path:
        return resolve(shown, within)

    async def shown(path: str, within: frozenset[str] | None) -> str:
        found = path.removeprefix(f"{notes.parent}/")
        if not resolve(found, within).is_file():
            raise UnknownFileError(path)
        return found

    clock, settings = ManualClock(), StoreSettings()
    on_file = SqliteStore(tmp_path / "store.db", settings, clock, SEALS)
    store = on_file if request.param == "sqlite" else MemoryStore(settings, clock)
    directory = directory_of(store)
    agents: list[str] = []
    bridge = join(store, directory, FileVerifier(indexed, MemorySettings()), clock, lambda: agents, shown=shown)
    await store.open()
    yield Scene(bridge, store, directory, clock, agents)
    await store.close()
