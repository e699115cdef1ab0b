"""The composition root: the only file that knows every concrete part, and joins them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from warmline.answerers.extractive import ExtractiveAnswerer
from warmline.bridge import Bridge
from warmline.clock import SystemClock
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.dispatch.timekeeper import Timekeeper
from warmline.home import Home
from warmline.memory.citations import FileVerifier
from warmline.memory.memory import Memory
from warmline.model import MEMORY_MAILBOX
from warmline.settings import Settings
from warmline.stores.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Line:
    """A running line: what interfaces may touch."""

    home: Home
    settings: Settings
    bridge: Bridge
    memory: Memory
    dispatcher: Dispatcher


@asynccontextmanager
async def open_line(home: Home, settings: Settings) -> AsyncIterator[Line]:
    """Open the store and the memory of a home, and work on questions until the block ends.

    At its end answers in progress get settings.dispatch.drain to finish; the rest is released.
    Raises StoreDamagedError or StoreVersionError, and has then changed nothing.
    """
    clock = SystemClock()
    store = SqliteStore(home.store, settings.store, clock)
    async with AsyncExitStack() as closing:
        await store.open()
        closing.push_async_callback(store.close)
        await store.lapse_all()  # this daemon owns the store alone: who held a lease is gone
        memory = Memory(home.memory, settings.memory, private=[home.path])
        closing.push_async_callback(memory.close)
        bridge = Bridge(store, clock, settings.bridge)
        parts = Parts(
            store=store,
            recall=memory,
            verifier=FileVerifier(memory.resolve, settings.memory),
            answerer=ExtractiveAnswerer(settings.memory.min_confidence),
            clock=clock,
        )
        dispatcher = Dispatcher(parts, MEMORY_MAILBOX, settings.dispatch, holder=f"daemon {os.getpid()}")
        async with asyncio.TaskGroup() as services:
            timekeeper = services.create_task(Timekeeper(store, clock).run(), name="timekeeper")
            dispatching = services.create_task(dispatcher.run(), name="dispatcher")
            try:
                yield Line(home, settings, bridge, memory, dispatcher)
            finally:
                bridge.end_waits()
                await dispatcher.drain()
                await asyncio.wait({dispatching})
                timekeeper.cancel()
