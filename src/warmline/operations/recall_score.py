"""What found lines are worth: the share of a question's evidence among the first of them.

A piece of evidence is found by the first cite that touches it. `recall@k` asks whether that is among
the first k cites, `recall@N tokens` whether it comes before N tokens (bytes / 4) of lines have been
shown, a line counting once. Pure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

RANKS = (1, 5, 10)
BUDGETS = (500, 2000)
BYTES_PER_TOKEN = 4
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive lines of a file, from 1, both ends included."""

    file: str
    first_line: int
    last_line: int

    def touches(self, other: Span) -> bool:
        """Say whether a line is in both."""
        return self.file == other.file and self.first_line <= other.last_line and other.first_line <= self.last_line


@dataclass(frozen=True, slots=True)
class Score:
    """Of one question, from 0 to 1. found_by_rank holds RANKS, found_by_tokens BUDGETS; hit: any evidence is first."""

    hit: float
    found_by_rank: tuple[float, ...]
    found_by_tokens: tuple[float, ...]


def score(evidence: Sequence[Span], cites: Sequence[Span], sizes: Mapping[str, Sequence[int]]) -> Score:
    """Score the cites of one question, best first. sizes holds the bytes of every file's lines with their ends."""
    ranks = [NEVER] * len(evidence)
    tokens = [NEVER] * len(evidence)
    shown: set[tuple[str, int]] = set()
    used = 0.0
    for rank, cite in enumerate(cites, 1):
        for line in range(cite.first_line, cite.last_line + 1):
            if (cite.file, line) not in shown:
                shown.add((cite.file, line))
                used += sizes[cite.file][line - 1] / BYTES_PER_TOKEN
        for number, wanted in enumerate(evidence):
            if ranks[number] == NEVER and cite.touches(wanted):
                ranks[number], tokens[number] = rank, used
    return Score(
        float(min(ranks) == 1),
        tuple(fmean(rank <= limit for rank in ranks) for limit in RANKS),
        tuple(fmean(spent <= budget for spent in tokens) for budget in BUDGETS),
    )


def mean_score(scores: Sequence[Score]) -> Score:
    """Return the mean of each figure."""
    return Score(
        fmean(each.hit for each in scores),
        tuple(map(fmean, zip(*(each.found_by_rank for each in scores), strict=True))),
        tuple(map(fmean, zip(*(each.found_by_tokens for each in scores), strict=True))),
    )


def separation(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return the AUROC: how often one of higher is above one of lower; ties count half."""
    ordered = sorted(lower)
    below = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in higher)
    return below / 2 / (len(higher) * len(lower))
