"""The daemon's side of the guardian: keeps one alive, and starts workers through it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from warmline.errors import GuardianError, WorkerError
from warmline.settings import WarmSettings
from warmline.warm.line_to_guardian import LineToGuardian
from warmline.warm.wire import Said
from warmline.warm.worker import Worker

logger = logging.getLogger(__name__)


class Guardian:
    """Keeps one guardian process alive while its block lasts; at the block's end nothing that it held is left.

    A lost guardian (kill -9) is replaced at once: its workers then have status -9, and the next one ends the rest
    before it takes a spawn.
    """

    def __init__(self, folder: Path, settings: WarmSettings, *, on_demand: bool = False) -> None:
        """Let records lie in the folder, which is made. No other guardian may use it: it would be ended.

        on_demand: it starts with the first spawn, or at once when the one before it has left anything behind.
        """
        self._folder = folder
        self._settings = settings
        self._on_demand = on_demand
        self._names = itertools.count(1)
        self._workers: dict[str, Worker] = {}
        self._line: LineToGuardian | None = None
        self._ready = asyncio.Event()
        self._wanted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._reason = "it was not started"
        self.losses = 0
        """How many guardians were lost since the start."""
        self.greeting: Said = {}
        """What the present one said of itself: pid, subreaper, cgroups, swept."""

    async def __aenter__(self) -> Self:
        """Start it. Raises GuardianError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._on_demand and not any(self._folder.glob("*.json")):
            return self
        try:
            await self._present()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all workers and the guardian, and wait for that."""
        await self._leave()

    @property
    def pid(self) -> int | None:
        """Of the guardian; None while there is none."""
        return self._line.pid if self._line is not None else None

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        limits: Mapping[str, int] | None = None,
    ) -> Worker:
        """Start a program in a session of its own.

        Its environment is what is given and WARMLINE_WORKER, nothing else; so `argv[0]` is an absolute path, or is
        looked for in the guardian's own default path. `limits` are resource limits by name ("NOFILE", "CORE"). Raises
        WorkerError when it cannot be started, GuardianError when there is no guardian.
        """
        line = await self._present()
        worker = Worker(str(next(self._names)), line, self._settings)
        theirs, ours = _pipes()
        try:
            await worker.connect(ours)
            self._workers[worker.id] = worker
            said = await line.ask(
                "spawn",
                theirs,
                id=worker.id,
                argv=list(argv),
                env=dict(environment),
                cwd=str(folder),
                limits=dict(limits or {}),
            )
        except BaseException as error:
            worker.close()
            await self._give_up(worker, line, error)
            raise
        finally:
            _close(theirs)
        worker.pid, worker.started = said["pid"], said["started"]
        return worker

    async def held(self) -> list[Said]:
        """List what the guardian holds: id, pid, started, descendants (how many). Raises GuardianError."""
        line = await self._present()
        held: list[Said] = (await line.ask("list"))["workers"]
        return held

    async def _give_up(self, worker: Worker, line: LineToGuardian, error: BaseException) -> None:
        """End what was perhaps started although its spawn was cut short."""
        if isinstance(error, WorkerError) and not isinstance(error, GuardianError):
            self._workers.pop(worker.id, None)  # refused: nothing was started
            return
        with contextlib.suppress(WorkerError):
            await asyncio.shield(line.ask("end", id=worker.id, grace=0.0))

    async def _present(self) -> LineToGuardian:
        """Wait until there is a guardian."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="guardian")
        self._wanted.set()
        try:
            async with asyncio.timeout((self._settings.guardian_start + self._settings.outlive).total_seconds()):
                await self._ready.wait()
        except TimeoutError as error:
            raise GuardianError(f"there is no guardian: {self._reason}") from error
        if self._line is None:
            raise GuardianError(f"there is no guardian: {self._reason}")
        return self._line

    async def _keep(self) -> None:
        """Replace each lost guardian; after several failures in a row wait until somebody wants one."""
        failures = 0
        while True:
            try:
                await self._live_once()
                failures = 0
                self.losses += 1
                logger.warning("guardian lost", extra={"losses": self.losses})
            except (GuardianError, TimeoutError, OSError) as error:
                failures += 1
                self._reason = str(error) or "it did not start in time"
            if failures >= self._settings.guardian_starts:
                self._wanted.clear()
                self._ready.set()  # who waits is told the reason
                await self._wanted.wait()
                self._ready.clear()
                failures = 0
            if failures:
                await asyncio.sleep(self._settings.guardian_restart_delay.total_seconds() * 2 ** (failures - 1))

    async def _live_once(self) -> None:
        """Start a guardian and listen to it to its end. Raises GuardianError when it never was ready."""
        line = await LineToGuardian.start(self._folder, self._settings)
        try:
            async with asyncio.TaskGroup() as both:
                listening = both.create_task(line.listen(self._hear))
                await self._greet(line, listening)
        except* GuardianError as group:
            raise group.exceptions[0] from group
        finally:
            self._ready.clear()
            self._line = None
            for worker in self._workers.values():
                worker.lose()
            self._workers.clear()
            await asyncio.shield(line.close())

    async def _greet(self, line: LineToGuardian, listening: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(self._settings.guardian_start.total_seconds()):
                self.greeting = await line.ready
        except TimeoutError as error:
            listening.cancel()
            raise GuardianError(f"the guardian (pid {line.pid}) was not ready in time") from error
        self._line = line
        self._ready.set()

    def _hear(self, event: Said) -> None:
        worker = self._workers.get(event["id"])
        if worker is not None:
            worker.hear(event)
            if event["event"] == "ended":
                del self._workers[event["id"]]

    async def _leave(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            if not self._keeper.cancelled():
                self._keeper.result()  # raises what a bug of ours raised there
            self._keeper = None
        if any(self._folder.glob("*.json")):  # one was lost and had no successor yet: this one ends what is left
            with contextlib.suppress(GuardianError, TimeoutError):
                await asyncio.shield((await LineToGuardian.start(self._folder, self._settings)).close())


def _pipes() -> tuple[list[int], list[int]]:
    """Make three pipes: (stdin to read, stdout and stderr to write), and our ends of them."""
    pipes = [os.pipe() for _ in range(3)]
    return [pipes[0][0], pipes[1][1], pipes[2][1]], [pipes[0][1], pipes[1][0], pipes[2][0]]


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
