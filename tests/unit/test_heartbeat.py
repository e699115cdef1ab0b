"""The heartbeat on the verified in-memory store: an extension may be under way whatever becomes of the work."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bridge_cases import bridge_over
from manual_clock import ManualClock
from warmline.bridge.credentials import THE_OWNER
from warmline.dispatch.heartbeat import Heartbeat
from warmline.model import MEMORY_MAILBOX, Lease
from warmline.protocols import Clock
from warmline.settings import DispatchSettings, StoreSettings
from warmline.stores.memory import MemoryStore

SETTINGS = DispatchSettings()


class SlowStore(MemoryStore):
    """A store whose extensions take as long as the test says."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(StoreSettings(), clock)
        self.asked = asyncio.Event()
        self.free = asyncio.Event()

    async def extend(self, lease: Lease, length: timedelta) -> Lease:
        self.asked.set()
        await self.free.wait()
        return await super().extend(lease, length)


async def test_an_extension_that_comes_after_the_work_has_ended_stops_nobody() -> None:
    clock = ManualClock()
    store = SlowStore(clock)
    bridge = bridge_over(store, clock)
    await store.open()
    await store.add_mailbox(MEMORY_MAILBOX)
    await bridge.questions.ask(THE_OWNER, "why?")
    heartbeat = Heartbeat(store, clock, SETTINGS)
    beating = asyncio.create_task(heartbeat.run())
    async with asyncio.timeout(5):
        lease = await store.lease(MEMORY_MAILBOX, "test", SETTINGS.lease)
        async with asyncio.timeout(None) as scope:
            with heartbeat.hold(lease, scope):
                await clock.until_sleepers(1)
                clock.advance(SETTINGS.lease / SETTINGS.extend_share)
                await store.asked.wait()
        await store.release(lease)
        store.free.set()
        again = await store.lease(MEMORY_MAILBOX, "test", SETTINGS.lease)
        async with asyncio.timeout(None) as scope:
            with heartbeat.hold(again, scope):
                await clock.until_sleepers(1)  # it beats on
    beating.cancel()
    await asyncio.wait({beating})
