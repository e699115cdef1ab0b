"""Who grew out of a process, each known by (pid, start time), and whether they are gone."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable
from pathlib import Path

from warmline.warm import processes
from warmline.warm.processes import Key


def family(pid: int) -> set[Key]:
    """Return a process and all that descend from it, as they are now."""
    table = processes.table()
    found = {each.key for each in table if each.key.pid == pid}
    grown = True
    while grown:
        pids = {key.pid for key in found}
        more = {each.key for each in table if each.parent in pids} - found
        found |= more
        grown = bool(more)
    return found


def alive(keys: Iterable[Key]) -> set[Key]:
    """Return those that still run."""
    return {each.key for each in processes.table()} & set(keys)


def left_after(keys: Iterable[Key], limit_seconds: float) -> set[Key]:
    """Wait until all of these have ended, and return those that outlive the limit."""
    until = time.monotonic() + limit_seconds
    left = set(keys)
    for key in sorted(left):
        try:
            watched = os.pidfd_open(key.pid)
        except ProcessLookupError:
            continue
        try:
            if key in alive([key]):
                select.select([watched], [], [], max(until - time.monotonic(), 0))
        finally:
            os.close(watched)
    return alive(left)


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def zombies_of(pids: Iterable[int]) -> list[int]:
    """List the ended children that these processes have not waited for."""
    parents = set(pids)
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) in parents:
            found.append(int(path.parent.name))
    return found


def rss_bytes(pid: int) -> int:
    """Return how much memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
