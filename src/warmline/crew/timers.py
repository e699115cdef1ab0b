"""What is to happen later: one task that sleeps on the Clock until the next of many times. Nothing is polled."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from warmline.protocols import Clock

T = TypeVar("T")

FEW = 64
"""So many cancelled timers are not worth looking for."""


class Timer:
    """Something that is to be called once, unless it is cancelled before."""

    __slots__ = ("_dropped", "call")

    def __init__(self, call: Callable[[], None], dropped: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call
        self._dropped = dropped

    def cancel(self) -> None:
        """Let it not happen. May be called at any time."""
        if self.call is not None:
            self.call = None
            self._dropped()


class Timers:
    """A Service that calls what is due on the event loop, in the order of the times; late rather than early.

    Most timers are cancelled, since most work ends in time: those are forgotten once they outnumber the others.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[datetime, int, Timer]] = []
        self._dropped = 0
        self._order = itertools.count()
        self._nap: asyncio.Task[None] | None = None

    def after(self, delay: timedelta, call: Callable[[], None]) -> Timer:
        """Have something called after this long."""
        timer = Timer(call, self._drop)
        entry = (self._clock.now() + delay, next(self._order), timer)
        heapq.heappush(self._due, entry)
        if self._nap is not None and self._due[0] is entry:
            self._nap.cancel()
        return timer

    async def within(self, limit: timedelta, work: Awaitable[T]) -> T:
        """Await the work, and cancel it after this long. Raises TimeoutError then."""
        async with asyncio.timeout(None) as scope:
            timer = self.after(limit, lambda: scope.reschedule(0.0))
            try:
                return await work
            finally:
                timer.cancel()

    async def run(self) -> None:
        """Sleep until something is due, call it, and again."""
        while True:
            self._call_what_is_due()
            self._nap = asyncio.create_task(self._sleep(), name="nap")
            try:
                await asyncio.wait([self._nap])
            finally:
                self._nap.cancel()
            if not self._nap.cancelled():
                self._nap.result()

    def _call_what_is_due(self) -> None:
        now = self._clock.now()
        while self._due and (self._due[0][0] <= now or self._due[0][2].call is None):
            _, _, timer = heapq.heappop(self._due)
            call, timer.call = timer.call, None
            if call is None:
                self._dropped -= 1
            else:
                call()

    async def _sleep(self) -> None:
        """Sleep until the first of them, or until `after` adds one before it."""
        if self._due:
            await self._clock.sleep(self._due[0][0] - self._clock.now())
        else:
            await asyncio.get_running_loop().create_future()

    def _drop(self) -> None:
        """Count one that was cancelled."""
        self._dropped += 1
        if self._dropped > FEW and 2 * self._dropped > len(self._due):
            self._due = [entry for entry in self._due if entry[2].call is not None]
            heapq.heapify(self._due)
            self._dropped = 0
