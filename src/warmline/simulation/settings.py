"""Every limit and speed of the simulated model, with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

BYTES_PER_TOKEN = 4
"""Of UTF-8: what English text and code come to with most tokenizers."""


def tokens_in(size_bytes: int) -> int:
    """Return how many tokens so many bytes are, the last one begun counted whole."""
    return -(-size_bytes // BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSettings:
    """How fast the model is, how much it holds, and what it refuses. Speeds and counts are above zero."""

    first_byte: timedelta = timedelta(seconds=0.6)
    """Before the first byte of a reply, for an empty prompt: network, queue and start of a hosted model."""

    fresh_tokens_per_second: float = 6_000
    """Read of a prompt that no cache holds."""

    cached_tokens_per_second: float = 60_000
    """Read of a prompt out of the cache."""

    decoded_tokens_per_second: float = 80
    """Written of an answer."""

    answer_tokens: int = 150
    """Of every answer: what its text does not fill counts as thoughts that are not shown."""

    instant: bool = False
    """Answer at once, so that what is measured is all but the model."""

    window_tokens: int = 200_000
    """Of the longest prompt: a longer one is refused."""

    models: tuple[str, ...] = ()
    """The models that there are; none named: any name is one."""

    max_body_bytes: int = 32 * 1024 * 1024
    """Of a request, as the API it speaks like has it."""

    max_cached: int = 4096
    """Prefixes that the cache holds: four a request, for a thousand conversations side by side."""

    max_records: int = 10_000
    """Requests that are told one by one; older ones are only counted."""

    def reading_seconds(self, *, fresh: int, cached: int) -> float:
        """Return how long after a request its reply begins, for so many tokens of prompt."""
        if self.instant:
            return 0.0
        reading = fresh / self.fresh_tokens_per_second + cached / self.cached_tokens_per_second
        return self.first_byte.total_seconds() + reading

    def writing_seconds(self, tokens: int) -> float:
        """Return how long it takes to write so many tokens."""
        return 0.0 if self.instant else tokens / self.decoded_tokens_per_second
