"""Whatever fails, hangs, crashes, is cancelled or configured anew: each question has one result, no worker two."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewing import YES, Stage, ask, calm, plan, question
from warmline.agents import Configuration, Mode
from warmline.answerers.scripted import After, Step
from warmline.answerers.scripted_warm import Fates, ScriptedWarmAnswerer
from warmline.crew.crew import Crew
from warmline.errors import AgentError, AnswererError
from warmline.model import Draft, Message, Recollection
from warmline.protocols import Said, unheard
from warmline.settings import AgentSettings

SETTINGS = AgentSettings()
PLANS = {
    "one": plan("one", mode=Mode.RESIDENT, min_workers=1, max_workers=2),
    "one, more": plan("one", mode=Mode.RESIDENT, min_workers=2, max_workers=3),
    "one, less": plan("one", mode=Mode.RESIDENT, memories=("notes",), min_workers=1, max_workers=1),
    "one, drained": plan("one", mode=Mode.RESIDENT, min_workers=1, max_workers=2, drained=True),
    "two": plan("two", min_workers=0, max_workers=2),
}
BASE = ("one", "two")
MOST = {"one": 3, "two": 2}

ANSWERED: Counter[str] = Counter()


class Counted(ScriptedWarmAnswerer):
    """Counts how often each question was answered."""

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        draft = await super().answer(question, recollection, said)
        ANSWERED[question.id] += 1
        return draft


def hang() -> asyncio.Event:
    return asyncio.Event()


STEPS: dict[str, Callable[[], Step]] = {
    "yes": lambda: YES,
    "late": lambda: After(hang(), YES),
    "crash": lambda: AnswererError("garbage"),
    "refuse": lambda: AgentError("overloaded"),
    "bug": lambda: KeyError("a bug"),
}
FATES: dict[str, Callable[[], Fates]] = {
    "good": Fates,
    "no start": lambda: Fates(start=AgentError("no login")),
    "late start": lambda: Fates(start=hang()),
    "no recovery": lambda: Fates(recover=AnswererError("stuck")),
    "late recovery": lambda: Fates(recover=hang()),
    "no sign": lambda: Fates(probe=AnswererError("gone")),
    "late sign": lambda: Fates(probe=hang()),
    "bugs": lambda: Fates(start=None, recover=KeyError("a bug"), probe=KeyError("a bug")),
}
TIMES = (timedelta(seconds=1), SETTINGS.again, SETTINGS.probe, timedelta(minutes=2), SETTINGS.shrink, SETTINGS.max_idle)

agents = st.sampled_from(["one", "two"])
asks = st.tuples(
    st.just("ask"),
    st.sampled_from("abc"),
    st.sampled_from([None, None, "one", "two"]),
    st.sampled_from([None, ("notes",)]),
)
deeds = st.one_of(
    asks,
    asks,
    asks,
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("crash"), st.integers(0, 5)),
    st.tuples(st.just("swell"), st.integers(0, 5)),
    st.tuples(st.just("advance"), st.sampled_from(TIMES)),
    st.tuples(st.just("apply"), st.lists(st.sampled_from(sorted(PLANS)), max_size=2, unique_by=lambda name: name[:3])),
    st.tuples(st.just("restart"), agents),
    st.tuples(st.just("test"), agents),
    st.tuples(st.just("memory"), st.sampled_from(["first", "second"])),
    st.tuples(st.just("script"), agents, st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4)),
    st.tuples(st.just("fate"), agents, st.sampled_from(sorted(FATES))),
    st.tuples(st.just("room"), st.sampled_from([0, SETTINGS.worker_bytes, 64 << 30])),
)


@dataclass
class Play:
    """A crew and all that is done with it."""

    stage: Stage
    crew: Crew
    asked: dict[str, asyncio.Task[Draft]] = field(default_factory=dict)
    tests: list[asyncio.Task[object]] = field(default_factory=list)

    async def do(self, verb: str, *details: object) -> None:
        await getattr(self, f"do_{verb}")(*details)
        await calm()
        self.check()

    async def do_ask(self, conversation: str, agent: str | None, memories: tuple[str, ...] | None) -> None:
        message = question(conversation, memories=memories)
        self.asked[message.id] = ask(self.crew, message, agent)
        await asyncio.sleep(0)

    async def do_cancel(self, number: int) -> None:
        for task in list(self.asked.values())[number : number + 1]:
            task.cancel()

    async def do_crash(self, number: int) -> None:
        for worker in self.stage.alive()[number : number + 1]:
            worker.crash()

    async def do_swell(self, number: int) -> None:
        for worker in self.stage.alive()[number : number + 1]:
            worker.rss_bytes = SETTINGS.max_rss_bytes + 1

    async def do_advance(self, duration: timedelta) -> None:
        self.stage.clock.advance(duration)

    async def do_apply(self, names: list[str]) -> None:
        await self.crew.apply(Configuration(agents=tuple(PLANS[name] for name in names), fallback="one" in names))

    async def do_restart(self, name: str) -> None:
        if any(report.name == name for report in self.crew.reports()):
            await self.crew.restart(name)

    async def do_test(self, name: str) -> None:
        if any(report.name == name for report in self.crew.reports()):
            self.tests.append(asyncio.create_task(self.crew.test(name)))

    async def do_memory(self, holds: str) -> None:
        self.stage.generation += 1
        self.stage.holds = holds

    async def do_script(self, name: str, steps: list[str]) -> None:
        self.stage.script[name] = [STEPS[step]() for step in steps]

    async def do_fate(self, name: str, fate: str) -> None:
        self.stage.fates[name] = FATES[fate]()

    async def do_room(self, free: int) -> None:
        self.stage.machine.free = free

    def check(self) -> None:
        """See that no promise is broken at this moment."""
        agents = self.crew._agents.values()
        for agent in agents:
            for pool in agent.pools:
                assert len(pool.workers) <= agent.plan.max_workers
                assert set(pool.idle) <= pool.workers
                assert not pool.workers & pool.leaving
                assert not any(worker.is_busy for worker in pool.idle)
                if agent.may_be_asked and pool.idle:
                    assert self.crew._workshop.waiting.count(pool.fits) == 0
        for name, most in MOST.items():
            for mode in Mode:
                assert len([each for each in self.stage.workers(name, mode) if each.pid is not None]) <= 2 * most + 1
        assert not ANSWERED or max(ANSWERED.values()) == 1
        for task in self.asked.values():
            if task.done() and not task.cancelled():
                assert not isinstance(task.exception(), AssertionError), task.exception()

    async def mend_all(self) -> None:
        """Let everything be good again, and time go on, until every question has its result."""
        self.stage.script.clear()
        self.stage.fates.clear()
        self.stage.machine.free = 64 << 30
        await self.crew.apply(Configuration())
        await self.crew.apply(Configuration(agents=tuple(PLANS[name] for name in BASE)))
        for _ in range(12):
            await self.stage.advance(timedelta(minutes=1))
            self.check()

    def check_results(self) -> None:
        for task in (*self.asked.values(), *self.tests):
            assert task.done()
        for id_, task in self.asked.items():
            if task.cancelled():
                continue
            error = task.exception()
            if error is None:
                assert ANSWERED[id_] == (task.result().author in MOST)
            else:
                assert isinstance(error, AnswererError | KeyError)
                assert not isinstance(error, AgentError)
                assert ANSWERED[id_] == 0


async def played(script: list[tuple[str, ...]]) -> None:
    ANSWERED.clear()
    stage = Stage(worker=Counted)
    async with stage.at_work(*(PLANS[name] for name in BASE), settings=SETTINGS) as crew:
        play = Play(stage, crew)
        for deed in script:
            await play.do(*deed)
        await play.mend_all()
        play.check_results()
    room = crew._workshop.room
    assert (room.workers, room._promised) == (0, 0)
    assert len(asyncio.all_tasks()) == 1


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@given(st.lists(deeds, max_size=30))
def test_every_question_has_one_result_and_every_worker_one_question(script: list[tuple[str, ...]]) -> None:
    asyncio.run(played(script))
