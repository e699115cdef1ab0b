"""Ranked lines to passages. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from warmline.memory.blocks import Kind
from warmline.memory.ranking import ScoredLine
from warmline.model import Passage

MAX_LINES = 3
"""Of a passage: what a sentence takes in wrapped text."""

SENTENCE_ENDS = (".", "!", "?", ":", '"', "”")


def line_passages(lines: Sequence[ScoredLine]) -> tuple[Passage, ...]:
    """Return each line as a passage, in the same order."""
    return tuple(_passage(line, line.index, line.index) for line in lines)


def answer_passages(lines: Sequence[ScoredLine], limit: int) -> tuple[Passage, ...]:
    """Return at most limit passages of one to MAX_LINES lines in the order of their best lines, none sharing a line.

    In prose a line is completed to its sentence, in code it is shown between its neighbours.
    """
    taken: set[tuple[str, int]] = set()
    passages: list[Passage] = []
    for line in lines:
        path, region = line.region.file.shown, line.region
        free = [(path, region.first_line + index) not in taken for index in range(len(region.lines))]
        if not free[line.index] or len(passages) == limit:
            continue
        first, last = _extent(line, free)
        taken.update((path, region.first_line + index) for index in range(first, last + 1))
        passages.append(_passage(line, first, last))
    return tuple(passages)


def _extent(line: ScoredLine, free: Sequence[bool]) -> tuple[int, int]:
    """Return the first and last index of the passage around a line; it holds free lines that are not blank."""
    first = last = line.index
    kind = line.region.file.kind
    lines = [text.strip() if is_free else "" for text, is_free in zip(line.region.lines, free, strict=True)]
    if kind == Kind.CODE:
        first -= int(first > 0 and bool(lines[first - 1]))
        last += int(last + 1 < len(lines) and bool(lines[last + 1]))
    elif kind == Kind.PROSE and not lines[line.index].startswith("#"):
        if last + 1 < len(lines) and lines[last + 1] and _runs_on(lines[last], lines[last + 1]):
            last += 1
        while (
            first > 0 and last - first + 1 < MAX_LINES and lines[first - 1] and _runs_on(lines[first - 1], lines[first])
        ):
            first -= 1
    return first, last


def _runs_on(line: str, following: str) -> bool:
    """Say whether a sentence seems to go on from one line to the next."""
    return not line.endswith(SENTENCE_ENDS) and not line.startswith("#") and following[0].isalnum()


def _passage(line: ScoredLine, first: int, last: int) -> Passage:
    region = line.region
    text = "\n".join(region.lines[first : last + 1])
    return Passage(region.file.shown, region.first_line + first, region.first_line + last, text, line.score)
