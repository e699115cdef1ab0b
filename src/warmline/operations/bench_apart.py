"""Questions from another process, over HTTP on a Unix socket, of a server with security or without."""

from __future__ import annotations

import http.client
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from warmline import daemon
from warmline.errors import DaemonError
from warmline.home import Home
from warmline.operations.bench_line import Speaker
from warmline.operations.bench_parts import Security

ASKERS = 8
WORKERS = 4
WARM_UP = 20
PATIENCE_SECONDS = 60
SERVER = "warmline.interfaces.bench_server"


@dataclass(frozen=True, slots=True)
class ApartFigure:
    """What askers in another process saw; cpu_us is the processor's time of the server alone, a question."""

    security: Security
    askers: int
    questions: int
    questions_per_second: float
    cpu_us: float


def measure(folder: Path, security: Security, question: str, questions: int) -> ApartFigure:
    """Ask so many questions, each asker in turn. Raises DaemonError when the server does not start."""
    each = max(1, questions // ASKERS)
    with tempfile.TemporaryDirectory(dir=folder) as name, ExitStack() as stack:
        home = Home(Path(name) / "home")
        token, pid = stack.enter_context(started_server(home, security))
        speakers = [Speaker(home, token) for _ in range(ASKERS)]
        _ask(speakers, question, WARM_UP)
        used, started = _processor_seconds(pid), time.perf_counter()
        _ask(speakers, question, each)
        seconds, used = time.perf_counter() - started, _processor_seconds(pid) - used
    asked = each * ASKERS
    return ApartFigure(security, ASKERS, asked, asked / seconds, used / asked * 1e6)


def _ask(speakers: list[Speaker], question: str, each: int) -> None:
    threads = [threading.Thread(target=_ask_in_turn, args=(speaker, question, each)) for speaker in speakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask_in_turn(speaker: Speaker, question: str, count: int) -> None:
    for _ in range(count):
        asked = speaker.call("POST", "/v1/questions", {"question": question})
        answer = speaker.call("GET", f"/v1/questions/{asked['id']}?wait={PATIENCE_SECONDS}")
        if answer["outcome"] != "answered":
            raise DaemonError(f"question {asked['id']} was not answered")


@contextmanager
def started_server(home: Home, security: Security, workers: int = WORKERS) -> Iterator[tuple[str, int]]:
    """Serve a new home from a process of its own, which answers at once; yield the asker's token, and the pid.

    Raises DaemonError when it does not start.
    """
    home.make()
    token = secrets.token_hex(32)
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", SERVER, str(home.path), security, str(workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None and server.stdout is not None  # noqa: S101, PT018  # asked for above
        server.stdin.write(f"{token}\n")
        server.stdin.flush()
        try:
            if server.stdout.readline() != "ready\n":
                raise DaemonError("the bench's server did not start: see above")
            _load_the_rest(home, token)
            yield token, server.pid
        finally:
            server.terminate()


def _load_the_rest(home: Home, token: str) -> None:
    """Return when the server has loaded what it loads aside once it serves, so that no figure pays for it."""
    connection = http.client.HTTPConnection("line", timeout=PATIENCE_SECONDS)
    connection.sock = daemon.connect(home, PATIENCE_SECONDS)
    with closing(connection):
        connection.request("POST", "/mcp", headers={"Authorization": f"Bearer {token}"})
        connection.getresponse().read()  # a refusal, since nothing was asked; but MCP had to be there to say so


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
