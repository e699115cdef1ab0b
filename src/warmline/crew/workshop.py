"""What all agents of one crew share: the queue, the time, the machine's room, and who awaits their tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from warmline.crew.pool import Hire
from warmline.crew.room import Room
from warmline.crew.timers import Timers
from warmline.crew.waiting import Waiting
from warmline.protocols import Clock
from warmline.settings import AgentSettings


@dataclass(slots=True, kw_only=True)
class Workshop:
    """Where the agents of a crew work. changed is called whenever who waits may be served otherwise than before."""

    clock: Clock
    settings: AgentSettings
    hire: Hire
    generation: Callable[[], int]
    room: Room
    changed: Callable[[], None]
    timers: Timers
    waiting: Waiting = field(default_factory=Waiting)
    group: asyncio.TaskGroup | None = None

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None] | None:
        """Do something beside; the crew awaits it. Once the crew leaves, nothing is begun any more: None."""
        if self.group is None:
            work.close()
            return None
        return self.group.create_task(work, name=name)
