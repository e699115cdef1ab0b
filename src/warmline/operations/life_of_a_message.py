"""Draws the life of a delivery from its table, so that no picture tells another life than NEXT_STATE.

`python -m warmline.operations.life_of_a_message docs/life-of-a-message.md` draws it into that document anew.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from warmline.model import ENDED, NEXT_STATE, Event, State

_PICTURE = re.compile(r"```mermaid\n.*?\n```", re.DOTALL)


def draw() -> str:
    """Return the state diagram in Mermaid, between its fences: one arrow for all events between two states."""
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in _arrows()), "```"])


def redrawn(document: str) -> str:
    """Return the document with its picture drawn anew. Raises ValueError unless it has exactly one."""
    document, count = _PICTURE.subn(draw(), document)
    if count != 1:
        raise ValueError(f"the document has {count} pictures in Mermaid, not one")
    return document


def _arrows() -> Iterator[str]:
    yield f"[*] --> {State.READY}: accepted"
    for state, events in NEXT_STATE.items():
        by_end: dict[State, list[Event]] = defaultdict(list)
        for event, end in events.items():
            by_end[end].append(event)
        for end, between in by_end.items():
            yield f"{state} --> {end}: {', '.join(between)}"
    for state in NEXT_STATE:
        if state in ENDED and not NEXT_STATE[state]:
            yield f"{state} --> [*]"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(redrawn(file.read_text(encoding="utf-8")), encoding="utf-8")
