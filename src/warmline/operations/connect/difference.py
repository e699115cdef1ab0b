"""What would change in a file, as a person reads it: a unified diff of the lines around the change only.

One entry changes, in files of up to many megabytes: what is the same before and after it is skipped, not compared.
"""

from __future__ import annotations

from difflib import unified_diff
from itertools import takewhile

AROUND = 3
MAX_LINE = 300
"""Characters of one line: a configuration may be one line of a megabyte."""


def difference(path: str, before: str, after: str) -> str:
    """Return the diff, "" if nothing changes. Lines end as they do; their numbers are those of the file before."""
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return ""
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    rest = min(len(old), len(new)) - head
    back = zip(reversed(old[-rest:]), reversed(new[-rest:]), strict=True) if rest else iter(())
    tail = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], back))
    first, last = max(0, head - AROUND), max(0, tail - AROUND)
    lines = unified_diff(old[first : len(old) - last], new[first : len(new) - last], n=AROUND, lineterm="")
    shown = [_clipped(line) for line in lines if not line.startswith(("---", "+++", "@@"))]
    return "\n".join([f"--- {path}", f"+++ {path}", f"@@ from line {first + 1} @@", *shown]) + "\n"


def _clipped(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE // 2]} ... {line[-MAX_LINE // 2 :]}"
