"""How long `audit verify` takes for a million rows, beside the time of reading them without any hash.

    make prove-audit

The rows are written by the ledger itself, as verbs have them written, in transactions of 10,000.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path

from warmline.security.seals import KEY_BYTES, Seals
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.auditing import Auditing
from warmline.stores.ledger import AuditEntry, Ledger
from warmline.stores.opening import open_reader, open_writer

BATCH = 10_000
RUNS = 3


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(rows: int) -> None:
    seals = Seals({1: secrets.token_bytes(KEY_BYTES)})
    with tempfile.TemporaryDirectory(prefix="warmline-audit-") as folder:
        path = Path(folder) / "store.db"
        began = time.perf_counter()
        fill(path, seals, rows)
        say(f"written   {time.perf_counter() - began:6.1f} s, {path.stat().st_size / 1e6:,.0f} MB")
        floors, verified = [], []
        for _ in range(RUNS):
            connection = open_reader(path)
            began = time.perf_counter()
            for _row in connection.execute("select * from audit order by number"):
                pass
            floors.append(time.perf_counter() - began)
            began = time.perf_counter()
            found = Auditing(connection, ArchiveFiles(path.with_name("archive")), seals).verify()
            verified.append(time.perf_counter() - began)
            connection.close()
            if not found.is_whole or found.audit_rows != rows:
                sys.exit(f"false alarm: {found}")
        say(f"read only {statistics.median(floors):6.1f} s, the median of {RUNS}")
        say(f"verified  {statistics.median(verified):6.1f} s, the median of {RUNS}; {rows:,} rows")


def fill(path: Path, seals: Seals, rows: int) -> None:
    connection = open_writer(path, seals)
    ledger = Ledger(connection, seals)
    for first in range(0, rows, BATCH):
        with connection:
            for number in range(first, min(first + BATCH, rows)):
                subject = f"01HZX{number:021d}"
                ledger.note(number, AuditEntry("settle", "warmline", "default", subject, detail={"answer": subject}))
            ledger.write()
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
