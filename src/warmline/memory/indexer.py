"""`python -m warmline.memory.indexer`: the indexing process.

Reads one request as a line of JSON from standard input, writes lines of JSON to standard output:
{"progress": ...} any number of times, then one of {"report": ...} and {"error": ..., "kind": ...}.
When standard input ends, its starter has gone or has changed its mind, and it ends at once: that is
safe at any moment (see writing.py).
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any

from warmline.errors import StoreError, StoreFullError, WarmlineError
from warmline.memory.catalog import translating
from warmline.memory.report import Progress, request_from_json
from warmline.memory.writing import Indexer
from warmline.security.redaction import redact

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


def _trouble(folder: Path, workspace: Path | None, error: Exception) -> dict[str, Any]:
    """Say what stopped the run: a full disk, or something else. What was committed before is whole."""
    number = getattr(error, "errno", None)
    # Of a system call that failed, tantivy gives the number in its text alone.
    full = f"(os error {errno.ENOSPC})" in str(error) or number in {errno.ENOSPC, errno.EDQUOT}
    also = f", or {workspace.parent}, where it is worked on," if workspace else ""
    if full:
        return {
            "error": f"the disk that holds the memory's index{also} is full: make room, then try again",
            "kind": StoreFullError.__name__,
        }
    return {
        "error": f"the index in {folder} cannot be written ({type(error).__name__}: {error}): mend that, and try again",
        "kind": StoreError.__name__,
    }


def _say_what_broke(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write a bug's traceback where the starter's log is, and no secret of a file with it."""
    sys.stderr.write(redact("".join(format_exception(kind, error, trace))).text)


def main() -> int:
    """Do one request. Exit status 0: a report was written; 1: an error was."""
    os.umask(0o077)
    sys.excepthook = _say_what_broke
    folder, settings, request, encrypted = request_from_json(json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_leave_with_the_starter, daemon=True).start()
    output = _Output()
    try:
        with translating(folder):
            indexer = Indexer(folder, settings, output.progress, encrypted)
            report = indexer.run(request)
            indexer.close()
    except WarmlineError as error:
        output.write({"error": str(error), "kind": type(error).__name__})
        return 1
    except (OSError, ValueError) as error:  # tantivy's I/O errors are ValueErrors
        output.write(_trouble(folder, encrypted.workspace if encrypted else None, error))
        return 1
    output.write({"report": asdict(report)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
