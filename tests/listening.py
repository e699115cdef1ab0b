"""Listeners of every kind, a protocol that notes what happens to it, and clients in threads and processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import uvloop

from warmline.listen.addresses import Address, Via
from warmline.listen.seam import Channel
from warmline.listen.transports import connect_channel, listen_at
from warmline.settings import ListenSettings

PATIENCE = 5.0
"""Seconds that any wait in a test may take."""

PLACES: Mapping[Via, Callable[[Path], Address]] = {
    Via.TCP: lambda _: Address(Via.TCP, "127.0.0.1:0"),
    Via.UNIX: lambda folder: Address(Via.UNIX, str(folder / "line.sock")),
    Via.FIFO: lambda folder: Address(Via.FIFO, str(folder / "line.fifo")),
    Via.SHM: lambda folder: Address(Via.SHM, f"line-{sha256(os.fsencode(folder)).hexdigest()[:32]}"),
}
"""Where a listener of each kind may be opened, in a test that has this folder."""

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
"""The daemon's event loop, and the one that a client's program usually has."""

T = TypeVar("T")


class Noted(asyncio.Protocol):
    """The instance's side of one connection: notes what comes, and echoes it if told to."""

    transport: asyncio.Transport

    def __init__(self, *, echoes: bool = False) -> None:
        self.said = bytearray()
        self.events: list[str] = []
        self._echoes = echoes
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as listeners have it
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self.said += data
        self._changed.set()
        if self._echoes:
            self.transport.write(data)

    def eof_received(self) -> bool:
        self._note("eof")
        if self._echoes:
            self.transport.close()
        return True

    def pause_writing(self) -> None:
        self._note("paused")

    def resume_writing(self) -> None:
        self._note("resumed")

    def connection_lost(self, exc: Exception | None) -> None:
        self._note("lost")

    @property
    def has_ended(self) -> bool:
        return "eof" in self.events or "lost" in self.events

    async def until(self, is_so: Callable[[Noted], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so(self):
                self._changed.clear()
                await self._changed.wait()

    async def until_event(self, *events: str) -> None:
        await self.until(lambda noted: any(each in noted.events for each in events))

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()


class House:
    """A listener that is open, and the connections that were made to it, in their order."""

    def __init__(self, address: Address, *, echoes: bool = False) -> None:
        self.made: list[Noted] = []
        self._echoes = echoes
        self._came = asyncio.Event()
        self.listener = listen_at(address, ListenSettings())
        self.address = self.listener.address
        self.listener.open(self._new)

    async def connection(self, number: int) -> Noted:
        async with asyncio.timeout(PATIENCE):
            while len(self.made) <= number:
                self._came.clear()
                await self._came.wait()
        await self.made[number].until_event("made")
        return self.made[number]

    async def close(self) -> None:
        """Close all, and wait until nothing of it is left."""
        self.listener.close()
        for each in self.made:
            if "made" in each.events and "lost" not in each.events:
                each.transport.abort()
                await each.until_event("lost")

    def _new(self) -> Noted:
        noted = Noted(echoes=self._echoes)
        self.made.append(noted)
        self._came.set()
        return noted


async def in_thread(work: Callable[[], T]) -> T:
    """Do what blocks on a thread of its own: many may do so at once."""
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # there is one when there is no error

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # whoever waits gets it
            loop.call_soon_threadsafe(tell, None, error)
        else:
            loop.call_soon_threadsafe(tell, result, None)

    threading.Thread(target=run, daemon=True).start()
    async with asyncio.timeout(2 * PATIENCE):
        return await done


def receive_exactly(channel: Channel, count: int) -> bytes:
    said = bytearray()
    while len(said) < count:
        piece = channel.receive(PATIENCE)
        assert piece, f"the connection ended after {len(said)} of {count} bytes"
        said += piece
    return bytes(said)


def receive_line(channel: Channel) -> bytes:
    said = bytearray()
    while not said.endswith(b"\n"):
        piece = channel.receive(PATIENCE)
        assert piece, f"the connection ended within a line: {bytes(said[:100])!r}"
        said += piece
    return bytes(said)


@asynccontextmanager
async def channel_to(address: Address) -> AsyncIterator[Channel]:
    """Connect in a thread: over some transports the instance has its part in it, which may be on this loop."""
    channel = await in_thread(lambda: connect_channel(address, PATIENCE))
    try:
        yield channel
    finally:
        channel.close()


@asynccontextmanager
async def program(code: str, *arguments: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A Python process; what it prints first says that it is ready. It is killed at the end."""
    process = _start(code, *arguments)
    assert process.stdout is not None
    try:
        assert await in_thread(process.stdout.readline) == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def _start(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
