"""Hits of the index to regions of lines, read from the files as they are now.

Only the bytes around the hits are read. A file that is not what was indexed gives no region.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from warmline.memory.catalog import LiveFile
from warmline.memory.index import Hit

MARGIN_LINES = 3
MARGIN_BYTES = 500
"""Read before and after a hit, whole lines of it: the neighbours of its first and last lines."""


@dataclass(frozen=True, slots=True)
class Region:
    """Consecutive whole lines around one or more hits, decoded, counted from first_line.

    standing is the score of the file's best hit in relation to the best of all, from 0 to 1.
    """

    file: LiveFile
    first_line: int
    lines: Sequence[str]
    heading: str
    standing: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, the score of the best hit among it, and the files that are no longer what was indexed."""

    regions: Sequence[Region]
    best: float
    changed: Sequence[LiveFile]


def read_regions(hits: Sequence[Hit], files: Mapping[int, LiveFile]) -> Reading:
    """Read the lines around the hits, all of them in files."""
    regions: list[Region] = []
    changed: list[LiveFile] = []
    ordered = sorted(hits, key=lambda hit: (hit.file, hit.start))
    top = max((hit.score for hit in hits), default=1.0)
    best = 0.0
    for number, group in groupby(ordered, key=lambda hit: hit.file):
        file, near = files[number], list(group)
        score = max(hit.score for hit in near)
        try:
            regions += _read_file(file, near, score / top)
            best = max(best, score)
        except _ChangedError:
            changed.append(file)
    return Reading(regions, best, changed)


class _ChangedError(Exception):
    """The file is gone, or its size or time of change is another."""


def _read_file(file: LiveFile, hits: Sequence[Hit], standing: float) -> list[Region]:
    try:
        descriptor = os.open(file.absolute, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise _ChangedError from None
    try:
        stat = os.fstat(descriptor)
        if (stat.st_size, stat.st_mtime_ns) != (file.size, file.mtime_ns):
            raise _ChangedError
        return [_read_region(descriptor, file, near, standing) for near in _neighbourhoods(hits)]
    finally:
        os.close(descriptor)


def _neighbourhoods(hits: Sequence[Hit]) -> Iterator[list[Hit]]:
    """Yield runs of hits whose surroundings touch."""
    near = [hits[0]]
    for hit in hits[1:]:
        if hit.start - (near[-1].start + near[-1].length) > 2 * MARGIN_BYTES:
            yield near
            near = []
        near.append(hit)
    yield near


def _read_region(descriptor: int, file: LiveFile, near: Sequence[Hit], standing: float) -> Region:
    first, last = near[0], near[-1]
    start = max(0, first.start - MARGIN_BYTES)
    data = os.pread(descriptor, last.start + last.length + MARGIN_BYTES - start, start)
    heading = os.pread(descriptor, first.heading_length, first.heading_start) if first.heading_length else b""
    begin, end = first.start - start, last.start + last.length - start
    above = _lines_above(data, begin, whole=start == 0)
    below = _lines_below(data, end, whole=start + len(data) >= file.size)
    lines = data[above:below].decode(errors="replace").split("\n")
    if not lines[-1]:
        lines.pop()
    if b"\r" in data:
        lines = [line.removesuffix("\r") for line in lines]
    first_line = first.first_line - data.count(b"\n", above, begin)
    return Region(file, first_line, lines, heading.decode(errors="replace"), standing)


def _lines_above(data: bytes, begin: int, *, whole: bool) -> int:
    """Return where the whole lines before begin start, at most MARGIN_LINES of them; whole: data starts with one."""
    above = begin
    for _ in range(MARGIN_LINES):
        end_before = data.rfind(b"\n", 0, max(0, above - 1))
        if end_before < 0:
            return 0 if whole else above
        above = end_before + 1
    return above


def _lines_below(data: bytes, end: int, *, whole: bool) -> int:
    """Return where the whole lines after end stop, at most MARGIN_LINES of them; whole: data ends with one."""
    below = end
    for _ in range(MARGIN_LINES):
        line_end = data.find(b"\n", below)
        if line_end < 0:
            return len(data) if whole else below
        below = line_end + 1
    return below
