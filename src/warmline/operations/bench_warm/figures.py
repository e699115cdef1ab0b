"""What `bench warm` measured: each question with its turns, each pass over the questions, and what follows from it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

from warmline.operations.bench_warm.prices import Prices


@unique
class Way(StrEnum):
    """How the questions are answered."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Turn:
    """One request to the model, as its own records have it. fresh holds what was written to the cache."""

    fresh: int
    written_5m: int
    written_1h: int
    cached: int
    output: int
    stated_seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked: how long until its answer was there, and what the model did for it.

    sources are the places that the answer names; verified of them were checked by who gave the answer. is_right tells
    whether one of them holds the line of evidence.
    """

    seconds: float
    turns: tuple[Turn, ...]
    sources: int
    verified: int
    is_right: bool

    @property
    def stated_seconds(self) -> float:
        """The sum of the stated speeds over its turns, which follow one another."""
        return sum(turn.stated_seconds for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Used:
    """What was used meanwhile: processes started, processor time of all of them, the most memory they held at once."""

    processes: int
    cpu_seconds: float
    peak_rss_bytes: int
    left_running: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came once, before the first question."""

    seconds: float
    turns: tuple[Turn, ...]
    processes: int


@dataclass(frozen=True, slots=True)
class Pass:
    """All questions, one after another, in one way, with a model that takes its stated time or none."""

    way: Way
    is_instant: bool
    asked: tuple[Asked, ...]
    used: Used
    prepared: Prepared

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Of all questions."""
        return tuple(turn for each in self.asked for turn in each.turns)

    def figures(self, prices: Prices) -> dict[str, float | None]:
        """Return the figures by names that carry the units. Tokens, turns, processor time and cost are a question's."""
        count, times = len(self.asked), [each.seconds for each in self.asked]
        stated = [each.stated_seconds for each in self.asked]
        return {
            "questions": count,
            "response_p50_seconds": statistics.median(times),
            "response_p99_seconds": percentile(times, 0.99),
            "stated_p50_seconds": statistics.median(stated),
            "stated_p99_seconds": percentile(stated, 0.99),
            "measured_to_stated": None if self.is_instant else sum(times) / sum(stated),
            "questions_per_minute": 60 * count / sum(times),
            "processes_spawned": self.used.processes,
            "cpu_seconds": self.used.cpu_seconds / count,
            "peak_rss_megabytes": self.used.peak_rss_bytes / 1e6,
            "left_running": self.used.left_running,
            "model_turns": len(self.turns) / count,
            "tokens_fresh": sum(turn.fresh for turn in self.turns) / count,
            "tokens_cached": sum(turn.cached for turn in self.turns) / count,
            "tokens_output": sum(turn.output for turn in self.turns) / count,
            "prompt_from_cache": share_cached(self.turns),
            "cost_dollars": prices.cost_dollars(self.turns) / count,
            "questions_lost": sum(not each.is_right for each in self.asked),
            "citations": sum(each.sources for each in self.asked),
            "citations_verified": sum(each.verified for each in self.asked),
            "before_seconds": self.prepared.seconds,
            "before_stated_seconds": sum(turn.stated_seconds for turn in self.prepared.turns),
            "before_processes": self.prepared.processes,
            "before_tokens_fresh": sum(turn.fresh for turn in self.prepared.turns),
            "before_cost_dollars": prices.cost_dollars(self.prepared.turns),
        }


@dataclass(frozen=True, slots=True)
class WarmFigures:
    """All passes, and what they were made with."""

    program: str
    model: str
    seed: int
    memory_bytes: int
    prices: Prices
    passes: tuple[Pass, ...]

    def of(self, way: Way, *, is_instant: bool) -> Pass:
        """Return one of the passes."""
        return next(each for each in self.passes if each.way is way and each.is_instant is is_instant)

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program."""
        return {
            "program": self.program,
            "model": self.model,
            "seed": self.seed,
            "memory_bytes": self.memory_bytes,
            "prices": self.prices.as_json(),
            "passes": [
                {"way": each.way.value, "model_is_instant": each.is_instant, **each.figures(self.prices)}
                for each in self.passes
            ],
        }


def percentile(values: Sequence[float], part: float) -> float:
    """Return the least of the values that is no less than this part of them."""
    return sorted(values)[max(0, math.ceil(len(values) * part) - 1)]


def share_cached(turns: Sequence[Turn]) -> float:
    """Return which part of what the model read came from its cache."""
    cached = sum(turn.cached for turn in turns)
    return cached / max(1, cached + sum(turn.fresh for turn in turns))
