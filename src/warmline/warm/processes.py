"""The processes of this machine, each known by (pid, start time), and signals that reach nobody else.

Imported by the guardian: the standard library only, and little of it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

MARK = "WARMLINE_WORKER"
"""The variable that tells whose descendant a process is. It outlives its parents' death, not a cleared environment."""

_LINUX = sys.platform == "linux"
_DEAD = (b"Z", b"X")


class Key(NamedTuple):
    """Names one process for as long as the machine is up, though its pid is used again.

    The start time counts clock ticks since boot on Linux, seconds since 1970 elsewhere.
    """

    pid: int
    started: int


class Process(NamedTuple):
    """A live process, and the pid of its parent when it was looked at."""

    key: Key
    parent: int


def table() -> list[Process]:
    """List all live processes, zombies left out.

    It is no snapshot: what is born or dies meanwhile may be missing, or stand with a parent that is gone.
    """
    return _linux_table() if _LINUX else ps_table()


def started(pid: int) -> int | None:
    """Tell when the process started, a zombie too; None when there is no such process."""
    if _LINUX:
        fields = _stat(pid)
        return None if fields is None else int(fields[19])
    return next((process.key.started for process in ps_table(pid)), None)


def mark(pid: int) -> str | None:
    """Read the mark from the environment that the process began with; None without one, or when it may not be read."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    found = re.search(rb"(?:^|\0)" + MARK.encode() + rb"=([^\0]*)", environment)
    return found[1].decode(errors="replace") if found else None


def rss_bytes(pid: int) -> int:
    """Return its memory that is not swapped out, shared pages included; 0 when it is gone, or that cannot be known."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def send(key: Key, number: signal.Signals) -> bool:
    """Send a signal to this process and no other; False when it is gone, or is another user's.

    With pidfds the pid cannot change hands between the look and the signal. Without (not Linux), it could within
    microseconds.
    """
    if not hasattr(os, "pidfd_open"):
        return started(key.pid) == key.started and _kill(key.pid, number)
    try:
        descriptor = os.pidfd_open(key.pid)
    except OSError:
        return False
    try:
        if started(key.pid) != key.started:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def boot() -> str:
    """Name this run of the machine: start times of another run say nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""  # where start times are dates they hold over a restart


def ps_table(pid: int | None = None) -> list[Process]:
    """List all live processes, or one, as `ps` tells them: slower, start times in whole seconds, no zombies."""
    which = ["-A"] if pid is None else ["-p", str(pid)]
    command = ["/bin/ps", *which, "-o", "pid=", "-o", "ppid=", "-o", "state=", "-o", "lstart="]
    asked = subprocess.run(  # noqa: S603  # a fixed program
        command, capture_output=True, env={"LC_ALL": "C"}, timeout=5, check=False
    )
    rows = (line.split(maxsplit=3) for line in asked.stdout.decode("ascii", "replace").splitlines())
    return [
        Process(Key(int(number), int(time.mktime(time.strptime(when.strip())))), int(parent))
        for number, parent, state, when in rows
        if not state.startswith("Z")
    ]


def _linux_table() -> list[Process]:
    names = os.listdir("/proc")  # noqa: PTH208  # half the cost of a Path for each of a thousand names
    return [
        Process(Key(int(name), int(fields[19])), int(fields[1]))
        for name in names
        if name.isdigit() and (fields := _stat(int(name))) is not None and fields[0] not in _DEAD
    ]


def _stat(pid: int) -> list[bytes] | None:
    """Split what follows the program's name, which may itself hold spaces and brackets."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # as above
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _kill(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True
