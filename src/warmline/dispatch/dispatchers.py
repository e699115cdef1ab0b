"""The dispatchers: one for each mailbox that the daemon answers itself, as many as there are agents now.

memory          whoever is idle, of all agents; of none, the embedded answerer
memory/NAME     that agent, and beside agents the embedded answerer
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from warmline.agents import EMBEDDED
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.model import MEMORY_MAILBOX, Mailbox, agent_mailbox
from warmline.protocols import Answerer
from warmline.settings import DispatchSettings


class Dispatchers:
    """A Service. parts.answerer answers `memory`; desk names who answers the mailbox of one agent.

    Of agents, up to `ahead` questions of a mailbox are leased and wait for a worker, so that conversations can take
    turns; the embedded answerer is bound by the processor, and gets settings.workers.
    """

    def __init__(
        self,
        parts: Parts,
        desk: Callable[[str], Answerer],
        settings: DispatchSettings,
        *,
        ahead: int,
        holder: str,
        asked_to_leave: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._desk = desk
        self._settings = settings
        self._ahead = ahead
        self._holder = holder
        self._asked_to_leave = asked_to_leave
        self._agents: tuple[str, ...] = ()
        self._open: dict[str | None, tuple[int, Dispatcher]] = {}
        self._running: dict[asyncio.Task[None], Dispatcher] = {}
        self._runs_in: asyncio.TaskGroup | None = None
        self._applying = asyncio.Lock()
        self._is_draining = asyncio.Event()

    @property
    def names(self) -> Sequence[str]:
        """Who has a mailbox besides `memory`: each agent, and then the embedded answerer. Empty without agents."""
        return _with_embedded(self._agents)

    async def run(self) -> None:
        """Serve questions until cancelled, or until `drain` and the last answer in progress.

        Cancelled, it releases what it holds, without blame.
        """
        async with asyncio.TaskGroup() as group:
            self._runs_in = group
            self._swap()
            try:
                await self._is_draining.wait()
            finally:
                self._runs_in = None

    async def apply(self, agents: Sequence[str]) -> None:
        """Have a dispatcher for each of these agents and no others; their mailboxes exist when this returns.

        One that is there stays as it is; of one that is not wanted any more, answers in progress get settings.drain to
        finish, and what waits in its mailbox stays there. Raises StoreError, and has then changed nothing.
        """
        async with self._applying:
            for name in _with_embedded(agents):
                await self._parts.store.add_mailbox(agent_mailbox(name))
            self._agents = tuple(agents)
            self._swap()

    async def drain(self) -> None:
        """Lease nothing more, give the answers in progress settings.drain to finish, release the rest."""
        self._is_draining.set()
        await asyncio.gather(*(each.drain() for each in self._running.values()))

    def _swap(self) -> None:
        """End what is not wanted and start what is, once it runs."""
        group, wanted = self._runs_in, self._widths()
        if group is None or self._is_draining.is_set():
            return
        for name, (width, dispatcher) in tuple(self._open.items()):
            if name not in wanted:
                group.create_task(dispatcher.drain(), name=f"draining {name}")
            elif width != wanted[name]:
                dispatcher.retire()
            else:
                continue
            del self._open[name]
        for name, width in wanted.items():
            if name not in self._open:
                self._start(group, name, width)

    def _start(self, group: asyncio.TaskGroup, name: str | None, width: int) -> None:
        dispatcher = self._dispatcher(name, width)
        self._open[name] = width, dispatcher
        task = group.create_task(dispatcher.run(), name=f"dispatcher {name or MEMORY_MAILBOX.name}")
        self._running[task] = dispatcher
        task.add_done_callback(self._running.pop)

    def _dispatcher(self, name: str | None, width: int) -> Dispatcher:
        mailbox: Mailbox = MEMORY_MAILBOX if name is None else agent_mailbox(name)
        return Dispatcher(
            self._parts if name is None else replace(self._parts, answerer=self._desk(name)),
            mailbox,
            replace(self._settings, workers=width),
            holder=self._holder if name is None else f"{self._holder}/{name}",
            asked_to_leave=self._asked_to_leave,
        )

    def _widths(self) -> dict[str | None, int]:
        """Return how many questions are worked on at once, for each mailbox: None is `memory`."""
        ahead = self._ahead if self._agents else self._settings.workers
        widths: dict[str | None, int] = {None: ahead, **dict.fromkeys(self.names, ahead)}
        if EMBEDDED in widths:
            widths[EMBEDDED] = self._settings.workers
        return widths


def _with_embedded(agents: Sequence[str]) -> Sequence[str]:
    return (*agents, EMBEDDED) if agents else ()
