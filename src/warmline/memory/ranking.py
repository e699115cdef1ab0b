"""The second stage of a search: score every line of the regions by its words and its neighbours' words.

BM25F over lines: a line's own words count whole, those of the lines around it and of its heading
count in part. Pure, and plain Python: a search scores some hundreds of lines.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warmline.memory.blocks import Kind
from warmline.memory.regions import Region
from warmline.memory.terms import HUMP, WORD, Stemmer, fold, unescape

NEIGHBOURS = (0.12, 0.25, 0.4, 1.0, 0.4, 0.25, 0.12)
"""What a word counts for the lines from REACH before its own to REACH after it."""
REACH = len(NEIGHBOURS) // 2
HEADING = 0.3


@dataclass(frozen=True, slots=True)
class Shape:
    """How BM25 saturates (k1) and punishes length (b) for a kind of text."""

    k1: float
    b: float


SHAPES = {
    Kind.CHAT: Shape(0.9, 0.4),
    Kind.PROSE: Shape(0.9, 0.4),
    Kind.JSON: Shape(0.9, 0.4),
    Kind.CODE: Shape(1.2, 0.75),
}


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the question: its stem in the index, what every word of that stem begins with, its weight."""

    stem: str
    prefix: str
    idf: float


def prefix_of(stem: str) -> str:
    """Return what the words of an English stem begin with: a stem ends in i or e where its words may not."""
    return stem[:-1] if len(stem) > 2 and stem[-1] in "iey" else stem


@dataclass(frozen=True, slots=True)
class ScoredLine:
    """A line of a region with its score. index counts from 0 within the region."""

    region: Region
    index: int
    score: float


class Matcher:
    """Finds the terms of one question in text."""

    def __init__(self, terms: Sequence[Term], stemmer: Stemmer) -> None:
        self._terms = terms
        self._stem = stemmer.stem

    def find(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Yield (line from 0, term, position) for every word of text that is one of the terms."""
        low = text.lower()
        if len(low) != len(text):
            text = low
        starts = [0]
        at = low.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = low.find("\n", at + 1)
        for number, term in enumerate(self._terms):
            at = low.find(term.prefix)
            while at >= 0:
                if self._is_word(term, low, text, at):
                    yield bisect_right(starts, at) - 1, number, at
                at = low.find(term.prefix, at + 1)

    def _is_word(self, term: Term, low: str, text: str, at: int) -> bool:
        inside = at > 0 and low[at - 1].isalnum()
        if not inside:
            word = WORD.match(low, at)
            if word and self._stem(word[0]) == term.stem:
                return True
        elif not (text[at].isupper() and not text[at - 1].isupper()):
            return False
        part = HUMP.match(text, at)
        return part is not None and self._stem(part[0]) == term.stem


def score_lines(regions: Sequence[Region], terms: Sequence[Term], stemmer: Stemmer) -> list[ScoredLine]:
    """Return the lines that have a score above zero, in the order of their regions."""
    matcher = Matcher(terms, stemmer)
    lengths = [len(line) for region in regions for line in region.lines if line]
    average = sum(lengths) / max(1, len(lengths))
    return [line for region in regions for line in _score_region(region, terms, matcher, average)]


def _score_region(region: Region, terms: Sequence[Term], matcher: Matcher, average: float) -> Iterator[ScoredLine]:
    shape = SHAPES[Kind(region.file.kind)]
    damp = [shape.k1 * (1 - shape.b + shape.b * len(line) / average) for line in region.lines]
    heading = {term for _, term, _ in matcher.find(fold(region.heading))}
    scores = [0.0] * len(damp)
    for term, frequencies in _frequencies(region, matcher).items():
        idf, extra = terms[term].idf, HEADING if term in heading else 0.0
        for line, frequency in enumerate(frequencies[REACH:-REACH]):
            if frequency:
                scores[line] += idf * (frequency + extra) / (frequency + extra + damp[line])
    for line, score in enumerate(scores):
        if score and region.lines[line]:
            yield ScoredLine(region, line, score)


def _frequencies(region: Region, matcher: Matcher) -> dict[int, list[float]]:
    """Return for each term that occurs how often it does around each line, with REACH more lines at both ends."""
    text = fold("\n".join(region.lines))
    if region.file.kind == Kind.JSON:
        text = unescape(text)
    frequencies: dict[int, list[float]] = {}
    for line, term, _ in matcher.find(text):
        around = frequencies.setdefault(term, [0.0] * (len(region.lines) + 2 * REACH))
        for distance, weight in enumerate(NEIGHBOURS):
            around[line + distance] += weight
    return frequencies
