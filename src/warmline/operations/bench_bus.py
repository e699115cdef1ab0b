"""`bench bus`: what a durable question costs between asker and worker, beside the floor of the same run.

It drives the real bridge, dispatcher, timekeeper and SQLite store in one process, with an answerer
that answers at once: ask -> lease -> settle -> the asker has it.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import apsw

from warmline.bridge.credentials import THE_OWNER
from warmline.model import MEMORY_MAILBOX
from warmline.operations import bench_apart
from warmline.operations.bench_apart import ApartFigure
from warmline.operations.bench_parts import BenchLine, Security, open_bench_line
from warmline.operations.floor import Floor, FloorMeter
from warmline.operations.syncs import CountingVfs
from warmline.security.seals import KEY_BYTES

PATIENCE = timedelta(seconds=60)
QUESTION = "Which port does the exporter listen on? " * 5
WARM_UP = 50
LEASES = 500
ROUNDS = 5
"""How often each shape runs with and without security, in turn, so that a slow moment of the machine meets both."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One shape of load. cpu_us is the processor's time of asker and line together, a question."""

    security: Security
    askers: int
    workers: int
    questions: int
    p50_ms: float
    p99_ms: float
    questions_per_second: float
    fdatasyncs_per_question: float
    slowest_to_fastest: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class LeaseFigure:
    """What history does to a lease."""

    settled: int
    p50_ms: float


@dataclass(frozen=True, slots=True)
class BusFigures:
    """All figures of a run, with the floor."""

    floor: Floor
    shapes: tuple[Figure, ...]
    apart: tuple[ApartFigure, ...]
    leases: tuple[LeaseFigure, ...]

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program; names carry the units."""
        return asdict(self)


def run(
    folder: Path | None,
    securities: Sequence[Security],
    *,
    questions: int,
    history: int,
    on_step: Callable[[str], None],
) -> BusFigures:
    """Measure in a temporary folder within `folder` (its disk is what counts; default: where temporary files live).

    With more than one of securities each shape runs several times with each, in turn: its numbers are their
    medians, but of the processor's time the least. history is the number of settled messages beside which a lease
    is timed again; 0 leaves that out.
    """
    import uvloop  # noqa: PLC0415  # only the bench and the daemon pay for it

    with tempfile.TemporaryDirectory(prefix="warmline-bench-", dir=folder) as name:
        return uvloop.run(_run(Path(name), securities, questions, history, on_step))


async def _run(
    folder: Path, securities: Sequence[Security], questions: int, history: int, on_step: Callable[[str], None]
) -> BusFigures:
    meter = FloorMeter(folder, rounds=300).slice()
    shapes = []
    for askers, workers in ((1, 1), (8, 4), (64, 8)):
        on_step(f"{askers} asker(s), {workers} worker(s)")
        shapes += await _shapes(folder, securities, askers, workers, questions)
        meter.slice()
    apart = []
    if len(securities) > 1:
        on_step("from another process, over HTTP")
        apart = await asyncio.to_thread(_apart, folder, securities, questions)
    leases = []
    for settled in (0, history) if history else ():
        on_step(f"a lease beside {settled:,} settled messages")
        leases.append(await _lease(folder / f"history-{settled}.db", settled))
    return BusFigures(meter.floor(), tuple(shapes), tuple(apart), tuple(leases))


async def _shapes(
    folder: Path, securities: Sequence[Security], askers: int, workers: int, questions: int
) -> list[Figure]:
    rounds = ROUNDS if len(securities) > 1 else 1
    figures: dict[Security, list[Figure]] = {each: [] for each in securities}
    for _ in range(rounds):
        for each in securities:
            with tempfile.TemporaryDirectory(dir=folder) as name:
                figures[each].append(await _shape(Path(name), each, askers, workers, questions))
    return [_median(found) for found in figures.values()]


def _apart(folder: Path, securities: Sequence[Security], questions: int) -> list[ApartFigure]:
    """Ask in turn from another process; return the median rates and the least of the processor's times."""
    found = [[bench_apart.measure(folder, each, QUESTION, questions) for each in securities] for _ in range(ROUNDS)]
    return [
        replace(
            figures[0],
            questions_per_second=statistics.median(each.questions_per_second for each in figures),
            cpu_us=min(each.cpu_us for each in figures),
        )
        for figures in zip(*found, strict=True)
    ]


def _median(figures: Sequence[Figure]) -> Figure:
    """Return the figure whose every number is the median of all, and whose processor's time is the least."""
    rows = [asdict(each) for each in figures]
    numbers = {name: statistics.median_low(row[name] for row in rows) for name in rows[0] if name != "security"}
    numbers["cpu_us"] = min(each.cpu_us for each in figures)  # what others do on the machine only adds to it
    return Figure(security=figures[0].security, **numbers)


async def _shape(folder: Path, security: Security, askers: int, workers: int, questions: int) -> Figure:
    """Time one run, then count the syncs of another: counting takes time of its own."""
    each = max(1, questions // askers)
    async with open_bench_line(folder / "timed.db", security, workers=workers) as line:
        await _ask_in_turn(line, WARM_UP)
        started, used = time.perf_counter(), time.process_time()
        results = await asyncio.gather(*(_ask_in_turn(line, each) for _ in range(askers)))
        seconds, used = time.perf_counter() - started, time.process_time() - used
    vfs = CountingVfs()
    async with open_bench_line(folder / "counted.db", security, workers=workers, disk=vfs) as line:
        await _ask_in_turn(line, WARM_UP)
        vfs.syncs = 0
        await asyncio.gather(*(_ask_in_turn(line, each) for _ in range(askers)))
        syncs = vfs.syncs
    times = sorted(each_time for times in results for each_time in times)
    speeds = [len(times) / sum(times) for times in results]
    return Figure(
        security=security,
        askers=askers,
        workers=workers,
        questions=len(times),
        p50_ms=statistics.median(times) * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        questions_per_second=len(times) / seconds,
        fdatasyncs_per_question=syncs / len(times),
        slowest_to_fastest=min(speeds) / max(speeds),
        cpu_us=used / len(times) * 1e6,
    )


async def _ask_in_turn(line: BenchLine, count: int) -> list[float]:
    times = []
    for _ in range(count):
        started = time.perf_counter()
        accepted = await line.bridge.questions.ask(line.asker, QUESTION)
        question = await line.bridge.questions.ended(line.asker, accepted.question, PATIENCE)
        times.append(time.perf_counter() - started)
        if question.answer is None:
            raise RuntimeError(f"question {accepted.question.message.id} was not answered")
    return times


async def _lease(path: Path, settled: int) -> LeaseFigure:
    """Time a lease beside this many settled questions, which are copied from one that the line settled."""
    key = secrets.token_bytes(KEY_BYTES)
    async with open_bench_line(path, Security.ON, workers=1, seal_key=key) as line:
        await _ask_in_turn(line, 1)
    _multiply(path, settled)
    times = []
    async with open_bench_line(path, Security.ON, workers=0, seal_key=key) as line:
        for _ in range(LEASES):
            await line.bridge.questions.ask(THE_OWNER, QUESTION)
            started = time.perf_counter()
            lease = await line.store.lease(MEMORY_MAILBOX, "bench", PATIENCE)
            times.append(time.perf_counter() - started)
            await line.store.bury(lease, "timed")
    return LeaseFigure(settled, statistics.median(times) * 1000)


def _multiply(path: Path, settled: int) -> None:
    """Copy the one settled question so often, with its answer."""
    connection = apsw.Connection(str(path))
    connection.pragma("synchronous", "off")
    with connection:
        connection.execute(HISTORY, {"settled": settled})
    connection.close()


HISTORY = """
create temp table copies as
with recursive counter (n) as (select 1 where :settled > 0 union all select n + 1 from counter where n < :settled)
select n, printf('00%024d', n) as question, printf('01%024d', n) as answer from counter;
insert into message (id, conversation, sender, kind, body, sent_at, trace, hops, deadline_at)
select question, conversation, sender, kind, body, sent_at, question, hops, deadline_at
from copies, (select * from message where kind = 'question');
insert into message (id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, answer)
select copies.answer, conversation, sender, kind, body, sent_at, question, hops, question, first.answer
from copies, (select * from message where kind = 'answer') first;
insert into delivery (message_id, mailbox_id, position, state, deliveries, deadline_at, ended_at, answer_id)
select question, mailbox_id, position + n, state, deliveries, deadline_at, ended_at, answer
from copies, (select * from delivery);
update mailbox set last_position = last_position + :settled where name = 'memory';
drop table copies;
"""
