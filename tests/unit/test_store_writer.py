"""The writer thread when something breaks that no verb foresaw."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from manual_clock import ManualClock
from store_cases import a_question
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
