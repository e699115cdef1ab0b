"""When an agent may be woken: quiet hours by the local clock, and a budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from warmline.operations.wake.habits import Habits, Quiet
from warmline.settings.wake import WakeSettings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("22:00-07:00", "2026-01-01T21:59", "2026-01-01T21:59"),
        ("22:00-07:00", "2026-01-01T22:00", "2026-01-02T07:00"),
        ("22:00-07:00", "2026-01-02T06:59", "2026-01-02T07:00"),
        ("22:00-07:00", "2026-01-02T07:00", "2026-01-02T07:00"),
        ("9:30-17:00", "2026-01-01T09:29", "2026-01-01T09:29"),
        ("9:30-17:00", "2026-01-01T09:30", "2026-01-01T17:00"),
        ("9:30-17:00", "2026-01-01T17:00", "2026-01-01T17:00"),
        ("23:00-00:00", "2026-01-01T23:30", "2026-01-02T00:00"),
    ],
)
def test_quiet_hours_begin_and_end_by_the_clock_that_they_are_asked_by(hours: str, now: str, until: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=EAST)
    assert Quiet.read(hours).until(moment) == datetime.fromisoformat(until).replace(tzinfo=EAST)


@pytest.mark.parametrize("text", ["", "22", "22:00", "24:00-07:00", "22:60-07:00", "22:00-22:00", "22:00-07:00x"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="22:00-07:00"):
        Quiet.read(text)


def test_quiet_hours_are_written_as_they_are_read() -> None:
    assert str(Quiet.read("9:30-17:00")) == "09:30-17:00"


def test_who_was_not_woken_is_woken_at_once() -> None:
    assert Habits().allowed_at([], NOON) == NOON


def test_two_wakes_lie_apart() -> None:
    assert Habits().allowed_at([NOON], NOON + timedelta(seconds=1)) == NOON + WakeSettings().apart


@pytest.mark.parametrize(("per_hour", "per_day", "period"), [(3, 99, timedelta(hours=1)), (99, 3, timedelta(days=1))])
def test_one_more_than_the_budget_waits_until_the_first_is_a_period_ago(
    per_hour: int, per_day: int, period: timedelta
) -> None:
    habits = Habits(limits=WakeSettings(per_hour=per_hour, per_day=per_day))
    woken = [NOON + number * MINUTE for number in range(3)]
    assert habits.allowed_at(woken[:2], NOON + 3 * MINUTE) == NOON + 3 * MINUTE
    assert habits.allowed_at(woken, NOON + 3 * MINUTE) == NOON + period
    assert habits.allowed_at([*woken, NOON + period], NOON + period + MINUTE / 2) == NOON + MINUTE + period


def test_a_budget_that_is_free_in_quiet_hours_waits_for_their_end() -> None:
    local = NOON.astimezone()
    quiet = Quiet((local + 30 * MINUTE).time(), (local + 120 * MINUTE).time())
    habits = Habits(quiet=quiet, limits=WakeSettings(per_hour=1))
    assert habits.allowed_at([NOON], NOON + MINUTE) == NOON + 120 * MINUTE
