"""An instance's end of shared memory, which tells how connections ended, and what this process holds of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from listening import PATIENCE, Noted, count_descriptors
from warmline.listen.addresses import Address, Via
from warmline.listen.shared_memory.listener import ShmListener
from warmline.settings import ListenSettings

PLACE = Address(Via.SHM, "line")


class Told(Noted):
    """Notes why its connection ended, too; it can pause from its first moment on."""

    reason: Exception | None = None

    def __init__(self, *, echoes: bool, paused: bool) -> None:
        super().__init__(echoes=echoes)
        self._paused = paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as listeners have it
        if self._paused:
            transport.pause_reading()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.reason = exc
        super().connection_lost(exc)


class Instance:
    """A listener that is open within the block."""

    def __init__(self, *, echoes: bool = False, paused: bool = False, settings: ListenSettings | None = None) -> None:
        self.made: asyncio.Queue[Told] = asyncio.Queue()
        self._echoes, self._paused = echoes, paused
        self._all: list[Told] = []
        self.listener = ShmListener(PLACE, settings or ListenSettings())
        self.listener.open(self._new)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.listener.close()
        for each in self._all:
            each.transport.abort()
            await each.until_event("lost")

    async def connection(self) -> Told:
        """Return the next one that was made."""
        async with asyncio.timeout(PATIENCE):
            return await self.made.get()

    def _new(self) -> Told:
        told = Told(echoes=self._echoes, paused=self._paused)
        self._all.append(told)
        self.made.put_nowait(told)
        return told


def held() -> tuple[int, int]:
    """How many descriptors this process has, and how many mappings of connections."""
    mappings = Path("/proc/self/maps").read_text(encoding="utf-8").count("memfd:warmline")
    return count_descriptors(), mappings
