"""Measuring serving sides: how fast each is, what it holds for its clients, what many requests do to it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warmline.operations.bench_transports.driving import loaded
from warmline.operations.bench_transports.figures import Endured, Held, Rate, Side, Speed
from warmline.operations.bench_transports.held import held_by, seconds_until
from warmline.operations.bench_transports.load import Seen
from warmline.operations.bench_transports.plans import KB, Plan
from warmline.operations.bench_transports.spawned import held_by_spawned
from warmline.operations.bench_transports.ways import Load, Target
from warmline.operations.bench_warm.watch import Watch, descendants

ENDURING_CLIENTS = 8
LEVEL_SECONDS = 5.0
"""Within which a serving side has let go of what it held for clients that left."""


@dataclass(frozen=True, slots=True)
class Served:
    """What is measured: where it is reached, and the process that serves; None where one is started a request."""

    target: Target
    pid: int | None

    def held(self, clients: int = 0) -> Held:
        """Look at what it holds now, for so many clients."""
        return held_by_spawned(clients) if self.pid is None else held_by([self.pid])


def measure(served: Sequence[Served], plan: Plan) -> list[Side]:
    """Measure serving sides of one way, in turn where times are compared."""
    alone = [each.held() for each in served]
    speeds, connects = _speeds(served, plan)
    sides = []
    for each, before, by_size, connect in zip(served, alone, speeds, connects, strict=True):
        rates, started = _rates(each, plan)
        sides.append(
            Side(
                connect_p50_us=None if each.pid is None else connect,
                processes_a_request=started,
                alone=before,
                speeds=by_size,
                rates=rates,
                endured=_endured(each, plan),
            )
        )
    return sides


def _speeds(served: Sequence[Served], plan: Plan) -> tuple[list[Mapping[int, Speed]], list[float]]:
    """Return the speeds by size of each, and how long it took one client to connect."""
    found: list[dict[int, list[Seen]]] = [{size: [] for size in plan.speeds} for _ in served]
    for _ in range(plan.rounds):
        for size, requests in plan.speeds.items():
            for each, seen in zip(served, found, strict=True):
                seen[size].append(_run(Load(each.target, 1, requests, size)))
    speeds = [{size: _speed(rounds) for size, rounds in seen.items()} for seen in found]
    connects = [statistics.median(each.connect_p50_us for rounds in seen.values() for each in rounds) for seen in found]
    return [*speeds], connects


def _speed(rounds: Sequence[Seen]) -> Speed:
    return Speed(
        requests=sum(each.requests for each in rounds),
        p50_us=statistics.median(each.p50_us for each in rounds),
        p99_us=statistics.median(each.p99_us for each in rounds),
    )


def _rates(served: Served, plan: Plan) -> tuple[Mapping[int, Rate], float]:
    """Return the rates by clients, and the processes started a request."""
    rates, started, asked = {}, 0, 0
    for clients in plan.clients:
        load = Load(served.target, clients, max(1, plan.rate_requests // clients), KB)
        with loaded(load) as waiting:
            held = served.held(clients)
            watch = Watch([])
            watch.count(key for pid in (waiting.pid, served.pid) if pid for key in descendants(pid))
            with watch.running():
                seen = waiting.go()
        rates[clients] = Rate(seen.per_second, seen.p99_us, held)
        started, asked = started + watch.processes, asked + seen.requests
    return rates, started / asked


def _endured(served: Served, plan: Plan) -> Endured:
    """Make many requests in turn. Clients that leave may take their time to be noticed."""
    before = served.held()
    clients = min(ENDURING_CLIENTS, max(plan.clients))
    seen = _run(Load(served.target, clients, plan.endured // clients, KB))
    seconds_until(lambda: served.held().descriptors <= before.descriptors, LEVEL_SECONDS)
    after = served.held()
    return Endured(
        requests=seen.requests,
        failed=seen.failed,
        first_p50_us=seen.first_p50_us,
        last_p50_us=seen.last_p50_us,
        more_processes=after.processes - before.processes,
        more_descriptors=after.descriptors - before.descriptors,
        more_resident_bytes=after.resident_bytes - before.resident_bytes,
    )


def _run(load: Load) -> Seen:
    with loaded(load) as waiting:
        return waiting.go()
