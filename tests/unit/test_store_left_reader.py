"""A reader that leaves at the moment at which the disk's thread has handed something to it."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import SEALS
from store_cases import BOBS, Line
from warmline.model import MEMORY_MAILBOX
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore


def wait_until_leased(path: Path) -> None:
    """Keep the event loop from running until the disk's thread has committed a hand-over."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as database:
        end = time.monotonic() + 5
        while not database.execute("select 1 from delivery where state = 'leased'").fetchall():
            assert time.monotonic() < end


@pytest.mark.parametrize("key", ["k", None])
async def test_what_it_came_back_for_under_its_key_is_not_taken_back(tmp_path: Path, key: str | None) -> None:
    path, clock = tmp_path / "store.db", ManualClock()
    store = SqliteStore(path, StoreSettings(), clock, SEALS)
    directory = SqliteDirectory(store.database)
    await store.open()
    line = Line(store, directory, clock, reopen=lambda: asyncio.sleep(0, line))
    await store.add_mailbox(MEMORY_MAILBOX)
    ada, bob = await line.join("ada"), await line.join("bob")
    left = asyncio.create_task(line.receive(bob, key=key))
    await asyncio.sleep(0)
    await store.sweep()
    saying = asyncio.create_task(line.say(ada, BOBS))
    sweeping = asyncio.create_task(store.sweep())  # one batch with the note, which runs off the event loop
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    wait_until_leased(path)
    again = asyncio.create_task(line.receive(bob, key=key))  # comes before the first is heard to leave
    left.cancel()
    async with asyncio.timeout(5):
        note, batch, _ = await saying, await again, await sweeping
    assert left.cancelled()
    assert [lease.deliveries for lease in batch.leases] == [1 if key else 2]
    await store.sweep()
    assert (await store.acknowledge(batch.token, bob.id)).settled == (note.id,)
    await store.close()
