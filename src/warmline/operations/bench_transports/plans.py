"""How much is measured: enough for figures in a quarter of an hour, or so little that all is seen to work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warmline.operations.bench_transports.moments import Moment

KB, MB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts. rate_requests and many_questions are of all clients together."""

    is_quick: bool
    rounds: int
    """How often each size is measured, bare and not in turn, so that a slow moment of the machine meets both."""
    speeds: Mapping[int, int]
    """Size -> requests of a round."""
    clients: tuple[int, ...]
    rate_requests: int
    endured: int
    at_once: int
    moments: tuple[Moment, ...]
    line_rounds: int
    """How often the whole line is measured, each time anew and between two slices of the floor."""
    questions: int
    many_questions: int
    floor_rounds: int
    """Commits of one slice."""


FULL = Plan(
    is_quick=False,
    rounds=3,
    speeds={KB: 3000, 64 * KB: 500, MB: 100},
    clients=(1, 8, 64),
    rate_requests=24_000,
    endured=100_000,
    at_once=1000,
    moments=tuple(Moment),
    line_rounds=5,
    questions=600,
    many_questions=4000,
    floor_rounds=150,
)

FULL_SPAWN = Plan(
    is_quick=False,
    rounds=3,
    speeds={KB: 100, 64 * KB: 50, MB: 30},
    clients=(1, 8, 64),
    rate_requests=640,
    endured=2000,
    at_once=64,
    moments=tuple(Moment),
    line_rounds=0,
    questions=0,
    many_questions=0,
    floor_rounds=0,
)
"""A hundred thousand processes would take half an hour, and a thousand at once more memory than a small machine has."""

QUICK = Plan(
    is_quick=True,
    rounds=1,
    speeds={KB: 100, 64 * KB: 20, MB: 5},
    clients=(1, 8),
    rate_requests=160,
    endured=200,
    at_once=32,
    moments=(Moment.RECEIPT, Moment.HALF_READ),
    line_rounds=1,
    questions=40,
    many_questions=80,
    floor_rounds=30,
)

QUICK_SPAWN = Plan(
    is_quick=True,
    rounds=1,
    speeds={KB: 3, 64 * KB: 2, MB: 2},
    clients=(1, 8),
    rate_requests=16,
    endured=20,
    at_once=8,
    moments=(Moment.RECEIPT, Moment.HALF_READ),
    line_rounds=0,
    questions=0,
    many_questions=0,
    floor_rounds=0,
)
