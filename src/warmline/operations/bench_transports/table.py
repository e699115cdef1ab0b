"""The figures of `bench transports` as a matrix in Markdown: the old documents' ten rows, a column for each way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from warmline.operations.bench_transports.figures import (
    MANY_LEAST_SHARE,
    ONE_MOST_COMMITS,
    PING_FACTOR,
    PING_MORE_US,
    Killed,
    LineFigures,
    Rate,
    Side,
    TransportFigures,
    WayFigures,
)
from warmline.operations.bench_transports.ways import Way

NAMES = {
    Way.TCP: "TCP",
    Way.UNIX: "Unix socket",
    Way.FIFO: "named pipes",
    Way.SHM: "shared memory",
    Way.SPAWN: "a process a question",
}
KB, MB = 1024, 1024 * 1024
NONE = "-"


class OfSide(NamedTuple):
    """A row that the bare transport has as well; it stands in brackets."""

    label: str
    text: Callable[[Side], str]


class OfWay(NamedTuple):
    """A row that only the way itself has."""

    label: str
    text: Callable[[WayFigures], str]


Row = OfSide | OfWay


def render(figures: TransportFigures) -> list[str]:
    """Return the lines of a Markdown document: the matrix, and the two figures that are asked of the line."""
    ways = figures.ways
    return [
        *(
            ["*A quick run: it shows that all works. Its figures are not to be quoted.*", ""]
            if figures.is_quick
            else []
        ),
        f"| in brackets: the bare transport | {' | '.join(NAMES[each.way] for each in ways)} |",
        f"|---|{'---|' * len(ways)}",
        *(line for number, (title, rows) in enumerate(matrix(ways), 1) for line in _part(number, title, rows, ways)),
        "",
        *_ping_remarks(ways),
        "",
        *_line_remarks(figures.line),
    ]


def matrix(ways: tuple[WayFigures, ...]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the ten rows of the old documents, each with what is measured of it."""
    yield from _what_it_takes(sorted(ways[0].side.rates))
    yield from _what_becomes_of_it(sorted(ways[0].side.speeds))


def _what_it_takes(clients: list[int]) -> Iterator[tuple[str, list[Row]]]:
    crowd = clients[-1]
    yield (
        "fork/exec overhead",
        [
            OfSide("processes started a request", lambda side: f"{side.processes_a_request:.2f}"),
            OfSide("until a client is connected, us", lambda side: _whole(side.connect_p50_us)),
        ],
    )
    yield (
        "effect on the process table",
        [
            OfSide(f"processes, with {crowd} clients", lambda side: f"{side.rates[crowd].held.processes:,}"),
            OfSide(f"threads, with {crowd} clients", lambda side: f"{side.rates[crowd].held.threads:,}"),
            OfSide(f"descriptors, with {crowd} clients", lambda side: f"{side.rates[crowd].held.descriptors:,}"),
        ],
    )
    yield (
        "memory",
        [
            OfSide("alone, MB", lambda side: _megabytes(side.alone.resident_bytes)),
            OfSide(f"with {crowd} clients, MB", lambda side: _megabytes(side.rates[crowd].held.resident_bytes)),
        ],
    )
    yield (
        "most concurrent requests",
        [
            OfWay("questions at once, answered", lambda way: f"{way.at_once.answered:,} of {way.at_once.asked:,}"),
            OfWay("until all were answered, s", lambda way: f"{way.at_once.seconds:.2f}"),
            *(OfSide(f"requests/s, clients: {count}", _rate(count)) for count in clients),
        ],
    )


def _what_becomes_of_it(sizes: list[int]) -> Iterator[tuple[str, list[Row]]]:
    yield (
        "resilience",
        [
            OfWay("the instance killed: lost, stuck", lambda way: _lost(way.server_killed)),
            OfWay("a client killed: lost, stuck", lambda way: _lost(way.client_killed)),
        ],
    )
    yield (
        "response time",
        [OfSide(f"{_size(size)}, p50 / p99, us", _speed(size)) for size in sizes],
    )
    yield (
        "does the polling loop block",
        [OfWay("another's request waits at most, ms", lambda way: f"{way.blocked_ms:,.1f}")],
    )
    yield (
        "does state persist",
        [OfWay("after a kill, asked again: the same answer", lambda way: f"{way.kept} of {way.told}")],
    )
    yield (
        "error recovery",
        [
            OfWay("the instance killed: s, p50 / longest", lambda way: _seconds(way.server_killed)),
            OfWay("  left: descriptors, processes, files", lambda way: _left(way.server_killed)),
            OfWay("a client killed: s, p50 / longest", lambda way: _seconds(way.client_killed)),
            OfWay("  left: descriptors, processes, files", lambda way: _left(way.client_killed)),
        ],
    )
    yield (
        "reliability",
        [
            OfSide("requests in turn", lambda side: f"{side.endured.requests:,}"),
            OfSide("  failed", lambda side: f"{side.endured.failed:,}"),
            OfSide("  p50 of the first / last tenth, us", _endured),
            OfSide("  more descriptors", lambda side: f"{side.endured.more_descriptors:,}"),
            OfSide("  more memory, MB", lambda side: f"{side.endured.more_resident_bytes / 1e6:.1f}"),
        ],
    )


def _part(number: int, title: str, rows: list[Row], ways: tuple[WayFigures, ...]) -> Iterator[str]:
    yield f"| **{number}. {title}** |{' |' * len(ways)}"
    for row in rows:
        label = row.label.replace("  ", "&nbsp;&nbsp;")
        yield f"| {label} | {' | '.join(_cell(row, each) for each in ways)} |"


def _cell(row: Row, way: WayFigures) -> str:
    if isinstance(row, OfWay):
        return row.text(way)
    return row.text(way.side) if way.bare is None else f"{row.text(way.side)} ({row.text(way.bare)})"


def _ping_remarks(ways: tuple[WayFigures, ...]) -> Iterator[str]:
    yield f"A round trip of 1 KB may take {PING_FACTOR} bare ones and {PING_MORE_US} us:"
    yield ""
    for each in ways:
        limit = each.ping_limit_us
        if limit is not None:
            taken = each.side.speeds[min(each.side.speeds)].p50_us
            yield f"- {NAMES[each.way]}: {taken:,.0f} us of {limit:,.0f}{_verdict(is_met=taken <= limit)}"


def _line_remarks(line: LineFigures) -> Iterator[str]:
    yield f"Through the whole line, over the Unix socket; a bare FULL commit takes {line.floor.commit_ms:.3f} ms:"
    yield ""
    yield (
        f"- 1 client, 1 worker: p50 {line.one_p50_ms:.2f} ms, p99 {line.one_p99_ms:.2f} ms; p50 is"
        f" {line.one_in_commits:.2f} commits of at most {ONE_MOST_COMMITS}"
        f"{_verdict(is_met=line.one_in_commits <= ONE_MOST_COMMITS)}"
    )
    yield (
        f"- 8 clients, 4 workers: {line.many_per_second:,.0f} questions/s, p99 {line.many_p99_ms:.2f} ms;"
        f" {line.many_by_commit:.2f} in the time of a commit, of at least {MANY_LEAST_SHARE}"
        f"{_verdict(is_met=line.many_by_commit >= MANY_LEAST_SHARE)}"
    )


def _verdict(*, is_met: bool) -> str:
    return "" if is_met else ": **not met**"


def _rate(clients: int) -> Callable[[Side], str]:
    return lambda side: _rate_text(side.rates[clients])


def _rate_text(rate: Rate) -> str:
    return f"{rate.per_second:,.0f}"


def _speed(size: int) -> Callable[[Side], str]:
    return lambda side: f"{side.speeds[size].p50_us:,.0f} / {side.speeds[size].p99_us:,.0f}"


def _endured(side: Side) -> str:
    return f"{side.endured.first_p50_us:,.0f} / {side.endured.last_p50_us:,.0f}"


def _lost(killed: Killed) -> str:
    return f"{killed.lost}, {killed.stuck} in {killed.kills} kills"


def _left(killed: Killed) -> str:
    return f"{killed.descriptors}, {killed.processes}, {killed.files}"


def _seconds(killed: Killed) -> str:
    return f"{killed.p50_seconds:.3f} / {killed.longest_seconds:.3f}"


def _whole(number: float | None) -> str:
    return NONE if number is None else f"{number:,.0f}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _size(size: int) -> str:
    return f"{size // MB} MB" if size >= MB else f"{size // KB} KB"
