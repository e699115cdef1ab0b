"""`python -m warmline.operations.bench_recall_search FOLDER`: time searches in a process that does nothing else.

Reads a JSON list of questions from standard input, asks each twice and counts the second time, and
writes {"ms": [...], "rss_bytes": n} to standard output.
"""

from __future__ import annotations

import json
import sys
import time
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
    searcher = Searcher(Catalog(folder), folder / INDEX_FOLDER, MemorySettings())
    times = []
    questions = json.load(sys.stdin)
    for counted in (False, True):
        for question in questions:
            began = time.perf_counter()
            searcher.search(question, LIMIT)
            if counted:
                times.append((time.perf_counter() - began) * 1000)
    sys.stdout.write(json.dumps({"ms": times, "rss_bytes": resident_bytes()}))


if __name__ == "__main__":
    main()
