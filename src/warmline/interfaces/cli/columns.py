"""Rows in columns that are aligned, and end where the terminal does."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence

from warmline.interfaces.cli.output import one_line

GAP = "  "
CUT = "..."
LEAST_CELLS = 20
"""Of the last column: on a narrow terminal a row is rather folded than made useless."""


def in_columns(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Return a line for each row: control characters escaped, columns aligned, the last one cut at the width.

    All rows have the same number of cells. The width is the terminal's when none is given.
    """
    if width is None:
        width = shutil.get_terminal_size((120, 24)).columns
    clean = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*clean, strict=True)]
    left = max(LEAST_CELLS, width - sum(each + len(GAP) for each in widths[:-1]))
    return [GAP.join([*map(_padded, row[:-1], widths), cut(row[-1], left)]).rstrip() for row in clean]


def cells(text: str) -> int:
    """Count the columns that a terminal gives to a text."""
    return sum(map(_cells, text))


def cut(text: str, width: int) -> str:
    """Shorten a text that is wider than this many columns; it then ends in dots."""
    if cells(text) <= width:
        return text
    kept, room = [], width - len(CUT)
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + CUT


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
