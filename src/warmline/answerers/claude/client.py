"""Claude Code as a warm answerer: told the memory once, asked one question at a time, and brought back after each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

from warmline.agents import AgentPlan, Mode
from warmline.answerers.briefing import Briefing
from warmline.answerers.claude.conversation import clear, text, user
from warmline.answerers.claude.environment import Setting, setting
from warmline.answerers.claude.framing import Message
from warmline.answerers.claude.program import Program
from warmline.answerers.claude.turn import Reply, Turn
from warmline.answerers.replies import draft_of
from warmline.answerers.telling import Telling
from warmline.errors import AgentError, AnswererError, WorkerError
from warmline.model import Draft, Outcome, Recollection
from warmline.model import Message as Question
from warmline.protocols import Said, unheard
from warmline.security.fence import Fence, Trust, What
from warmline.security.redaction import redact
from warmline.settings import AgentSettings
from warmline.workers import Spawn

OPENING = "Questions follow, each by itself. Answer READY, nothing else."
"""Told where there is no memory to hold: the first turn shows whether the model answers, and is what to go back to."""

ASIDE = "Answer this question from the memory, briefly."

_LIMITS = {"CORE": 0}
"""No image of its memory is written when it crashes: that would hold the key."""

HIDDEN_KEY = "[redacted key]"

Way = Callable[[Turn], Awaitable[bool]]
"""Tries to be as if the turn had not been, and tells whether it is so."""


class ClaudeAnswerer:
    """A process of Claude Code that holds what its briefing says, or nothing.

    After every question, however it came out, it goes back to where it was: the answer does not wait for that, the
    next question does. It goes back by a rewind; where that cannot be had by `/clear` and telling it anew; where that
    cannot be had either by a new process.
    """

    def __init__(
        self,
        plan: AgentPlan,
        mode: Mode,
        briefing: Briefing,
        *,
        spawn: Spawn,
        folder: Path,
        settings: AgentSettings,
    ) -> None:
        """Let its own files lie in the folder, which is made."""
        self._plan = plan
        self._mode = mode
        self._briefing = briefing
        self._spawn = spawn
        self._folder = folder
        self._settings = settings
        self._program: Program | None = None
        self._setting: Setting | None = None
        self._traits: Mapping[str, str] = {}
        self._session = ""
        self._ways: dict[str, Way] = {}
        self._can_aside = False
        self._going_back: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def name(self) -> str:
        """The agent's."""
        return self._plan.name

    @property
    def traits(self) -> Mapping[str, str]:
        """Its version and model; fresh: how it goes back; aside: whether it answers beside its work."""
        return MappingProxyType(self._traits)

    @property
    def pid(self) -> int | None:
        """Of its program; None while there is none."""
        return self._program.process.pid if self._program else None

    @property
    def rss_bytes(self) -> int:
        """How much memory its program holds now; 0 when that cannot be known."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]
        except OSError:
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    async def start(self) -> None:
        """Start the program, find out what it can, and tell it what it is to hold. Raises AgentError."""
        try:
            async with asyncio.timeout(self._settings.start.total_seconds()):
                await self._begin()
        except TimeoutError as error:
            limit = f"{self._settings.start.total_seconds():g} s"
            raise AgentError(f"it was not ready within {limit}; is {self._plan.program} Claude Code?") from error
        except AgentError:
            raise
        except (AnswererError, WorkerError) as error:
            raise AgentError(f"it did not start: {error}") from error

    async def answer(self, question: Question, recollection: Recollection, said: Said = unheard) -> Draft:
        """Put the question with what the briefing adds to it. Raises AnswererError, AgentError."""
        program = await self._fresh()
        prompt = self._briefing.prompt(question, recollection)
        # With tools a model says this and that before it answers.
        telling = unheard if self._plan.tools else Telling(said).hear
        return self._draft(await self._turn(program, lambda turn: user(prompt, turn.uuid), telling))

    async def recover(self) -> None:
        """Wait until what a cancelled `answer` left under way was stopped and undone. Raises AnswererError."""
        if self._going_back is not None:
            await asyncio.wait([self._going_back])
            self._going_back.result()

    async def probe(self) -> None:
        """Have it tell what it has cost so far; any reply will do. Raises AnswererError."""
        await self._running().ask("get_session_cost")

    async def aside(self, question: str) -> str:
        """Have it answer a side question. Raises AnswererError, and AgentError when its version has none."""
        if not self._can_aside:
            raise AgentError("this version of it answers no side questions")
        fence = Fence()
        asked = (fence.preamble(), fence.block(What.QUESTION, question, trust=Trust.UNKNOWN), ASIDE)
        reply = await self._running().ask("side_question", self._plan.turn_limit, question="\n".join(asked))
        answer = text(reply.said, "response").strip()
        # What is synthetic was said by the program, about an error.
        if reply.error or reply.said.get("synthetic") is not False or not answer:
            raise AnswererError(f"it did not answer beside its work: {self._hide(reply.error or answer or 'nothing')}")
        return answer

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

    async def _begin(self) -> None:
        self._setting = await asyncio.to_thread(setting, self._plan, self._folder)
        try:
            process = await self._spawn(
                self._setting.argv,
                environment=self._setting.environment,
                folder=self._setting.folder,
                limits=_LIMITS,
            )
        except WorkerError as error:
            raise AgentError(f"its program {self._plan.program} cannot be started: {error}") from error
        self._program = Program(process, self._settings, tools=self._plan.tools, hide=self._hide, on_lost=self._lose)
        await self._probe_verbs(self._program)
        opening = await self._prime(self._program)
        self._traits = {
            "version": opening.version or "unknown",
            "model": opening.model or self._plan.model or "unknown",
            "fresh": next(iter(self._ways)),
            "aside": "yes" if self._can_aside else "no",
        }

    async def _probe_verbs(self, program: Program) -> None:
        """Find out what this version can, without a word to its model. Raises AnswererError when it replies nothing."""
        greeting = await program.ask("initialize", self._settings.start, hooks=None)
        if greeting.error:
            raise AgentError(
                f"it did not initialize ({self._hide(greeting.error)}); is {self._plan.program} Claude Code?"
            )
        nowhere = await program.ask("rewind_conversation", target_message_uuid=str(uuid4()))
        ways = {"rewind": self._rewind, "clear": self._clear, "new process": self._renew}
        self._ways = {name: way for name, way in ways.items() if name != "rewind" or not nowhere.is_unknown}
        self._can_aside = await self._tells_errors_from_answers(program)

    async def _tells_errors_from_answers(self, program: Program) -> bool:
        """Find out whether it has side questions, and says it when what it replies to one is no answer."""
        try:
            reply = await program.ask("side_question")  # none is asked: the others have their models answer even that
        except AnswererError:
            return False
        return reply.said.get("synthetic") is True or (reply.error is not None and not reply.is_unknown)

    async def _prime(self, program: Program) -> Turn:
        """Tell it what it is to hold; what it answers shows that the model is there. Raises AgentError."""
        turn = self._new_turn()
        await program.say(turn, user(self._briefing.priming or OPENING, turn.uuid))
        try:
            turn.reply()
        except AgentError as error:
            raise AgentError(self._hide(str(error))) from error
        except AnswererError as error:
            raise AgentError(f"it did not take in what it is to hold: {self._hide(str(error))}") from error
        self._session = turn.session
        return turn

    async def _turn(self, program: Program, asked: Callable[[Turn], Message], said: Said) -> Reply:
        """Have one question answered, and begin to go back, whatever came of it."""
        turn = self._new_turn()
        limit = self._plan.turn_limit + self._settings.reply  # who asks has a limit of their own, which is sooner
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await program.say(turn, asked(turn), said)
            return turn.reply()
        except TimeoutError as error:
            tried = f"; its last try failed: {turn.retrying}" if turn.retrying else ""
            raise AnswererError(f"it did not answer within {limit.total_seconds():g} s{tried}") from error
        except AnswererError as error:
            raise type(error)(self._hide(str(error))) from error
        finally:
            self._going_back = asyncio.create_task(self._go_back(program, turn), name=f"{self.name} goes back")
            self._going_back.add_done_callback(self._note)

    async def _fresh(self) -> Program:
        """Wait until it is as it was before the last question. Raises AgentError when it will never be."""
        if self._going_back is not None:
            await asyncio.wait([self._going_back])
        return self._running()

    def _running(self) -> Program:
        if self._program is None or self._lost.done():
            raise AgentError(self._lost.result() if self._lost.done() else "it was not started, or was ended")
        return self._program

    async def _go_back(self, program: Program, turn: Turn) -> None:
        """Stop the turn if it is under way, and be as if it had not been. Raises AnswererError."""
        await program.stop(turn)
        for way in self._ways.values():
            if await way(turn):
                return

    async def _rewind(self, turn: Turn) -> bool:
        return await self._running().rewind(turn)

    async def _clear(self, _turn: Turn) -> bool:
        program = self._running()
        emptying = self._new_turn()
        try:
            async with asyncio.timeout(self._settings.start.total_seconds()):
                await program.say(emptying, clear(emptying.uuid))
                if emptying.session == self._session:
                    return False
                await self._prime(program)
        except TimeoutError as error:
            raise AnswererError("it could not be told anew what it is to hold") from error
        return True

    async def _renew(self, _turn: Turn) -> bool:
        try:
            await self._end_program()
        except WorkerError as error:
            raise AnswererError(str(error)) from error
        await self.start()
        return True

    async def _end_program(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            await program.end()

    def _new_turn(self) -> Turn:
        return Turn(str(uuid4()), max_reply_bytes=self._settings.max_reply_bytes)

    def _draft(self, reply: Reply) -> Draft:
        if reply.is_refusal:
            said = " ".join(reply.text.split()) or "The model refuses to answer this."
            return Draft(Outcome.REFUSED, self._hide(said), usage=reply.usage, author=self.name)
        return replace(draft_of(reply.text, reply.usage), author=self.name)

    def _hide(self, reason: str) -> str:
        secret = self._setting.secret if self._setting else ""
        return redact(reason.replace(secret, HIDDEN_KEY) if secret else reason).text

    def _lose(self, reason: str) -> None:
        if not self._lost.done():
            self._lost.set_result(reason)

    def _note(self, going_back: asyncio.Task[None]) -> None:
        """Let it be known that no question can be put to it any more."""
        if not going_back.cancelled() and (error := going_back.exception()) is not None:
            self._lose(f"it could not be brought back after a question: {error}")
