"""Agents as the outside sees them. What a program said about itself may hold anything: secrets in it are masked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from warmline.agents import AgentKind, AgentReport, AgentState, Configuration, Mode, Tested, WorkerReport
from warmline.model import Outcome
from warmline.security.redaction import redact


class WorkerView(BaseModel):
    """One process of an agent."""

    pid: int
    started_at: datetime
    mode: Mode
    busy: bool
    questions: int
    rss_bytes: int = Field(description="0: not known")


class AgentView(BaseModel):
    """How an agent stands."""

    name: str
    kind: AgentKind
    mode: Mode
    provider: str = Field(description="the host that the memory and the questions go to")
    state: AgentState
    reason: str | None = Field(description="why it is down, resting, or starting again")
    since: datetime | None
    again_at: datetime | None = Field(description="when it is tried again")
    waiting: int = Field(description="questions")
    answered: int
    failed: int
    restarts: int
    recycled: int = Field(description="workers that were replaced while they were healthy")
    resident_tokens: int
    resident_files: int
    left_out: int = Field(description="files for which the shard has no room; they are recalled with each question")
    traits: dict[str, str] = Field(description="what was found out at its start, in words")
    workers: list[WorkerView]


class AgentsView(BaseModel):
    """All agents, and what is wrong in the file that names them, as it is now."""

    agents: list[AgentView]
    fallback: bool = Field(description="whether `extractive` answers while every agent is down")
    problems: dict[str, str] = Field(
        description="agents and keys of the file that cannot be used, each with the reason"
    )
    trouble: str | None = Field(description="why nothing of the file could be read")
    file: str


class TestedView(BaseModel):
    """How one question came out."""

    ok: bool
    outcome: Outcome | None
    text: str | None
    took_ms: float
    reason: str | None = Field(description="why it is not ok")


def agents_view(reports: Iterable[AgentReport], said: Configuration, file: str) -> AgentsView:
    """Show all agents, beside what the file says."""
    return AgentsView(
        agents=[agent_view(each) for each in reports],
        fallback=said.fallback,
        problems={_masked(name): _masked(problem) for name, problem in said.problems.items()},
        trouble=said.trouble and _masked(said.trouble),
        file=file,
    )


def agent_view(report: AgentReport) -> AgentView:
    """Show an agent."""
    return AgentView(
        name=report.name,
        kind=report.kind,
        mode=report.mode,
        provider=report.provider,
        state=report.state,
        reason=report.reason and _masked(report.reason),
        since=report.since,
        again_at=report.again_at,
        waiting=report.waiting,
        answered=report.answered,
        failed=report.failed,
        restarts=report.restarts,
        recycled=report.recycled,
        resident_tokens=report.resident_tokens,
        resident_files=report.resident_files,
        left_out=report.left_out,
        traits={name: _masked(value) for name, value in report.traits.items()},
        workers=[_worker_view(each) for each in report.workers],
    )


def tested_view(tested: Tested) -> TestedView:
    """Show how one question came out."""
    return TestedView(
        ok=tested.ok,
        outcome=tested.outcome,
        text=tested.text and _masked(tested.text),
        took_ms=tested.took_ms,
        reason=tested.reason and _masked(tested.reason),
    )


def _worker_view(worker: WorkerReport) -> WorkerView:
    return WorkerView(
        pid=worker.pid,
        started_at=worker.started_at,
        mode=worker.mode,
        busy=worker.is_busy,
        questions=worker.questions,
        rss_bytes=worker.rss_bytes,
    )


def _masked(text: str) -> str:
    return redact(text).text
