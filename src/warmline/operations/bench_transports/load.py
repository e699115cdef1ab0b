"""The clients of a measurement: `python -m warmline.operations.bench_transports.load` on standard input and output.

It reads one Load as a line of JSON, starts a process for each client, and says `connected` when all of them are, and
have made their first requests. With the next line it lets them go, and prints what they saw as JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import FileIO
from itertools import pairwise

from warmline.listen.addresses import Address, Via
from warmline.operations.bench_transports.clients import Client, open_client
from warmline.operations.bench_transports.ways import Load, Subject, Target

WARM_UP = 20
A_PART = 10
"""The first and the last tenth of each client's requests are told apart: does it slow down?"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What clients saw of their requests. failed of them had no reply, or a wrong one: a client ends with its first.

    connect_p50_us is until a client is connected, what it needs loaded before. seconds is from the first request until
    the last reply.
    """

    requests: int
    failed: int
    seconds: float
    p50_us: float
    p99_us: float
    first_p50_us: float
    last_p50_us: float
    connect_p50_us: float

    @property
    def per_second(self) -> float:
        """The rate of all clients together."""
        return self.requests / self.seconds


def written(load: Load) -> str:
    """Write a load as a line of JSON."""
    return json.dumps(asdict(load)) + "\n"


def read(line: str) -> Load:
    """Read it."""
    said = json.loads(line)
    target = said.pop("target")
    address = target["address"] and Address(Via(target["address"][0]), target["address"][1])
    return Load(Target(Subject(target["subject"]), address, target["token"]), **said)


def main() -> None:
    """Do what standard input says."""
    load = read(sys.stdin.readline())
    if load.target.subject in {Subject.PING, Subject.ASK}:
        open_client(load, 0).close()  # loads what a transport needs, which the clients are not to be timed with
    go_reading, go_writing = os.pipe()
    clients = [_start_client(load, number, go_reading, go_writing) for number in range(load.clients)]
    if not all(reading.read(1) for reading in clients):
        raise SystemExit("a client of the bench could not connect")
    print("connected", flush=True)  # noqa: T201  # who started it waits for this
    sys.stdin.readline()
    os.close(go_writing)
    seen = seen_by([array("d", reading.read()) for reading in clients], load)
    for _ in clients:
        os.wait()
    print(json.dumps(asdict(seen)), flush=True)  # noqa: T201  # as above


def seen_by(told: Sequence[Sequence[float]], load: Load) -> Seen:
    """Put together what each client told: how long it took to connect, and when its requests began and ended."""
    moments = [list(each[1:]) for each in told]
    times = [[after - before for before, after in pairwise(each)] for each in moments]
    part = max(1, load.requests // A_PART)
    every = sorted(time for each in times for time in each)
    if not every:
        raise SystemExit("no client of the bench had an answer: see above")
    return Seen(
        requests=len(every),
        failed=load.clients * load.requests - len(every),
        seconds=max(each[-1] for each in moments if each) - min(each[0] for each in moments if each),
        p50_us=statistics.median(every) * 1e6,
        p99_us=every[int(len(every) * 0.99)] * 1e6,
        first_p50_us=statistics.median([time for each in times for time in each[:part]]) * 1e6,
        last_p50_us=statistics.median([time for each in times for time in each[-part:]]) * 1e6,
        connect_p50_us=statistics.median(each[0] for each in told if each) * 1e6,
    )


def _start_client(load: Load, number: int, go_reading: int, go_writing: int) -> FileIO:
    """Fork a client; return what it writes: a byte when it is ready, then its times."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return FileIO(reading)
    os.close(reading)
    os.close(go_writing)
    status = 1
    try:
        with FileIO(writing, "w") as told:
            _be_client(load, number, go_reading, told)
        status = 0
    except Exception as error:  # noqa: BLE001  # a process of its own: nobody above it would hear of it
        print(f"a client of the bench: {error!r}", file=sys.stderr, flush=True)  # noqa: T201  # as above
    finally:
        os._exit(status)  # the parent's work is not the child's


def _be_client(load: Load, number: int, go: int, told: FileIO) -> None:
    began = time.perf_counter()
    client = open_client(load, number)
    times = array("d", [time.perf_counter() - began])
    for _ in range(min(WARM_UP, load.requests)):
        client.request()
    told.write(b"r")
    os.read(go, 1)
    try:
        _ask_in_turn(client, load.requests, times)
    finally:
        told.write(times.tobytes())
        client.close()


def _ask_in_turn(client: Client, requests: int, times: array[float]) -> None:
    times.append(time.perf_counter())
    for _ in range(requests):
        client.request()
        times.append(time.perf_counter())


if __name__ == "__main__":
    main()
