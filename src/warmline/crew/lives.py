"""The lives of one agent's workers: each is a task that hires, starts, watches and ends one process.

    hire -> start -> in service <-> a question -> when it raised: recover -> in service, or end
                         |-> a look now and then: not needed, or no sign of life: end; worn: end once another is there
                         '-> ended by itself

To cancel the task is to end the worker. What this knows nothing of: whether another one is started then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from warmline.agents import Mode
from warmline.crew.ladder import Ladder
from warmline.crew.pool import Hired, Pool, Reason, Worker
from warmline.crew.room import Promise
from warmline.crew.workshop import Workshop
from warmline.errors import AgentError
from warmline.workers import WarmAnswerer

logger = logging.getLogger(__name__)

TURNS_TO_NOTICE = 10
"""Of the event loop, from a program's end being known to `ended` having told of it. Nothing else is waited for."""

Check = Callable[[WarmAnswerer], Awaitable[None]]

NOT_NEEDED = Reason("it was not needed")
LEFT = Reason("the line left")


class Owner(Protocol):
    """Who is told what became of a worker."""

    def entered(self, worker: Worker) -> None:
        """One has started and is in service; it is to be freed."""

    def refused(self, error: AgentError) -> None:
        """One could not be started."""

    def crashed(self, why: str) -> None:
        """One that was in service is ended, since it failed or left by itself."""

    def free(self, worker: Worker) -> None:
        """One can take a question again."""


class Lives:
    """Of one agent's workers, in all its pools. recycled counts the replaced ones."""

    def __init__(self, workshop: Workshop, ladder: Ladder, owner: Owner) -> None:
        self._workshop = workshop
        self._ladder = ladder
        self._owner = owner
        self.recycled = 0

    def begin(self, pool: Pool, old: Worker | None) -> str | None:
        """Start one, in the place of an old one or beside the others. Returns why the machine has no room for it."""
        need = pool.need_bytes
        lack = self._workshop.room.lack(need)
        if lack is not None:
            if old is not None and pool.is_swollen(old):
                self.dismiss(old, old.worn or NOT_NEEDED)  # it takes the room that is lacking
            return lack
        promise = self._workshop.room.promise(need)
        life = self._workshop.begin(self._live(pool, promise), f"worker of {pool.plan.name}, {pool.mode}")
        if life is None:
            promise.end()
            return None
        pool.starting, pool.replaced = life, old
        life.add_done_callback(partial(self._over, pool, promise))
        return None

    def dismiss(self, worker: Worker, why: Reason) -> None:
        """Take one out of service and end it, after its question in progress."""
        worker.pool.withdraw(worker, why)
        if not worker.is_busy:
            worker.life.cancel()

    def abandon(self, pool: Pool) -> None:
        """End one that is being started, and may never be ready."""
        if pool.starting is not None and pool.starting is not asyncio.current_task():
            pool.starting.cancel()

    def mend(self, worker: Worker) -> None:
        """Make one fresh beside, whose try ended otherwise than with an answer; or end it."""
        if not worker.leaving:
            self._check(worker, self._ladder.recover)
            return
        worker.is_busy = False
        worker.life.cancel()

    async def is_leaving(self, worker: Worker) -> bool:
        """Tell whether one is leaving, after its life had the time to notice that its program is gone."""
        for _ in range(TURNS_TO_NOTICE):
            if worker.leaving:
                break
            await asyncio.sleep(0)
        return worker.leaving is not None

    def inspect(self, worker: Worker) -> None:
        """See whether one is worn, and whether the memory is another one than it holds."""
        worker.is_due = False
        pool = worker.pool
        self._watch(worker)
        self._mark(worker)
        if (
            pool.mode is Mode.RESIDENT
            and not pool.is_refreshing
            and pool.generation != self._workshop.generation()
            and self._workshop.begin(self._refresh(pool), f"memory of {pool.plan.name}") is not None
        ):
            pool.is_refreshing = True

    async def _live(self, pool: Pool, promise: Promise) -> None:
        try:
            hired = await self._hire(pool)
        except AgentError as error:
            self._owner.refused(error)
            return
        try:
            await self._ladder.start(hired.answerer)
            promise.redeem()
            worker = self._enter(pool, hired)
            self._left(worker, await self._ladder.ended(hired.answerer))
        except AgentError as error:
            self._owner.refused(error)
        finally:
            await self._ladder.end(hired.answerer)

    async def _hire(self, pool: Pool) -> Hired:
        generation = self._workshop.generation()
        hired = await self._ladder.hire(self._workshop.hire, pool.plan, pool.mode)
        pool.holds, pool.generation = hired, generation
        return hired

    def _enter(self, pool: Pool, hired: Hired) -> Worker:
        """Put one into service, and the one that it replaces out of it: at no moment is there none."""
        now = self._workshop.clock.now()
        life = asyncio.current_task()
        assert life is not None  # noqa: S101  # a coroutine of ours always runs in a task
        worker = Worker(hired, pool, now, now, life, hired.answerer.pid, is_busy=True)
        old, pool.starting, pool.replaced = pool.replaced, None, None
        pool.workers.add(worker)
        if old is not None and old in pool.workers:
            self.recycled += 1
            logger.info("worker recycled", extra={**_fields(old), "reason": old.worn})
            self.dismiss(old, old.worn or NOT_NEEDED)
        logger.info("worker started", extra=_fields(worker))
        self._watch(worker)
        self._owner.entered(worker)
        return worker

    def _left(self, worker: Worker, how: str) -> None:
        """Note that one has ended by itself."""
        if not worker.leaving:
            worker.pool.withdraw(worker, Reason(how))
            self._owner.crashed(how)

    def _over(self, pool: Pool, promise: Promise, life: asyncio.Task[None]) -> None:
        """Forget a worker whose life is over, however it came."""
        promise.end()
        if pool.starting is life:
            pool.starting = pool.replaced = None
        for worker in [each for each in (*pool.workers, *pool.leaving) if each.life is life]:
            pool.withdraw(worker, LEFT)
            pool.leaving.discard(worker)
            if worker.timer is not None:
                worker.timer.cancel()
            logger.info("worker ended", extra={**_fields(worker), "reason": worker.leaving})
        self._workshop.changed()

    def _watch(self, worker: Worker) -> None:
        """Have one looked at after a while."""
        if worker.timer is not None:
            worker.timer.cancel()
        worker.timer = self._workshop.timers.after(self._workshop.settings.probe, partial(self._look, worker))

    def _look(self, worker: Worker) -> None:
        """Look at one now if it is idle, or else when it is free next: it gives signs of life meanwhile."""
        pool = worker.pool
        if worker not in pool.idle:
            worker.is_due = True
            return
        now = self._workshop.clock.now()
        pool.doze(now)
        if pool.is_surplus(worker, now):
            self.dismiss(worker, NOT_NEEDED)
            return
        self.inspect(worker)
        if worker in pool.idle and now - worker.used_at >= self._workshop.settings.probe:
            pool.idle.remove(worker)
            self._check(worker, self._ladder.probe)

    def _check(self, worker: Worker, check: Check) -> None:
        worker.is_busy = True
        self._workshop.begin(self._checked(worker, check), f"check of {worker.pool.plan.name}")

    async def _checked(self, worker: Worker, check: Check) -> None:
        """Do something that shows whether a worker is good; end it when it is not."""
        try:
            await check(worker.answerer)
        except AgentError as error:
            if not worker.leaving:
                worker.pool.withdraw(worker, Reason(str(error)))
                self._owner.crashed(str(error))
            worker.is_busy = False
            worker.life.cancel()
        else:
            self._owner.free(worker)

    async def _refresh(self, pool: Pool) -> None:
        """Find out what a new worker would hold; those that hold something else are worn."""
        try:
            hired = await self._hire(pool)
        except AgentError as error:
            logger.warning("memory not read anew", extra={"agent": pool.plan.name, "reason": str(error)})
            return
        finally:
            pool.is_refreshing = False
        await self._ladder.end(hired.answerer)
        for worker in pool.workers:
            self._mark(worker)

    def _mark(self, worker: Worker) -> None:
        """Let one be replaced if it is worn."""
        if worker.worn is None:
            worker.worn = worker.pool.wear_of(worker, self._workshop.clock.now())
        if worker.worn is not None:
            self._workshop.changed()


def _fields(worker: Worker) -> dict[str, object]:
    pool = worker.pool
    pid = worker.answerer.pid or worker.first_pid
    return {"agent": pool.plan.name, "mode": pool.mode, "pid": pid, "questions": worker.questions}
