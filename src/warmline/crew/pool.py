"""The workers of one agent in one mode: who is idle, how many there should be, who is worn. No tasks, no I/O."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from warmline.agents import AgentPlan, Mode, WorkerReport
from warmline.crew.timers import Timer
from warmline.crew.waiting import Ticket
from warmline.scopes import covers
from warmline.settings import AgentSettings
from warmline.workers import WarmAnswerer

Reason = NewType("Reason", str)
"""Why a worker goes, in words for a person."""


@dataclass(frozen=True, slots=True)
class Hired:
    """A worker that was not started yet. holds is the digest of what it will hold; the rest tells how much that is."""

    answerer: WarmAnswerer
    holds: str = ""
    tokens: int = 0
    files: int = 0
    left_out: int = 0


Hire = Callable[[AgentPlan, Mode], Awaitable[Hired]]
"""Makes a worker for an agent, not started: to hire one and not to use it costs little."""


@dataclass(slots=True, eq=False)
class Worker:
    """One process of an agent, and how it stands.

    first_pid names it also when its program has ended. is_busy: with a question, or being recovered or probed. worn
    says why it is to be replaced, leaving why it is given nothing more; is_due that it is to be looked at when it is
    free next.
    """

    hired: Hired
    pool: Pool
    started_at: datetime
    used_at: datetime
    life: asyncio.Task[None]
    first_pid: int | None
    is_busy: bool = False
    questions: int = 0
    worn: Reason | None = None
    leaving: Reason | None = None
    is_due: bool = False
    timer: Timer | None = None

    @property
    def answerer(self) -> WarmAnswerer:
        """The process itself."""
        return self.hired.answerer

    @property
    def report(self) -> WorkerReport:
        """How it stands."""
        return WorkerReport(
            pid=self.answerer.pid or 0,
            started_at=self.started_at,
            mode=self.pool.mode,
            is_busy=self.is_busy,
            questions=self.questions,
            rss_bytes=self.answerer.rss_bytes,
        )


@dataclass(slots=True, eq=False)
class Pool:
    """Workers of one agent in one mode: at most plan.max_workers, and one more while it replaces one of them.

    workers are those in service; leaving those that are given nothing more and were not ended yet; idle is a part of
    workers, in the order of their last use: the last is used first, so that the others are seen to be unneeded.
    starting is the life of one that is not in service yet, and replaced who that one is to replace. last_used is when a
    question came last; a pool that was not used for long sleeps: it needs no worker. holds is what was hired last,
    generation the memory's before that.
    """

    plan: AgentPlan
    mode: Mode
    settings: AgentSettings
    last_used: datetime
    generation: int
    workers: set[Worker] = field(default_factory=set)
    leaving: set[Worker] = field(default_factory=set)
    idle: list[Worker] = field(default_factory=list)
    starting: asyncio.Task[None] | None = None
    replaced: Worker | None = None
    is_refreshing: bool = False
    is_asleep: bool = False
    holds: Hired | None = None
    most_bytes: int = 0

    @property
    def least(self) -> int:
        """How many there should be though nobody asks. Those that get passages only are started when one is wanted."""
        is_companion = self.mode is not self.plan.mode
        return 0 if self.is_asleep or is_companion else min(self.plan.min_workers, self.plan.max_workers)

    @property
    def need_bytes(self) -> int:
        """What one more is taken to need: the most that one was seen to hold."""
        return self.most_bytes or self.settings.worker_bytes

    def fits(self, ticket: Ticket) -> bool:
        """Tell whether its workers may have this question.

        Who holds memory may answer out of all of it: so it is given no question that may be answered from less.
        """
        if ticket.agent is not None and ticket.agent != self.plan.name:
            return False
        scope = ticket.question.memories
        if scope is None or self.plan.mode is Mode.RECALLED:
            return self.mode is self.plan.mode
        is_inside = self.plan.memories is not None and covers(scope, self.plan.memories)
        return is_inside is (self.mode is Mode.RESIDENT)

    def use(self, now: datetime) -> None:
        """Note that a question came for it."""
        self.last_used = now
        self.is_asleep = False

    def take_idle(self) -> Worker | None:
        """Take the one that was used last; it is busy now. None when there is none."""
        if not self.idle:
            return None
        worker = self.idle.pop()
        worker.is_busy = True
        return worker

    def put_idle(self, worker: Worker) -> None:
        """Keep one that is free."""
        insort(self.idle, worker, key=lambda each: each.used_at)

    def withdraw(self, worker: Worker, why: Reason) -> None:
        """Take one out of service."""
        worker.leaving = worker.leaving or why
        if worker in self.workers:
            self.workers.remove(worker)
            self.leaving.add(worker)
        if worker in self.idle:
            self.idle.remove(worker)

    @property
    def may_start_one(self) -> bool:
        """Whether one could be started now, if it is wanted: one at a time."""
        return self._has_room or self.to_replace() is not None

    def lacks_one(self, unmet: int, at_least: int = 0) -> bool:
        """Tell whether to start one now, for so many questions that nobody else is about to take."""
        wanted = max(self.least, at_least, len(self.workers) + 1 if unmet > 0 else 0)
        return self._has_room and len(self.workers) < wanted

    def to_replace(self) -> Worker | None:
        """Return a worn one that may be replaced now: one at a time."""
        if self.starting is not None or self.leaving:
            return None
        return next((worker for worker in self.workers if worker.worn), None)

    @property
    def _has_room(self) -> bool:
        """Whether one more may be there. Those that are not ended yet count, too."""
        return self.starting is None and len(self.workers) + len(self.leaving) < self.plan.max_workers

    def excess(self) -> list[Worker]:
        """Return those that are more than there may be: first the idle ones, and of these the last used least."""
        by_use = [*self.idle, *(worker for worker in self.workers if worker.is_busy)]
        return by_use[: max(0, len(self.workers) - self.plan.max_workers)]

    def is_unused(self, now: datetime) -> bool:
        """Tell whether no question came for it for long."""
        return now - self.last_used >= self.settings.max_idle

    def doze(self, now: datetime) -> None:
        """Let it sleep when it was not used for long."""
        self.is_asleep = self.is_unused(now)

    def is_surplus(self, worker: Worker, now: datetime) -> bool:
        """Tell whether an idle one is not needed any more."""
        is_unused = self.is_asleep or now - worker.used_at >= self.settings.shrink
        return is_unused and len(self.workers) > self.least

    def is_swollen(self, worker: Worker) -> bool:
        """Tell whether one holds more memory than it may; what it holds tells what the next will need."""
        held = worker.answerer.rss_bytes
        self.most_bytes = max(self.most_bytes, min(held, self.settings.max_rss_bytes))
        return held > self.settings.max_rss_bytes

    def wear_of(self, worker: Worker, now: datetime) -> Reason | None:
        """Say why one is to be replaced though it is healthy."""
        if worker.questions >= self.settings.max_questions:
            return Reason(f"it answered {worker.questions} questions")
        if now - worker.started_at >= self.settings.max_age:
            return Reason(f"it is {now - worker.started_at} old")
        if self.is_swollen(worker):
            return Reason(f"it holds {worker.answerer.rss_bytes >> 20} MB")
        if self.holds is not None and worker.hired.holds != self.holds.holds:
            return Reason("its memory changed")
        return None
