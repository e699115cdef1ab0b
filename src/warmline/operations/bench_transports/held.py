"""What processes hold: themselves, threads, descriptors, memory. By /proc, on Linux."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from warmline.operations.bench_transports.figures import Held
from warmline.operations.bench_warm.watch import descendants
from warmline.warm.processes import rss_bytes

LOOK_SECONDS = 0.001

LOOKS = 10
"""To tell what a process keeps open from what it only reads: a module that it imports, a folder."""


def held_by(pids: Iterable[int]) -> Held:
    """Look at these processes, and at all below them."""
    keys = {key.pid for pid in pids for key in descendants(pid)}
    return Held(
        processes=len(keys),
        threads=sum(_entries(pid, "task") for pid in keys),
        descriptors=sum(descriptors(pid) for pid in keys),
        resident_bytes=sum(rss_bytes(pid) for pid in keys),
    )


def descriptors(pid: int) -> int:
    """Count the open descriptors of one process."""
    return _entries(pid, "fd")


def lasting(count: Callable[[], int]) -> int:
    """Look several times within some milliseconds, and return the least: what comes and goes does not count."""
    least = count()
    for _ in range(LOOKS - 1):
        time.sleep(LOOK_SECONDS)
        least = min(least, count())
    return least


def ends_within(pid: int, limit_seconds: float) -> bool:
    """Wait for the end of a process, all its threads with it, at most this long; tell whether it has ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], limit_seconds)[0])
    finally:
        os.close(watched)


def seconds_until(is_so: Callable[[], bool], limit_seconds: float) -> float | None:
    """Look again and again until it is so; return how long that took, or None when it was not within the limit."""
    began = time.perf_counter()
    while not is_so():
        if time.perf_counter() - began > limit_seconds:
            return None
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


def _entries(pid: int, of: str) -> int:
    with suppress(OSError):
        return len(os.listdir(Path("/proc", str(pid), of)))  # noqa: PTH208  # names only
    return 0
