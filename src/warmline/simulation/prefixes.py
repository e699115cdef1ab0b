"""The prefix cache: which beginnings of prompts the model has read already, and for how long it keeps them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warmline.simulation.messages import Boundary, Ttl

LOOK_BACK_BLOCKS = 20
"""Before a breakpoint, that one included: so far back the API looks for what it kept at an earlier breakpoint."""

_KEPT = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Reading:
    """The tokens of one prompt, each in one of these: `input` is what stands behind the last breakpoint."""

    input: int
    read: int
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        """Read afresh and kept."""
        return self.written_5m + self.written_1h

    @property
    def fresh(self) -> int:
        """Read afresh, kept or not."""
        return self.input + self.written

    @property
    def tokens(self) -> int:
        """Of the whole prompt."""
        return self.fresh + self.read

    def usage(self, output_tokens: int) -> dict[str, object]:
        """Return what the reply says was used."""
        return {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
            "output_tokens": output_tokens,
            "service_tier": "standard",
        }


@dataclass(slots=True)
class _Kept:
    ttl: Ttl
    until: datetime


class PrefixCache:
    """Keeps the prompt up to each breakpoint for its time, counted anew each time that it is read.

    Holds at most so many; those that were not used for longest go first.
    """

    def __init__(self, max_cached: int) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._max_cached = max_cached

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, boundaries: Sequence[Boundary], now: datetime) -> Reading:
        """Read a prompt: its longest beginning that is kept is not read afresh; what breakpoints ask for is kept."""
        tokens = boundaries[-1].tokens if boundaries else 0
        breakpoints = [place for place, end in enumerate(boundaries) if end.ttl]
        if not breakpoints:
            return Reading(tokens, 0)
        looked_at = {place for last in breakpoints for place in range(max(0, last + 1 - LOOK_BACK_BLOCKS), last + 1)}
        found = max((place for place in looked_at if self._holds(boundaries[place], now)), default=-1)
        for end in boundaries[: found + 1]:
            self._use(end, now)
        read = boundaries[found].tokens if found >= 0 else 0
        written = self._keep([boundaries[place] for place in breakpoints if place > found], read, now)
        return Reading(tokens - read - sum(written.values()), read, written["5m"], written["1h"])

    def _holds(self, end: Boundary, now: datetime) -> bool:
        kept = self._kept.get(end.digest)
        return kept is not None and now < kept.until

    def _use(self, end: Boundary, now: datetime) -> None:
        if self._holds(end, now):
            kept = self._kept[end.digest]
            kept.until = now + _KEPT[kept.ttl]
            self._kept.move_to_end(end.digest)

    def _keep(self, ends: Sequence[Boundary], read: int, now: datetime) -> dict[Ttl, int]:
        written: dict[Ttl, int] = {"5m": 0, "1h": 0}
        for end in ends:
            ttl = end.ttl or "5m"
            written[ttl] += end.tokens - read
            read = end.tokens
            self._kept[end.digest] = _Kept(ttl, now + _KEPT[ttl])
            self._kept.move_to_end(end.digest)
        while len(self._kept) > self._max_cached:
            self._kept.popitem(last=False)
        return written
