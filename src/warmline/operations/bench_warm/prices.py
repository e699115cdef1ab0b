"""What the tokens cost at list prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol


class Tokens(Protocol):
    """The tokens of a turn; fresh holds what was written to the cache, for 5 minutes or for an hour."""

    @property
    def fresh(self) -> int: ...  # noqa: D102
    @property
    def written_5m(self) -> int: ...  # noqa: D102
    @property
    def written_1h(self) -> int: ...  # noqa: D102
    @property
    def cached(self) -> int: ...  # noqa: D102
    @property
    def output(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """In dollars for a million tokens of a model, as they stood at `source` on `date`."""

    model: str
    source: str
    date: str
    fresh: float
    write_5m: float
    write_1h: float
    cached: float
    output: float

    def cost_dollars(self, turns: Iterable[Tokens]) -> float:
        """Return what these turns cost together."""
        return (
            sum(
                (turn.fresh - turn.written_5m - turn.written_1h) * self.fresh
                + turn.written_5m * self.write_5m
                + turn.written_1h * self.write_1h
                + turn.cached * self.cached
                + turn.output * self.output
                for turn in turns
            )
            / 1e6
        )

    def as_json(self) -> dict[str, object]:
        """Return them for a program: dollars for a million tokens."""
        return asdict(self)


LIST_PRICES = Prices(
    model="claude-opus-4-8",
    source="https://platform.claude.com/docs/en/about-claude/pricing",
    date="November 2026",
    fresh=5.0,
    write_5m=6.25,
    write_1h=10.0,
    cached=0.5,
    output=25.0,
)
"""Of the model that Claude Code 2.1.197 asks by itself; newer ones are cheaper, in the same proportions or better."""
