"""Six hundred questions to an agent that holds 600 KB, while nothing else runs: what the line adds to its own turn."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent_line import AgentLine, Figure, is_verified
from kinship import rss_bytes
from made_memory import Fact, make_memory
from model_process import ModelProcess
from warmline.agents import AgentPlan
from warmline.answerers.briefing import Briefing
from warmline.answerers.claude.client import ClaudeAnswerer
from warmline.clock import SystemClock
from warmline.ids import new_message_id
from warmline.memory.memory import Memory
from warmline.model import DEFAULT_CONVERSATION, Kind, Message, Outcome, Recollection
from warmline.security.fence import Fence
from warmline.settings import AgentSettings, MemorySettings, WarmSettings
from warmline.warm.guarding import Guardian

MEMORY_BYTES = 600 * 1024
QUESTIONS = 600
MAX_GROWTH = 1.05
"""Of the program's RSS, from questions 100 to 200 to the last hundred."""

ALONE = 150
"""Before, and again after, the questions through the line: the machine may have become slower meanwhile."""


@dataclass
class Ran:
    """What was seen of the questions, in their order."""

    seconds: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)


@pytest.mark.timeout(400)
def test_600_questions_to_a_resident_memory_of_600_kb(
    idle_line: AgentLine, model: ModelProcess, tmp_path: Path, figure: Figure
) -> None:
    facts = make_memory(tmp_path / "stations", MEMORY_BYTES)
    asked = facts[:: len(facts) // QUESTIONS][:QUESTIONS]
    plan = AgentPlan(
        name="alone",
        program=idle_line.program,
        base_url=model.address,
        key_file=tmp_path / "key",
        window_tokens=400_000,
    )
    alone = asyncio.run(ask_without_the_line(plan, new_folder(tmp_path / "before"), asked[:ALONE]))
    ran, prefixes = through_the_line(idle_line, model, asked)
    alone += asyncio.run(ask_without_the_line(plan, new_folder(tmp_path / "after"), asked[-ALONE:]))

    own, whole = statistics.median(alone), statistics.median(ran.seconds)
    early, late = statistics.mean(ran.rss[100:200]), statistics.mean(ran.rss[-100:])
    figure("600 questions, 600 KB: p50 through the line", f"{whole * 1000:.1f} ms")
    figure("  p50 of the agent's own turn and rewind", f"{own * 1000:.1f} ms")
    figure("  what the line adds (at most 15 ms are promised)", f"{(whole - own) * 1000:.1f} ms")
    figure("  p99 through the line", f"{sorted(ran.seconds)[int(len(ran.seconds) * 0.99)] * 1000:.1f} ms")
    figure(
        "  RSS, questions 100-200 and the last 100",
        f"{_mb(early)}, {_mb(late)} ({late / early - 1:+.1%}, at most +5 % is promised)",
    )
    figure("  digests of what stood before the questions", len(prefixes))
    assert ran.unproven == []
    assert late <= MAX_GROWTH * early
    assert len(prefixes) == 1


def through_the_line(line: AgentLine, model: ModelProcess, asked: list[Fact]) -> tuple[Ran, set[str]]:
    """Ask one after the other; also returns the digests of what stood before the questions."""
    line.begin_with(max_workers=2)
    warm_up = line.answer(line.ask(asked[0].question))
    assert is_verified(warm_up), warm_up
    [worker] = line.workers()
    before = len(model.requests())
    ran = Ran()
    for fact in asked:
        began = time.monotonic()
        view = line.answer(line.ask(fact.question))
        ran.seconds.append(time.monotonic() - began)
        ran.rss.append(rss_bytes(worker["pid"]))
        if not (is_verified(view) and proves(view["citations"][0], fact)):
            ran.unproven.append(fact.question)
    assert [each["pid"] for each in line.workers()] == [worker["pid"]], "one process answered all"
    assert line.agent()["resident_tokens"] * 3 > MEMORY_BYTES / 4, "the memory was resident"
    requests = model.requests()[before:]
    line.stop()
    return ran, {request["prefix"] for request in requests}


def _mb(size: float) -> str:
    return f"{size / 1e6:.0f} MB"


def proves(citation: dict[str, object], fact: Fact) -> bool:
    return (citation["path"], citation["first_line"], citation["quote"]) == (fact.path, fact.line, fact.text)


def new_folder(path: Path) -> Path:
    path.mkdir()
    return path


async def ask_without_the_line(plan: AgentPlan, folder: Path, asked: list[Fact]) -> list[float]:
    """Return how long the agent itself takes for each: its turn, and to be as before."""
    clock = SystemClock()
    memory = Memory(folder / "index", MemorySettings(), private=[])
    try:
        await memory.add([folder.parent / "stations"])
        shard = await memory.shard(None, 200_000)
    finally:
        await memory.close()
    async with Guardian(folder / "guardian", WarmSettings()) as guardian:
        briefing = Briefing(shard, Fence())
        answerer = ClaudeAnswerer(plan, briefing, spawn=guardian.spawn, folder=folder, settings=AgentSettings())
        try:
            await answerer.start()
            return [await _seconds(answerer, clock, fact) for fact in asked]
        finally:
            await answerer.end()


async def _seconds(answerer: ClaudeAnswerer, clock: SystemClock, fact: Fact) -> float:
    now = clock.now()
    question = Message(
        id=(identity := new_message_id(now)),
        conversation=DEFAULT_CONVERSATION,
        sender="owner",
        kind=Kind.QUESTION,
        body=fact.question,
        sent_at=now,
        trace=identity,
    )
    began = time.monotonic()
    async with asyncio.timeout(30):
        draft = await answerer.answer(question, Recollection((), 0.0), lambda _piece: None)
    assert draft.outcome is Outcome.ANSWERED
    return time.monotonic() - began
