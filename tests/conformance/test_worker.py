"""What whoever keeps workers counts on, whatever they are; and that owners of scripted ones are held to their part."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from warm_claude import NOTHING, a_stand_in, ask, the_real_one
from warmline.answerers.scripted import After, QuoteFirst
from warmline.answerers.scripted_warm import Fates, ScriptedWarmAnswerer
from warmline.errors import AgentError, AnswererError
from warmline.model import Outcome
from warmline.workers import WarmAnswerer

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only: its programs are held by pidfds")

HANGS = "On which port does the exporter listen? stand-in: hang"
PLAIN = "On which port does the exporter listen?"


@asynccontextmanager
async def scripted(_folder: Path) -> AsyncIterator[WarmAnswerer]:
    """Give one whose first question is never answered."""
    worker = ScriptedWarmAnswerer([After(asyncio.Event(), QuoteFirst()), QuoteFirst()], pid=os.getpid())
    await worker.start()
    yield worker
    await worker.end()


WORKERS: dict[str, Callable[[Path], AbstractAsyncContextManager[WarmAnswerer]]] = {
    "scripted": scripted,
    "a stand-in": a_stand_in(),
    "a stand-in without rewind": a_stand_in("rewind"),
    "Claude Code": the_real_one(),
}


@pytest.fixture(params=WORKERS)
async def worker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WarmAnswerer]:
    async with WORKERS[request.param](tmp_path) as started, asyncio.timeout(20):
        yield started


async def hung(worker: WarmAnswerer) -> None:
    """Have it be asked what it does not answer, and cancel that."""
    asking = asyncio.create_task(worker.answer(ask(HANGS), NOTHING))
    await asyncio.wait([asking], timeout=0.05)
    asking.cancel()
    await asyncio.wait([asking])


def crash(worker: WarmAnswerer) -> None:
    if isinstance(worker, ScriptedWarmAnswerer):
        worker.crash("killed by signal 9")
    elif worker.pid is not None:
        os.kill(worker.pid, signal.SIGKILL)


async def test_one_that_has_recovered_from_a_cancelled_question_answers_the_next(worker: WarmAnswerer) -> None:
    await hung(worker)
    await worker.recover()
    await worker.recover()
    assert (await worker.answer(ask(PLAIN), NOTHING)).outcome in Outcome


async def test_one_that_was_told_all_is_known_by_traits_and_pid_and_lives(worker: WarmAnswerer) -> None:
    assert worker.traits["version"]
    assert worker.pid is not None
    await worker.probe()


async def test_one_that_crashes_idle_tells_who_waits_for_its_end_and_answers_nothing(worker: WarmAnswerer) -> None:
    waiting = asyncio.create_task(worker.ended())
    await hung(worker)
    await worker.recover()
    assert not waiting.done()
    crash(worker)
    assert "signal 9" in await waiting
    with pytest.raises(AgentError):
        await worker.answer(ask(PLAIN), NOTHING)
    with pytest.raises(AnswererError):
        await worker.probe()


async def test_one_that_crashes_with_a_question_fails_that_and_does_not_recover(worker: WarmAnswerer) -> None:
    asking = asyncio.create_task(worker.answer(ask(HANGS), NOTHING))
    await asyncio.wait([asking], timeout=0.05)
    crash(worker)
    with pytest.raises(AnswererError):
        await asking
    with pytest.raises(AnswererError):
        await worker.recover()


async def test_a_question_aside_is_answered_or_refused_at_once(worker: WarmAnswerer) -> None:
    try:
        assert await worker.aside(PLAIN)
    except AgentError as error:
        assert str(error)  # noqa: PT017  # either will do


async def test_one_that_was_ended_has_no_pid_and_can_be_ended_again(worker: WarmAnswerer) -> None:
    await worker.end()
    await worker.end()
    assert worker.pid is None


async def test_one_that_never_started_can_be_ended() -> None:
    worker = ScriptedWarmAnswerer()
    await worker.end()
    assert worker.calls.end == 1


async def test_an_owner_that_asks_twice_at_once_is_told() -> None:
    worker = ScriptedWarmAnswerer([After(asyncio.Event(), QuoteFirst())])
    await worker.start()
    first = asyncio.create_task(worker.answer(ask(PLAIN), NOTHING))
    await asyncio.sleep(0)
    with pytest.raises(AssertionError):
        await worker.answer(ask(PLAIN), NOTHING)
    first.cancel()
    await asyncio.wait([first])


async def test_an_owner_that_does_not_have_it_recover_is_told() -> None:
    worker = ScriptedWarmAnswerer([AnswererError("no"), QuoteFirst()], Fates(spare="yes"))
    await worker.start()
    with pytest.raises(AnswererError, match="no"):
        await worker.answer(ask(PLAIN), NOTHING)
    with pytest.raises(AssertionError, match="not recovered"):
        await worker.answer(ask(PLAIN), NOTHING)
    await worker.recover()
    assert (await worker.answer(ask(PLAIN), NOTHING)).outcome is Outcome.INSUFFICIENT_EVIDENCE
