"""A worker that follows a script, for tests and benches: no program, but all that can become of one.

Satisfies workers.WarmAnswerer: it starts, hangs, recovers, lives, crashes and ends when it is told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from warmline.answerers.scripted import ScriptedAnswerer, Step
from warmline.errors import AgentError, AnswererError
from warmline.model import Draft, Message, Recollection
from warmline.protocols import Said, unheard

Fate = Exception | asyncio.Event | None
"""What becomes of something that it is told to do: this error, or nothing until the event is set; None: it is done.

An exception that is no WarmlineError plays a bug, and breaks the contract.
"""


@dataclass(slots=True)
class Fates:
    """What becomes of starting, recovering, being probed and being ended; may be changed at any time.

    spare is the reply to a question beside; None: it cannot do that.
    """

    start: Fate = None
    recover: Fate = None
    probe: Fate = None
    end: Fate = None
    spare: str | None = None


@dataclass(slots=True)
class Calls:
    """How often it was told to."""

    start: int = 0
    recover: int = 0
    probe: int = 0
    end: int = 0


@dataclass(slots=True)
class _Life:
    """From a start to an end."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    how: str = ""
    by_itself: bool = False


class ScriptedWarmAnswerer:
    """Takes one step of its script for each question, as ScriptedAnswerer does, while it is started.

    Raises AssertionError when its owner breaks the contract: two questions at once, one before `start` or after `end`,
    one after a cancelled or failed one that was not recovered from.
    """

    name = "scripted"

    def __init__(self, script: Iterable[Step] = (), fates: Fates | None = None, pid: int = 1) -> None:
        self.fates = fates or Fates()
        self.calls = Calls()
        self.rss_bytes = 0
        self._answerer = ScriptedAnswerer(script)
        self._pid = pid
        self._life: _Life | None = None
        self._is_at_work = False
        self._is_fresh = True

    @property
    def asked(self) -> list[Message]:
        """Every question in the order of asking."""
        return self._answerer.asked

    @property
    def traits(self) -> Mapping[str, str]:
        """What there is to know of it once it was started."""
        return {"version": "scripted"} if self.calls.start else {}

    @property
    def pid(self) -> int | None:
        """A number of its own while it lives; no process has it."""
        return self._pid if self._is_alive else None

    @property
    def _is_alive(self) -> bool:
        return self._life is not None and not self._life.over.is_set()

    async def start(self) -> None:
        """Start, if its fate is so."""
        self.calls.start += 1
        await _befall(self.fates.start)
        self._life = _Life()

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        """Take the next step of the script. Raises AgentError when it was crashed before, AnswererError meanwhile."""
        assert self._is_fresh, "not recovered"  # noqa: S101  # this is what it is for
        assert not self._is_at_work, "two questions at once"  # noqa: S101
        life = self._life
        if life is None or life.over.is_set():
            raise AgentError(f"it is not there: {life.how if life else 'not started'}")
        self._is_at_work, self._is_fresh = True, False
        try:
            draft = await self._unless_over(life, question, recollection, said)
        finally:
            self._is_at_work = False
        self._is_fresh = True
        return draft

    async def recover(self) -> None:
        """Be as before the last question, if its fate is so."""
        self.calls.recover += 1
        await _befall(self.fates.recover)
        if not self._is_alive:
            raise AnswererError("it is not there")
        self._is_fresh = True

    async def probe(self) -> None:
        """Give a sign of life, if its fate is so."""
        self.calls.probe += 1
        await _befall(self.fates.probe)
        if not self._is_alive:
            raise AgentError("it is not there")

    async def aside(self, question: str) -> str:
        """Reply what it has to spare."""
        if self.fates.spare is None:
            raise AgentError("it cannot be asked beside")
        return self.fates.spare

    async def ended(self) -> str:
        """Wait until it was crashed."""
        life = self._life
        if life is None:
            return "it was not started"
        await life.over.wait()
        if not life.by_itself:
            await asyncio.get_running_loop().create_future()
        return life.how

    async def end(self) -> None:
        """End, if its fate is so."""
        self.calls.end += 1
        await _befall(self.fates.end)
        self._be_over("it was ended", by_itself=False)

    def crash(self, how: str = "it crashed") -> None:
        """End by itself, now."""
        self._be_over(how, by_itself=True)

    async def until_asked(self, count: int) -> None:
        """Wait, without a limit, until this many questions were asked."""
        await self._answerer.until_asked(count)

    def _be_over(self, how: str, *, by_itself: bool) -> None:
        if self._life is not None and not self._life.over.is_set():
            self._life.how, self._life.by_itself = how, by_itself
            self._life.over.set()

    async def _unless_over(self, life: _Life, question: Message, recollection: Recollection, said: Said) -> Draft:
        """Answer, but for an end of it meanwhile."""
        work = asyncio.ensure_future(self._answerer.answer(question, recollection, said))
        over = asyncio.ensure_future(life.over.wait())
        try:
            await asyncio.wait([work, over], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise AnswererError(f"it is not there any more: {life.how}")
        finally:
            for task in (work, over):
                task.cancel()
            await asyncio.gather(work, over, return_exceptions=True)


async def _befall(fate: Fate) -> None:
    if isinstance(fate, asyncio.Event):
        await fate.wait()
    elif fate is not None:
        raise fate
