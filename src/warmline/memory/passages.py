"""Scored lines to passages. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from warmline.memory.ranking import ScoredLine
from warmline.model import Passage


def line_passages(lines: Sequence[ScoredLine]) -> tuple[Passage, ...]:
    """Return each line as a passage, in the same order."""
    return tuple(_passage(line, line.index, line.index) for line in lines)


def answer_passages(lines: Sequence[ScoredLine]) -> tuple[Passage, ...]:
    """Return the lines as passages, in the same order."""
    return line_passages(lines)


def _passage(line: ScoredLine, first: int, last: int) -> Passage:
    region = line.region
    return Passage(
        region.file.shown,
        region.first_line + first,
        region.first_line + last,
        "\n".join(region.lines[first : last + 1]),
        line.score,
    )
