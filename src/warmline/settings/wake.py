"""Limits of waking: what an agent that is woken by itself may cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeSettings:
    """Limits of one client that is woken. `warmline wake` and `connect --wake` set the first three."""

    burst: timedelta = timedelta(seconds=2)
    """From the first message to the wake: what comes meanwhile is the same wake. Nobody notices two seconds."""

    per_hour: int = 12
    """Wakes, each of which is a turn that costs tokens: a talk of two agents that wake each other ends there."""

    per_day: int = 60
    """Within 24 hours: what a working day of a person's own questions comes to."""

    apart: timedelta = timedelta(seconds=10)
    """Between two wakes: a turn that has begun fetches what came, and is not begun twice for it."""

    look: timedelta = timedelta(minutes=1)
    """At the longest until the clock is looked at again: a machine that sleeps does not count its sleep, and clocks
    are set, for summer time too."""

    wait: timedelta = timedelta(hours=1)
    """Of one request: as long as the daemon lets one wait."""

    daemonless_look: timedelta = timedelta(seconds=30)
    """While no daemon runs nothing comes. Linux tells of its start at once; this is for elsewhere."""

    delivery_limit: timedelta = timedelta(seconds=30)
    """For a program or server that is told to begin a turn: it starts in a second."""
