"""`bench transports` with real processes: the bare transports, clients, what is held and killed, and a quick run."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from warmline.errors import DaemonError
from warmline.listen.addresses import Address, Via
from warmline.operations.bench_transports import spawned
from warmline.operations.bench_transports.driving import bare_server, loaded
from warmline.operations.bench_transports.held import ends_within, held_by, lasting, seconds_until
from warmline.operations.bench_transports.lines import connect
from warmline.operations.bench_transports.plans import QUICK_SPAWN
from warmline.operations.bench_transports.sides import Served, measure
from warmline.operations.bench_transports.ways import Load, Subject, Target

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shared memory, and it counts by /proc")


@pytest.mark.parametrize("via", Via)
def test_a_bare_transport_brings_lines_of_any_size_back_to_each_of_its_clients(via: Via, tmp_path: Path) -> None:
    with bare_server(via, tmp_path, clients=2) as (_, address):
        exchanges = [connect(address, number) for number in range(2)]
        for size in (1, 1024, 65_536, 1_048_576):
            for number, exchange in enumerate(exchanges):
                line = str(number).encode() * size + b"\n"
                assert exchange.exchange(line) == line
        for exchange in exchanges:
            exchange.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("via", Via)
def test_a_bare_server_lets_go_of_a_client_that_left(via: Via, tmp_path: Path) -> None:
    with bare_server(via, tmp_path, clients=1) as (pid, address):
        before = held_by([pid]).descriptors
        exchange = connect(address, 0)
        exchange.exchange(b"here\n")
        assert held_by([pid]).descriptors > before
        exchange.close()
        assert seconds_until(lambda: held_by([pid]).descriptors == before, 5) is not None


def test_what_is_opened_for_a_moment_is_not_counted_as_kept() -> None:
    looks = count()
    assert lasting(lambda: 7 + next(looks) % 3) == 7
    assert lasting(lambda: 8 - (next(looks) % 5 == 0)) == 7


def test_each_client_is_a_process_and_its_requests_are_all_counted(tmp_path: Path) -> None:
    with (
        bare_server(Via.UNIX, tmp_path, clients=3) as (pid, address),
        loaded(Load(Target(Subject.BARE, address), clients=3, requests=50, size=1024)) as waiting,
    ):
        assert held_by([waiting.pid]).processes == 4
        assert held_by([pid]).descriptors >= 3
        seen = waiting.go()
    assert (seen.requests, seen.failed) == (150, 0)
    assert 0 < seen.p50_us <= seen.p99_us


def test_clients_that_cannot_connect_end_the_bench(tmp_path: Path) -> None:
    nowhere = Target(Subject.BARE, Address(Via.UNIX, str(tmp_path / "nobody")))
    with pytest.raises(DaemonError, match="could not connect"), loaded(Load(nowhere, 1, 1, 1024)):
        pass


def test_a_process_a_question_is_counted_with_what_it_holds() -> None:
    (side,) = measure([Served(Target(Subject.SPAWN), None)], QUICK_SPAWN)
    assert side.processes_a_request == pytest.approx(1, abs=0.2)  # one that ends within a look at the table is not seen
    assert side.connect_p50_us is None
    held = side.rates[8].held
    assert (held.processes, held.threads) == (8, 8)
    assert held.resident_bytes > 8_000_000
    assert side.endured.failed == 0


def test_killing_the_process_of_a_question_loses_it_and_killing_the_loop_too() -> None:
    served, asked = spawned.kill_at_moments(2)
    assert (served.kills, asked.kills) == (2, 2)
    assert served.lost >= 1
    assert asked.lost >= 1
    assert served.processes == asked.processes == 0


def test_the_end_of_a_process_is_seen_and_one_that_lives_on_is_not_taken_for_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        assert not ends_within(program.pid, 0)
        program.kill()
        assert ends_within(program.pid, 5)
    assert ends_within(program.pid, 0)


def test_a_quick_run_measures_its_ways_and_nothing_is_lost_or_left(tmp_path: Path) -> None:
    ways = [word for way in ("unix", "spawn") for word in ("--only", way)]  # all five take a minute of two processors
    command = [sys.executable, "-m", "warmline", "bench", "transports", "--quick", "--json", "--folder", str(tmp_path)]
    done = subprocess.run(
        [*command, *ways],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["is_quick"]
    assert [way["way"] for way in said["ways"]] == ["unix", "spawn"]
    for way in said["ways"][:-1]:
        assert way["at_once"]["answered"] == way["at_once"]["asked"] == 32
        assert way["side"]["processes_a_request"] == 0
        assert way["side"]["endured"]["failed"] == way["bare"]["endured"]["failed"] == 0
        assert way["side"]["endured"]["more_descriptors"] <= 0
        assert 0 < way["kept"] == way["told"]
        for killed in (way["server_killed"], way["client_killed"]):
            left = {name: killed[name] for name in ("lost", "stuck", "descriptors", "processes", "files")}
            assert left == dict.fromkeys(left, 0)
    assert said["line"]["one_in_commits"] > 0
    assert list(tmp_path.iterdir()) == []
