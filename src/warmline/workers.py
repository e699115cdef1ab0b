"""The seams around a worker: an answerer kept warm, the program that it is, who starts that, and the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from warmline.protocols import Answerer


class WarmAnswerer(Answerer, Protocol):
    """An answerer that is a program of its own, kept warm: a worker. Its owner always calls `end`.

    `answer` is called when the one before has returned, or `recover` has after it was cancelled or raised.
    """

    @property
    def traits(self) -> Mapping[str, str]:
        """What was found out at its start, in words: version, model, how it becomes fresh. Empty before."""

    @property
    def pid(self) -> int | None:
        """Of its program; None while there is none."""

    @property
    def rss_bytes(self) -> int:
        """How much memory its program holds now; 0 when that cannot be known."""

    async def start(self) -> None:
        """Start the program, find out what it can, and tell it what it is to hold. Raises AgentError."""

    async def recover(self) -> None:
        """Stop what an `answer` that was cancelled or raised left under way, if anything; be as if it was not asked.

        Raises AnswererError when that cannot be had in time: it must be ended.
        """

    async def probe(self) -> None:
        """Find out whether an idle one lives. Raises AnswererError."""

    async def aside(self, question: str) -> str:
        """Have a short question answered beside whatever it is doing; the answer leaves no trace. Raises AnswererError.

        One that cannot do this raises AgentError at once.
        """

    async def ended(self) -> str:
        """Wait until its program has ended by itself, and tell how: one line."""

    async def end(self) -> None:
        """End its program and all that grew out of it, however it stands. May be called again. Raises WorkerError."""


class Process(Protocol):
    """A program that is held by somebody who ends it and all its descendants. Its owner always calls `end`."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader

    @property
    def pid(self) -> int:
        """Of its first process."""

    @property
    def status(self) -> int | None:
        """What its first process ended with, below 0 by that signal; None while it runs."""

    @property
    def rss_bytes(self) -> int:
        """How much memory its first process holds now; 0 when that cannot be known."""

    async def wait(self, limit: timedelta) -> int:
        """Wait until its first process has ended. Raises TimeoutError after `limit`."""

    async def end(self, grace: timedelta | None = None) -> list[int]:
        """End it: end of input, TERM after a while, KILL after `grace`. Returns who outlives even that."""


class Spawn(Protocol):
    """Starts programs."""

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        limits: Mapping[str, int] | None = None,
    ) -> Process:
        """Start one with this environment and no other. Raises WorkerError."""


class Machine(Protocol):
    """The machine that the workers share with everything else. Quick to ask: it only reads."""

    def free_bytes(self) -> int | None:
        """Of memory, what programs could be given now without swapping; None when that cannot be known."""

    def cores(self) -> int:
        """How many this process may use at once, at least 1."""
