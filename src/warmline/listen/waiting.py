"""How the channels of blocking clients wait: until a moment of the monotonic clock, or for ever."""

from __future__ import annotations

import select
import time


def deadline_after(seconds: float | None) -> float | None:
    """Return when so many seconds from now have passed; None is never."""
    return None if seconds is None else time.monotonic() + seconds


def seconds_left(deadline: float | None) -> float | None:
    """Return how long it is until then, at least 0; None is for ever."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def wait_for(event: select.poll, deadline: float | None) -> None:
    """Wait for what the poll was told of. Raises TimeoutError at the deadline."""
    left = seconds_left(deadline)
    if not event.poll(None if left is None else left * 1000):  # it rounds up to whole milliseconds
        raise TimeoutError("the other end took too long")
