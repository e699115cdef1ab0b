"""A search: the index's best blocks, then their lines, ranked.

Runs in one thread at a time; follows commits of another process by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import tantivy

from warmline.memory import index
from warmline.memory.catalog import Catalog, LiveFile
from warmline.memory.confidence import confidence
from warmline.memory.dropped import is_back
from warmline.memory.index import Among, Hit, Snapshot
from warmline.memory.matching import Term, prefix_of
from warmline.memory.ranking import LineRanker, ScoredLine
from warmline.memory.regions import Reading, read_regions
from warmline.memory.terms import Stemmer, question_words
from warmline.scopes import Scope, outermost, reaches
from warmline.settings import MemorySettings


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: lines best first, how confident it is, and roots with files that need indexing again."""

    lines: Sequence[ScoredLine]
    confidence: float
    stale: Sequence[str]


NOTHING = Found((), 0.0, ())


class Searcher:
    """Searches one memory folder, whose index may not be there yet."""

    def __init__(self, catalog: Catalog, folder: Path, settings: MemorySettings) -> None:
        self._catalog = catalog
        self._folder = folder
        self._settings = settings
        self._stemmer = Stemmer()
        self._index: tantivy.Index | None = None
        self._snapshot: Snapshot | None = None
        self._seen: tuple[int, int] | None = None

    def search(self, question: str, limit: int, within: frozenset[str] | None = None) -> Found:
        """Return at most limit lines. A line is returned only if its file is as it was when it was indexed.

        Only what within names is searched, roots and paths beneath them, each in full; None: all. Raises
        StoreDamagedError.
        """
        stems = self._stemmer.terms(question_words(question))
        snapshot = self._fresh_snapshot()
        if snapshot is None or not stems:
            return NOTHING
        snapshot, reading = self._read(snapshot, stems, within)
        terms = [Term(stem, prefix_of(stem), _idf(snapshot.frequency(stem), snapshot.blocks)) for stem in stems]
        ranked = LineRanker(question, terms, self._stemmer).rank(reading.regions, limit)
        whole = sum(term.idf for term in terms)
        sure = confidence(ranked[0].score, reading.best / whole, len(terms)) if ranked else 0.0
        return Found(ranked, sure, self._stale(reading.changed, within))

    def _stale(self, changed: Sequence[LiveFile], within: Scope | None) -> Sequence[str]:
        """Return the roots with files that changed, or that were dropped and are back, as far as within reaches."""
        back = [place for place in self._catalog.dropped() if reaches(within, place.shown) and is_back(place)]
        return tuple(dict.fromkeys(place.root for place in (*changed, *back)))

    def _read(self, snapshot: Snapshot, stems: Sequence[str], within: Scope | None) -> tuple[Snapshot, Reading]:
        """Read the lines around the best blocks; return the snapshot that found them, too."""
        hits, files = self._hits(snapshot, stems, within)
        if any(hit.file not in files for hit in hits):
            # A commit came between index and catalog: the next snapshot has what took the place of the missing.
            snapshot = self._fresh_snapshot() or snapshot
            hits, files = self._hits(snapshot, stems, within)
        return snapshot, read_regions(self._best(hits, files), files)

    def _hits(
        self, snapshot: Snapshot, stems: Sequence[str], within: Scope | None
    ) -> tuple[Sequence[Hit], Mapping[int, LiveFile]]:
        among = None if within is None else self._among(within)
        hits = snapshot.search(stems, 2 * self._settings.blocks_read, among)
        return hits, self._catalog.live({hit.file for hit in hits}, within)

    def _among(self, within: Scope) -> Among:
        """Return which blocks of the index stand within, as the catalog has it now.

        A path that names nothing may be anything: it does not reach the index.
        """
        roots = within & self._catalog.root_paths().keys()
        paths = [path for path in outermost(within - roots) if not reaches(roots, path)]
        return Among(roots, [number for path in paths for number in self._catalog.numbers(path)])

    def _best(self, hits: Sequence[Hit], files: Mapping[int, LiveFile]) -> list[Hit]:
        """Return the best hits in live files, equals by path and place: the same whatever order they were indexed in.

        Twice as many were asked of the index, whose own order of equals is that of its segments.
        """
        live = [hit for hit in hits if hit.file in files]
        live.sort(key=lambda hit: (-hit.score, files[hit.file].shown, hit.start))
        ends = accumulate(hit.length for hit in live)
        within = sum(1 for end in ends if end <= self._settings.bytes_read)
        return live[: min(self._settings.blocks_read, max(within, 1))]

    def _fresh_snapshot(self) -> Snapshot | None:
        """Return a snapshot of the last commit, or None before the first. Raises StoreDamagedError."""
        try:
            stat = (self._folder / "meta.json").stat()
        except FileNotFoundError:
            return None
        seen = (stat.st_mtime_ns, stat.st_ino)
        if seen != self._seen:
            if self._index is None:
                self._index = index.open_index(self._folder)
            self._snapshot = index.snapshot(self._index, self._folder)
            self._seen = seen
        return self._snapshot


def _idf(frequency: int, blocks: int) -> float:
    """Return what a term weighs: BM25's, never below zero."""
    return math.log1p((max(blocks - frequency, 0) + 0.5) / (frequency + 0.5))
