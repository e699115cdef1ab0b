"""What `bench transports` measured, as values whose names carry units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from warmline.operations.bench_transports.ways import Way
from warmline.operations.floor import Floor

PING_FACTOR, PING_MORE_US = 3, 150
"""A round trip of 1 KB may take so many bare ones, and so much more."""

ONE_MOST_COMMITS = 5
MANY_LEAST_SHARE = 0.55
"""Questions in the time of one bare commit, by eight clients."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Requests and replies of one size, one after another."""

    requests: int
    p50_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class Held:
    """What the serving side holds at one moment. resident_bytes counts shared pages for each process."""

    processes: int
    threads: int
    descriptors: int
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests of 1 KB by several clients at once, and what the serving side held with them connected."""

    per_second: float
    p99_us: float
    held: Held


@dataclass(frozen=True, slots=True)
class Endured:
    """Many requests in turn. more_* is what the serving side held afterwards beyond what it had before."""

    requests: int
    failed: int
    first_p50_us: float
    last_p50_us: float
    more_processes: int
    more_descriptors: int
    more_resident_bytes: int


@dataclass(frozen=True, slots=True)
class Side:
    """One serving side: an instance, a bare server, or a process a question.

    processes_a_request counts what was started for the requests of `rates`. Where a process is started for each, nobody
    connects.
    """

    connect_p50_us: float | None
    processes_a_request: float
    alone: Held
    speeds: Mapping[int, Speed]
    rates: Mapping[int, Rate]
    endured: Endured


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Questions asked at the same moment. answered may be fewer."""

    asked: int
    answered: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Killed:
    """What killing one side at each of the moments left behind; the counts are sums, but for seconds.

    lost questions had no answer when they were asked again by the same id; stuck were those who noticed nothing, or
    were not served any more, within the limit. Seconds are until all was served as before.
    """

    kills: int
    lost: int
    stuck: int
    descriptors: int
    processes: int
    files: int
    p50_seconds: float
    longest_seconds: float


@dataclass(frozen=True, slots=True)
class WayFigures:
    """One column of the matrix.

    blocked_ms is the longest that another's request took while one client had written half a line and another did not
    read. Of the tickets that were told before a kill, kept came again when the question was asked again by its id.
    """

    way: Way
    side: Side
    bare: Side | None
    at_once: AtOnce
    blocked_ms: float
    server_killed: Killed
    client_killed: Killed
    told: int
    kept: int

    @property
    def ping_limit_us(self) -> float | None:
        """What a round trip of 1 KB may take."""
        smallest = min(self.side.speeds)
        return None if self.bare is None else PING_FACTOR * self.bare.speeds[smallest].p50_us + PING_MORE_US


@dataclass(frozen=True, slots=True)
class LineFigures:
    """Questions through the whole line over the Unix socket, beside a bare FULL commit of the same run.

    one_*: a client and a worker. many_*: eight clients and four workers. Medians of several rounds.
    """

    one_p50_ms: float
    one_p99_ms: float
    many_per_second: float
    many_p99_ms: float
    floor: Floor

    @property
    def one_in_commits(self) -> float:
        """The median time of one question, in commits: at most ONE_MOST_COMMITS is asked."""
        return self.one_p50_ms / self.floor.commit_ms

    @property
    def many_by_commit(self) -> float:
        """Questions in the time of one commit: at least MANY_LEAST_SHARE is asked."""
        return self.many_per_second * self.floor.commit_ms / 1000


@dataclass(frozen=True, slots=True)
class TransportFigures:
    """All of a run. is_quick: too few requests for figures that are quoted."""

    is_quick: bool
    ways: tuple[WayFigures, ...]
    line: LineFigures

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program."""
        line = asdict(self.line) | {
            "one_in_commits": self.line.one_in_commits,
            "many_by_commit": self.line.many_by_commit,
        }
        ways = [asdict(each) | {"ping_limit_us": each.ping_limit_us} for each in self.ways]
        return {"is_quick": self.is_quick, "ways": ways, "line": line}
