"""Starting the processes of a measurement, and having them do their parts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warmline.errors import DaemonError
from warmline.listen.addresses import Address, Via
from warmline.operations.bench_transports import load as load_program
from warmline.operations.bench_transports.load import Seen
from warmline.operations.bench_transports.ways import Load

PACKAGE = "warmline.operations.bench_transports"


class Loaded:
    """Clients that are connected, and wait."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def go(self) -> Seen:
        """Let them go; return what they saw when all are done. Raises DaemonError when they cannot tell."""
        said, _ = self._process.communicate("\n")
        if self._process.returncode:
            raise DaemonError("the clients of the bench had no answer: see above")
        return Seen(**json.loads(said))


@contextmanager
def loaded(load: Load) -> Iterator[Loaded]:
    """Start clients; those that were not let go are ended. Raises DaemonError when they cannot connect."""
    with program("load") as process:
        if _asked(process, load_program.written(load)) != "connected":
            raise DaemonError("the clients of the bench could not connect: see above")
        yield Loaded(process)


@contextmanager
def bare_server(via: Via, folder: Path, clients: int) -> Iterator[tuple[int, Address]]:
    """Start a bare server for so many clients; yield its pid and where it serves."""
    place = "127.0.0.1:0" if via is Via.TCP else str(folder / f"bare.{via}")
    with program("lines", via, place, str(clients)) as process:
        found = _asked(process, "")
        if not found:
            raise DaemonError(f"the bare server of {via} did not start: see above")
        yield process.pid, Address(via, found)
    for left in folder.glob(f"bare.{via}*"):
        left.unlink()


@contextmanager
def program(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program of this package, and end it when the block does."""
    with subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, "-m", f"{PACKAGE}.{name}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _asked(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # asked for above
    process.stdin.write(line)
    process.stdin.flush()
    return process.stdout.readline().strip()
