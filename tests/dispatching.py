"""What the tests of the dispatcher start from: one on the verified in-memory store, with a clock that waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from bridge_cases import bridge_over
from manual_clock import ManualClock
from warmline.bridge.credentials import THE_OWNER
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.dispatch.timekeeper import Timekeeper
from warmline.errors import StoreFullError
from warmline.model import (
    MEMORY_MAILBOX,
    Citation,
    Claim,
    Draft,
    Lease,
    Message,
    Outcome,
    Question,
    Recollection,
    State,
)
from warmline.protocols import Said, Speech, unheard
from warmline.settings import DispatchSettings, StoreSettings
from warmline.stores.memory import MemoryStore

Answering = Callable[[Message], Awaitable[Draft]]
PATIENCE = timedelta(seconds=5)
SECOND = timedelta(seconds=1)
DONE = Draft(Outcome.ANSWERED, "done")


class FillingStore(MemoryStore):
    """A store whose disk is full for the first so many answers."""

    refusals = 0

    def settle(self, lease: Lease, answer: Message) -> asyncio.Future[None]:
        if self.refusals == 0:
            return super().settle(lease, answer)
        self.refusals -= 1
        refused = asyncio.get_running_loop().create_future()
        refused.set_exception(StoreFullError("the disk is full"))
        return refused


class Bench:
    """A line whose answerer is a function of the test."""

    def __init__(self, answering: Answering, settings: DispatchSettings) -> None:
        self.clock = ManualClock()
        self.store = FillingStore(StoreSettings(), self.clock)
        self.bridge = bridge_over(self.store, self.clock)
        self._answering = answering
        self.name = "test"
        self.scopes: list[frozenset[str] | None] = []
        self.heard: list[tuple[int, str] | None] = []
        parts = Parts(store=self.store, recall=self, verifier=self, answerer=self, clock=self.clock, heard=self._hear)
        self.left = asyncio.Event()
        self.dispatcher = Dispatcher(parts, MEMORY_MAILBOX, settings, holder="bench", asked_to_leave=self.left.set)

    async def passages(self, _question: str, _limit: int, within: frozenset[str] | None = None) -> Recollection:
        self.scopes.append(within)
        return Recollection((), 1.0)

    async def verify(self, _claims: Sequence[Claim], within: frozenset[str] | None = None) -> Sequence[Citation]:
        self.scopes.append(within)
        return ()

    async def answer(self, question: Message, _recollection: Recollection, said: Said = unheard) -> Draft:
        self.said = said
        return await self._answering(question)

    def _hear(self, speech: Speech) -> None:
        self.heard.append(None if speech.is_over else (speech.delivery, "".join(speech.since(0))))

    async def ask(self, body: str, seconds: float = 600) -> Question:
        deadline = self.clock.now() + timedelta(seconds=seconds)
        return (await self.bridge.questions.ask(THE_OWNER, body, deadline_at=deadline)).question

    async def ended(self, question: Question) -> Question:
        """Wait, at most 5 s of real time, until the question has ended."""
        async with asyncio.timeout(5):
            return await self.store.wait_until_ended(question.message.id)

    async def until_failures(self, question: Question, failures: int) -> None:
        """Let the line work, at most 5 s of real time, until the question has failed this often."""
        async with asyncio.timeout(5):
            while (await self.store.get(question.message.id)).delivery.failures < failures:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def state(self, question: Question) -> State:
        return (await self.store.get(question.message.id)).delivery.state


@asynccontextmanager
async def running(answering: Answering, **settings: object) -> AsyncIterator[Bench]:
    chosen = replace(DispatchSettings(workers=1, drain=timedelta(0)), **settings)  # type: ignore[arg-type]
    bench = Bench(answering, chosen)
    await bench.store.open()
    dispatching = asyncio.create_task(bench.dispatcher.run())
    timekeeping = asyncio.create_task(Timekeeper(bench.store, bench.clock).run())
    try:
        yield bench
    finally:
        dispatching.cancel()
        timekeeping.cancel()
        await asyncio.wait({dispatching, timekeeping}, timeout=5)
        await bench.store.close()


async def at_once(_question: Message) -> Draft:
    return DONE
