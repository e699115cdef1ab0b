"""Serve a home: open its line, open its doors, work until told to leave, and leave in order.

The order of leaving: the listeners close, waits return, answers in progress get the drain, the rest is released, the
doors close, who is connected to a listener is let go, the store closes.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from functools import partial

import uvicorn

from warmline import daemon
from warmline.app import Line, open_line
from warmline.configuration.listening import read
from warmline.daemon import Owner
from warmline.home import Home
from warmline.interfaces.certificates import read_certificate
from warmline.interfaces.desk import LineDesk
from warmline.interfaces.doors import Doors
from warmline.interfaces.entrances import Entrance, Tcp
from warmline.interfaces.instance import Instance
from warmline.interfaces.mcp.mount import mounted
from warmline.interfaces.refusals import note_refusal
from warmline.interfaces.rest import create_api
from warmline.listen.listeners import Listeners
from warmline.operations.legacy.taking import clear_copies
from warmline.operations.turning import finish
from warmline.security import load as load_trust
from warmline.security.permissions import close_to_others
from warmline.settings import DoorSettings, Settings

LEAST_ROOM = 16
"""Connections at an entrance, however few descriptors there are."""

logger = logging.getLogger(__name__)

LAST_RESPONSES_SECONDS = 3
"""How long responses may still be written once the doors close."""


class _Server(uvicorn.Server):
    """uvicorn at entrances of our own, without signals of its own and without a clock that ticks ten times a second."""

    def __init__(self, config: uvicorn.Config, entrances: Sequence[Entrance]) -> None:
        super().__init__(config)
        self.leaving = asyncio.Event()
        self._entrances = entrances

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the entrances."""
        await self.lifespan.startup()
        for entrance in self._entrances:
            entrance.open(self.config, self.server_state)
        self.servers = []
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the entrances, and let responses come to their ends."""
        for entrance in self._entrances:
            entrance.close()
        await super().shutdown(sockets)
        for entrance in self._entrances:
            await entrance.wait_closed()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self.leaving.wait()


async def serve(
    home: Home,
    settings: Settings,
    owner: Owner,
    *,
    leave_when_idle: bool,
    on_ready: Callable[[str | None], None],
    open_line: Callable[[Home, Settings, asyncio.Event], AbstractAsyncContextManager[Line]] = open_line,
) -> None:
    """Serve until SIGTERM, SIGINT or a shutdown message, or until there is nothing to do when leave_when_idle.

    on_ready is called once, with the TCP address or None, when questions can come in. Raises
    DaemonError or StoreError when the home or the store cannot be used, ImportError when a part of trust cannot be
    loaded: before anything is opened.
    """
    load_trust()
    closed = close_to_others(home.path)
    if closed:
        logger.warning("closed to others", extra={"files": len(closed), "last": str(closed[-1])})
    finish(home)
    clear_copies(home.path)
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leaving.set)
    with ExitStack() as closing:
        tcp = _tcp(settings, closing)
        unix = closing.enter_context(daemon.listen_unix(home))
        closing.callback(home.socket.unlink, missing_ok=True)
        address = tcp.address if tcp else None
        async with open_line(home, settings, leaving) as line, _instance(line) as instance, mounted(line) as mcp:
            api = create_api(line, owner, tcp, instance, mcp, closed=len(closed))
            authenticate, note = line.bridge.credentials.authenticate, partial(note_refusal, line.audit)
            doors = Doors(api, authenticate, note, settings.doors)
            server = _Server(_config(doors), _entrances(unix, tcp, settings.doors))
            serving = asyncio.create_task(server.serve([]), name="http")
            gc.freeze()  # what is there now stays: to look at it again and again holds everybody up
            on_ready(address)
            logger.info("serving", extra={"home": str(home.path), "address": address or "-"})
            try:
                await _until_leaving(line, doors, instance, leave_when_idle=leave_when_idle)
                logger.info("leaving", extra={"waiting": line.bridge.waiting})
            finally:
                doors.closed = True
                instance.leave()
                await line.leave()
                server.leaving.set()
                await serving
    logger.info("left")


@asynccontextmanager
async def _instance(line: Line) -> AsyncIterator[Instance]:
    """Listen where the home's file says, and where the owner wants later, until the block ends.

    Who still waits for answers then is let go, after the line has let all waits return.
    """
    desk = LineDesk(line.bridge, line.audit, line.clock, line.settings)
    listeners = Listeners(desk, line.settings.listen)
    instance = Instance(line, listeners)
    listening = asyncio.create_task(listeners.run(), name="listeners")
    try:
        await instance.open_planned(await asyncio.to_thread(read, line.home.configuration))
        yield instance
    finally:
        listening.cancel()
        await asyncio.wait({listening})


async def _until_leaving(line: Line, doors: Doors, instance: Instance, *, leave_when_idle: bool) -> None:
    if not leave_when_idle:
        await line.leaving.wait()
        return
    patience = line.settings.daemon.idle_leave.total_seconds()
    while not line.leaving.is_set():
        quiet = time.monotonic() - doors.last_left if doors.inside == 0 else 0.0
        if quiet >= patience and not instance.listeners and await line.is_idle() and doors.inside == 0:
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
        proxy_headers=False,
        access_log=False,
        lifespan="off",
        ws="none",
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_RESPONSES_SECONDS,
    )


def _tcp(settings: Settings, closing: ExitStack) -> Tcp | None:
    """Listen over TCP, unless the port is taken. Raises DaemonError as `read_certificate` and `daemon.listen_tcp`."""
    certificate = read_certificate(settings.daemon)
    listener = daemon.listen_tcp(settings.daemon)
    if listener is None:
        logger.warning("port taken, serving the Unix socket only", extra={"port": settings.daemon.port})
        return None
    tcp = Tcp(closing.enter_context(listener), settings.daemon.host, certificate)
    if tcp.is_exposed:
        logger.warning(
            "UNENCRYPTED: whoever listens in on the network reads tokens and messages", extra={"address": tcp.address}
        )
    return tcp


def _entrances(unix: socket.socket, tcp: Tcp | None, limits: DoorSettings) -> list[Entrance]:
    """Divide the descriptors that we may have among the entrances."""
    wanted = limits.unix_connections + limits.tcp_connections
    share = min(1.0, (daemon.allow_descriptors(wanted + limits.spare_descriptors) - limits.spare_descriptors) / wanted)
    if share < 1:
        logger.warning("few descriptors: room for fewer connections", extra={"share": f"{share:.0%}"})
    entrances = [Entrance(unix, _room(limits.unix_connections, share), limits)]
    if tcp is not None:
        room = _room(limits.tcp_connections, share)
        entrances.append(Entrance(tcp.listener, room, limits, hosts=tcp.hosts, tls=tcp.tls))
    return entrances


def _room(connections: int, share: float) -> int:
    return max(int(connections * share), LEAST_ROOM)
