"""When an agent may be woken: quiet hours, and a budget. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from warmline.settings.wake import WakeSettings

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of each day by the local clock in which nobody is woken; `begins` is one of them, `ends` is none."""

    begins: time
    ends: time

    @classmethod
    def read(cls, text: str) -> Quiet:
        """Read 22:00-07:00. Raises ValueError."""
        found = _HOURS.fullmatch(text.strip())
        if not found or (found[1] == found[3] and found[2] == found[4]):
            raise ValueError(f"{text!a} are no hours: write 22:00-07:00")
        first, second, third, fourth = map(int, found.groups())
        return cls(time(first, second), time(third, fourth))

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"

    def until(self, now: datetime) -> datetime:
        """Return when it is over, or `now` when it is not quiet. now has a zone, whose clock counts."""
        clock = now.time()
        is_over_midnight = self.begins > self.ends
        is_late, is_early = clock >= self.begins, clock < self.ends
        if not (is_late or is_early if is_over_midnight else is_late and is_early):
            return now
        day = now.date() + DAY if is_over_midnight and is_late else now.date()
        return datetime.combine(day, self.ends, tzinfo=now.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How one client is woken."""

    quiet: Quiet | None = None
    limits: WakeSettings = field(default_factory=WakeSettings)

    def allowed_at(self, woken: Sequence[datetime], now: datetime) -> datetime:
        """Return the first moment, `now` or later, at which it may be woken. woken: when it was, oldest first.

        A wake in the future was noted by a clock that has been set back since: it would block others for as long.
        """
        woken = [each for each in woken if each <= now]
        earliest = max(
            now,
            woken[-1] + self.limits.apart if woken else now,
            _free(woken, self.limits.per_hour, HOUR, now),
            _free(woken, self.limits.per_day, DAY, now),
        )
        # The local clock decides what is quiet, and the budget can only have got larger when it ends.
        return earliest if self.quiet is None else self.quiet.until(earliest.astimezone())


def _free(woken: Sequence[datetime], most: int, period: timedelta, now: datetime) -> datetime:
    """Return when less than so many wakes lie within the period before."""
    return woken[-most] + period if len(woken) >= most else now
