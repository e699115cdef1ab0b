"""When a failed question is tried again."""

from datetime import timedelta

import pytest

from warmline.dispatch import retry
from warmline.settings import DispatchSettings

SETTINGS = DispatchSettings(max_failures=3, retry_delay=timedelta(seconds=1), max_retry_delay=timedelta(seconds=60))


@pytest.mark.parametrize(("failures", "last"), [(0, False), (1, False), (2, True), (3, True)])
def test_the_third_failure_is_the_last(failures: int, last: bool) -> None:
    assert retry.is_last(failures, SETTINGS) is last


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (500, 60)])
def test_the_delay_doubles_up_to_its_limit(failures: int, seconds: int) -> None:
    assert retry.delay(failures, 0.5, SETTINGS) == timedelta(seconds=seconds)


def test_chance_moves_the_delay_by_a_half_either_way() -> None:
    assert retry.delay(0, 0.0, SETTINGS) == timedelta(seconds=0.5)
    assert retry.delay(0, 0.999, SETTINGS) == timedelta(seconds=1.499)
