"""Questions through the whole line over the Unix socket: durable, sealed, audited, with a scripted answerer."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from warmline.listen.addresses import Via
from warmline.operations.bench_transports.driving import loaded
from warmline.operations.bench_transports.figures import LineFigures
from warmline.operations.bench_transports.instances import instant_instance
from warmline.operations.bench_transports.load import Seen
from warmline.operations.bench_transports.plans import Plan
from warmline.operations.bench_transports.ways import Load, Subject, Target
from warmline.operations.floor import FloorMeter

MANY, MANY_WORKERS = 8, 4
QUESTION_BYTES = 200


def measure(folder: Path, plan: Plan) -> LineFigures:
    """Ask by one client and one worker and by eight clients and four workers, in turn; each client is a process.

    Of several rounds the figures are the medians.
    """
    meter = FloorMeter(folder, plan.floor_rounds).slice()
    one, many = [], []
    for number in range(plan.line_rounds):
        one.append(_asked(folder / f"one {number}", 1, 1, plan.questions))
        meter.slice()
        many.append(_asked(folder / f"many {number}", MANY, MANY_WORKERS, plan.many_questions // MANY))
        meter.slice()
    return LineFigures(
        one_p50_ms=median(each.p50_us for each in one) / 1000,
        one_p99_ms=median(each.p99_us for each in one) / 1000,
        many_per_second=median(each.per_second for each in many),
        many_p99_ms=median(each.p99_us for each in many) / 1000,
        floor=meter.floor(),
    )


def _asked(folder: Path, clients: int, workers: int, requests: int) -> Seen:
    folder.mkdir()
    with instant_instance(folder, workers) as instance:
        target = Target(Subject.ASK, instance.addresses[Via.UNIX], instance.token)
        with loaded(Load(target, clients, requests, QUESTION_BYTES)) as waiting:
            return waiting.go()
