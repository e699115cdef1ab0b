"""Ending with the agent that somebody waits for, at once, whatever this process does just then."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading


def leave_with(agent: int | None, code: int) -> None:
    """End this process with this code when the agent's process ends, or when nobody reads our output any more.

    The first is known on Linux only; an agent that dies takes its end of our output with it. Where both cannot be
    seen, nothing is.
    """
    poller, is_watching = select.poll(), False
    if _is_read(1):
        poller.register(1, 0)  # its end is always told
        is_watching = True
    if agent is not None and sys.platform == "linux":
        try:
            poller.register(os.pidfd_open(agent), select.POLLIN)
        except ProcessLookupError:
            os._exit(code)
        is_watching = True
    if is_watching:
        threading.Thread(target=_leave, args=(poller, code), daemon=True, name="leaving").start()


def _leave(poller: select.poll, code: int) -> None:
    poller.poll()
    os._exit(code)


def _is_read(descriptor: int) -> bool:
    """Tell whether somebody else holds the other end."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
