"""Programs that make trouble for a guardian, and how a test sees that nothing is left of them."""

from __future__ import annotations

import os
import secrets
import select
import sys
import time
from pathlib import Path

from warmline.warm import processes
from warmline.warm.worker import Worker

LIMIT_SECONDS = 5.0
VARIABLE = "GUARDED_TEST"
PYTHON = [sys.executable, "-S", "-E", "-c"]

DAEMONISE = """
import os, signal, sys
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.write(write, b"%d" % os.getpid())
    {then}
os.wait()
print(os.read(read, 20).decode(), flush=True)
{last}
"""
STRAY = DAEMONISE.format(then="signal.pause()", last="sys.stdin.read()")
"""Leaves a daemonised process behind, says its pid, and ends with its input."""

SCRUBBED = DAEMONISE.format(then='os.execve("/bin/sleep", ["sleep", "600"], {})', last="sys.stdin.read()")
"""The same, and what it leaves has cleared its environment."""

STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""
"""Minds neither TERM nor the end of its input."""

POLITE = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""
"""Minds TERM, but not the end of its input."""

FORKS_ON = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
for _ in range(300):
    if os.fork() == 0:
        os.setsid()
        signal.pause()
signal.pause()
"""
"""Starts session after session, also while it is being ended."""


def new_environment() -> dict[str, str]:
    """Make an environment by which all that grows out of one worker is found."""
    return {VARIABLE: secrets.token_hex(8), "PATH": os.defpath}


def alive_with(environment: dict[str, str]) -> list[int]:
    """List the pids of those who carry this environment's token."""
    wanted = f"{VARIABLE}={environment[VARIABLE]}".encode()
    found = []
    for process in processes.table():
        try:
            held = Path(f"/proc/{process.key.pid}/environ").read_bytes()
        except OSError:
            continue
        if wanted in held:
            found.append(process.key.pid)
    return found


def wait_until_ended(pids: list[int], limit_seconds: float = LIMIT_SECONDS) -> bool:
    """Wait until all of these have ended; False when one outlives the limit."""
    until = time.monotonic() + limit_seconds
    return all(_wait_for(pid, until) for pid in pids)


def no_orphan(environment: dict[str, str]) -> bool:
    """Wait until nobody carries the token any more; False after 5 s."""
    until = time.monotonic() + LIMIT_SECONDS
    while left := alive_with(environment):
        if not wait_until_ended(left, until - time.monotonic()):
            return False
    return True


async def first_number(worker: Worker) -> int:
    """Read the pid that a worker says first."""
    return int(await worker.stdout.readline())


def names_in(folder: Path) -> list[str]:
    """List what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def _wait_for(pid: int, until: float) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([descriptor], [], [], max(until - time.monotonic(), 0))
    finally:
        os.close(descriptor)
    return bool(ready)
