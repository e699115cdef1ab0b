"""What `bench transports` makes of what it measured: figures of clients, limits, the matrix."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmline.listen.addresses import Address, Via
from warmline.operations.bench_transports import load, table
from warmline.operations.bench_transports.figures import (
    AtOnce,
    Endured,
    Held,
    Killed,
    LineFigures,
    Rate,
    Side,
    Speed,
    TransportFigures,
    WayFigures,
)
from warmline.operations.bench_transports.plans import FULL, FULL_SPAWN, QUICK, QUICK_SPAWN
from warmline.operations.bench_transports.ways import Load, Subject, Target, Way
from warmline.operations.floor import Floor

KILLED = Killed(kills=10, lost=1, stuck=2, descriptors=3, processes=4, files=5, p50_seconds=0.5, longest_seconds=0.75)


def a_side(p50_us: float) -> Side:
    held = Held(processes=1, threads=3, descriptors=70, resident_bytes=50_000_000)
    return Side(
        connect_p50_us=80.0,
        processes_a_request=0.0,
        alone=replace(held, descriptors=6, resident_bytes=40_000_000),
        speeds={1024: Speed(3000, p50_us, 2 * p50_us), 1_048_576: Speed(100, 900.0, 1200.0)},
        rates={1: Rate(5000.0, 300.0, held), 64: Rate(9000.0, 800.0, held)},
        endured=Endured(100_000, 7, 100.0, 110.0, 0, 0, 1_500_000),
    )


def a_way(way: Way, p50_us: float, bare_p50_us: float | None) -> WayFigures:
    return WayFigures(
        way=way,
        side=a_side(p50_us),
        bare=None if bare_p50_us is None else a_side(bare_p50_us),
        at_once=AtOnce(1000, 998, 1.25),
        blocked_ms=2.5,
        server_killed=KILLED,
        client_killed=KILLED,
        told=12,
        kept=11,
    )


def some_figures(*, one_p50_ms: float = 0.9, many_per_second: float = 3000.0) -> TransportFigures:
    line = LineFigures(one_p50_ms, 2.0, many_per_second, 9.0, Floor(fdatasync_ms=0.1, commit_ms=0.2))
    ways = (a_way(Way.UNIX, 190.0, 20.0), a_way(Way.SHM, 250.0, 30.0), a_way(Way.SPAWN, 12_000.0, None))
    return TransportFigures(is_quick=False, ways=ways, line=line)


def row(lines: list[str], label: str) -> list[str]:
    found = next(line for line in lines if line.startswith(f"| {label}"))
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


def test_the_matrix_has_the_ten_rows_of_the_old_documents_and_a_column_for_each_way() -> None:
    lines = table.render(some_figures())
    assert [int(number) for line in lines for number in re.findall(r"^\| \*\*(\d+)\. ", line)] == [*range(1, 11)]
    cells = {line.count("|") for line in lines if line.startswith("|")}
    assert cells == {5}


def test_the_bare_transport_stands_in_brackets_and_a_spawned_process_has_none() -> None:
    lines = table.render(some_figures())
    assert row(lines, "1 KB") == ["190 / 380 (20 / 40)", "250 / 500 (30 / 60)", "12,000 / 24,000"]
    assert row(lines, "descriptors, with 64 clients") == ["70 (70)", "70 (70)", "70"]


def test_what_the_kills_left_is_told() -> None:
    lines = table.render(some_figures())
    assert row(lines, "the instance killed: lost")[0] == "1, 2 in 10 kills"
    assert row(lines, "&nbsp;&nbsp;left: descriptors")[0] == "3, 4, 5"
    assert row(lines, "a client killed: s,")[0] == "0.500 / 0.750"
    assert row(lines, "after a kill")[0] == "11 of 12"


@pytest.mark.parametrize(("p50_us", "is_met"), [(210.0, True), (210.1, False)])
def test_a_round_trip_may_take_three_bare_ones_and_150_us(p50_us: float, *, is_met: bool) -> None:
    way = a_way(Way.UNIX, p50_us, 20.0)
    assert way.ping_limit_us == 210.0
    lines = table.render(replace(some_figures(), ways=(way,)))
    assert next("not met" not in line for line in lines if line.startswith("- Unix socket")) is is_met


def test_a_process_a_question_has_no_bare_transport_to_be_compared_with() -> None:
    assert a_way(Way.SPAWN, 12_000.0, None).ping_limit_us is None


@pytest.mark.parametrize(
    ("one_p50_ms", "many_per_second", "missed"), [(1.0, 2750.0, 0), (1.01, 2750.0, 1), (1.0, 2749.0, 1)]
)
def test_the_line_is_judged_by_a_bare_commit_of_the_same_run(
    one_p50_ms: float, many_per_second: float, missed: int
) -> None:
    lines = table.render(some_figures(one_p50_ms=one_p50_ms, many_per_second=many_per_second))
    assert sum("client" in line and "not met" in line for line in lines if line.startswith("- ")) == missed


def test_a_quick_run_says_that_its_figures_are_not_to_be_quoted() -> None:
    assert "not to be quoted" in table.render(replace(some_figures(), is_quick=True))[0]
    assert "not to be quoted" not in "".join(table.render(some_figures()))


def test_a_program_gets_every_figure_with_its_unit_and_what_is_asked_of_it() -> None:
    said = json.loads(json.dumps(some_figures().as_json()))
    unix = said["ways"][0]
    assert unix["way"] == "unix"
    assert unix["side"]["speeds"]["1024"]["p50_us"] == 190.0
    assert unix["ping_limit_us"] == 210.0
    assert said["line"]["one_in_commits"] == pytest.approx(4.5)
    assert said["line"]["many_by_commit"] == pytest.approx(0.6)


@given(
    st.sampled_from(Subject),
    st.one_of(st.none(), st.builds(Address, st.sampled_from(Via), st.text(min_size=1))),
    st.one_of(st.none(), st.text()),
)
def test_a_load_is_read_as_it_was_written(subject: Subject, address: Address | None, token: str | None) -> None:
    told = Load(Target(subject, address, token), 8, 1000, 1024)
    assert load.read(load.written(told)) == told


def test_what_several_clients_saw_is_put_together() -> None:
    told = Load(Target(Subject.SPAWN), clients=2, requests=10, size=1024)
    first = [0.5, *(10.0 + number for number in range(11))]
    second = [0.7, *(12.0 + 2 * number for number in range(6))]
    seen = load.seen_by([first, second], told)
    assert (seen.requests, seen.failed) == (15, 5)
    assert (seen.seconds, seen.per_second) == (12.0, 15 / 12)
    assert (seen.p50_us, seen.p99_us) == (1e6, 2e6)
    assert seen.connect_p50_us == pytest.approx(0.6e6)


def test_the_full_run_measures_what_the_figures_are_asked_for() -> None:
    assert FULL.clients == FULL_SPAWN.clients == (1, 8, 64)
    assert [*FULL.speeds] == [*QUICK.speeds] == [*QUICK_SPAWN.speeds] == [1024, 64 * 1024, 1024 * 1024]
    assert (FULL.endured, FULL.at_once, len(FULL.moments)) == (100_000, 1000, 10)
