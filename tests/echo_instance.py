"""An instance that says back what it hears, at a FIFO, on a loop in a thread; as a program, `echo_instance.py PATH`."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import uvloop

from warmline.listen.addresses import Address, Via
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


async def _serve(path: Path) -> None:
    living: set[Echo] = set()
    listener = FifoListener(Address(Via.FIFO, str(path)), SWEEPING)
    listener.open(lambda: Echo(living))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
