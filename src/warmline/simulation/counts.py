"""What was asked of the model, and what that came to: summed up for each model, and one by one."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import asdict, dataclass, field

from warmline.simulation.faults import Kind


@dataclass(slots=True)
class Sums:
    """Of one model.

    Of the requests that could be read, some are refused; of the others, some are spoiled by a fault, some answered
    (sent to their end, spoiled or not) and some abandoned (by the asker, or by a fault). What is left is still at work.
    fresh, cached and output are tokens; written says how many of the fresh ones were kept. What is refused costs none.
    """

    requests: int = 0
    answered: int = 0
    refused: int = 0
    spoiled: int = 0
    abandoned: int = 0
    fresh: int = 0
    written: int = 0
    cached: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One request that was read.

    prefix is a digest of what stands before the message that asks: the same digest means the same bytes, for the same
    model. Some of the fresh tokens were written to the cache, for 5 minutes or an hour. stated_seconds is how long the
    reply takes by the stated speeds, from the request to its last byte.
    """

    number: int
    model: str
    prefix: str
    prefix_tokens: int
    tokens: int
    fresh: int
    written_5m: int
    written_1h: int
    cached: int
    output: int
    stop_reason: str
    stated_seconds: float
    fault: Kind | None


@dataclass(slots=True)
class Counts:
    """What the model did since it began, or since this was last cleared."""

    max_records: int
    models: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    faults: defaultdict[Kind, int] = field(default_factory=lambda: defaultdict(int))
    records: deque[Record] = field(default_factory=deque)
    forgotten: int = 0

    def note(self, record: Record) -> None:
        """Count a request that was read."""
        sums = self.models[record.model]
        sums.fresh += record.fresh
        sums.written += record.written_5m + record.written_1h
        sums.cached += record.cached
        sums.output += record.output
        self.records.append(record)
        if len(self.records) > self.max_records:
            self.records.popleft()
            self.forgotten += 1

    def clear(self) -> None:
        """Count from nothing."""
        self.models.clear()
        self.faults.clear()
        self.records.clear()
        self.forgotten = 0

    def view(self) -> dict[str, object]:
        """Return the sums as JSON has them: for each model and of all."""
        models = {name: asdict(sums) for name, sums in sorted(self.models.items())}
        total = {key: sum(sums[key] for sums in models.values()) for key in asdict(Sums())}
        return {**total, "models": models, "faults": dict(sorted(self.faults.items()))}

    def view_of_each(self) -> dict[str, object]:
        """Return the requests one by one, the oldest first."""
        return {"requests": [asdict(record) for record in self.records], "forgotten": self.forgotten}
