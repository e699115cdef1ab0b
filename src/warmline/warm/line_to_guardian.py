"""The daemon's end of the socket to one guardian process: requests, their answers, and events."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from warmline.errors import GuardianError, WorkerError
from warmline.settings import WarmSettings
from warmline.warm.wire import Lines, Said, encode

_CHUNK_BYTES = 64 * 1024
_FULL_BUFFER_SECONDS = 0.005
_LAST_LOOK_SECONDS = 0.1


class LineToGuardian:
    """One guardian process, for its whole life. Who made it calls `close`."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket, settings: WarmSettings) -> None:
        self._process = process
        self._connection = connection
        self._settings = settings
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[Said]] = {}
        self._sending = asyncio.Lock()
        self.ready: asyncio.Future[Said] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, folder: Path, settings: WarmSettings) -> LineToGuardian:
        """Start a guardian whose records lie in the folder. Raises GuardianError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        look = settings.look if settings.subreaper and sys.platform == "linux" else settings.look_without_subreaper
        rules = {
            "folder": str(folder),
            "look": look.total_seconds(),
            "round": settings.kill_round.total_seconds(),
            "grace": settings.last_grace.total_seconds(),
            "give_up": settings.outlive.total_seconds(),
            "subreaper": settings.subreaper,
            "cgroups": settings.cgroups,
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "warmline.warm.guardian", json.dumps(rules)),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise GuardianError(f"the guardian could not be started: {error}") from error
        finally:
            theirs.close()
        return cls(process, ours, settings)

    @property
    def pid(self) -> int:
        """Of the guardian."""
        return self._process.pid

    async def listen(self, on_event: Callable[[Said], None]) -> None:
        """Hand over events until the guardian is gone; then fail who still waits for an answer."""
        lines = Lines()
        loop = asyncio.get_running_loop()
        try:
            while data := await self._receive(loop):
                for said in lines.feed(data):
                    self._hear(said, on_event)
        finally:
            gone = GuardianError("the guardian is gone")
            for waiting in [*self._awaited.values(), self.ready]:
                if not waiting.done():
                    waiting.set_exception(gone)
                    waiting.exception()  # nobody need be there to hear it

    async def ask(self, do: str, descriptors: Sequence[int] = (), **said: object) -> Said:
        """Send a request and wait for its answer. Raises GuardianError, and WorkerError when it was refused.

        A guardian that does not answer in time is killed, and its workers with it: the next one can start others.
        """
        number = next(self._numbers)
        answered: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._awaited[number] = answered
        try:
            async with asyncio.timeout(self._settings.reply.total_seconds()):
                await self._send(encode({"do": do, "re": number, **said}), descriptors)
                await asyncio.wait([answered])
        except TimeoutError as error:
            # If it was we who stood still, the answer has come meanwhile.
            await asyncio.wait([answered], timeout=_LAST_LOOK_SECONDS)
            if not answered.done():
                self._kill()
                raise GuardianError(f"the guardian (pid {self.pid}) does not answer") from error
        finally:
            del self._awaited[number]
        answer = answered.result()
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    async def close(self) -> None:
        """Close the socket, at which the guardian ends everything and leaves; wait for that, with a limit."""
        self._connection.close()
        limit = self._settings.last_grace + 2 * self._settings.outlive
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            async with asyncio.timeout(self._settings.outlive.total_seconds()):
                await self._process.wait()

    async def _receive(self, loop: asyncio.AbstractEventLoop) -> bytes:
        try:
            return await loop.sock_recv(self._connection, _CHUNK_BYTES)
        except OSError:
            return b""

    def _hear(self, said: Said, on_event: Callable[[Said], None]) -> None:
        if said.get("event") == "ready":
            if not self.ready.done():  # who waited may have been cancelled
                self.ready.set_result(said)
        elif "event" in said:
            on_event(said)
        elif (waiting := self._awaited.get(said["re"])) is not None and not waiting.done():
            waiting.set_result(said)

    async def _send(self, line: bytes, descriptors: Sequence[int]) -> None:
        """Send a line; descriptors travel with its last byte, so that they come no later than the line."""
        try:
            async with self._sending:
                await self._send_whole(line, descriptors)
        except OSError as error:
            raise GuardianError("the guardian is gone") from error

    async def _send_whole(self, line: bytes, descriptors: Sequence[int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._connection, line[:-1])
            while not self._sent_with(line[-1:], descriptors):  # noqa: ASYNC110  # no event tells of a byte of room
                await asyncio.sleep(_FULL_BUFFER_SECONDS)
        except asyncio.CancelledError:
            # The buffer was full, so the guardian reads nothing; and half a line would spoil the next one.
            self._kill()
            raise

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _sent_with(self, byte: bytes, descriptors: Sequence[int]) -> bool:
        try:
            return (
                socket.send_fds(self._connection, [byte], list(descriptors))
                if descriptors
                else self._connection.send(byte)
            ) == 1
        except BlockingIOError:
            return False
