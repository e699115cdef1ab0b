"""A worker as the daemon has it: a program that the guardian holds, and its pipes.

Nothing here waits for the end of a pipe: a worker has ended when the guardian says so, and then its pipes are closed,
whoever else still holds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Literal

from warmline.errors import GuardianError, WorkerError
from warmline.settings import WarmSettings
from warmline.warm.line_to_guardian import LineToGuardian
from warmline.warm.processes import rss_bytes
from warmline.warm.wire import Said

logger = logging.getLogger(__name__)

KILLED = -9

Signal = Literal["INT", "TERM", "KILL"]


class Worker:
    """A program held by the guardian. Its owner calls `end`, also when it has exited by itself."""

    def __init__(self, worker: str, line: LineToGuardian, settings: WarmSettings) -> None:
        loop = asyncio.get_running_loop()
        self.id = worker
        self.pid = 0
        self.started = 0
        """Together with the pid it names the process: clock ticks since boot on Linux, else seconds since 1970."""
        self.stdin: asyncio.StreamWriter
        self.stdout: asyncio.StreamReader
        self.stderr: asyncio.StreamReader
        self._line = line
        self._settings = settings
        self._exited: asyncio.Future[int] = loop.create_future()
        self._ended: asyncio.Future[list[int]] = loop.create_future()
        self._transports: list[asyncio.BaseTransport] = []

    @property
    def status(self) -> int | None:
        """What its first process ended with, below 0 by that signal; None while it runs."""
        return self._exited.result() if self._exited.done() else None

    @property
    def rss_bytes(self) -> int:
        """How much memory its first process holds now; 0 when that cannot be known."""
        return 0 if self._exited.done() else rss_bytes(self.pid)

    async def wait(self, limit: timedelta) -> int:
        """Wait until its first process has ended, and tell its status. Raises TimeoutError after `limit`."""
        async with asyncio.timeout(limit.total_seconds()):
            return await asyncio.shield(self._exited)

    async def signal(self, name: Signal) -> None:
        """Send a signal to its process group, if that is still there. Raises GuardianError."""
        if not self._ended.done():
            with _gone_is_well(self):
                await self._line.ask("signal", id=self.id, signal=name)

    async def interrupt(self) -> None:
        """Send SIGINT to its group. Raises GuardianError."""
        await self.signal("INT")

    async def end(self, grace: timedelta | None = None) -> list[int]:
        """End it and all its descendants, then close its pipes: end of input, TERM after a while, KILL after `grace`.

        Returns the pids of those who outlive even SIGKILL; as a rule none. May be called again. Raises GuardianError.
        """
        try:
            self.stdin.close()
            with contextlib.suppress(TimeoutError):
                await self.wait(self._settings.end_of_input)
            return await self._end_rest(self._settings.grace if grace is None else grace)
        finally:
            self.close()

    async def _end_rest(self, grace: timedelta) -> list[int]:
        if not self._ended.done():
            with _gone_is_well(self):
                await self._line.ask("end", id=self.id, grace=grace.total_seconds())
        limit = grace + self._settings.outlive + self._settings.reply
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await asyncio.shield(self._ended)
        except TimeoutError as error:
            raise GuardianError(f"the guardian did not end worker {self.id} (pid {self.pid}) in {limit}") from error

    async def connect(self, ends: Sequence[int]) -> None:
        """Make streams of our ends of its pipes, which are closed with it."""
        loop = asyncio.get_running_loop()
        limit = self._settings.stream_bytes
        files = [os.fdopen(end, "wb" if at == 0 else "rb", buffering=0) for at, end in enumerate(ends)]
        readers = [asyncio.StreamReader(limit), asyncio.StreamReader(limit)]
        try:
            writing, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, files[0])
            self._transports.append(writing)
            for reader, file in zip(readers, files[1:], strict=True):
                made, _ = await loop.connect_read_pipe(lambda to=reader: asyncio.StreamReaderProtocol(to), file)  # type: ignore[misc]
                self._transports.append(made)
        except BaseException:
            self.close()
            for file in files:
                file.close()
            raise
        self.stdin = asyncio.StreamWriter(writing, protocol, None, loop)
        self.stdout, self.stderr = readers

    def close(self) -> None:
        """Close its pipes, unsent input dropped."""
        for transport in self._transports:
            if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
                transport.abort()
            else:
                transport.close()

    def hear(self, event: Said) -> None:
        """Take in what the guardian says about it."""
        if event["event"] == "exited" and not self._exited.done():
            self._exited.set_result(event["status"])
        elif event["event"] == "ended" and not self._ended.done():
            self._ended.set_result(event["left"])
            if event["strays"] or event["left"]:
                logger.info("strays ended", extra={"worker": self.id, "strays": event["strays"], "left": event["left"]})

    def lose(self) -> None:
        """Take in that the guardian is gone: the kernel has killed the program, the next guardian ends what is left."""
        self.hear({"event": "exited", "status": KILLED})
        self.hear({"event": "ended", "strays": 0, "left": []})


@contextlib.contextmanager
def _gone_is_well(worker: Worker) -> Iterator[None]:
    """Let it pass that the guardian does not know the worker any more, or that both are gone."""
    try:
        yield
    except WorkerError:
        if worker.status is None:
            raise
