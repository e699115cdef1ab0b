"""The writer thread when somebody leaves at the wrong moment, and when something breaks that no verb foresaw."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from pathlib import Path

import pytest

from manual_clock import ManualClock
from store_cases import LEASE, a_credential, a_question
from warmline.errors import StoreError
from warmline.model import MEMORY_MAILBOX
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore


class BreakingClock(ManualClock):
    """A clock that can be broken and mended."""

    broken = False

    def now(self) -> datetime:
        if self.broken:
            raise ZeroDivisionError("the clock is broken")
        return super().now()


class HoldingClock(ManualClock):
    """A clock that holds up whoever looks at it, between `hold` and `go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self._may_look = threading.Event()
        self._may_look.set()

    def hold(self) -> None:
        self._may_look.clear()

    def go_on(self) -> None:
        self._may_look.set()

    def now(self) -> datetime:
        assert self._may_look.wait(5)
        return super().now()


async def test_what_a_reader_left_while_it_was_served_is_taken_back_before_it_comes_again(tmp_path: Path) -> None:
    clock = HoldingClock()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock)
    await store.open()
    try:
        reader, question = a_credential(clock, "reader"), a_question(clock)
        await store.add(question, MEMORY_MAILBOX)
        clock.hold()
        leaving = asyncio.create_task(store.receive(MEMORY_MAILBOX, reader, 1, LEASE, "k"))
        for _ in range(3):
            await asyncio.sleep(0)  # it is with the writer, which looks at the clock
        leaving.cancel()
        await asyncio.sleep(0)
        again = asyncio.create_task(store.receive(MEMORY_MAILBOX, reader, 1, LEASE, "k"))
        await asyncio.sleep(0)
        clock.go_on()
        async with asyncio.timeout(5):
            batch = await again
        await store.sweep()  # whatever was on its way to the writer has happened
        assert await store.held(batch.token, reader.id) == batch
        assert await store.open_batches(reader.id) == [batch.token]
    finally:
        clock.go_on()
        await store.close()


async def test_a_bug_outside_every_verb_reaches_the_caller_and_the_store_goes_on(tmp_path: Path) -> None:
    clock = BreakingClock()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock)
    await store.open()
    try:
        question, other = a_question(clock), a_question(clock)
        clock.broken = True
        async with asyncio.timeout(5):
            with pytest.raises(StoreError, match="the clock is broken"):
                await store.add(question, MEMORY_MAILBOX)
            clock.broken = False
            assert (await store.add(other, MEMORY_MAILBOX)).created
    finally:
        await store.close()
