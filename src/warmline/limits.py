"""How much a credential may put on the line.

Apart from model.py, so that settings, which every command needs, are light to import.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages a credential may put on the line: per minute, per hour, and per UTC day (its budget)."""

    per_minute: int
    per_hour: int
    per_day: int
