"""An instance that says back what it hears, at a FIFO, on a loop in a thread; as a program, `echo_instance.py PATH`."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from talk import until
from warmline.listen.addresses import Address, Via
from warmline.listen.fifo.channel import FifoChannel
from warmline.listen.fifo.listener import FifoListener
from warmline.settings import ListenSettings

PATIENCE_SECONDS = 5.0
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

SWEEPING = replace(ListenSettings(), sweep_period=timedelta(milliseconds=20), leftover_age=timedelta(milliseconds=300))
"""Looks often for what killed clients left."""

T = TypeVar("T")


class Echo(asyncio.Protocol):
    """Says back what it hears, as fast as it is read, and ends when the peer has ended."""

    def __init__(self, living: set[Echo]) -> None:
        self._living = living
        self.count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._living.add(self)

    def data_received(self, data: bytes) -> None:
        self.count += len(data)
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._living.discard(self)


class EchoInstance:
    """Runs until it is closed. living are the connections that have begun and not ended."""

    def __init__(self, path: Path, settings: ListenSettings, loop: str, new_session: type[Echo] = Echo) -> None:
        self.path = path
        self.address = Address(Via.FIFO, str(path))
        self.living: set[Echo] = set()
        self.faults: list[dict[str, object]] = []
        self._runner = asyncio.Runner(loop_factory=LOOPS[loop])
        self._loop = self._runner.get_loop()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.listener = FifoListener(self.address, settings)
        self.run(lambda: self.listener.open(lambda: new_session(self.living)))

    def run(self, do: Callable[[], T]) -> T:
        """Do something on the loop, and wait until it is done."""

        async def done() -> T:
            return do()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(PATIENCE_SECONDS)

    def hang_up(self) -> None:
        """End all connections, on the loop."""
        for each in list(self.living):
            each.transport.close()

    def _abort(self) -> None:
        for each in list(self.living):
            each.transport.abort()

    def close(self) -> None:
        self.run(self.listener.close)
        self.run(self._abort)
        self.run(lambda: None)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._runner.close()


@contextmanager
def echoing(
    path: Path, settings: ListenSettings = SWEEPING, loop: str = "uvloop", new_session: type[Echo] = Echo
) -> Iterator[EchoInstance]:
    """Have such an instance, and see that nothing went wrong within it."""
    instance = EchoInstance(path, settings, loop, new_session)
    try:
        yield instance
    finally:
        instance.close()
    assert not instance.faults


def at(path: Path) -> Address:
    return Address(Via.FIFO, str(path))


def connect(instance: EchoInstance) -> FifoChannel:
    return FifoChannel(instance.address, PATIENCE_SECONDS)


def hear(channel: FifoChannel, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        piece = channel.receive(PATIENCE_SECONDS)
        assert piece, "the connection ended before it had said all"
        heard += piece
    return heard


def ping(instance: EchoInstance, data: bytes = b"ping\n") -> None:
    """Be served, as ever."""
    channel = connect(instance)
    channel.send(data, PATIENCE_SECONDS)
    assert hear(channel, len(data)) == data
    channel.close()


def names_beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir() if each != path)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def descriptors_of(instance: EchoInstance) -> int:
    """Count them when all connections have ended, and while it does nothing else."""
    until(lambda: not instance.living)
    return instance.run(descriptors)


def write_at(path: Path, data: bytes) -> None:
    """Write to the rendezvous as anything may, in as many pieces as it takes."""
    with path.open("wb", buffering=0) as rendezvous:
        rest = memoryview(data)
        while rest:
            rest = rest[rendezvous.write(rest) :]


class Collecting(asyncio.Protocol):
    """A client that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.awaited = 0
        self.all_heard = asyncio.Event()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if len(self.heard) >= self.awaited:
            self.all_heard.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def give_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes files of other users")
    os.chown(path, 12345, 12345, follow_symlinks=False)


async def _serve(path: Path) -> None:
    living: set[Echo] = set()
    listener = FifoListener(Address(Via.FIFO, str(path)), SWEEPING)
    listener.open(lambda: Echo(living))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
