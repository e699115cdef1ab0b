"""Serve a home: open its line, open its doors, work until told to leave, and leave in order.

The order of leaving: waits return, answers in progress get the drain, the rest is released, the
doors close, the store closes.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn

from warmline import daemon
from warmline.app import Line, open_line
from warmline.daemon import Owner
from warmline.home import Home
from warmline.interfaces.doors import Doors
from warmline.interfaces.rest import create_api
from warmline.operations.legacy.taking import clear_copies
from warmline.operations.turning import finish
from warmline.settings import Settings

logger = logging.getLogger(__name__)

LAST_RESPONSES_SECONDS = 3
"""How long responses may still be written once the doors close."""


class _Server(uvicorn.Server):
    """uvicorn without signals of its own and without a clock that ticks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leaving = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to us."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self.leaving.wait()


async def serve(
    home: Home, settings: Settings, owner: Owner, *, leave_when_idle: bool, on_ready: Callable[[str | None], None]
) -> None:
    """Serve until SIGTERM, SIGINT or a shutdown message, or until there is nothing to do when leave_when_idle.

    on_ready is called once, with the TCP address or None, when questions can come in. Raises
    DaemonError or StoreError when the home or the store cannot be used.
    """
    finish(home)
    clear_copies(home.path)
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leaving.set)
    with ExitStack() as closing:
        listeners = [closing.enter_context(daemon.listen_unix(home))]
        closing.callback(home.socket.unlink, missing_ok=True)
        tcp = daemon.listen_tcp(settings.daemon)
        if tcp is None:
            address = None
            logger.warning("port taken, serving the Unix socket only", extra={"port": settings.daemon.port})
        else:
            listeners.append(closing.enter_context(tcp))
            address = _address(tcp)
        async with open_line(home, settings, leaving) as line:
            doors = Doors(create_api(line, owner, address), line.bridge.credentials.authenticate)
            server = _Server(_config(doors))
            serving = asyncio.create_task(server.serve(listeners), name="http")
            on_ready(address)
            logger.info("serving", extra={"home": str(home.path), "address": address or "-"})
            try:
                await _until_leaving(line, doors, leave_when_idle=leave_when_idle)
                logger.info("leaving", extra={"waiting": line.bridge.waiting})
            finally:
                doors.closed = True
                await line.leave()
                server.leaving.set()
                await serving
    logger.info("left")


async def _until_leaving(line: Line, doors: Doors, *, leave_when_idle: bool) -> None:
    if not leave_when_idle:
        await line.leaving.wait()
        return
    patience = line.settings.daemon.idle_leave.total_seconds()
    while not line.leaving.is_set():
        quiet = time.monotonic() - doors.last_left if doors.inside == 0 else 0.0
        if quiet >= patience and await line.bridge.is_idle() and doors.inside == 0:
            logger.info("idle")
            return
        try:
            async with asyncio.timeout(max(patience - quiet, patience / 10)):
                await line.leaving.wait()
        except TimeoutError:
            continue


def _config(doors: Doors) -> uvicorn.Config:
    return uvicorn.Config(
        doors,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_RESPONSES_SECONDS,
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{host}:{port}"
