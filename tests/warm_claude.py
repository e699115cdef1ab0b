"""Claude Code and its stand-in as warm answerers, held by a real guardian, for tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stand_in_agent
from model_client import Client, a_model
from warmline.agents import AgentPlan, Mode
from warmline.answerers.briefing import Briefing
from warmline.answerers.claude.client import ClaudeAnswerer
from warmline.model import (
    DEFAULT_CONVERSATION,
    OWNER,
    Kind,
    Message,
    MessageId,
    Recollection,
    Shard,
    ShardFile,
)
from warmline.security.fence import Fence
from warmline.settings import AgentSettings, WarmSettings
from warmline.warm.guarding import Guardian

VARIABLE = "WARMLINE_CLAUDE"
"""Names the real program, for who has it: `npm install @anthropic-ai/claude-code`."""

NOTHING = Recollection((), 0.0)
PORT = "The exporter listens on port 9276."
SHARD = Shard((ShardFile("notes/exporter.md", f"{PORT}\n\nIt never sleeps."),), 20, "digest")

KEY = "a-key-of-no-known-form-4711"


def ask(body: str) -> Message:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Message(MessageId("0" * 26), DEFAULT_CONVERSATION, OWNER, Kind.QUESTION, body, now, "trace")


def plan_of(program: Path, **fields: object) -> AgentPlan:
    return replace(AgentPlan(name="claude", program=program, turn_limit=timedelta(seconds=4)), **fields)  # type: ignore[arg-type]


def key_in(folder: Path) -> Path:
    file = folder / "key"
    file.write_text(f"{KEY}\n", "utf-8")
    file.chmod(0o600)
    return file


@asynccontextmanager
async def worker(
    folder: Path,
    plan: AgentPlan,
    mode: Mode = Mode.RESIDENT,
    *,
    settings: AgentSettings | None = None,
    is_started: bool = True,
) -> AsyncIterator[ClaudeAnswerer]:
    """Give a worker that holds SHARD, or nothing; it is ended afterwards."""
    async with Guardian(folder / "guardian", WarmSettings(end_of_input=timedelta(seconds=0.2))) as guardian:
        made = ClaudeAnswerer(
            plan,
            Briefing(SHARD if mode is Mode.RESIDENT else None, Fence()),
            spawn=guardian.spawn,
            folder=folder / "agent",
            settings=settings or AgentSettings(reply=timedelta(seconds=2)),
        )
        try:
            if is_started:
                await made.start()
            yield made
        finally:
            await made.end()
            assert await guardian.held() == []


def stand_in(folder: Path, *lacking: str, **fields: object) -> AgentPlan:
    """Plan for a stand-in of a version that lacks these."""
    return plan_of(stand_in_agent.installed(folder), environment={"STAND_IN": ",".join(lacking)}, **fields)


def real_program() -> Path:
    """Return the real program; without one the test is skipped, loudly."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"NOT TESTED with the real Claude Code: {VARIABLE} does not name it")
    return Path(named)


@asynccontextmanager
async def real(folder: Path, **fields: object) -> AsyncIterator[tuple[AgentPlan, Client]]:
    """Plan for the real program with a simulated model, and who drives that."""
    program = real_program()
    async with a_model() as model:
        yield plan_of(program, base_url=model.address, key_file=key_in(folder), **fields), model


Start = Callable[[Path], AbstractAsyncContextManager[ClaudeAnswerer]]


def a_stand_in(*lacking: str, mode: Mode = Mode.RESIDENT) -> Start:
    """Return how to start a stand-in."""
    return lambda folder: worker(folder, stand_in(folder, *lacking), mode)


def the_real_one(mode: Mode = Mode.RESIDENT) -> Start:
    """Return how to start the real program; its model hangs where a stand-in is asked to."""

    @asynccontextmanager
    async def started(folder: Path) -> AsyncIterator[ClaudeAnswerer]:
        async with real(folder) as (plan, model), worker(folder, plan, mode) as made:
            await model.ask_for_faults({"kind": "no_headers", "containing": "stand-in: hang"})
            yield made

    return started


WORKERS: Mapping[str, Start] = {
    "a stand-in": a_stand_in(),
    "a stand-in that recalls": a_stand_in(mode=Mode.RECALLED),
    "a stand-in without rewind": a_stand_in("rewind"),
    "a stand-in without rewind and clear": a_stand_in("rewind", "clear"),
    "a stand-in of an old version": a_stand_in("uuids", "code", "honesty"),
    "Claude Code": the_real_one(),
    "Claude Code that recalls": the_real_one(Mode.RECALLED),
}
