"""A crew at work on scripted workers and a clock that tests move."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from manual_clock import ManualClock
from warmline.agents import AgentPlan, Configuration, Mode
from warmline.answerers.scripted import ScriptedAnswerer, Step
from warmline.answerers.scripted_warm import Fates, ScriptedWarmAnswerer
from warmline.crew.crew import Crew
from warmline.crew.pool import Hired
from warmline.errors import WarmlineError
from warmline.ids import new_message_id
from warmline.model import ConversationId, Draft, Kind, Message, Outcome, Passage, Recollection
from warmline.protocols import Said, unheard
from warmline.settings import AgentSettings

YES = Draft(Outcome.ANSWERED, "yes")
INSTEAD = Draft(Outcome.ANSWERED, "from the fallback")
RECOLLECTION = Recollection((Passage("notes/a.md", 1, 1, "yes", 1.0), Passage("secret/b.md", 1, 1, "no", 0.5)), 0.9)


def plan(name: str = "claude", **fields: object) -> AgentPlan:
    fields = {"mode": Mode.RECALLED, "min_workers": 1, "max_workers": 2, **fields}
    return AgentPlan(name=name, program=Path("/bin/agent"), **fields)  # type: ignore[arg-type]


async def calm() -> None:
    """Let the others go on until all that can happen by itself has happened: the longest chain has fewer steps."""
    for _ in range(100):
        await asyncio.sleep(0)


@dataclass
class Sky:
    """A machine with as much room as a test says."""

    free: int | None = 64 << 30
    many_cores: int = 64

    def free_bytes(self) -> int | None:
        return self.free

    def cores(self) -> int:
        return self.many_cores


@dataclass
class Stage:
    """Hires scripted workers and keeps them in the order of hiring, the dropped ones too.

    script and fates are for those that are hired from now on, by the agent's name; holds is what they hold.
    """

    clock: ManualClock = field(default_factory=ManualClock)
    machine: Sky = field(default_factory=Sky)
    fallback: ScriptedAnswerer = field(default_factory=lambda: ScriptedAnswerer([INSTEAD]))
    script: dict[str, list[Step]] = field(default_factory=dict)
    fates: dict[str, Fates] = field(default_factory=dict)
    holds: str = "first"
    generation: int = 1
    refusal: WarmlineError | None = None
    worker: type[ScriptedWarmAnswerer] = ScriptedWarmAnswerer
    hired: list[tuple[str, Mode, ScriptedWarmAnswerer]] = field(default_factory=list)
    _pids: Iterable[int] = field(default_factory=lambda: itertools.count(100))

    async def hire(self, plan: AgentPlan, mode: Mode) -> Hired:
        if self.refusal is not None:
            raise self.refusal
        script: list[Step] = self.script.get(plan.name, [YES])
        worker = self.worker(script, self.fates.get(plan.name), next(iter(self._pids)))
        self.hired.append((plan.name, mode, worker))
        return Hired(worker, self.holds if mode is Mode.RESIDENT else "", 10, 2, 1)

    def crew(self, settings: AgentSettings | None = None) -> Crew:
        return Crew(
            self.hire,
            self.fallback,
            generation=lambda: self.generation,
            clock=self.clock,
            settings=settings or AgentSettings(),
            machine=self.machine,
        )

    def workers(self, agent: str = "claude", mode: Mode | None = None) -> list[ScriptedWarmAnswerer]:
        return [each for name, its, each in self.hired if name == agent and mode in (None, its)]

    def alive(self) -> list[ScriptedWarmAnswerer]:
        return [worker for _, _, worker in self.hired if worker.pid is not None]

    @contextlib.asynccontextmanager
    async def at_work(
        self, *plans: AgentPlan, fallback: bool = False, settings: AgentSettings | None = None
    ) -> AsyncIterator[Crew]:
        """Run a crew with these agents; at the end it has left nothing."""
        crew = self.crew(settings)
        await crew.apply(Configuration(agents=plans, fallback=fallback))
        work = asyncio.create_task(crew.run())
        await calm()
        try:
            yield crew
        finally:
            work.cancel()
            async with asyncio.timeout(5):
                await asyncio.wait([work])
            assert work.cancelled(), work.exception()
            assert self.alive() == []
            assert all(worker.calls.end for _, _, worker in self.hired)

    async def advance(self, duration: timedelta) -> None:
        """Move the time, and let what is due happen."""
        self.clock.advance(duration)
        await calm()


_numbers = itertools.count(1)


def question(conversation: str = "default", sender: str = "owner", memories: tuple[str, ...] | None = None) -> Message:
    now = ManualClock().now()
    return Message(
        id=new_message_id(now),
        conversation=ConversationId(conversation),
        sender=sender,
        kind=Kind.QUESTION,
        body=f"question {next(_numbers)}",
        sent_at=now,
        trace="trace",
        memories=memories,
    )


def ask(
    crew: Crew, asked: Message | None = None, agent: str | None = None, said: Said = unheard
) -> asyncio.Task[Draft]:
    return asyncio.create_task(crew.desk(agent).answer(asked or question(), RECOLLECTION, said))


async def drafted(asking: asyncio.Task[Draft]) -> Draft:
    async with asyncio.timeout(5):
        return await asking
