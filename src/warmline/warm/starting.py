"""Starting a worker's program: a group, an environment and limits of its own, and death with the guardian."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from warmline.warm import cgroup

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> bool:
    """Let all whose parents die below this process become its children; False where there is no such thing."""
    return sys.platform == "linux" and bool(_libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def start(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: str,
    stdio: Sequence[int],
    limits: Mapping[str, int],
    group: Path | None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, with nothing but what is given here.

    `limits` are resource limits by their names without RLIMIT_, hard and soft. Raises OSError or ValueError when it
    cannot be started; then nothing is left of it.
    """
    numbers = {getattr(resource, f"RLIMIT_{name}", None): value for name, value in limits.items()}
    if None in numbers:
        raise ValueError(f"a limit is not known here: {', '.join(limits)}")
    guardian = os.getpid()

    def prepare() -> None:
        for number, value in numbers.items():
            resource.setrlimit(number or 0, (value, value))
        if group is not None:
            cgroup.enter(group)
        if sys.platform == "linux":
            _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != guardian:  # it died before the line above
                os._exit(1)

    try:
        return subprocess.Popen(  # noqa: S603  # no shell; the program is the owner's choice
            list(argv),
            stdin=stdio[0],
            stdout=stdio[1],
            stderr=stdio[2],
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509  # the guardian has one thread
        )
    except subprocess.SubprocessError as error:
        raise ValueError(f"a limit or the cgroup was refused: {limits}") from error
