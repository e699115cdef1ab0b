"""What is asked of a worker's program, each with its limit, and what comes of it when that is not kept.

    a try's deadline -> recover -> end (which terminates and kills) -> another worker, and the question delivered again

Whatever an adapter raises becomes one of two: AgentError when the agent cannot be used, AnswererError when the question
may be to blame. Knows no queue, no pool and no agent's state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from warmline.agents import AgentPlan, Mode
from warmline.crew.pool import Hire, Hired
from warmline.crew.timers import Timers
from warmline.errors import AgentError, AnswererError, WarmlineError, WorkerError
from warmline.model import Draft, Message, Passage, Recollection
from warmline.protocols import Said
from warmline.scopes import reaches
from warmline.settings import AgentSettings
from warmline.workers import WarmAnswerer

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Ladder:
    """Speaks with the programs of all agents. The limits are measured by the timers."""

    def __init__(self, timers: Timers, settings: AgentSettings) -> None:
        self._timers = timers
        self._settings = settings

    async def ask(
        self, answerer: WarmAnswerer, plan: AgentPlan, question: Message, recollection: Recollection, said: Said
    ) -> Draft:
        """Put a question, within the agent's limit for one try. Raises AnswererError, or what a bug raises.

        However it ends, but by returning, the program may still be at work: it must be recovered.
        """
        work = answerer.answer(question, _allowed(plan, recollection), said)
        try:
            draft = await self._timers.within(plan.turn_limit, work)
        except TimeoutError as error:
            raise AnswererError(f"{plan.name} did not answer within {plan.turn_limit}") from error
        return draft if draft.author == plan.name else replace(draft, author=plan.name)

    async def hire(self, hire: Hire, plan: AgentPlan, mode: Mode) -> Hired:
        """Make a worker. Raises AgentError."""
        return await self._attempt("be made ready", hire(plan, mode), self._settings.start)

    async def start(self, answerer: WarmAnswerer) -> None:
        """Start its program. Raises AgentError. Who starts it knows best why that takes too long, and may say so."""
        await self._attempt("start", answerer.start(), self._settings.start + self._settings.reply)

    async def recover(self, answerer: WarmAnswerer) -> None:
        """Have it be as if the last question was not asked; told anew what it holds, if need be. Raises AgentError."""
        await self._attempt("become fresh", answerer.recover(), self._settings.start + self._settings.reply)

    async def probe(self, answerer: WarmAnswerer) -> None:
        """Find out whether it lives. Raises AgentError."""
        await self._attempt("give a sign of life", answerer.probe(), 2 * self._settings.reply)

    async def ask_aside(self, answerer: WarmAnswerer, plan: AgentPlan, question: str) -> str:
        """Have a short question answered beside what it is doing. Raises AgentError."""
        return await self._attempt("answer", answerer.aside(question), plan.turn_limit)

    async def ended(self, answerer: WarmAnswerer) -> str:
        """Wait until it has ended by itself, and tell how."""
        try:
            return await answerer.ended()
        except Exception as bug:  # an adapter that cannot tell is as good as one that ended
            logger.exception("worker broke")
            return f"it broke: {type(bug).__name__}: {bug}"

    async def end(self, answerer: WarmAnswerer) -> None:
        """End it, also when the caller is cancelled meanwhile; one that cannot be ended is named in the log."""
        await finish(self._end(answerer))

    async def _end(self, answerer: WarmAnswerer) -> None:
        trouble = "it took too long"
        try:
            async with asyncio.timeout(self._settings.end.total_seconds()):
                await answerer.end()
                return
        except TimeoutError:
            pass
        except WorkerError as error:
            trouble = str(error)
        except Exception as bug:
            logger.exception("worker broke")
            trouble = f"it broke: {type(bug).__name__}"
        logger.error("worker not ended", extra={"pid": answerer.pid, "reason": trouble})

    async def _attempt(self, what: str, work: Awaitable[T], limit: timedelta) -> T:
        """Await what an adapter does. Raises AgentError, whatever goes wrong."""
        try:
            return await self._timers.within(limit, work)
        except AgentError:
            raise
        except TimeoutError as error:
            raise AgentError(f"it did not {what} within {limit}") from error
        except WarmlineError as error:
            raise AgentError(str(error)) from error
        except Exception as bug:  # a bug in one adapter must not stop its neighbours
            logger.exception("worker broke")
            raise AgentError(f"it broke: {type(bug).__name__}: {bug}") from bug


async def finish(work: Coroutine[Any, Any, None]) -> None:
    """Await the work to its end though the caller is cancelled meanwhile, and only then be cancelled. It is bounded."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


def _allowed(plan: AgentPlan, recollection: Recollection) -> Recollection:
    """Leave out what lies in memories that the agent's provider is not to see, and what has no room in its window."""
    passages: list[Passage] = []
    room = plan.passages_bytes
    for each in recollection.passages:
        size = len(each.text.encode())
        if size <= room and reaches(plan.memories, each.path):
            passages.append(each)
            room -= size
    return replace(recollection, passages=tuple(passages))
