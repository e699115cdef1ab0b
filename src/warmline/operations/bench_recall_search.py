"""`python -m warmline.operations.bench_recall_search FOLDER`: time searches in a process that does nothing else.

Reads a JSON list of questions from standard input, asks each twice and counts the second time, asks each
once more within every root by name, and writes {"ms": [...], "scoped_ms": [...], "rss_bytes": n} to standard output.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from warmline.memory.catalog import Catalog
from warmline.memory.recall import Searcher
from warmline.memory.writing import INDEX_FOLDER
from warmline.operations.resident import resident_bytes
from warmline.settings import MemorySettings

LIMIT = 100


def main() -> None:
    """Do it."""
    folder = Path(sys.argv[1])
    catalog = Catalog(folder)
    searcher = Searcher(catalog, folder / INDEX_FOLDER, MemorySettings())
    questions = json.load(sys.stdin)
    _times(searcher, questions, None)
    times = _times(searcher, questions, None)
    rss_bytes = resident_bytes()
    scoped = _times(searcher, questions, frozenset(catalog.root_paths()))
    sys.stdout.write(json.dumps({"ms": times, "scoped_ms": scoped, "rss_bytes": rss_bytes}))


def _times(searcher: Searcher, questions: Sequence[str], within: frozenset[str] | None) -> list[float]:
    """Return the milliseconds of each search."""
    times = []
    for question in questions:
        began = time.perf_counter()
        searcher.search(question, LIMIT, within)
        times.append((time.perf_counter() - began) * 1000)
    return times


if __name__ == "__main__":
    main()
