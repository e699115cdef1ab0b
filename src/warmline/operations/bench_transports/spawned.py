"""A process a question: what such processes hold while they work, and what killing them, or who started them, does."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from warmline.operations.bench_transports.clients import COMMAND
from warmline.operations.bench_transports.figures import AtOnce, Held, Killed
from warmline.operations.bench_transports.held import ends_within, held_by

MORE_THAN_A_PIPE = b"x" * 256 * 1024
"""Nobody can have written it all before the process has begun to read."""

QUESTION = b"What is the port?\n"
LIMIT_SECONDS = 5.0
HANG_SECONDS = 1.0
HANGING = (sys.executable, "-I", "-S", "-c", f"import time; time.sleep({HANG_SECONDS})")

LOOP = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(child.pid, flush=True)
print(child.communicate(b"What is the port?\\n")[0].decode(), flush=True)
"""
"""One turn of a loop that starts a process a question."""


def held_by_spawned(count: int) -> Held:
    """Look at so many processes, each in the middle of reading its question."""
    with ExitStack() as stack:
        pids = []
        for _ in range(count):
            child = stack.enter_context(subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))  # noqa: S603  # our own
            stack.callback(child.kill)
            assert child.stdin is not None  # noqa: S101  # asked for above
            os.write(child.stdin.fileno(), MORE_THAN_A_PIPE)
            pids.append(child.pid)
        return held_by(pids)


def at_once(count: int) -> AtOnce:
    """Start so many together, and read what all of them say."""
    began = time.perf_counter()
    children = [
        subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # our own
        for _ in range(count)
    ]
    answers = [child.communicate(QUESTION)[0] for child in children]
    return AtOnce(count, sum(answer == QUESTION for answer in answers), time.perf_counter() - began)


def blocked_ms() -> float:
    """Tell how long a question waits behind one whose process hangs for HANG_SECONDS: the loop takes one at a time."""
    began = time.perf_counter()
    subprocess.run(HANGING, check=True)  # noqa: S603  # our own
    subprocess.run(COMMAND, input=QUESTION, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  # our own
    return (time.perf_counter() - began) * 1000


def kill_at_moments(moments: int) -> tuple[Killed, Killed]:
    """Kill the process of a question at so many moments of its life, then who started it; return both."""
    life = min(_answered() for _ in range(3))
    served = [_kill(life * moment / moments, lambda loop, child: child) for moment in range(moments)]
    asked = [_kill(life * moment / moments, lambda loop, child: loop) for moment in range(moments)]
    return _killed(served), _killed(asked)


def _answered() -> float:
    began = time.perf_counter()
    subprocess.run(COMMAND, input=QUESTION, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  # our own
    return time.perf_counter() - began


def _kill(after_seconds: float, chosen: Callable[[int, int], int]) -> tuple[bool, bool, float]:
    """Tell whether the answer came, whether a process was left, and how long until another question is answered."""
    with subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, "-I", "-S", "-c", LOOP, *COMMAND], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as loop:
        assert loop.stdout is not None  # noqa: S101  # asked for above
        child = int(loop.stdout.readline())
        time.sleep(after_seconds)
        with suppress(ProcessLookupError):  # it was done sooner
            os.kill(chosen(loop.pid, child), signal.SIGKILL)
        began = time.perf_counter()
        is_answered = loop.stdout.readline() == QUESTION
    _answered()
    seconds = time.perf_counter() - began
    is_left = not ends_within(child, LIMIT_SECONDS)
    return is_answered, is_left, seconds


def _killed(turns: list[tuple[bool, bool, float]]) -> Killed:
    times = [seconds for _, _, seconds in turns]
    return Killed(
        kills=len(turns),
        lost=sum(not is_answered for is_answered, _, _ in turns),
        stuck=0,
        descriptors=0,
        processes=sum(is_left for _, is_left, _ in turns),
        files=0,
        p50_seconds=statistics.median(times),
        longest_seconds=max(times),
    )
