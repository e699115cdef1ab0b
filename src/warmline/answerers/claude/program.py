"""One process of Claude Code: its pipes, who waits for which of its replies, and how it ended.

Nothing here waits for the end of a pipe: a program has ended when who holds it says so.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Container
from datetime import timedelta

from warmline.answerers.claude.conversation import ControlReply, answer_to, cancel, control, control_reply
from warmline.answerers.claude.framing import GarbledError, Lines, Message, encode
from warmline.answerers.claude.turn import Turn
from warmline.errors import AnswererError, WorkerError
from warmline.protocols import Said, unheard
from warmline.settings import AgentSettings
from warmline.workers import Process

_CHUNK_BYTES = 256 * 1024
_COMPLAINT_BYTES = 4096
_COMPLAINT_LINES = 3
_SHOWN_CHARACTERS = 200
_LAST_WORDS = timedelta(seconds=0.5)
"""What a program wrote before it ended is here within this; and its status, when its pipe ended first."""

_FIRST_LOOK_SECONDS = 0.02
"""An interrupt that comes before the turn has begun does nothing, so it is said again: after this, then twice that."""


class Program:
    """A process that speaks stream-json. One turn at a time; requests at any time. Who made it calls `end`."""

    def __init__(
        self,
        process: Process,
        settings: AgentSettings,
        *,
        tools: Container[str],
        hide: Callable[[str], str],
        on_lost: Callable[[str], None],
    ) -> None:
        """Listen to it. on_lost hears, in one line, how it ended by itself; hide takes secrets out of such lines."""
        self.process = process
        self._settings = settings
        self._tools = tools
        self._hide = hide
        self._on_lost = on_lost
        self._numbers = itertools.count(1)
        self._awaited: dict[str, asyncio.Future[ControlReply]] = {}
        self._turn: Turn | None = None
        self._over = asyncio.Event()
        self._said: Said = unheard
        self._complaints = b""
        self._lost = ""
        self._has_been_asked = False
        self._listening = asyncio.create_task(self._listen(), name=f"claude {process.pid}")

    async def say(self, turn: Turn, message: Message, said: Said = unheard) -> None:
        """Put a question, and wait, without a limit, until it is over. Raises AnswererError when the program is lost.

        Cancelled, it leaves the turn under way: see `stop`.
        """
        self._turn, self._said = turn, said
        self._over.clear()
        self._has_been_asked = True
        try:
            await self._write(message)
            await self._over.wait()
        finally:
            self._said = unheard
        self._raise_if_lost()

    async def stop(self, turn: Turn) -> None:
        """Interrupt the turn that was put last, if it is not over, until it is. Raises AnswererError, in time."""
        try:
            async with asyncio.timeout(self._settings.reply.total_seconds()):
                patience = _FIRST_LOOK_SECONDS
                while not turn.is_over:
                    self._raise_if_lost()
                    await self.ask("interrupt")
                    await self._until_over(patience)
                    patience *= 2
        except TimeoutError as error:
            raise AnswererError(f"it did not stop within {_seconds(self._settings.reply)}") from error

    async def rewind(self, turn: Turn) -> bool:
        """Have a turn that is over forgotten, and all after it; tell whether it was. Raises AnswererError."""
        patience = _FIRST_LOOK_SECONDS
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.reply.total_seconds()
        while True:
            reply = await self.ask("rewind_conversation", target_message_uuid=turn.uuid)
            if reply.said.get("reason") != "turn_running" or loop.time() > until:
                return reply.said.get("rewound") is True
            await asyncio.sleep(patience)  # it tells of the end a little before it has ended
            patience *= 2

    async def ask(self, subtype: str, limit: timedelta | None = None, **fields: object) -> ControlReply:
        """Have something done, as a rule without the model. Raises AnswererError when no reply comes in time."""
        limit = limit or self._settings.reply
        request_id = f"w{next(self._numbers)}"
        replied: asyncio.Future[ControlReply] = asyncio.get_running_loop().create_future()
        self._awaited[request_id] = replied
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._write(control(request_id, subtype, **fields))
                reply = await replied
        except TimeoutError as error:
            raise AnswererError(f"it did not reply to {subtype} within {_seconds(limit)}") from error
        finally:
            del self._awaited[request_id]
            if not replied.done() or replied.cancelled():
                self._send(cancel(request_id))
        self._raise_if_lost()
        return reply

    async def end(self) -> None:
        """End it, and all that grew out of it; who waits for it gets an AnswererError. Raises WorkerError."""
        self._lose("it was ended")
        try:
            left = await self.process.end()
        finally:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        if not self._listening.cancelled():
            self._listening.result()  # raises what a bug of ours raised there
        if left:
            raise WorkerError(f"processes of the agent outlive even SIGKILL: {', '.join(map(str, left))}")

    async def _write(self, message: Message) -> None:
        self._raise_if_lost()
        self._send(message)
        try:
            await self.process.stdin.drain()
        except ConnectionError:
            await asyncio.wait([self._listening])  # bounded: it knows by now that the program is gone, or soon will
            self._raise_if_lost()

    def _send(self, message: Message) -> None:
        if not self._lost and not self.process.stdin.is_closing():
            self.process.stdin.write(encode(message))

    async def _until_over(self, seconds: float) -> None:
        waiting = asyncio.ensure_future(self._over.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()

    def _raise_if_lost(self) -> None:
        if self._lost:
            raise AnswererError(self._lost)

    async def _listen(self) -> None:
        reading = asyncio.create_task(self._read())
        draining = asyncio.create_task(self._drain())
        ending = asyncio.create_task(self._wait())
        tasks = [reading, draining, ending]
        try:
            await asyncio.wait([reading, ending], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=_LAST_WORDS.total_seconds())
            if not self._lost:  # else we are ending it
                self._lose(self._reason(reading))
                self._on_lost(self._lost)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._lose("what it said could not be taken in")

    async def _read(self) -> None:
        """Take in all messages until the pipe ends. Raises GarbledError."""
        lines = Lines(self._settings.max_line_bytes)
        while data := await self.process.stdout.read(_CHUNK_BYTES):
            for message in lines.feed(data):
                self._hear(message)

    async def _drain(self) -> None:
        while data := await self.process.stderr.read(_CHUNK_BYTES):
            self._complaints = (self._complaints + data)[-_COMPLAINT_BYTES:]

    async def _wait(self) -> None:
        while self.process.status is None:
            try:
                await self.process.wait(self._settings.probe)
            except TimeoutError:
                continue

    def _hear(self, message: Message) -> None:
        reply = control_reply(message)
        if reply is not None:
            awaited = self._awaited.get(reply.request_id)
            if awaited is not None and not awaited.done():
                awaited.set_result(reply)
        elif (answer := answer_to(message, self._tools)) is not None:
            if self.process.stdin.transport.get_write_buffer_size() > self._settings.max_line_bytes:
                raise GarbledError("it asks and asks, and does not hear what it is told", b"")
            self._send(answer)
        elif self._turn is not None and not self._turn.is_over:
            piece = self._turn.hear(message)
            if piece:
                self._said(piece)
            if self._turn.is_over:
                self._over.set()

    def _reason(self, reading: asyncio.Task[None]) -> str:
        """Say in one line how it ended. Raises what a bug of ours raised."""
        status = self.process.status
        error = reading.exception() if reading.done() else None
        if isinstance(error, GarbledError):
            reason = str(error)
            if error.line and not self._has_been_asked:  # then no question can stand in it
                reason += f": {self._shown(error.line)}"
        elif error is not None:
            raise error
        elif status is None:
            reason = "it closed its output"
        else:
            reason = f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"
        complaints = self._shown(self._complaints)
        return f"{reason}; it said: {complaints}" if complaints else reason

    def _shown(self, data: bytes) -> str:
        """Return the last lines of what was written, as one, without secrets."""
        lines = [line.strip() for line in self._hide(data.decode("utf-8", "replace")).splitlines() if line.strip()]
        line = " / ".join(lines[-_COMPLAINT_LINES:])
        return "".join(each if each.isprintable() else "?" for each in line)[-_SHOWN_CHARACTERS:]

    def _lose(self, reason: str) -> None:
        """Let who waits for anything know that nothing more will come."""
        self._lost = self._lost or reason
        self._over.set()
        for request_id, awaited in self._awaited.items():
            if not awaited.done():
                awaited.set_result(ControlReply(request_id, {}, self._lost))


def _seconds(limit: timedelta) -> str:
    return f"{limit.total_seconds():g} s"
