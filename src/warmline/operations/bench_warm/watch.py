"""Counting what processes use: how many are started below some, their memory, their processor time. By /proc, on Linux.

Every pid that the machine gives away is looked at once, some milliseconds after it was given, so that short-lived
helpers count too, and nothing is looked at twice. One that ends sooner than that is not seen.
"""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from warmline.warm.processes import Key, rss_bytes, started, table

LOOK_SECONDS = 0.002
LOOKS_A_MEASURE = 25
"""Looks at new pids for each look at the memory of those that live: some 20 a second."""

FIRST_PID = 300
"""Where Linux goes on when its pids have come round."""

PARENT, USER_TICKS, CHILDREN_SYSTEM_TICKS = 1, 11, 14
"""Where these stand in /proc/PID/stat, behind the program's name."""

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Watch:
    """Follows what these processes start while it runs, and what those start. Look at it when it ran."""

    def __init__(self, parents: Iterable[int]) -> None:
        self.processes = 0
        """Started so far."""
        self.peak_rss_bytes = 0
        """Of all that were followed and lived at the same time, for two measures on end."""
        self._parents = frozenset(parents)
        self._lives: dict[int, Key] = {}
        self._measured: frozenset[int] = frozenset()
        self._last = _last_pid()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def living(self) -> list[Key]:
        """List those that were followed and live; one that ended is not waited for here."""
        return sorted(set(self._lives.values()) & {process.key for process in table()})

    def count(self, processes: Iterable[Key]) -> None:
        """Follow these as well, which live already. Their memory counts, and what they start."""
        self._lives.update((key.pid, key) for key in processes)
        self._measured = frozenset(self._lives)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Follow until the block ends."""
        self._thread.start()
        try:
            yield
        finally:
            self._ending.set()
            self._thread.join()

    def _run(self) -> None:
        looks = 0
        while not self._ending.wait(LOOK_SECONDS):
            self._look()
            if looks % LOOKS_A_MEASURE == 0:
                self._measure()
            looks += 1
        self._look()
        self._measure()

    def _look(self) -> None:
        last = _last_pid()
        if last == self._last:
            return
        came_round = last < self._last
        pids = [*range(self._last + 1, _max_pid() + 1), *range(FIRST_PID, last + 1)] if came_round else []
        for pid in pids or range(self._last + 1, last + 1):
            self._meet(pid)
        self._last = last

    def _meet(self, pid: int) -> None:
        """Take in a process that was just started, if it is one of ours and no thread."""
        fields = _stat(pid)
        if not fields or not (int(fields[PARENT]) in self._lives or int(fields[PARENT]) in self._parents):
            return
        key = _key(pid)
        if key is not None:
            self._lives[pid] = key
            self.processes += 1

    def _measure(self) -> None:
        sizes = {pid: rss_bytes(pid) for pid in self._lives}
        # One that was just forked and runs no program of its own yet shares all that its parent has.
        settled = sum(size for pid, size in sizes.items() if pid in self._measured)
        self.peak_rss_bytes = max(self.peak_rss_bytes, settled)
        self._lives = {pid: key for pid, key in self._lives.items() if sizes[pid]}
        self._measured = frozenset(self._lives)


def descendants(of: int) -> list[Key]:
    """List a process and all below it that live."""
    found: dict[int, Key] = {}
    by_age = sorted(table(), key=lambda process: process.key.started)
    for _ in by_age:  # children may stand before their parents where both were started within one tick
        before = len(found)
        found.update((each.key.pid, each.key) for each in by_age if each.key.pid == of or each.parent in found)
        if len(found) == before:
            break
    return list(found.values())


def cpu_seconds(processes: Iterable[Key]) -> float:
    """Return the processor time that these took so far, and those of their children that they saw end."""
    ticks = (_stat(key.pid)[USER_TICKS : CHILDREN_SYSTEM_TICKS + 1] for key in processes)
    return sum(sum(map(int, each)) for each in ticks) / _TICKS_A_SECOND


def cpu_seconds_of_ended_children() -> float:
    """Return the processor time of all children of this process that ended, and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last_pid() -> int:
    """Return the pid that was given last, of a process or a thread."""
    return int(Path("/proc/loadavg").read_text(encoding="ascii").rpartition(" ")[2])


def _max_pid() -> int:
    return int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii"))


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _key(pid: int) -> Key | None:
    """Name a process; None when this is a thread of one, which has a pid too, or it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return None
    since = started(pid)
    return Key(pid, since) if since is not None and f"\nTgid:\t{pid}\n" in status else None
