"""Killing one side of a connection at each of the moments, and looking at what that leaves behind."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address, Via
from warmline.listen.transports import connect_channel
from warmline.operations.bench_transports.driving import program
from warmline.operations.bench_transports.figures import Killed
from warmline.operations.bench_transports.held import lasting, seconds_until
from warmline.operations.bench_transports.instances import Killable
from warmline.operations.bench_transports.moments import STEP_SECONDS, Moment, Talk

LIMIT_SECONDS = 5.0
"""Who has noticed nothing until then is stuck, and what is still held is leaked."""


@dataclass(frozen=True, slots=True)
class Left:
    """What one kill left behind. told of the questions' tickets were told before; of these, kept came again."""

    seconds: float
    lost: int
    is_stuck: bool
    descriptors: int
    processes: int
    files: int
    told: int
    kept: int


def killed_server(instance: Killable, via: Via, moment: Moment) -> Left:
    """Kill the instance while a client has come so far, start it again, and ask again."""
    address, ids, files = instance.addresses[via], _ids(moment), instance.files(via)
    with program("victim") as victim:
        tickets = _walk(victim, address, instance.token, moment, ids)
        began = time.monotonic()
        is_gone = instance.kill()
        instance.start()
        with _talking(address, instance.token) as talk:
            seconds = time.monotonic() - began
            again = [_again(talk, each) for each in ids]
        noticed = _read(victim)
    return Left(
        seconds=seconds,
        lost=sum(each is None for each in again),
        is_stuck=noticed["noticed"] is None or noticed["noticed"] - began > LIMIT_SECONDS,
        descriptors=noticed["descriptors"],
        processes=0 if is_gone else 1,
        files=len(instance.files(via) - files),
        told=len(tickets),
        kept=len(tickets & set(again)),
    )


def killed_client(instance: Killable, via: Via, moment: Moment) -> Left:
    """Kill a client that has come so far, and see whether the instance lets go, and serves others."""
    address, ids, files = instance.addresses[via], _ids(moment), instance.files(via)
    with _talking(address, instance.token) as talk:
        before = lasting(instance.descriptors)
        with program("victim") as victim:
            tickets = _walk(victim, address, instance.token, moment, ids)
            began = time.monotonic()
            victim.kill()
            victim.wait()
        seconds_until(lambda: instance.descriptors() <= before and instance.files(via) <= files, LIMIT_SECONDS)
        is_served = _is_served(talk)
        seconds = time.monotonic() - began
        again = [_again(talk, each) for each in ids] if is_served else [None for _ in ids]
        return Left(
            seconds=seconds,
            lost=sum(each is None for each in again),
            is_stuck=not is_served,
            descriptors=_kept(instance, before),
            processes=0,
            files=len(instance.files(via) - files),
            told=len(tickets),
            kept=len(tickets & set(again)),
        )


def summed(turns: Sequence[Left]) -> Killed:
    """Put the kills of one side together."""
    return Killed(
        kills=len(turns),
        lost=sum(each.lost for each in turns),
        stuck=sum(each.is_stuck for each in turns),
        descriptors=sum(each.descriptors for each in turns),
        processes=sum(each.processes for each in turns),
        files=sum(each.files for each in turns),
        p50_seconds=statistics.median(each.seconds for each in turns),
        longest_seconds=max(each.seconds for each in turns),
    )


@contextmanager
def _talking(address: Address, token: str) -> Iterator[Talk]:
    """Connect, and be known: a client that has said nothing may have to make room for another."""
    channel = connect_channel(address, STEP_SECONDS)
    try:
        talk = Talk(channel, token)
        talk.ping()
        yield talk
    finally:
        channel.close()


def _walk(victim: subprocess.Popen[str], address: Address, token: str, moment: Moment, ids: list[str]) -> set[str]:
    """Have a client come as far as the moment; return the tickets it was told."""
    assert victim.stdin is not None  # noqa: S101  # asked for
    victim.stdin.write(json.dumps({"url": str(address), "token": token, "moment": moment, "ids": ids}) + "\n")
    victim.stdin.flush()
    return set(_read(victim)["tickets"])


def _read(victim: subprocess.Popen[str]) -> dict[str, Any]:
    assert victim.stdout is not None  # noqa: S101  # asked for
    said = victim.stdout.readline()
    if not said:
        raise DaemonError("a client of the bench ended before its time: see above")
    read: dict[str, Any] = json.loads(said)
    return read


def _again(talk: Talk, question_id: str) -> str | None:
    """Ask again by the same id; return the ticket of the answer, or None when there is none."""
    try:
        said = talk.answer(question_id)
    except (OSError, EOFError, DisconnectedError):
        return None
    return said["ticket"] if said["type"] == "response" else None


def _is_served(talk: Talk) -> bool:
    try:
        talk.ping()
    except (OSError, EOFError, DisconnectedError):
        return False
    return True


def _kept(instance: Killable, before: int) -> int:
    """Return how many more descriptors it keeps, when it has had the time to let go of them."""
    seconds_until(lambda: instance.descriptors() <= before, LIMIT_SECONDS)
    return max(0, lasting(instance.descriptors) - before)


def _ids(moment: Moment) -> list[str]:
    return [uuid.uuid4().hex for _ in range(moment.questions)]
