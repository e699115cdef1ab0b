"""A whole instance's listeners with a desk of the tests', and clients that speak lines to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from asking_desk import AskingDesk
from listening import PATIENCE
from warmline.listen.addresses import Address
from warmline.listen.listeners import Listeners, Opened
from warmline.listen.transports import connect_transport
from warmline.settings import ListenSettings

ONE_READ = 8192
"""What old clients read, once."""


class Wire:
    """A client that writes and reads what a test wants, in any order."""

    def __init__(self, transport: asyncio.Transport, reader: asyncio.StreamReader) -> None:
        self.transport = transport
        self._reader = reader

    def say(self, *said: object) -> None:
        """Say each as a line: bytes as they are."""
        self.transport.write(
            b"".join(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in said)
        )

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            line = await self._reader.readline()
        assert line.endswith(b"\n"), f"the connection ended: {line!r}"
        said: dict[str, Any] = json.loads(line)
        return said

    async def ask(self, said: object) -> dict[str, Any]:
        self.say(said)
        return await self.hear()

    async def rest(self) -> bytes:
        """Read until the connection ends."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                return await self._reader.read()
        return b""


class Instance:
    """Listeners that run, and the desk behind them."""

    def __init__(self, settings: ListenSettings) -> None:
        self.desk = AskingDesk()
        self.listeners = Listeners(self.desk, settings)
        self._wires: list[Wire] = []

    def open(self, address: Address, *, needs_token: bool = False) -> Address:
        return self.listeners.open(address, needs_token=needs_token).address

    async def connect(self, address: Address) -> Wire:
        reader = asyncio.StreamReader(limit=2**26)
        transport, _ = await connect_transport(address, lambda: asyncio.StreamReaderProtocol(reader))
        self._wires.append(Wire(transport, reader))
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
