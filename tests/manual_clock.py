"""A clock that moves only when the test says."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Time stands still until `advance`. `sleepers` tells how many wait for it to move."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._someone_sleeps = asyncio.Condition()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, duration: timedelta) -> None:
        if duration <= timedelta(0):
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + duration, next(self._order), woken))
        async with self._someone_sleeps:
            self._someone_sleeps.notify_all()
        await woken

    @property
    def sleepers(self) -> int:
        return sum(not woken.done() for _, _, woken in self._sleepers)

    @property
    def next_due(self) -> datetime:
        """When the first sleeper wakes. Raises ValueError when nobody sleeps."""
        return min(when for when, _, woken in self._sleepers if not woken.done())

    async def until_sleepers(self, count: int) -> None:
        """Wait, at most 5 s, until at least this many tasks sleep on the clock."""
        async with asyncio.timeout(5), self._someone_sleeps:
            await self._someone_sleeps.wait_for(lambda: self.sleepers >= count)

    def advance(self, duration: timedelta) -> None:
        """Move the time and wake everyone whose time has come, in order of their times."""
        self._now += duration
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
