"""When to try again: pure rules, without a clock or a source of chance of their own."""

from __future__ import annotations

from datetime import timedelta

from warmline.settings import DispatchSettings


def is_last(failures: int, settings: DispatchSettings) -> bool:
    """Tell whether a failure after this many earlier ones is one too many: bury, do not retry."""
    return failures + 1 >= settings.max_failures


def delay(failures: int, chance: float, settings: DispatchSettings) -> timedelta:
    """Return the wait before the next try after this many earlier failures.

    Doubles with each failure up to settings.max_retry_delay; chance in [0, 1) moves it by up to a
    half either way, so that questions that failed together do not come back together.
    """
    doubled = settings.retry_delay * 2.0 ** min(failures, 30)
    return min(doubled, settings.max_retry_delay) * (0.5 + chance)
