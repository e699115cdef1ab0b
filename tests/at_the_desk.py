"""A desk over the bridge and the verified fake of a store, where the test is who answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bridge_cases import NoMemory, Scene, directory_of, join
from manual_clock import ManualClock
from warmline.bridge.credentials import THE_OWNER
from warmline.ids import new_message_id
from warmline.interfaces.desk import LineDesk
from warmline.listen.messages import Asked, Query, Reply
from warmline.model import MEMORY_MAILBOX, Answer, Citation, Kind, Lease, Mailbox, Message, MessageId, Outcome, Question
from warmline.parties import Credential
from warmline.protocols import Accepted
from warmline.settings import BridgeSettings, Settings, StoreSettings
from warmline.stores.memory import MemoryStore
from warmline.stores.memory.audit import MemoryAuditLog

LIMIT_SECONDS = 5
LEASE = timedelta(seconds=30)
HOUR = timedelta(hours=1)


class LookedAt(MemoryStore):
    """A store that counts how often somebody looks at a question, and may have it answered before it is accepted."""

    looks = 0
    answers_at_once: Callable[[], Awaitable[None]] | None = None

    async def add(
        self, message: Message, mailbox: Mailbox, *, by: Credential | None = None, settles: Lease | None = None
    ) -> Accepted:
        accepted = await super().add(message, mailbox, by=by, settles=settles)
        if self.answers_at_once is None:
            return accepted
        await self.answers_at_once()
        return replace(accepted, question=await super().get(message.id))

    async def get(self, message_id: MessageId) -> Question:
        self.looks += 1
        return await super().get(message_id)


@dataclass
class AtTheDesk:
    """A desk, and what was said by it in between."""

    scene: Scene
    store: LookedAt
    desk: LineDesk
    audit: MemoryAuditLog
    guest: Credential
    said: list[Reply] = field(default_factory=list)
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, request: Asked, by: Credential | None = None) -> Reply:
        """Ask, and return the last reply, which must come soon."""
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self.desk.answer(by or self.guest, request, self.said.append, self.taken.set)

    @asynccontextmanager
    async def asking(self, request: Asked) -> AsyncIterator[asyncio.Task[Reply]]:
        """Ask while the block lasts; it begins when the question waits."""
        asking = asyncio.create_task(self.ask(request))
        try:
            await self.scene.until_waiting(1)
            yield asking
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def until_looked(self, times: int) -> None:
        """Wait until somebody looked at a question so many times more."""
        enough = self.store.looks + times
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.store.looks < enough:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def lease(self) -> Lease:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self.scene.store.lease(MEMORY_MAILBOX, "the test", LEASE)

    async def settle(self, lease: Lease, answer: Answer) -> None:
        now = self.scene.clock.now()
        question = lease.message
        reply = Message(
            id=new_message_id(now),
            conversation=question.conversation,
            sender="the test",
            kind=Kind.ANSWER,
            body=answer.text,
            sent_at=now,
            trace=question.trace,
            hops=question.hops + 1,
            in_reply_to=question.id,
            answer=answer,
        )
        await self.scene.store.settle(lease, reply)

    async def answered(self, query: Query, answer: Answer) -> Reply:
        """Ask, have it answered so, and return the reply."""
        async with self.asking(query) as asking:
            await self.settle(await self.lease(), answer)
            return await asking


def an_answer(text: str = "It listens on 9187.", outcome: Outcome = Outcome.ANSWERED, *citations: Citation) -> Answer:
    return Answer(outcome, text, "the test", citations)


@asynccontextmanager
async def at_the_desk(max_wait: timedelta = HOUR) -> AsyncIterator[AtTheDesk]:
    """Open a line where guests are let in, and one wait is no longer than max_wait."""
    clock = ManualClock()
    store = LookedAt(StoreSettings(), clock)
    directory = directory_of(store)
    agents: list[str] = []
    settings = Settings(bridge=replace(BridgeSettings(), max_wait=max_wait))
    bridge = join(store, directory, NoMemory(), clock, lambda: agents)
    await store.open()
    await bridge.guests.invite(THE_OWNER, again=False)
    audit = MemoryAuditLog()
    desk = LineDesk(bridge, audit, clock, settings)
    yield AtTheDesk(Scene(bridge, store, directory, clock, agents), store, desk, audit, desk.admit(None))
    await store.close()
