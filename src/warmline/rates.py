"""How often somebody may do something: the generic cell rate algorithm, as arithmetic on one number a limit.

Source: ITU-T I.371 (2004), annex A, "virtual scheduling". A limit of n in a period lets n pass at once,
and then one more each period / n. All times are in microseconds. No clock and no store in here.
"""

from __future__ import annotations

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def passes(due_at: int | None, now: int, count: int, period: int) -> int | None:
    """Return the new due time when one more may pass now, or None when it may not.

    due_at is what the last call returned, None at first: the theoretical arrival time. count is above
    zero. The time until one may pass again is `wait(...)`.
    """
    due = now if due_at is None or due_at > now + period else max(due_at, now)
    return due + period // count if wait(due_at, now, count, period) == 0 else None


def wait(due_at: int | None, now: int, count: int, period: int) -> int:
    """Return how long it takes until one more may pass; 0 when one may pass now.

    A due time of more than a period ahead was noted by a clock that was set back since: it would keep somebody
    waiting for as long as the clock was ahead, and counts as none.
    """
    if due_at is None or due_at > now + period:
        return 0
    return max(0, due_at + period // count - period - now)
