"""How many workers the machine bears: memory and cores, counted from what it tells and what was promised of it."""

from __future__ import annotations

from dataclasses import dataclass

from warmline.settings import AgentSettings
from warmline.workers import Machine


class Room:
    """How many workers the machine bears. Of those being started, what they will need counts as taken."""

    def __init__(self, machine: Machine, settings: AgentSettings) -> None:
        self._machine = machine
        self._settings = settings
        self._promised = 0
        self.workers = 0

    def lack(self, need_bytes: int) -> str | None:
        """Say why the machine has no room for one more worker; None when it has."""
        most = self._machine.cores() * self._settings.workers_per_core
        if self.workers >= most:
            return f"{self.workers} workers are as many as {self._machine.cores()} cores bear"
        free = self._machine.free_bytes()
        if free is not None and free - self._promised < need_bytes:
            return f"a worker needs {need_bytes >> 20} MB of memory, and {max(0, free - self._promised) >> 20} are free"
        return None

    def promise(self, need_bytes: int) -> Promise:
        """Count one more worker, which is being started."""
        self.workers += 1
        self._promised += need_bytes
        return Promise(self, need_bytes)

    def take_back(self, need_bytes: int) -> None:
        """Count so much as taken no longer: from now on the machine tells."""
        self._promised -= need_bytes


@dataclass(slots=True)
class Promise:
    """A worker's share of the room."""

    _room: Room
    _promised: int
    _is_counted: bool = True

    def redeem(self) -> None:
        """It has started, or failed to: the machine itself knows now what it holds. May be called again."""
        self._room.take_back(self._promised)
        self._promised = 0

    def end(self) -> None:
        """There is no such worker any more. May be called again."""
        self.redeem()
        self._room.workers -= self._is_counted
        self._is_counted = False
