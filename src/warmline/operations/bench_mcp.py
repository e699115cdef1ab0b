"""`bench mcp`: calls of the tool `recall` a second by several clients at once, beside the search's own time.

A real daemon on a throw-away home with made-up text. Each client is a thread with a connection of its own that calls
again as soon as it was answered, in a process of its own beside the daemon's. The floor is the same search over REST,
by as many clients: what is above it is what MCP adds.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlencode

from warmline import daemon
from warmline.errors import DaemonError
from warmline.home import Home
from warmline.operations.bench_line import TIMEOUT_SECONDS, Speaker
from warmline.operations.bench_recall_text import write_text
from warmline.settings import DaemonSettings

QUESTIONS = 200
TOP = 8
ROUNDS = 3
"""In turn, search and recall: a machine is faster at one moment than the next. The median round counts."""

NANOSECONDS_PER_MS = 1e6
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}

Ask = Callable[["Caller", str], None]


@dataclass(frozen=True, slots=True)
class McpFigures:
    """Of calls by several clients at once; the search's own are the floor of the same run."""

    clients: int
    calls: int
    text_bytes: int
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    search_per_second: float
    search_p50_ms: float
    added_p50_ms: float

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program; names carry the units."""
        return asdict(self)


class Caller:
    """One client's connection to the daemon of a home."""

    def __init__(self, home: Home, token: str) -> None:
        self._connection = http.client.HTTPConnection("line", timeout=TIMEOUT_SECONDS)
        self._connection.sock = daemon.connect(home, TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **HEADERS}

    def search(self, question: str) -> None:
        """Search over REST."""
        self._said("GET", f"/v1/memory/search?{urlencode({'q': question, 'top': TOP})}", None)

    def recall(self, question: str) -> None:
        """Call the tool. Raises DaemonError when it did not succeed."""
        params = {"name": "recall", "arguments": {"query": question, "top": TOP}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        result = json.loads(self._said("POST", "/mcp", json.dumps(request)))["result"]
        if result.get("isError"):
            raise DaemonError(f"recall did not succeed: {result['content'][0]['text']}")

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _said(self, method: str, path: str, body: str | None) -> bytes:
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        said = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise DaemonError(f"{method} {path} was refused: {said.decode(errors='replace')}")
        return said


@dataclass(frozen=True, slots=True)
class Round:
    """The times of one round in milliseconds, sorted, and how long it took."""

    times_ms: list[float]
    seconds: float


def run(folder: Path | None, *, megabytes: int, clients: int, calls: int, on_step: Callable[[str], None]) -> McpFigures:
    """Measure in a temporary folder within `folder` (default: where temporary files live)."""
    with tempfile.TemporaryDirectory(prefix="warmline-bench-", dir=folder) as name:
        text, home = Path(name) / "text", Home(Path(name) / "home")
        text.mkdir()
        on_step(f"making {megabytes} MB of text")
        questions = write_text(text, megabytes * 1_000_000, QUESTIONS)
        daemon.start(home, DaemonSettings())
        try:
            on_step("indexing it")
            token = home.read_token()
            owner = Speaker(home, token)
            owner.steps("POST", "/v1/memory/roots", {"paths": [str(text)]})
            owner.close()
            bench = _Bench(home, token, questions, clients)
            rounds = list(bench.rounds(calls, on_step))
        finally:
            daemon.stop(home, DaemonSettings())
        size = sum(path.stat().st_size for path in text.rglob("*") if path.is_file())
    return _figures(rounds, clients, calls, size)


@dataclass(frozen=True, slots=True)
class _Bench:
    home: Home
    token: str
    questions: list[str]
    clients: int

    def rounds(self, calls: int, on_step: Callable[[str], None]) -> Iterator[tuple[Round, Round]]:
        """Search and recall in turn."""
        for verb in (Caller.search, Caller.recall):
            self._round(verb, self.clients)  # until both are loaded
        for number in range(1, ROUNDS + 1):
            on_step(f"round {number} of {ROUNDS}: {calls:,} searches and calls by {self.clients} clients")
            yield self._round(Caller.search, calls), self._round(Caller.recall, calls)

    def _round(self, verb: Ask, calls: int) -> Round:
        times: list[float] = []
        troubles: list[DaemonError] = []

        def call(number: int) -> None:
            caller = Caller(self.home, self.token)
            try:
                for question in islice(cycle(self.questions), number, number + calls // self.clients):
                    began = time.perf_counter_ns()
                    verb(caller, question)
                    times.append((time.perf_counter_ns() - began) / NANOSECONDS_PER_MS)
            except DaemonError as error:
                troubles.append(error)
            finally:
                caller.close()

        starts = (number * calls // self.clients for number in range(self.clients))
        threads = [threading.Thread(target=call, args=(start,)) for start in starts]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if troubles:
            raise troubles[0]
        return Round(sorted(times), time.perf_counter() - began)


def _figures(rounds: list[tuple[Round, Round]], clients: int, calls: int, text_bytes: int) -> McpFigures:
    """Take the medians of the rounds; what MCP adds is taken within each."""
    searches, recalls = zip(*rounds, strict=True)
    return McpFigures(
        clients=clients,
        calls=calls,
        text_bytes=text_bytes,
        calls_per_second=statistics.median(len(each.times_ms) / each.seconds for each in recalls),
        p50_ms=statistics.median(_p50(each) for each in recalls),
        p99_ms=statistics.median(each.times_ms[int(len(each.times_ms) * 0.99)] for each in recalls),
        search_per_second=statistics.median(len(each.times_ms) / each.seconds for each in searches),
        search_p50_ms=statistics.median(_p50(each) for each in searches),
        added_p50_ms=statistics.median(_p50(recall) - _p50(search) for search, recall in rounds),
    )


def _p50(found: Round) -> float:
    return statistics.median(found.times_ms)
