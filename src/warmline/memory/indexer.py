"""`python -m warmline.memory.indexer`: the indexing process.

Reads one request as a line of JSON from standard input, writes lines of JSON to standard output:
{"progress": ...} any number of times, then one of {"report": ...} and {"error": ..., "kind": ...}.
When standard input ends, its starter has gone or has changed its mind, and it ends at once: that is
safe at any moment (see writing.py).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

from warmline.errors import StoreFullError, WarmlineError
from warmline.memory.report import Progress, request_from_json
from warmline.memory.writing import Indexer

PROGRESS_INTERVAL_SECONDS = 0.1
CANCELLED = 3


class _Output:
    """Lines to the starter, progress not more often than a person can follow."""

    def __init__(self) -> None:
        self._last = 0.0

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= PROGRESS_INTERVAL_SECONDS or progress.files_done == progress.files_total:
            self._last = now
            self.write({"progress": asdict(progress)})

    def write(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def _leave_with_the_starter() -> None:
    """Wait for the end of standard input."""
    while os.read(0, 4096):
        pass
    os._exit(CANCELLED)


def main() -> int:
    """Do one request. Exit status 0: a report was written; 1: an error was."""
    os.umask(0o077)
    folder, settings, request = request_from_json(json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_leave_with_the_starter, daemon=True).start()
    output = _Output()
    try:
        indexer = Indexer(folder, settings, output.progress)
        report = indexer.run(request)
        indexer.close()
    except WarmlineError as error:
        output.write({"error": str(error), "kind": type(error).__name__})
        return 1
    except OSError as error:
        output.write(
            {
                "error": f"{folder}: {error.strerror}; make room or mend it, and try again",
                "kind": StoreFullError.__name__,
            }
        )
        return 1
    output.write({"report": asdict(report)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
