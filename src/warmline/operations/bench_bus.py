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
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import apsw

from warmline.app import working
from warmline.bridge.bridge import Bridge, open_bridge
from warmline.bridge.credentials import THE_OWNER
from warmline.clock import SystemClock
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.dispatch.timekeeper import Timekeeper
from warmline.model import MEMORY_MAILBOX, Citation, Claim, Draft, Message, Outcome, Recollection
from warmline.operations.floor import Floor, FloorMeter
from warmline.operations.syncs import COUNTING, CountingVfs
from warmline.security.seals import KEY_BYTES, Seals
from warmline.settings import BridgeSettings, DispatchSettings, StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore

PATIENCE = timedelta(seconds=60)
QUESTION = "Which port does the exporter listen on? " * 5
ANSWER = "x" * 1000
WARM_UP = 50
SEALS = Seals({1: secrets.token_bytes(KEY_BYTES)})
LEASES = 500


@dataclass(frozen=True, slots=True)
class Figure:
    """One shape of load."""

    askers: int
    workers: int
    questions: int
    p50_ms: float
    p99_ms: float
    questions_per_second: float
    fdatasyncs_per_question: float
    slowest_to_fastest: float


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
    leases: tuple[LeaseFigure, ...]

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program; names carry the units."""
        return asdict(self)


class _Instant:
    """Recall, verifier and answerer that cost nothing: what remains is the line itself."""

    name = "instant"

    async def passages(self, _question: str, _limit: int, _within: frozenset[str] | None = None) -> Recollection:
        return Recollection((), 1.0)

    async def verify(self, _claims: Sequence[Claim], _within: frozenset[str] | None = None) -> Sequence[Citation]:
        return ()

    async def answer(self, _question: Message, _recollection: Recollection) -> Draft:
        return Draft(Outcome.ANSWERED, ANSWER)


def run(folder: Path | None, *, questions: int, history: int, on_step: Callable[[str], None]) -> BusFigures:
    """Measure in a temporary folder within `folder` (its disk is what counts; default: where temporary files live).

    history is the number of settled messages beside which a lease is timed again; 0 leaves that out.
    """
    import uvloop  # noqa: PLC0415  # only the bench and the daemon pay for it

    with tempfile.TemporaryDirectory(prefix="warmline-bench-", dir=folder) as name:
        return uvloop.run(_run(Path(name), questions, history, on_step))


async def _run(folder: Path, questions: int, history: int, on_step: Callable[[str], None]) -> BusFigures:
    meter = FloorMeter(folder, rounds=300).slice()
    shapes = []
    for askers, workers in ((1, 1), (8, 4), (64, 8)):
        on_step(f"{askers} asker(s), {workers} worker(s)")
        shapes.append(await _shape(folder, askers, workers, questions))
        meter.slice()
    leases = []
    for settled in (0, history) if history else ():
        on_step(f"a lease beside {settled:,} settled messages")
        leases.append(await _lease(folder / f"history-{settled}.db", settled))
    return BusFigures(meter.floor(), tuple(shapes), tuple(leases))


def _bridge(store: SqliteStore, clock: SystemClock) -> Bridge:
    """Join a bridge with a store that is not open yet; nobody but the owner speaks here."""
    directory = SqliteDirectory(store.database)
    return open_bridge(store, directory, _Instant(), clock, settings=BridgeSettings(), owner_token=secrets.token_hex())


@asynccontextmanager
async def _line(path: Path, workers: int, vfs: str | None = None) -> AsyncIterator[Bridge]:
    clock = SystemClock()
    store = SqliteStore(path, StoreSettings(), clock, SEALS, vfs=vfs)
    bridge = _bridge(store, clock)
    await store.open()
    instant = _Instant()
    parts = Parts(store=store, recall=instant, verifier=instant, answerer=instant, clock=clock)
    settings = replace(DispatchSettings(), workers=workers)
    dispatcher = Dispatcher(parts, MEMORY_MAILBOX, settings, holder="bench", asked_to_leave=lambda: None)
    try:
        async with working(dispatcher, Timekeeper(store, clock)):
            yield bridge
    finally:
        await store.close()


async def _shape(folder: Path, askers: int, workers: int, questions: int) -> Figure:
    """Time one run, then count the syncs of another: counting takes time of its own."""
    each = max(1, questions // askers)
    async with _line(folder / f"{askers}x{workers}.db", workers) as bridge:
        await _ask_in_turn(bridge, WARM_UP)
        started = time.perf_counter()
        results = await asyncio.gather(*(_ask_in_turn(bridge, each) for _ in range(askers)))
        seconds = time.perf_counter() - started
    vfs = CountingVfs()
    async with _line(folder / f"{askers}x{workers}-counted.db", workers, COUNTING) as bridge:
        await _ask_in_turn(bridge, WARM_UP)
        vfs.syncs = 0
        await asyncio.gather(*(_ask_in_turn(bridge, each) for _ in range(askers)))
        syncs = vfs.syncs
    times = sorted(each_time for times in results for each_time in times)
    speeds = [len(times) / sum(times) for times in results]
    return Figure(
        askers=askers,
        workers=workers,
        questions=len(times),
        p50_ms=statistics.median(times) * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        questions_per_second=len(times) / seconds,
        fdatasyncs_per_question=syncs / len(times),
        slowest_to_fastest=min(speeds) / max(speeds),
    )


async def _ask_in_turn(bridge: Bridge, count: int) -> list[float]:
    times = []
    for _ in range(count):
        started = time.perf_counter()
        accepted = await bridge.questions.ask(THE_OWNER, QUESTION)
        question = await bridge.questions.wait(THE_OWNER, accepted.question.message.id, PATIENCE)
        times.append(time.perf_counter() - started)
        if question.answer is None:
            raise RuntimeError(f"question {accepted.question.message.id} was not answered")
    return times


async def _lease(path: Path, settled: int) -> LeaseFigure:
    """Time a lease beside this many settled questions, which are copied from one that the line settled."""
    async with _line(path, workers=1) as bridge:
        await _ask_in_turn(bridge, 1)
    _multiply(path, settled)
    clock = SystemClock()
    store = SqliteStore(path, StoreSettings(), clock, SEALS)
    bridge = _bridge(store, clock)
    await store.open()
    times = []
    try:
        for _ in range(LEASES):
            await bridge.questions.ask(THE_OWNER, QUESTION)
            started = time.perf_counter()
            lease = await store.lease(MEMORY_MAILBOX, "bench", PATIENCE)
            times.append(time.perf_counter() - started)
            await store.bury(lease, "timed")
    finally:
        await store.close()
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
