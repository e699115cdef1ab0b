"""Claude Code as a warm answerer: told the memory once, asked one question at a time, and brought back after each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from warmline.agents import AgentPlan
from warmline.answerers.briefing import Briefing
from warmline.answerers.claude.environment import Setting, setting
from warmline.answerers.claude.program import Program
from warmline.answerers.claude.session import Session
from warmline.answerers.claude.turn import Reply, Turn
from warmline.answerers.replies import draft_of
from warmline.answerers.telling import Telling
from warmline.errors import AgentError, AnswererError, WorkerError
from warmline.model import Draft, Message, Outcome, Recollection
from warmline.protocols import Said, unheard
from warmline.security.fence import Fence, Trust, What
from warmline.security.redaction import redact
from warmline.settings import AgentSettings
from warmline.workers import Spawn

ASIDE = "Answer this question from the memory, briefly."

HIDDEN_KEY = "[redacted key]"

LONG_CHARACTERS = 4096
"""Of questions and replies: to read the worst of this length takes 20 ms, and a longer one is read on a thread."""

T = TypeVar("T")

_LIMITS = {"CORE": 0}
"""No image of its memory is written when it crashes: that would hold the key."""


class ClaudeAnswerer:
    """A process of Claude Code that holds what its briefing says, or nothing.

    After every question, however it came out, it goes back to where it was: the answer does not wait for that, the
    next question does. It goes back by a rewind; where that cannot be had by `/clear` and telling it anew; where that
    cannot be had either by a new process.
    """

    def __init__(
        self,
        plan: AgentPlan,
        briefing: Briefing,
        *,
        spawn: Spawn,
        folder: Path,
        settings: AgentSettings,
    ) -> None:
        """Let its own files lie in the folder, which is made."""
        self._plan = plan
        self._briefing = briefing
        self._spawn = spawn
        self._folder = folder
        self._settings = settings
        self._program: Program | None = None
        self._session: Session | None = None
        self._secret = ""
        self._going_back: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def name(self) -> str:
        """The agent's."""
        return self._plan.name

    @property
    def traits(self) -> Mapping[str, str]:
        """Its version and model; fresh: how it goes back; aside: whether it answers beside its work."""
        return MappingProxyType(dict(self._session.traits) if self._session else {})

    @property
    def pid(self) -> int | None:
        """Of its program; None while there is none."""
        return self._program.process.pid if self._program else None

    @property
    def rss_bytes(self) -> int:
        """How much memory its program holds now; 0 when that cannot be known."""
        return self._program.process.rss_bytes if self._program else 0

    async def start(self) -> None:
        """Start the program, find out what it can, and tell it what it is to hold. Raises AgentError."""
        session: Session | None = None
        try:
            async with asyncio.timeout(self._settings.start.total_seconds()):
                session = Session(await self._spawned(), self._briefing.priming, self._settings)
                with self._hidden():
                    await session.open()
        except TimeoutError as error:
            limit = f"{self._settings.start.total_seconds():g} s"
            missing = session.unopened(self._plan.program) if session else "its program did not start"
            raise AgentError(f"it was not ready within {limit}; {missing}") from error
        except AgentError:
            raise
        except AnswererError as error:
            raise AgentError(f"it did not start: {error}") from error
        self._session = session

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        """Put the question with what the briefing adds to it. Raises AnswererError, AgentError."""
        session = await self._fresh()
        prompt = await _unless_long(len(question.body), partial(self._briefing.prompt, question, recollection))
        # With tools a model says this and that before it answers.
        telling = unheard if self._plan.tools else Telling(said).hear
        with self._hidden():
            reply = await self._reply(session, prompt, telling)
            return await _unless_long(len(reply.text), partial(self._draft, reply))

    async def recover(self) -> None:
        """Wait until what a cancelled `answer` left under way was stopped and undone. Raises AnswererError."""
        if self._going_back is not None:
            await asyncio.wait([self._going_back])
            self._going_back.result()

    async def probe(self) -> None:
        """Have it tell what it has cost so far; any reply will do. Raises AnswererError."""
        await self._running().program.ask("get_session_cost")

    async def aside(self, question: str) -> str:
        """Have it answer a side question. Raises AnswererError, and AgentError when its version has none."""
        fence = Fence()
        prompt = (fence.preamble(), fence.block(What.QUESTION, question, trust=Trust.UNKNOWN), ASIDE)
        with self._hidden():
            return await self._running().aside("\n".join(prompt), self._plan.turn_limit)

    async def ended(self) -> str:
        """Wait until its program has ended by itself, or cannot be used any more, and tell how."""
        return await asyncio.shield(self._lost)

    async def end(self) -> None:
        """End its program and all that grew out of it. May be called again. Raises WorkerError."""
        if self._going_back is not None:
            self._going_back.cancel()
            await asyncio.wait([self._going_back])
            self._going_back = None
        await self._end_program()

    async def _spawned(self) -> Program:
        """Start the program. Raises AgentError."""
        wanted: Setting = await asyncio.to_thread(setting, self._plan, self._folder)
        self._secret = wanted.secret
        try:
            process = await self._spawn(
                wanted.argv, environment=wanted.environment, folder=wanted.folder, limits=_LIMITS
            )
        except WorkerError as error:
            raise AgentError(f"its program {self._plan.program} cannot be started: {error}") from error
        self._program = Program(process, self._settings, tools=self._plan.tools, hide=self._hide, on_lost=self._lose)
        return self._program

    async def _reply(self, session: Session, prompt: str, said: Said) -> Reply:
        """Have one question answered, and begin to go back, whatever came of it."""
        turn = session.new_turn()
        limit = self._plan.turn_limit + self._settings.reply  # who asks has a limit of their own, which is sooner
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await session.put(turn, prompt, said)
        except TimeoutError as error:
            tried = f"; its last try failed: {turn.retrying}" if turn.retrying else ""
            raise AnswererError(f"it did not answer within {limit.total_seconds():g} s{tried}") from error
        finally:
            self._going_back = asyncio.create_task(self._go_back(session, turn), name=f"{self.name} goes back")
            self._going_back.add_done_callback(self._note)

    async def _fresh(self) -> Session:
        """Wait until it is as it was before the last question. Raises AgentError when it will never be."""
        if self._going_back is not None:
            await asyncio.wait([self._going_back])
        return self._running()

    def _running(self) -> Session:
        if self._lost.done():
            raise AgentError(self._lost.result())
        if self._session is None:
            raise AgentError("it was not started, or was ended")
        return self._session

    async def _go_back(self, session: Session, turn: Turn) -> None:
        """Be as if the turn had not been, with a new process if need be. Raises AnswererError."""
        if await session.go_back(turn):
            return
        try:
            await self._end_program()
        except WorkerError as error:
            raise AnswererError(str(error)) from error
        await self.start()

    async def _end_program(self) -> None:
        program, self._program, self._session = self._program, None, None
        if program is not None:
            await program.end()

    def _draft(self, reply: Reply) -> Draft:
        if reply.is_refusal:
            said = " ".join(reply.text.split()) or "The model refuses to answer this."
            return Draft(Outcome.REFUSED, self._hide(said), usage=reply.usage, author=self.name)
        return replace(draft_of(reply.text, reply.usage), author=self.name)

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        """Take secrets out of the reasons why something failed: a provider may say which key it did not like."""
        try:
            yield
        except AnswererError as error:
            raise type(error)(self._hide(str(error))) from error

    def _hide(self, reason: str) -> str:
        return redact(reason.replace(self._secret, HIDDEN_KEY) if self._secret else reason).text

    def _lose(self, reason: str) -> None:
        if not self._lost.done():
            self._lost.set_result(reason)

    def _note(self, going_back: asyncio.Task[None]) -> None:
        """Let it be known that no question can be put to it any more."""
        if not going_back.cancelled() and (error := going_back.exception()) is not None:
            self._lose(f"it could not be brought back after a question: {error}")


async def _unless_long(characters: int, work: Callable[[], T]) -> T:
    """Do the work here and now, or on a thread when it is on a text so long that others would wait for it."""
    return work() if characters <= LONG_CHARACTERS else await asyncio.to_thread(work)
