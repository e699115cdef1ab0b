"""The writer when somebody leaves at the wrong moment, and when something breaks that no verb foresaw."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import SEALS
from store_cases import a_question
from warmline.errors import StoreError
from warmline.model import MEMORY_MAILBOX
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore
from warmline.stores.transaction import Transaction


class BreakingClock(ManualClock):
    """A clock that can be broken and mended."""

    broken = False

    def now(self) -> datetime:
        if self.broken:
            raise ZeroDivisionError("the clock is broken")
        return super().now()


async def test_what_was_handed_to_who_left_is_taken_back_before_what_is_asked_next(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), ManualClock(), SEALS)
    await store.open()
    happened: list[str] = []
    is_handing, may_hand = threading.Event(), threading.Event()

    def hand_over(_tx: Transaction) -> str:
        is_handing.set()
        assert may_hand.wait(5)
        return "a lease"

    try:
        database = store.database
        box = database.box(MEMORY_MAILBOX)
        job = database.submit(
            hand_over,
            synced=False,
            parking=box,
            undo=lambda _tx, result: happened.append(f"took back {result}"),
            aside=True,
        )
        await asyncio.sleep(0)
        assert is_handing.wait(5)
        database.abandon(job)
        after = database.submit(lambda _tx: happened.append("did what was asked next"), synced=False)
        may_hand.set()
        async with asyncio.timeout(5):
            await after.done
        assert happened == ["took back a lease", "did what was asked next"]
    finally:
        may_hand.set()
        await store.close()


async def test_a_bug_outside_every_verb_reaches_the_caller_and_the_store_goes_on(tmp_path: Path) -> None:
    clock = BreakingClock()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock, SEALS)
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
