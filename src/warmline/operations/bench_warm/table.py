"""The figures of `bench warm` as a table: both ways, with the stated speeds, and with a model that answers at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from warmline.operations.bench_warm.figures import WarmFigures, Way
from warmline.operations.bench_warm.prices import Prices
from warmline.simulation.settings import SimulationSettings

LABEL_WIDTH, WIDTH = 34, 11


class Row(NamedTuple):
    """What it says, the figure's name, how it is written, and whether less of it or more is better, or neither."""

    label: str
    name: str
    form: str
    better: Literal["less", "more", ""] = ""


def render(figures: WarmFigures) -> list[str]:
    """Return the lines of the table, and what they were made with."""
    pairs = [[figures.of(way, is_instant=instant).figures(figures.prices) for way in Way] for instant in (False, True)]
    over, under = ("the stated speeds", "a model that answers at once"), ("old way", "warm", "times")
    return [
        f"{figures.program}, {figures.memory_bytes / 1000:,.0f} KB of memory made from seed {figures.seed}",
        "",
        " " * LABEL_WIDTH + "".join(f"{each:^{len(under) * WIDTH}}" for each in over).rstrip(),
        " " * LABEL_WIDTH + "".join(f"{each:>{WIDTH}}" for each in under * len(over)),
        *(f"{row.label:{LABEL_WIDTH}}" + "".join(_cells(row, *pair) for pair in pairs) for row in ROWS),
        "",
        *_remarks(figures.prices),
    ]


def _cells(row: Row, old: Mapping[str, float | None], new: Mapping[str, float | None]) -> str:
    """Write both figures, and how many times better the new one is."""
    was, now = old[row.name], new[row.name]
    times = _times(was or 0.0, now or 0.0, row.better)
    texts = ["-" if each is None else row.form.format(each) for each in (was, now)]
    return "".join(f"{text:>{WIDTH}}" for text in (*texts, times))


def _times(was: float, now: float, better: str) -> str:
    """Return how many times better it is now; nothing where there is no such number."""
    less, more = (now, was) if better == "less" else (was, now)
    return f"{more / less:,.1f}" if better and less else ""


def _remarks(prices: Prices) -> Iterator[str]:
    speeds = SimulationSettings()
    yield (
        f"Stated speeds: {speeds.first_byte.total_seconds():.1f} s to the first byte, tokens a second"
        f" {speeds.fresh_tokens_per_second:,.0f} read afresh, {speeds.cached_tokens_per_second:,.0f} from the cache,"
        f" {speeds.decoded_tokens_per_second:,.0f} written."
    )
    yield f"Dollars a million tokens of {prices.model}, {prices.date}, {prices.source}:"
    yield (
        f"${prices.fresh:.2f} read afresh, ${prices.write_5m:.2f} kept for 5 minutes, ${prices.write_1h:.2f} an hour,"
        f" ${prices.cached:.2f} from the cache, ${prices.output:.2f} written."
    )


ROWS = (
    Row("questions", "questions", "{:,}"),
    Row("response time, p50, s", "response_p50_seconds", "{:,.2f}", "less"),
    Row("  sum of the stated speeds", "stated_p50_seconds", "{:,.2f}", "less"),
    Row("response time, p99, s", "response_p99_seconds", "{:,.2f}", "less"),
    Row("  sum of the stated speeds", "stated_p99_seconds", "{:,.2f}", "less"),
    Row("measured / stated, all questions", "measured_to_stated", "{:.3f}"),
    Row("questions a minute", "questions_per_minute", "{:,.1f}", "more"),
    Row("processes spawned", "processes_spawned", "{:,}", "less"),
    Row("processor time a question, s", "cpu_seconds", "{:,.3f}", "less"),
    Row("memory at most, MB", "peak_rss_megabytes", "{:,.0f}", "less"),
    Row("model turns a question", "model_turns", "{:,.1f}", "less"),
    Row("tokens read afresh a question", "tokens_fresh", "{:,.0f}", "less"),
    Row("tokens from the cache a question", "tokens_cached", "{:,.0f}", "less"),
    Row("tokens written a question", "tokens_output", "{:,.0f}", "less"),
    Row("of the prompts, from the cache", "prompt_from_cache", "{:.1%}"),
    Row("cost a question, $", "cost_dollars", "{:.4f}", "less"),
    Row("questions lost", "questions_lost", "{:,}"),
    Row("citations", "citations", "{:,}"),
    Row("  of these verified", "citations_verified", "{:,}"),
    Row("before the first question, s", "before_seconds", "{:,.2f}"),
    Row("  sum of the stated speeds", "before_stated_seconds", "{:,.2f}"),
    Row("  processes", "before_processes", "{:,}"),
    Row("  tokens read afresh", "before_tokens_fresh", "{:,.0f}"),
    Row("  cost, $", "before_cost_dollars", "{:.4f}"),
)
