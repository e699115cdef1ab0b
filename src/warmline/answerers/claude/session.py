"""What is kept of one process of Claude Code: it was told what it is to hold, and can be brought back to that point."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from warmline.answerers.claude.conversation import clear, text, user
from warmline.answerers.claude.program import Program
from warmline.answerers.claude.turn import Reply, Turn
from warmline.errors import AgentError, AnswererError
from warmline.protocols import Said
from warmline.settings import AgentSettings

OPENING = "Questions follow, each by itself. Answer READY, nothing else."
"""Told where there is nothing to hold: the first turn shows whether the model answers, and is what to go back to."""


class Session:
    """A program, what it is told first, and what its version can. Who made the program ends it."""

    def __init__(self, program: Program, priming: str | None, settings: AgentSettings) -> None:
        self.program = program
        self._priming = priming or OPENING
        self._settings = settings
        self._rewinds = False
        self._has_asides = False
        self._clears = True
        self._opening = self.new_turn()
        self._is_greeted = False

    async def open(self) -> None:
        """Find out what the program can, and tell it what it is to hold. Raises AnswererError."""
        greeting = await self.program.ask("initialize", self._settings.start, hooks=None)
        if greeting.error is not None:
            raise AgentError(f"it did not initialize ({greeting.error}); is it Claude Code?")
        self._is_greeted = True
        nowhere = await self.program.ask("rewind_conversation", target_message_uuid=str(uuid4()))
        self._rewinds = not nowhere.is_unknown
        self._has_asides = await self._tells_errors_from_answers()
        await self._prime()

    @property
    def traits(self) -> Mapping[str, str]:
        """Its version and model; fresh: how it goes back; aside: whether it answers beside its work."""
        fresh = "rewind" if self._rewinds else "clear" if self._clears else "new process"
        return {
            "version": self._opening.version or "unknown",
            "model": self._opening.model or "unknown",
            "fresh": fresh,
            "aside": "yes" if self._has_asides else "no",
        }

    def unopened(self, program: Path) -> str:
        """Say what is missing of `open`, which takes too long."""
        if not self._is_greeted:
            return f"is {program} Claude Code?"
        tried = self._opening.retrying
        return f"its provider did not answer{f', and before: {tried}' if tried else ''}"

    def new_turn(self) -> Turn:
        """Return a turn for `put` and `go_back`."""
        return Turn(str(uuid4()), max_reply_bytes=self._settings.max_reply_bytes)

    async def put(self, turn: Turn, prompt: str, said: Said) -> Reply:
        """Put a question and return what came of it; cancelled, it is still under way. Raises AnswererError."""
        await self.program.say(turn, user(prompt, turn.uuid), said)
        return turn.reply()

    async def go_back(self, turn: Turn) -> bool:
        """Stop the turn if it is under way, and be as if it had not been.

        False when that cannot be had of this process. Raises AnswererError when it is lost, or takes too long.
        """
        await self.program.stop(turn)
        if self._rewinds and await self.program.rewind(turn):
            return True
        if self._clears:
            self._clears = await self._clear()
        return self._clears

    async def aside(self, question: str, limit: timedelta) -> str:
        """Have a question answered beside what is under way. Raises AnswererError, and AgentError when it has none."""
        if not self._has_asides:
            raise AgentError("this version of it answers no side questions")
        reply = await self.program.ask("side_question", limit, question=question)
        answer = text(reply.said, "response").strip()
        # What is synthetic was said by the program, about an error.
        if reply.error is not None or reply.said.get("synthetic") is not False or not answer:
            raise AnswererError(f"it did not answer beside its work: {reply.error or answer or 'it said nothing'}")
        return answer

    async def _tells_errors_from_answers(self) -> bool:
        """Find out whether it has side questions, and says it when what it replies to one is no answer."""
        try:
            reply = await self.program.ask("side_question")  # none is asked: the others have the model answer even that
        except AnswererError:
            return False
        return reply.said.get("synthetic") is True or (reply.error is not None and not reply.is_unknown)

    async def _prime(self) -> None:
        self._opening = self.new_turn()
        await self.program.say(self._opening, user(self._priming, self._opening.uuid))
        try:
            self._opening.reply()
        except AgentError:
            raise
        except AnswererError as error:
            raise AgentError(f"it did not take in what it is to hold: {error}") from error

    async def _clear(self) -> bool:
        """Empty the conversation and tell it anew what it is to hold; False when it takes that for a question."""
        emptying = self.new_turn()
        try:
            async with asyncio.timeout(self._settings.start.total_seconds()):
                await self.program.say(emptying, clear(emptying.uuid))
                if emptying.session == self._opening.session:
                    return False
                await self._prime()
        except TimeoutError as error:
            raise AnswererError("it could not be told anew what it is to hold") from error
        return True
