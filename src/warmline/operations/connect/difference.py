"""What would change in a file, as a person reads it: a unified diff of the lines around the change only.

One entry changes, in files of up to many megabytes: what is the same before and after it is skipped, not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import unified_diff
from itertools import takewhile

AROUND = 3
BESIDE = 75
"""Characters that are shown on either side of what changes within a long line."""

MAX_LINE = 600
"""Characters of one line: a configuration may be one line of a megabyte. An entry fits, with what stands beside it."""

Masking = Callable[[str], str]


def difference(path: str, before: str, after: str, masked: Masking = str) -> str:
    """Return the diff, "" if nothing changes. Lines end as they do; their numbers are those of the file before.

    masked hides secrets. It is given the lines as they are: the rest of a secret that was cut looks like none.
    """
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return ""
    head = _alike(old, new)
    tail = min(_alike(reversed(old), reversed(new)), len(old) - head, len(new) - head)
    first, last = max(0, head - AROUND), max(0, tail - AROUND)
    old, new = (masked("\n".join(each[first : len(each) - last])).splitlines() for each in (old, new))
    lines = list(unified_diff(old, new, n=AROUND, lineterm=""))
    shown = _clipped([line for line in lines if not line.startswith(("---", "+++", "@@"))])
    return "\n".join([f"--- {path}", f"+++ {path}", f"@@ from line {first + 1} @@", *shown]) + "\n"


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """Return with how many of the same both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _clipped(lines: list[str]) -> list[str]:
    """Shorten long lines: of the one that an entry comes into, what changes in it is what stays."""
    changed = [next((line[1:] for line in lines if line.startswith(sign)), "") for sign in "-+"]
    start = _alike(*changed)
    end = min(_alike(*(reversed(line) for line in changed)), *(len(line) - start for line in changed))
    return [_around(line, start, end) if line[1:] in changed else _without_middle(line) for line in lines]


def _around(line: str, start: int, end: int) -> str:
    """Leave out what a changed line begins and ends with in both files, but for what stands beside the change."""
    if len(line) <= MAX_LINE:
        return line
    sign, text = line[0], line[1:]
    first, last = max(0, start - BESIDE), min(len(text), len(text) - end + BESIDE)
    before, after = "... " if first else "", " ..." if last < len(text) else ""
    return _without_middle(f"{sign}{before}{text[first:last]}{after}")


def _without_middle(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE // 2]} ... {line[-MAX_LINE // 2 :]}"
