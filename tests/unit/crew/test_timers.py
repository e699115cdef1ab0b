"""One task calls what is due, when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest

from crewing import calm
from manual_clock import ManualClock
from warmline.crew.timers import Timers

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def timers(clock: ManualClock) -> AsyncIterator[Timers]:
    timers = Timers(clock)
    work = asyncio.create_task(timers.run())
    await calm()
    yield timers
    work.cancel()
    await asyncio.wait([work])
    assert work.cancelled()
    assert clock.sleepers == 0


async def test_what_is_due_is_called_in_the_order_of_the_times(clock: ManualClock, timers: Timers) -> None:
    called: list[str] = []
    timers.after(3 * SECOND, lambda: called.append("third"))
    timers.after(SECOND, lambda: called.append("first"))
    timers.after(2 * SECOND, lambda: called.append("second"))
    await calm()
    clock.advance(2 * SECOND)
    await calm()
    assert called == ["first", "second"]
    clock.advance(SECOND)
    await calm()
    assert called == ["first", "second", "third"]


async def test_a_cancelled_timer_is_not_called(clock: ManualClock, timers: Timers) -> None:
    called: list[str] = []
    timers.after(SECOND, lambda: called.append("cancelled")).cancel()
    timers.after(2 * SECOND, lambda: called.append("kept"))
    await calm()
    clock.advance(2 * SECOND)
    await calm()
    assert called == ["kept"]


async def test_what_is_called_may_set_and_cancel_timers(clock: ManualClock, timers: Timers) -> None:
    called: list[str] = []
    doomed = timers.after(SECOND * 2, lambda: called.append("doomed"))

    def call() -> None:
        doomed.cancel()
        timers.after(SECOND, lambda: called.append("next"))

    timers.after(SECOND, call)
    await calm()
    clock.advance(SECOND)
    await calm()
    clock.advance(SECOND)
    await calm()
    assert called == ["next"]


async def test_work_that_takes_too_long_is_cancelled_and_raises_a_timeout_error(
    clock: ManualClock, timers: Timers
) -> None:
    cancelled = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    work = asyncio.create_task(timers.within(SECOND, hang()))
    await calm()
    assert not work.done()
    clock.advance(SECOND)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(work, 5)
    assert cancelled.is_set()


async def test_work_that_ends_in_time_returns_and_leaves_no_timer(clock: ManualClock, timers: Timers) -> None:
    async def quick() -> str:
        return "done"

    assert await timers.within(SECOND, quick()) == "done"
    clock.advance(2 * SECOND)
    await calm()
    assert clock.sleepers == 0


async def test_cancelled_timers_are_forgotten_and_the_others_are_called_in_their_order(
    clock: ManualClock, timers: Timers
) -> None:
    called: list[int] = []
    for number in range(1000):
        timer = timers.after(number * SECOND, partial(called.append, number))
        if number % 100:
            timer.cancel()
    assert len(timers._due) < 150
    await calm()
    clock.advance(1000 * SECOND)
    await calm()
    assert called == list(range(0, 1000, 100))
