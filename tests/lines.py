"""A whole instance's listeners with a desk of the tests', and clients that speak lines to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from asking_desk import AskingDesk
from listening import PATIENCE, Noted
from warmline.listen.addresses import Address
from warmline.listen.listeners import Listeners, Opened
from warmline.listen.transports import connect_transport
from warmline.settings import ListenSettings

ONE_READ = 8192
"""What old clients read, once."""


class Wire:
    """A client that writes and reads what a test wants, in any order."""

    def __init__(self, transport: asyncio.Transport, noted: Noted) -> None:
        self.transport = transport
        self._noted = noted
        self._read = 0

    def say(self, *said: object) -> None:
        """Say each as a line: bytes as they are."""
        self.transport.write(
            b"".join(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in said)
        )

    async def hear(self) -> dict[str, Any]:
        """Read one line."""
        await self._noted.until(lambda noted: noted.said.find(b"\n", self._read) >= 0 or noted.has_ended)
        end = self._noted.said.find(b"\n", self._read)
        assert end >= 0, f"the connection ended: {bytes(self._noted.said[self._read :])!r}"
        line = self._noted.said[self._read : end]
        self._read = end + 1
        said: dict[str, Any] = json.loads(line)
        return said

    async def ask(self, said: object) -> dict[str, Any]:
        self.say(said)
        return await self.hear()

    async def rest(self) -> bytes:
        """Read until the connection ends, however it does."""
        await self._noted.until(lambda noted: noted.has_ended)
        return bytes(self._noted.said[self._read :])


class Instance:
    """Listeners that run, and the desk behind them."""

    def __init__(self, settings: ListenSettings) -> None:
        self.desk = AskingDesk()
        self.listeners = Listeners(self.desk, settings)
        self._wires: list[Wire] = []

    def open(self, address: Address, *, needs_token: bool = False) -> Address:
        return self.listeners.open(address, needs_token=needs_token).address

    async def connect(self, address: Address) -> Wire:
        self._wires.append(Wire(*await connect_transport(address, Noted)))
        return self._wires[-1]

    async def until_connections(self, count: int) -> Opened:
        async with asyncio.timeout(PATIENCE):
            while self.listeners.list()[0].connections != count:  # noqa: ASYNC110  # an instance needs no event for it
                await asyncio.sleep(0)
        return self.listeners.list()[0]

    def hang_up(self) -> None:
        for wire in self._wires:
            wire.transport.abort()


@asynccontextmanager
async def instance_of(settings: ListenSettings) -> AsyncIterator[Instance]:
    instance = Instance(settings)
    running = asyncio.create_task(instance.listeners.run())
    await asyncio.sleep(0)
    try:
        yield instance
    finally:
        instance.hang_up()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
