"""What every warm answerer must do beside what every answerer must: it is a program, is kept, and forgets."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guarded import wait_until_ended
from warm_claude import NOTHING, PORT, WORKERS, ask
from warmline.errors import AgentError, AnswererError
from warmline.model import Draft, Outcome, Passage, Recollection
from warmline.protocols import Said, unheard
from warmline.warm import processes
from warmline.workers import WarmAnswerer

LIMIT_SECONDS = 5
ANSWERABLE = "On which port does the exporter listen?"
HANGS = f"{ANSWERABLE} stand-in: hang"
SHOWN = Recollection((Passage("notes/exporter.md", 1, 1, PORT, 1.0),), 0.9)

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only: looks into /proc and uses pidfds")


@pytest.fixture(params=WORKERS)
async def worker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WarmAnswerer]:
    async with WORKERS[request.param](tmp_path) as started:
        yield started


async def answer(worker: WarmAnswerer, body: str = ANSWERABLE, said: Said = unheard) -> Draft:
    async with asyncio.timeout(LIMIT_SECONDS):
        return await worker.answer(ask(body), SHOWN, said)


async def cancelled(worker: WarmAnswerer, seconds: float) -> None:
    answering = await under_way(worker, seconds)
    answering.cancel()
    await asyncio.wait([answering])


async def under_way(worker: WarmAnswerer, seconds: float) -> asyncio.Task[Draft]:
    """Put a question that a stand-in never answers, and let so much time pass; the real one may have answered then."""
    answering = asyncio.create_task(worker.answer(ask(HANGS), SHOWN))
    await asyncio.wait([answering], timeout=seconds)
    return answering


def pid_of(worker: WarmAnswerer) -> int:
    assert worker.pid is not None
    return worker.pid


async def test_it_answers_out_of_the_memory(worker: WarmAnswerer) -> None:
    draft = await answer(worker)
    assert draft.outcome is Outcome.ANSWERED
    assert draft.author == worker.name
    assert PORT in [claim.quote for claim in draft.claims]
    assert draft.usage["output_tokens"] > 0


async def test_what_is_said_while_it_writes_is_the_beginning_of_the_text(worker: WarmAnswerer) -> None:
    pieces: list[str] = []
    draft = await answer(worker, said=pieces.append)
    assert (draft.text or "").startswith("".join(pieces))


async def test_it_tells_what_it_is_and_holds(worker: WarmAnswerer) -> None:
    assert worker.traits["version"][0].isdigit()
    assert set(worker.traits) == {"version", "model", "fresh", "aside"}
    assert worker.rss_bytes > 1024 * 1024
    assert any(each.key.pid == worker.pid for each in processes.table())


async def test_it_goes_back_to_the_same_point_after_every_question(worker: WarmAnswerer) -> None:
    said = [await answer(worker) for _ in range(4)]
    costs = [sum(draft.usage.values()) for draft in said[1:]]
    assert len(set(costs)) == 1, "a question left something behind"


async def test_a_cancelled_answer_is_stopped_and_forgotten(worker: WarmAnswerer) -> None:
    fresh = [await answer(worker) for _ in range(2)][-1]
    for seconds in (0.0, 0.001, 0.01):
        await cancelled(worker, seconds)
        async with asyncio.timeout(LIMIT_SECONDS):
            await worker.recover()
    assert sum((await answer(worker)).usage.values()) == sum(fresh.usage.values())


async def test_there_is_nothing_to_recover_from_when_nothing_is_under_way(worker: WarmAnswerer) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await worker.recover()
        await worker.recover()
    assert (await answer(worker)).outcome is Outcome.ANSWERED


async def test_an_idle_one_that_lives_can_be_probed(worker: WarmAnswerer) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await worker.probe()


async def test_an_answer_aside_leaves_no_trace_or_cannot_be_had(worker: WarmAnswerer) -> None:
    fresh = [await answer(worker) for _ in range(2)][-1]
    if worker.traits["aside"] == "no":
        with pytest.raises(AgentError, match="no side questions"):
            await worker.aside(ANSWERABLE)
    else:
        async with asyncio.timeout(LIMIT_SECONDS):
            assert await worker.aside(ANSWERABLE)
    assert sum((await answer(worker)).usage.values()) == sum(fresh.usage.values())


async def test_a_killed_one_is_known_to_have_ended_and_answers_nothing(worker: WarmAnswerer) -> None:
    ended = asyncio.create_task(worker.ended())
    await answer(worker)
    async with asyncio.timeout(LIMIT_SECONDS):
        await worker.recover()
        os.kill(pid_of(worker), signal.SIGKILL)
        assert "signal 9" in await ended
        with pytest.raises(AgentError, match="signal 9"):
            await worker.answer(ask(ANSWERABLE), NOTHING)
        with pytest.raises(AgentError, match="signal 9"):
            await worker.probe()


async def test_one_that_is_killed_while_it_answers_fails_that_answer(worker: WarmAnswerer) -> None:
    answering = await under_way(worker, 0)
    os.kill(pid_of(worker), signal.SIGKILL)
    async with asyncio.timeout(LIMIT_SECONDS):
        with pytest.raises(AnswererError, match="signal 9"):
            await answering


async def test_it_can_be_ended_twice_and_in_the_middle_of_an_answer(worker: WarmAnswerer) -> None:
    answering = await under_way(worker, 0.005)
    pid = pid_of(worker)
    async with asyncio.timeout(LIMIT_SECONDS):
        await worker.end()
        await worker.end()
        await asyncio.wait([answering])
    assert wait_until_ended([pid])
    assert worker.pid is None
    assert worker.rss_bytes == 0
