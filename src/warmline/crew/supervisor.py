"""The supervision of one agent: whether it may be asked, and how many workers it has.

    STARTING --a worker is there--> UP --it refused--> RESTING --tried again, it refused--> DOWN
                                    UP --its workers crashed too often--------------------> DOWN
                                    UP <--after a while it is tried, and works-- RESTING | DOWN

How one of its workers lives stands in `lives.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from warmline.agents import AgentPlan, AgentReport, AgentState, Mode
from warmline.crew.ladder import Ladder
from warmline.crew.lives import NOT_NEEDED, Lives
from warmline.crew.pool import Pool, Reason, Worker
from warmline.crew.restarts import Pause, Restarts
from warmline.crew.timers import Timer
from warmline.crew.waiting import Ticket
from warmline.crew.workshop import Workshop
from warmline.errors import AgentError
from warmline.model import Draft, Message, Recollection
from warmline.protocols import Said

logger = logging.getLogger(__name__)

DISMISSED = Reason("the agent was drained, changed or removed")
GIVEN_UP = Reason("the agent is down")
BY_HAND = Reason("somebody asked for a restart")

_OPEN = (AgentState.STARTING, AgentState.UP)


class Supervisor:
    """One agent at work. What it is told to do is begun at once; what takes time is awaited by the crew."""

    def __init__(self, plan: AgentPlan, workshop: Workshop) -> None:
        now = workshop.clock.now()
        modes = dict.fromkeys((plan.mode, Mode.RECALLED))
        self.plan = plan
        self.pools = tuple(Pool(plan, mode, workshop.settings, now, workshop.generation()) for mode in modes)
        """The agent's own, and for one that holds memory its companions, which get passages only."""
        self.state = AgentState.DRAINED if plan.drained else AgentState.STARTING
        self.reason: str | None = None
        self.answered = 0
        self._workshop = workshop
        self._ladder = Ladder(workshop.timers, workshop.settings)
        self._lives = Lives(workshop, self._ladder, self)
        self._restarts = Restarts(workshop.settings)
        self._since = now
        self._again_at: datetime | None = None
        self._again: Timer | None = None
        self._room: Timer | None = None
        self._is_trying = False
        self._failed = 0
        self._restarted = 0

    @property
    def may_be_asked(self) -> bool:
        """Whether its workers are given questions."""
        return self.state in _OPEN

    @property
    def may_start(self) -> bool:
        """Whether workers are started: also when it is tried again after a pause."""
        return self.may_be_asked or self._is_trying

    @property
    def is_warm(self) -> bool:
        """Whether there is a worker, or one is being started."""
        return any(pool.workers or pool.starting is not None for pool in self.pools)

    def take(self, ticket: Ticket) -> Taken | None:
        """Take an idle worker for a question; None when there is none."""
        for pool in self.pools:
            if pool.fits(ticket):
                pool.use(self._workshop.clock.now())
                if self._again is None:
                    self.try_now()
                worker = pool.take_idle() if self.may_be_asked else None
                return None if worker is None else Taken(self, worker)
        return None

    async def serve(self, worker: Worker, question: Message, recollection: Recollection, said: Said) -> Draft:
        """Have a worker that was taken answer, and free it; what went wrong with it is mended beside.

        Raises AgentError when the agent is to blame, which then pauses; AnswererError when the question may be.
        """
        worker.questions += 1
        worker.used_at = self._workshop.clock.now()
        try:
            draft = await self._ladder.ask(worker.answerer, self.plan, question, recollection, said)
        except asyncio.CancelledError:
            self._lives.mend(worker)
            raise
        except AgentError as error:
            self._lives.mend(worker)
            if not await self._lives.is_leaving(worker):
                self._failed += 1
                self.refused(error)
            raise
        except BaseException:
            self._failed += 1
            self._lives.mend(worker)
            raise
        self.answered += 1
        self._restarts.answered()
        self.free(worker)
        return draft

    async def aside(self, question: str) -> str | None:
        """Have a busy worker answer beside what it is doing; None when one is free, or it cannot."""
        pool = self.pools[0]
        if not pool.workers or pool.idle or not self.may_be_asked:
            return None
        busy = next(iter(pool.workers))
        try:
            return await self._ladder.ask_aside(busy.answerer, self.plan, question)
        except AgentError:
            logger.info("agent not asked aside", extra={"agent": self.plan.name})
            return None

    def free(self, worker: Worker) -> None:
        """Let a worker take the next question that fits, or end if it is leaving."""
        worker.is_busy = False
        if worker.leaving:
            worker.life.cancel()
            return
        self._offer(worker)
        if worker.is_due or (worker.questions >= self._workshop.settings.max_questions and not worker.worn):
            self._lives.inspect(worker)

    def tend(self, pool: Pool, unmet: int) -> bool:
        """Start one worker of the pool if there should be one more, also for questions that no other one will take.

        Tells whether one is started beside those that are there.
        """
        if not self.may_start:
            return False
        is_short = pool.lacks_one(unmet, at_least=int(self._is_trying and pool is self.pools[0]))
        old = None if is_short else pool.to_replace()
        if not is_short and old is None:
            return False
        lack = self._lives.begin(pool, old)
        if lack is not None:
            self._wait_for_room(lack)
        return lack is None and old is None

    def adopt(self, plan: AgentPlan) -> bool:
        """Go by another plan, if the workers that are there can; otherwise nothing happens."""
        mine = replace(
            self.plan,
            min_workers=plan.min_workers,
            max_workers=plan.max_workers,
            turn_limit=plan.turn_limit,
            drained=plan.drained,
        )
        if mine != plan:
            return False
        self.plan = plan
        for pool in self.pools:
            pool.plan = plan
            self._dismiss(pool.excess(), NOT_NEEDED)
        if plan.drained:
            self.leave()
        elif self.state is AgentState.DRAINED:
            self._become(AgentState.STARTING)
        return True

    def leave(self) -> None:
        """Let all workers go, each after its question in progress, and start none."""
        if self.state is not AgentState.DRAINED:
            self._become(AgentState.DRAINED)
        for pool in self.pools:
            self._lives.abandon(pool)
            self._dismiss([*pool.workers], DISMISSED)

    def restart(self) -> None:
        """Replace all workers, each by another one that starts first; and try at once if it is paused."""
        self._restarts.answered()
        for pool in self.pools:
            pool.use(self._workshop.clock.now())
            self._lives.abandon(pool)
            for worker in pool.workers:
                worker.worn = worker.worn or BY_HAND
        self.try_now()
        self._workshop.changed()

    def try_now(self) -> None:
        """End a pause: those workers that are there are asked again, or one is started and tells."""
        if self.may_start or self.state is AgentState.DRAINED:
            return
        if any(pool.workers for pool in self.pools):
            self._open()
        else:
            self._is_trying = True
            self._again_at = None
        self._workshop.changed()

    def entered(self, worker: Worker) -> None:
        """A worker has started: whatever was, it works now."""
        self.reason = None
        if self.state is not AgentState.UP:
            self._open()
        self.free(worker)
        self._dismiss(worker.pool.excess(), NOT_NEEDED)
        self._workshop.changed()

    def refused(self, error: AgentError) -> None:
        """The agent cannot be used, as itself says, or as a start has shown."""
        if self.may_start:
            self._pause(self._restarts.refused(), str(error))

    def crashed(self, why: str) -> None:
        """A worker is ended that was in service: another one takes its place, or the agent pauses."""
        self._restarted += 1
        pause = self._restarts.crashed(self._workshop.clock.now()) if self.may_start else None
        if pause is not None:
            self._pause(pause, why)

    def report(self) -> AgentReport:
        """Tell how it stands."""
        waiting = self._workshop.waiting
        held = self.pools[0].holds
        workers = [worker for pool in self.pools for worker in (*pool.workers, *pool.leaving)]
        return AgentReport(
            name=self.plan.name,
            kind=self.plan.kind,
            mode=self.plan.mode,
            provider=self.plan.provider,
            state=self.state,
            reason=self.reason,
            since=self._since,
            again_at=self._again_at,
            waiting=sum(waiting.count(pool.fits) for pool in self.pools),
            answered=self.answered,
            failed=self._failed,
            restarts=self._restarted,
            recycled=self._lives.recycled,
            resident_tokens=held.tokens if held else 0,
            resident_files=held.files if held else 0,
            left_out=held.left_out if held else 0,
            traits=next((worker.answerer.traits for worker in workers), {}),
            workers=tuple(worker.report for worker in sorted(workers, key=lambda each: each.started_at)),
        )

    def _offer(self, worker: Worker) -> None:
        """Hand a free worker to the next question that fits, or let it be idle."""
        pool, waiting = worker.pool, self._workshop.waiting
        while self.may_be_asked and len(waiting) and (ticket := waiting.take(pool.fits)) is not None:
            if not ticket.handed.done():  # otherwise who asked was cancelled a moment ago
                worker.is_busy = True
                ticket.handed.set_result(Taken(self, worker))
                return
        pool.put_idle(worker)

    def _open(self) -> None:
        """Ask its workers again."""
        self._become(AgentState.UP)
        for pool in self.pools:
            idle, pool.idle = pool.idle, []
            for worker in idle:
                self._offer(worker)

    def _pause(self, pause: Pause, reason: str) -> None:
        self._become(pause.state, reason, pause.length)
        if pause.state is AgentState.DOWN:
            for pool in self.pools:
                self._lives.abandon(pool)
                self._dismiss([*pool.workers], GIVEN_UP)
        self._workshop.changed()

    def _become(self, state: AgentState, reason: str | None = None, length: timedelta | None = None) -> None:
        """Take on a state, and what time is to end it."""
        self._is_trying = False
        if self._again is not None:
            self._again.cancel()
        now = self._workshop.clock.now()
        self.state, self.reason, self._since, self._again_at, self._again = state, reason, now, None, None
        if length is not None:
            self._again_at = now + length
            self._again = self._workshop.timers.after(length, self._try_again)
        fields = {"agent": self.plan.name, "reason": reason, "again_in": None if length is None else str(length)}
        logger.log(logging.WARNING if reason else logging.INFO, "agent %s", state, extra=fields)

    def _try_again(self) -> None:
        """A pause is over; of an agent that nobody asks it ends with the next question: to try can cost as much."""
        self._again = self._again_at = None
        if not all(pool.is_unused(self._workshop.clock.now()) for pool in self.pools):
            self.try_now()

    def _wait_for_room(self, lack: str) -> None:
        """Say why nothing is started, and see later whether there is room: the machine tells nobody."""
        if not any(pool.workers for pool in self.pools):
            self.reason = lack
        if self._room is None:
            self._room = self._workshop.timers.after(self._workshop.settings.room, self._look_for_room)
            logger.warning("no room for a worker", extra={"agent": self.plan.name, "reason": lack})

    def _look_for_room(self) -> None:
        self._room = None
        self._workshop.changed()

    def _dismiss(self, workers: Iterable[Worker], why: Reason) -> None:
        for worker in workers:
            self._lives.dismiss(worker, why)


@dataclass(frozen=True, slots=True)
class Taken:
    """A worker that was taken for one question. Satisfies waiting.Seat."""

    agent: Supervisor
    worker: Worker

    async def serve(self, question: Message, recollection: Recollection, said: Said) -> Draft:
        """Have it answer, and free it. Raises AgentError and AnswererError, as `Supervisor.serve`."""
        return await self.agent.serve(self.worker, question, recollection, said)

    def free(self) -> None:
        """Let it take another question."""
        self.agent.free(self.worker)
