"""How often somebody may do something."""

from __future__ import annotations

from warmline.rates import DAY, HOUR, MINUTE, passes, wait

NOW = 1_800_000_000_000_000


def test_as_many_as_the_limit_pass_at_once_and_one_more_each_share_of_the_period() -> None:
    due = None
    for _ in range(60):
        due = passes(due, NOW, 60, MINUTE)
        assert due is not None
    assert passes(due, NOW, 60, MINUTE) is None
    assert wait(due, NOW, 60, MINUTE) == MINUTE // 60
    assert passes(due, NOW + MINUTE // 60, 60, MINUTE) is not None


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    due = passes(None, NOW + DAY, 1000, HOUR)
    assert wait(due, NOW, 1000, HOUR) == 0
    due = passes(due, NOW, 1000, HOUR)
    assert due == NOW + HOUR // 1000
