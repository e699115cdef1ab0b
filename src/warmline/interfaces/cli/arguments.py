"""Reading arguments as people write them."""

from __future__ import annotations

import argparse
import math
import re
from datetime import UTC, datetime, timedelta

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
MAX_DURATION_SECONDS = 10 * 365 * 86400.0


def duration(text: str) -> timedelta:
    """Read 30, 30s, 5m, 1.5h, 2d or 1w.

    Raises argparse.ArgumentTypeError.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or found[2] not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!a} is no duration: write 30s, 5m, 1h or 2d")
    seconds = float(found[1]) * _UNITS[found[2]]
    if not math.isfinite(seconds) or seconds > MAX_DURATION_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!a} is longer than ten years")
    return timedelta(seconds=seconds)


def moment(text: str) -> datetime:
    """Read a duration from now, or a time of day as ISO 8601 has it; without a zone it is the local one.

    Raises argparse.ArgumentTypeError.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC) + duration(text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON document, for programs")
