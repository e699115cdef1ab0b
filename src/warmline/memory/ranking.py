"""The second stage of a search: score every line of the regions by its words and its neighbours' words.

BM25F over lines: a line's own words count whole, those of the lines around it and of its heading
count in part. The sum is put in relation to what a line that held every word could reach, so that
what is added to it means the same for every question; then lines of the form of an answer gain, and
questions within a transcript lose. Pure, and plain Python: a search scores some hundreds of lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from warmline.memory.asking import MAX_SPEAKER, asks, form_of_answer, speaker_length
from warmline.memory.blocks import Kind
from warmline.memory.matching import Matcher, Term
from warmline.memory.regions import Region
from warmline.memory.terms import Stemmer, fold, unescape

AROUND = (0.08, 0.12, 0.25, 0.4, 1.0, 0.5, 0.3, 0.2, 0.12)
"""What a word counts for the lines from REACH before its own to REACH after: what follows answers more often."""
REACH = len(AROUND) // 2
HEADING = 0.3
OWN = 0.3
"""Once more for the words of the line itself: of two lines as close, the one that says it."""
COVERAGE = 0.2
"""For the square of the share of the question that a line and its neighbours hold."""
FILE = 0.1
"""For the best block of the line's file, in relation to the best of all: a document about the matter."""

FORM = 1.15
SPEAKER = 1.2
"""The question names who speaks."""
REPLY = 1.15
ASKED = 0.85
"""A line of a transcript that asks answers nothing; the one after it may."""
LENGTH = 0.05
"""The power of a line's relative length that divides its score: of two that answer, the shorter first."""

REPLACEMENTS = 30
"""Lines beyond those asked for whose form is looked at: it moves a score by a quarter at most."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How BM25 saturates (k1) and punishes length (b) for a kind of text."""

    k1: float
    b: float


CONVERSATION = Shape(0.9, 0.4)
SHAPES = {
    Kind.CHAT: CONVERSATION,
    Kind.PROSE: CONVERSATION,
    Kind.JSON: CONVERSATION,
    Kind.CODE: Shape(1.2, 0.75),
}


TRANSCRIPTS = frozenset({Kind.CHAT, Kind.JSON})


@dataclass(frozen=True, slots=True)
class ScoredLine:
    """A line of a region with its score. index counts from 0 within the region."""

    region: Region
    index: int
    score: float

    @property
    def number(self) -> int:
        """The line's number in its file, from 1."""
        return self.region.first_line + self.index


class LineRanker:
    """Ranks lines for one question. What is a long line is judged by the lines that are ranked together."""

    def __init__(self, question: str, terms: Sequence[Term], stemmer: Stemmer) -> None:
        self._terms = terms
        self._whole = sum(term.idf for term in terms)
        self._matcher = Matcher(terms, stemmer)
        self._form = form_of_answer(question)
        self._average = 1.0

    def rank(self, regions: Sequence[Region], limit: int) -> list[ScoredLine]:
        """Return at most limit lines with a score above zero, best first, equals by path and number."""
        lengths = [len(line) for region in regions for line in region.lines if line]
        self._average = sum(lengths) / max(1, len(lengths))
        scored = [entry for region in regions for entry in self._score_region(region)]
        scored.sort(key=itemgetter(0), reverse=True)
        best = [
            (-score * self._manner(region, index), region.file.shown, region.first_line + index, region, index)
            for score, region, index in scored[: limit + REPLACEMENTS]
        ]
        best.sort(key=itemgetter(0, 1, 2))
        return [ScoredLine(region, index, -negative) for negative, _, _, region, index in best[:limit]]

    def _score_region(self, region: Region) -> Iterator[tuple[float, Region, int]]:
        own, named = self._own_words(region)
        if not own:
            return
        around, itself, coverage = self._sums(region, own)
        standing, whole = FILE * region.standing, self._whole
        for index, near in enumerate(around):
            if near and region.lines[index]:
                score = (near + OWN * itself[index]) / whole + COVERAGE * (coverage[index] / whole) ** 2 + standing
                yield score * SPEAKER if index in named else score, region, index

    def _own_words(self, region: Region) -> tuple[dict[int, dict[int, float]], set[int]]:
        """Return for each term how often each line holds it, and the lines whose speaker it names.

        A speaker's name counts twice.
        """
        text = fold("\n".join(region.lines))
        if region.file.kind == Kind.JSON:
            text = unescape(text)
        is_chat = region.file.kind == Kind.CHAT
        own: dict[int, dict[int, float]] = {}
        named = set()
        for term, line, column in self._matcher.find(text):
            counts = own.setdefault(term, {})
            weight = 1.0
            if is_chat and column < MAX_SPEAKER and column < speaker_length(region.lines[line]):
                named.add(line)
                weight = 2.0
            counts[line] = counts.get(line, 0.0) + weight
        return own, named

    def _sums(
        self, region: Region, own: Mapping[int, Mapping[int, float]]
    ) -> tuple[list[float], list[float], list[float]]:
        """Return for each line BM25F with its neighbours, BM25 of itself, and the weight of the terms it covers."""
        shape = SHAPES[Kind(region.file.kind)]
        flat, slope = shape.k1 * (1 - shape.b), shape.k1 * shape.b / self._average
        damp = [flat + slope * len(line) for line in region.lines]
        count = len(damp)
        around, itself, coverage = [0.0] * count, [0.0] * count, [0.0] * count
        heading = {term for term, _, _ in self._matcher.find(fold(region.heading))}
        for term, counts in own.items():
            idf = self._terms[term].idf
            for line, frequency in counts.items():
                itself[line] += idf * frequency / (frequency + damp[line])
            near = _spread(counts, count)
            coverage = [
                held + (idf * share if share < 1.0 else idf) for held, share in zip(coverage, near, strict=True)
            ]
            if term in heading:
                near = [frequency and frequency + HEADING for frequency in near]
            around = [
                score + idf * frequency / (frequency + flattened)
                for score, frequency, flattened in zip(around, near, damp, strict=True)
            ]
        return around, itself, coverage

    def _manner(self, region: Region, index: int) -> float:
        """Return what the form of a line makes of its score."""
        text, kind = region.lines[index], region.file.kind
        factor: float = (self._average / len(text)) ** LENGTH
        if self._form is not None and self._form.fits(text, speaker_length(text) if kind == Kind.CHAT else 0):
            factor *= FORM
        if kind in TRANSCRIPTS:
            factor *= ASKED if asks(text) else 1.0
            factor *= REPLY if index and asks(region.lines[index - 1]) else 1.0
        return factor


def _spread(counts: Mapping[int, float], lines: int) -> list[float]:
    """Return for each line what the counts of the lines around it come to."""
    reached = [0.0] * (lines + 2 * REACH)
    for line, count in counts.items():
        for at, weight in enumerate(AROUND, line):
            reached[at] += weight * count
    return reached[REACH:-REACH]
