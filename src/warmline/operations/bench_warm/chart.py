"""The figures of `bench warm` as a picture: for both ways what the stated speeds add up to, and what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from warmline.errors import InvalidInputError
from warmline.operations.bench_warm.figures import Pass, Turn, WarmFigures, Way
from warmline.simulation.settings import SimulationSettings

NAMES = {Way.OLD: "the old way", Way.NEW: "a warm agent"}

PARTS = ("first byte", "read afresh", "from the cache", "written")

COLOURS = ("#b9c6d6", "#6f9bc8", "#8fbf9f", "#e8c170", "#c65d21")
"""Of the parts, and of what was measured: told apart without colour as well, by how light they are."""

NARROWEST = 0.035
"""Of the longest bar: a narrower piece has no room for its figure."""


def check(path: Path) -> None:
    """Raise InvalidInputError when the library that draws is not installed, or there is no such folder to draw into."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InvalidInputError(f"{path} is no file that could be written")
    try:
        import pygal  # noqa: F401, PLC0415  # an extra
    except ImportError as error:
        raise InvalidInputError("a chart needs an extra: pip install 'warmline[charts]'") from error


def draw(figures: WarmFigures) -> bytes:
    """Return the picture as SVG that needs nothing from elsewhere."""
    import pygal  # noqa: PLC0415  # an extra

    bars = [bar for way in Way for bar in _bars(figures.of(way, is_instant=False))]
    longest = max(sum(pieces) for _, pieces in bars)
    chart = pygal.HorizontalStackedBar(
        style=_style(),
        js=[],
        css=("file://style.css", "file://graph.css", "inline:.bars .rect {stroke: none}"),
        title=_title(figures),
        width=1000,
        height=380,
        explicit_size=True,
        margin=24,
        spacing=16,
        legend_at_bottom=True,
        legend_at_bottom_columns=len(COLOURS),
        truncate_legend=-1,
        print_values=True,
        formatter=lambda seconds: f"{seconds:.1f}" if seconds and seconds >= NARROWEST * longest else "",
    )
    # The last is drawn at the top. An empty one keeps the two ways apart.
    rows = [*bars[2:][::-1], ("", ()), *bars[:2][::-1]]
    chart.x_labels = [label for label, _ in rows]
    for place, name in enumerate((*PARTS, "measured")):
        chart.add(name, [pieces[place] if place < len(pieces) else None for _, pieces in rows])
    drawn: bytes = chart.render()
    return drawn


def write(figures: WarmFigures, path: Path) -> None:
    """Write the picture. Raises InvalidInputError when it cannot be written there."""
    try:
        path.write_bytes(draw(figures))
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}") from error


def _title(figures: WarmFigures) -> str:
    old, new = (_median(figures.of(way, is_instant=False)) for way in Way)
    return f"Seconds until a question is answered (median): a warm agent is {old / new:.1f} times as fast"


def _bars(measured: Pass) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yield a bar of the parts, of the question with the median sum, and one of the median that was measured."""
    by_sum = sorted(measured.asked, key=lambda each: each.stated_seconds)
    parts = parts_of(by_sum[(len(by_sum) - 1) // 2].turns)
    yield f"{NAMES[measured.way]}, as stated: {sum(parts):.1f} s", parts
    seconds = _median(measured)
    yield f"measured: {seconds:.1f} s", (*(0.0 for _ in PARTS), seconds)


def _median(measured: Pass) -> float:
    return statistics.median(each.seconds for each in measured.asked)


def parts_of(turns: tuple[Turn, ...]) -> tuple[float, ...]:
    """Return what the stated speeds make of these turns, in the order of PARTS, in seconds."""
    speeds = SimulationSettings()
    return (
        len(turns) * speeds.first_byte.total_seconds(),
        sum(turn.fresh for turn in turns) / speeds.fresh_tokens_per_second,
        sum(turn.cached for turn in turns) / speeds.cached_tokens_per_second,
        sum(turn.output for turn in turns) / speeds.decoded_tokens_per_second,
    )


def _style() -> Any:  # noqa: ANN401  # of an untyped library
    from pygal.style import Style  # noqa: PLC0415  # an extra

    lines = "#e4e7eb"
    return Style(
        background="#ffffff",
        plot_background="#ffffff",
        foreground="#3d4852",
        foreground_strong="#1f2933",
        foreground_subtle="#7b8794",
        colors=COLOURS,
        value_colors=(*("#1f2933" for _ in PARTS), "#ffffff"),
        opacity="1",
        opacity_hover="0.8",
        transition="0s",
        font_family="Helvetica, Arial, sans-serif",
        title_font_size=17,
        label_font_size=14,
        major_label_font_size=14,
        legend_font_size=13,
        value_font_size=13,
        guide_stroke_color=lines,
        major_guide_stroke_color=lines,
        guide_stroke_dasharray="0",
        major_guide_stroke_dasharray="0",
    )
