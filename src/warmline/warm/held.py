"""One worker as the guardian holds it: from its start over TERM and KILL until nothing is left of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from warmline.warm import cgroup
from warmline.warm.processes import Key
from warmline.warm.wire import Said


class Held:
    """A worker. Times are those of the monotonic clock, in seconds."""

    def __init__(self, worker: str, process: subprocess.Popen[bytes], key: Key, group: Path | None) -> None:
        self.worker = worker
        self.key = key
        self.kill_at: float | None = None
        self.give_up_at: float | None = None
        self.gave_up = False
        self._process = process
        self._group = group
        self._ended: set[Key] = set()

    @property
    def has_exited(self) -> bool:
        """Tell whether its first process was reaped."""
        return self._process.returncode is not None

    @property
    def is_retired(self) -> bool:
        """Tell whether everything of it is to be killed."""
        return self.give_up_at is not None

    def exited(self, status: int) -> None:
        """Take in that its first process was reaped."""
        self._process.returncode = status

    def send(self, number: signal.Signals) -> None:
        """Signal the group of the first process; nothing once that was reaped: its number may be another's."""
        if not self.has_exited:
            with contextlib.suppress(OSError):
                os.killpg(self.key.pid, number)

    def end(self, kill_at: float) -> None:
        """Begin to end it: TERM now, KILL at that time, or earlier when the first process has ended."""
        if self.kill_at is None:
            self.send(signal.SIGTERM)
        self.kill_at = kill_at if self.kill_at is None else min(kill_at, self.kill_at)

    def kill(self, due: list[Key]) -> None:
        """Note who of it had to be killed, and kill its whole cgroup at once."""
        self._ended.update(key for key in due if key != self.key)
        if self._group is not None:
            cgroup.kill(self._group)

    def is_gone(self, due: list[Key]) -> bool:
        """Tell whether nothing is left of it, in its cgroup neither; that is removed then."""
        if due or not self.has_exited:
            return False
        return self._group is None or (not cgroup.is_populated(self._group) and cgroup.remove(self._group))

    def ended(self, left: list[Key]) -> Said:
        """Word the event: how many besides the first process had to be ended, and the pids of who outlived KILL."""
        return {
            "event": "ended",
            "id": self.worker,
            "strays": len(self._ended) - len(left),
            "left": [key.pid for key in left],
        }
