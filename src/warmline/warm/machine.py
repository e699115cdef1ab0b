"""How much memory and how many cores this machine has for workers, in a container too. Satisfies workers.Machine.

Reads what the system keeps anyway: /proc and the cgroups on Linux, two sysctls on macOS.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_MEMINFO = re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)
_INACTIVE = re.compile(r"^inactive_file (\d+)$", re.MULTILINE)


class ThisMachine:
    """Looks each time it is asked. root is where /proc and /sys are found."""

    def __init__(self, root: Path = Path("/"), platform: str = sys.platform) -> None:
        self._root = root
        self._platform = platform

    def free_bytes(self) -> int | None:
        """Return what the kernel would give out without swapping, or what the narrowest cgroup has left, if less."""
        if self._platform == "darwin":
            return _darwin_free_bytes()
        meminfo = _MEMINFO.search(_text(self._root / "proc/meminfo"))
        known = [*([int(meminfo[1]) * 1024] if meminfo else []), *self._left_by_cgroups()]
        return max(0, min(known)) if known else None

    def cores(self) -> int:
        """Return how many cores this process may run on, or the narrowest cgroup's share of them, if less."""
        mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min([mine, *self._cores_of_cgroups()]))

    def _cgroups(self) -> Iterator[Path]:
        """Yield the folder of this process's cgroup (version 2), and of each one around it."""
        entry = re.search(r"^0::/(.*)$", _text(self._root / "proc/self/cgroup"), re.MULTILINE)
        if entry is None:
            return
        top = self._root / "sys/fs/cgroup"
        path = top / entry[1]
        yield from (folder for folder in (path, *path.parents) if folder.is_relative_to(top))

    def _left_by_cgroups(self) -> Iterator[int]:
        for folder in self._cgroups():
            limit, used = _text(folder / "memory.max").strip(), _text(folder / "memory.current").strip()
            if limit.isdigit() and used.isdigit():
                dropped_on_demand = _INACTIVE.search(_text(folder / "memory.stat"))
                yield int(limit) - int(used) + (int(dropped_on_demand[1]) if dropped_on_demand else 0)

    def _cores_of_cgroups(self) -> Iterator[int]:
        for folder in self._cgroups():
            share = re.fullmatch(r"(\d+) ([1-9]\d*)\s*", _text(folder / "cpu.max"))
            if share is not None:
                yield math.ceil(int(share[1]) / int(share[2]))


def _text(path: Path) -> str:
    """Return what stands in a file; nothing when it is not there, or not for us: each system has its own of these."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _darwin_free_bytes() -> int | None:
    """Return the share of the memory that the kernel holds for free, from which it warns programs itself."""
    size, level = _sysctl("hw.memsize"), _sysctl("kern.memorystatus_level")
    return None if size is None or level is None else size * level // 100


def _sysctl(name: str) -> int | None:
    """Read a number of 4 or 8 bytes; None when there is none of this name."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "sysctlbyname"):
        return None
    value, length = ctypes.c_uint64(0), ctypes.c_size_t(8)
    failed = libc.sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(length), None, ctypes.c_size_t(0))
    return None if failed else value.value
