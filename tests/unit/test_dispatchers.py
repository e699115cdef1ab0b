"""The dispatchers: who answers which mailbox, and what becomes of questions while agents come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bridge_cases import NoMemory
from manual_clock import ManualClock
from warmline.answerers.scripted import After, ScriptedAnswerer
from warmline.dispatch.dispatcher import Parts
from warmline.dispatch.dispatchers import Dispatchers
from warmline.ids import new_message_id
from warmline.model import (
    MEMORY_MAILBOX,
    SHUTDOWN,
    Draft,
    Kind,
    Mailbox,
    Message,
    MessageId,
    Outcome,
    Question,
    Recollection,
    State,
    agent_mailbox,
)
from warmline.settings import DispatchSettings, StoreSettings
from warmline.stores.memory import MemoryStore

AHEAD = 5
DONE = Draft(Outcome.ANSWERED, "done")


class Named(ScriptedAnswerer):
    """Answers once it is let, under a name."""

    def __init__(self, name: str) -> None:
        self.let = asyncio.Event()
        super().__init__([After(self.let, DONE)])
        self.name = name


class Office:
    """Dispatchers over a store, and who answers at them."""

    def __init__(self, drain: timedelta) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(StoreSettings(), self.clock)
        self.answerers: dict[str | None, Named] = {None: Named("anybody")}
        self.left = asyncio.Event()
        parts = Parts(
            store=self.store, recall=self, verifier=NoMemory(), answerer=self.answerers[None], clock=self.clock
        )
        settings = DispatchSettings(workers=2, drain=drain)
        self.dispatchers = Dispatchers(
            parts, self.desk, settings, ahead=AHEAD, holder="office", asked_to_leave=self.left.set
        )

    def desk(self, name: str) -> Named:
        return self.answerers.setdefault(name, Named(name))

    async def passages(self, _question: str, _limit: int, _within: frozenset[str] | None = None) -> Recollection:
        return Recollection((), 1.0)

    async def put(self, mailbox: Mailbox, count: int = 1, kind: Kind = Kind.QUESTION, body: str = "?") -> list[Message]:
        now = self.clock.now()
        said = [
            Message(new_message_id(now), mailbox.conversation, "owner", kind, body, now, trace="trace")
            for _ in range(count)
        ]
        for each in said:
            await self.store.add(each, mailbox)
        return said

    async def until_asked(self, name: str | None, count: int) -> None:
        async with asyncio.timeout(5):
            await self.answerers[name].until_asked(count)

    async def ended(self, message_id: MessageId) -> Question:
        async with asyncio.timeout(5):
            return await self.store.wait_until_ended(message_id)

    async def state(self, message: Message) -> State:
        return (await self.store.get(message.id)).delivery.state

    async def until(self, message: Message, state: State) -> None:
        async with asyncio.timeout(5):
            while await self.state(message) is not state:  # noqa: ASYNC110
                await asyncio.sleep(0)


@asynccontextmanager
async def working(*agents: str, drain: timedelta = timedelta(0)) -> AsyncIterator[Office]:
    office = Office(drain)
    await office.store.open()
    await office.dispatchers.apply(agents)
    running = asyncio.create_task(office.dispatchers.run())
    try:
        yield office
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=5)
        assert running.cancelled() or running.exception() is None
        await office.store.close()


async def test_without_agents_the_memory_alone_is_answered_by_as_many_workers_as_there_are() -> None:
    async with working() as office:
        asked = await office.put(MEMORY_MAILBOX, 4)
        await office.until_asked(None, 2)
        assert [await office.state(each) for each in asked] == [State.LEASED] * 2 + [State.READY] * 2
        assert office.dispatchers.names == ()


async def test_an_agent_has_a_mailbox_and_questions_are_leased_ahead_in_each() -> None:
    async with working("ada", "ben") as office:
        assert office.dispatchers.names == ("ada", "ben", "extractive")
        await until_there(office, "ada")
        for mailbox, name in ((MEMORY_MAILBOX, None), (agent_mailbox("ada"), "ada")):
            asked = await office.put(mailbox, AHEAD + 1)
            await office.until_asked(name, AHEAD)
            assert [await office.state(each) for each in asked] == [State.LEASED] * AHEAD + [State.READY]


async def until_there(office: Office, agent: str) -> None:
    """Let them begin, at most 5 s of real time."""
    async with asyncio.timeout(5):
        while agent not in office.answerers:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_the_embedded_answerer_has_a_mailbox_beside_agents_and_no_more_at_once_than_without() -> None:
    async with working("ada") as office:
        await until_there(office, "extractive")
        await office.put(agent_mailbox("extractive"), 4)
        await office.until_asked("extractive", 2)
        assert len(office.answerers["extractive"].asked) == 2


async def test_an_agent_that_comes_later_is_given_what_is_asked_of_it() -> None:
    async with working() as office:
        await office.dispatchers.apply(["ada"])
        (asked,) = await office.put(agent_mailbox("ada"))
        await until_there(office, "ada")
        office.answerers["ada"].let.set()
        answer = (await office.ended(asked.id)).answer
    assert answer is not None
    assert answer.author == "ada"


async def test_what_an_agent_that_went_was_answering_is_given_back_and_waits_for_it_to_come_back() -> None:
    async with working("ada") as office:
        await until_there(office, "ada")
        (asked,) = await office.put(agent_mailbox("ada"))
        await office.until_asked("ada", 1)
        await office.dispatchers.apply([])
        await office.until(asked, State.READY)
        await office.dispatchers.apply(["ada"])
        office.answerers["ada"].let.set()
        question = await office.ended(asked.id)
    assert (question.delivery.state, question.delivery.failures) == (State.SETTLED, 0)


async def test_an_agent_that_stays_is_not_disturbed_when_others_come_and_go() -> None:
    async with working("ada", "ben") as office:
        await until_there(office, "ada")
        (asked,) = await office.put(agent_mailbox("ada"))
        await office.until_asked("ada", 1)
        await office.dispatchers.apply(["ada", "cat"])
        office.answerers["ada"].let.set()
        question = await office.ended(asked.id)
    assert question.delivery.deliveries == 1


async def test_what_is_being_answered_for_the_memory_is_finished_when_the_first_agent_comes() -> None:
    async with working() as office:
        (asked,) = await office.put(MEMORY_MAILBOX)
        await office.until_asked(None, 1)
        await office.dispatchers.apply(["ada"])
        await office.put(MEMORY_MAILBOX, AHEAD)
        await office.until_asked(None, 1 + AHEAD)
        office.answerers[None].let.set()
        question = await office.ended(asked.id)
    assert question.delivery.deliveries == 1


async def test_a_drain_ends_the_run_once_every_mailboxs_answers_are_given() -> None:
    async with working("ada", drain=timedelta(seconds=5)) as office:
        await until_there(office, "ada")
        asked = [*await office.put(MEMORY_MAILBOX), *await office.put(agent_mailbox("ada"))]
        await office.until_asked(None, 1)
        await office.until_asked("ada", 1)
        draining = asyncio.create_task(office.dispatchers.drain())
        await asyncio.sleep(0)
        for answerer in office.answerers.values():
            answerer.let.set()
        async with asyncio.timeout(5):
            await draining
        assert [await office.state(each) for each in asked] == [State.SETTLED] * 2


async def test_dispatchers_that_were_drained_before_they_ran_end_at_once() -> None:
    office = Office(timedelta(0))
    await office.store.open()
    await office.dispatchers.drain()
    async with asyncio.timeout(5):
        await office.dispatchers.run()
    await office.store.close()


async def test_a_control_message_at_an_agents_mailbox_asks_the_daemon_to_leave() -> None:
    async with working("ada") as office:
        await until_there(office, "ada")
        await office.put(agent_mailbox("ada"), kind=Kind.CONTROL, body=SHUTDOWN)
        async with asyncio.timeout(5):
            await office.left.wait()
