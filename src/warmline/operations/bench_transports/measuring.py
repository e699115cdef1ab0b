"""The whole of `bench transports`: every way in turn, then the line over one of them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from warmline.errors import InvalidInputError
from warmline.listen.addresses import Via
from warmline.operations.bench_transports import crowds, kills, sides, spawned, whole_line
from warmline.operations.bench_transports.driving import bare_server
from warmline.operations.bench_transports.figures import TransportFigures, WayFigures
from warmline.operations.bench_transports.instances import Killable, instant_instance, killable
from warmline.operations.bench_transports.moments import Moment
from warmline.operations.bench_transports.plans import FULL, FULL_SPAWN, QUICK, QUICK_SPAWN, Plan
from warmline.operations.bench_transports.sides import Served
from warmline.operations.bench_transports.ways import Subject, Target, Way

WORKERS = 4
STEPS_A_WAY = 4

OnStep = Callable[[str, int, int], None]
"""Told what is under way, how many steps are done, and of how many."""


def run(folder: Path | None, wanted: Collection[Way], *, is_quick: bool, on_step: OnStep) -> TransportFigures:
    """Measure the ways that are wanted in a temporary folder within `folder` (its disk counts for questions).

    Raises InvalidInputError where it cannot measure, DaemonError when a part of it does not start.
    """
    if sys.platform != "linux":
        raise InvalidInputError("`bench transports` measures shared memory and counts by /proc: it needs Linux")
    plan, spawn_plan = (QUICK, QUICK_SPAWN) if is_quick else (FULL, FULL_SPAWN)
    steps = _Steps(on_step, len(wanted) * STEPS_A_WAY + 1)
    with tempfile.TemporaryDirectory(prefix="warmline-bench-", dir=folder) as name:
        ways = [
            _spawn(spawn_plan, steps) if way is Way.SPAWN else _transport(Path(name), way, plan, steps)
            for way in Way
            if way in wanted
        ]
        steps.next("questions through the whole line")
        line = whole_line.measure(Path(name), plan)
    return TransportFigures(is_quick, tuple(ways), line)


class _Steps:
    def __init__(self, on_step: OnStep, count: int) -> None:
        self._on_step = on_step
        self._count = count
        self._done = -1

    def next(self, what: str) -> None:
        self._done += 1
        self._on_step(what, self._done, self._count)


def _transport(folder: Path, way: Way, plan: Plan, steps: _Steps) -> WayFigures:
    assert way.via is not None  # noqa: S101  # all but one have a transport
    within = folder / way
    within.mkdir()
    with (
        instant_instance(within, WORKERS) as instance,
        bare_server(way.via, within, max(plan.clients)) as (bare_pid, bare_address),
    ):
        address = instance.addresses[way.via]
        bare = Served(Target(Subject.BARE, bare_address), bare_pid)
        served = Served(Target(Subject.PING, address, instance.token), instance.pid)
        steps.next(f"{way}: how fast, beside the bare transport")
        side, bare_side = sides.measure([served, bare], plan)
        steps.next(f"{way}: {plan.at_once:,} at once")
        at_once = crowds.at_once(address, instance.token, plan.at_once)
        blocked_ms = crowds.blocked_ms(address, instance.token)
    with killable(within) as instance_to_kill:
        steps.next(f"{way}: the instance is killed")
        servers = _killed(kills.killed_server, instance_to_kill, way, plan)
        steps.next(f"{way}: clients are killed")
        clients = _killed(kills.killed_client, instance_to_kill, way, plan)
    return WayFigures(
        way=way,
        side=side,
        bare=bare_side,
        at_once=at_once,
        blocked_ms=blocked_ms,
        server_killed=kills.summed(servers),
        client_killed=kills.summed(clients),
        told=sum(each.told for each in (*servers, *clients)),
        kept=sum(each.kept for each in (*servers, *clients)),
    )


def _killed(
    kill: Callable[[Killable, Via, Moment], kills.Left], instance: Killable, way: Way, plan: Plan
) -> list[kills.Left]:
    assert way.via is not None  # noqa: S101  # as above
    return [kill(instance, way.via, moment) for moment in plan.moments]


def _spawn(plan: Plan, steps: _Steps) -> WayFigures:
    steps.next("a process a question: how fast")
    (side,) = sides.measure([Served(Target(Subject.SPAWN), None)], plan)
    steps.next(f"a process a question: {plan.at_once:,} at once")
    at_once, blocked_ms = spawned.at_once(plan.at_once), spawned.blocked_ms()
    steps.next("a process a question: its process is killed, then who started it")
    server_killed, client_killed = spawned.kill_at_moments(len(plan.moments))
    return WayFigures(
        way=Way.SPAWN,
        side=side,
        bare=None,
        at_once=at_once,
        blocked_ms=blocked_ms,
        server_killed=server_killed,
        client_killed=client_killed,
        told=0,
        kept=0,
    )
