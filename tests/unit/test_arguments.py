"""Durations and moments as people write them."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest
from warmline.interfaces.cli.arguments import duration, moment


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("30", 30), ("1.5h", 5400), ("500ms", 0.5), (" 2d ", 172800), ("1W", 604800)]
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-1", "abc", "5y", "1e9", "nan", "inf", "99999999999w"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        duration(text)


def test_a_moment_is_a_time_with_its_zone() -> None:
    assert moment("2026-11-21T10:00:00+02:00") == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_a_moment_may_be_a_duration_from_now() -> None:
    assert timedelta(minutes=4) < moment("5m") - datetime.now(UTC) <= timedelta(minutes=5)
