"""The floor under every durable figure: what this disk and this SQLite cost by themselves, now."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import apsw

BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Floor:
    """Medians, in milliseconds."""

    fdatasync_ms: float
    commit_ms: float


class FloorMeter:
    """Measures in slices, between whatever is compared with it: disks are faster at one moment than the next."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self._folder = folder
        self._rounds = rounds
        self._fdatasyncs: list[float] = []
        self._commits: list[float] = []

    def slice(self) -> Self:
        """Time fdatasync of 4 KB appended, and a bare SQLite commit (WAL, FULL) of one small row."""
        self._fdatasyncs += _fdatasync_times(self._folder / "floor.bin", self._rounds)
        self._commits += _commit_times(self._folder / "floor.db", self._rounds)
        return self

    def floor(self) -> Floor:
        """Return the medians of all slices."""
        return Floor(statistics.median(self._fdatasyncs) * 1000, statistics.median(self._commits) * 1000)


def _fdatasync_times(path: Path, rounds: int) -> list[float]:
    sync = getattr(os, "fdatasync", os.fsync)
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(rounds):
            file.write(b"\1" * BLOCK_BYTES)
            started = time.perf_counter()
            sync(file.fileno())
            times.append(time.perf_counter() - started)
    path.unlink()
    return times


def _commit_times(path: Path, rounds: int) -> list[float]:
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
    return times
