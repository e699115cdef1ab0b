"""The floor under every durable figure: what this disk and this SQLite cost by themselves, now."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import apsw

BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Floor:
    """Medians, in milliseconds."""

    fdatasync_ms: float
    commit_ms: float


def measure_floor(folder: Path, rounds: int) -> Floor:
    """Time fdatasync of 4 KB appended, and a bare SQLite commit (WAL, FULL) of one small row, in this folder."""
    return Floor(_fdatasync_ms(folder / "floor.bin", rounds), _commit_ms(folder / "floor.db", rounds))


def _fdatasync_ms(path: Path, rounds: int) -> float:
    sync = getattr(os, "fdatasync", os.fsync)
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(rounds):
            file.write(b"\1" * BLOCK_BYTES)
            started = time.perf_counter()
            sync(file.fileno())
            times.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(times) * 1000


def _commit_ms(path: Path, rounds: int) -> float:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute("create table floor (id integer primary key, body text)")
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        connection.execute("begin immediate")
        connection.execute("insert into floor (body) values (?)", ("x" * 200,))
        connection.execute("commit")
        times.append(time.perf_counter() - started)
    connection.close()
    path.unlink()
    return statistics.median(times) * 1000
