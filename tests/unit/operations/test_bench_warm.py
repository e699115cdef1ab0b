"""What `bench warm` makes of what it measured: its made-up memory, places in answers, costs, the table, the chart."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmline.errors import InvalidInputError
from warmline.operations import bench_warm
from warmline.operations.bench_warm import chart, old_way
from warmline.operations.bench_warm.figures import Asked, Pass, Prepared, Turn, Used, WarmFigures, Way, percentile
from warmline.operations.bench_warm.memory import Question, make
from warmline.operations.bench_warm.prices import LIST_PRICES
from warmline.operations.bench_warm.table import render

OLD_TURN = Turn(fresh=10_000, written_5m=4_000, written_1h=1_000, cached=2_000, output=100, stated_seconds=3.0)
NEW_TURN = Turn(fresh=100, written_5m=0, written_1h=0, cached=50_000, output=150, stated_seconds=3.3)


def a_pass(way: Way, turn: Turn, turns: int, times: tuple[float, ...], *, is_instant: bool = False) -> Pass:
    asked = tuple(Asked(seconds, (turn,) * turns, 1, 0, is_right=True) for seconds in times)
    return Pass(way, is_instant, asked, Used(7, 4.0, 300_000_000, 0), Prepared(0.0, (), 0))


def some_figures() -> WarmFigures:
    passes = [
        a_pass(way, turn, turns, times, is_instant=instant)
        for instant in (False, True)
        for way, turn, turns, times in (
            (Way.OLD, OLD_TURN, 6, (20.0, 21.0, 30.0)),
            (Way.NEW, NEW_TURN, 1, (3.4, 3.5, 3.6)),
        )
    ]
    return WarmFigures("2.1 (Claude Code)", "claude-opus-4-8", 1, 200_000, LIST_PRICES, tuple(passes))


@given(st.integers(0, 2**64), st.integers(5_000, 60_000), st.integers(1, 40))
def test_a_made_memory_is_the_same_for_the_same_seed_and_as_long_as_was_asked_for(
    seed: int, size: int, questions: int
) -> None:
    made = make(seed, size, questions)
    assert made == make(seed, size, questions)
    assert size <= len(made.text.encode()) <= size + 200
    assert len({question.text for question in made.questions}) == questions


@given(st.integers(0, 2**64))
def test_only_the_line_of_evidence_holds_all_words_of_a_question(seed: int) -> None:
    made = make(seed, 20_000, 5)
    lines = made.text.split("\n")
    for question in made.questions:
        manner, thing, place = re.findall(r"the (\w+) (\w+) in the (\w+)", question.text)[0]
        holding = [number for number, line in enumerate(lines, 1) if {manner, thing, place} <= set(line.split())]
        assert holding == [question.line]


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        ('/srv/a/memory.md:12-14 "It stood at 7."', [("/srv/a/memory.md", 12, 14)]),
        ("See memory.md:3-3, and notes/b.txt:40-41.", [("memory.md", 3, 3), ("notes/b.txt", 40, 41)]),
        ("not in the memory", []),
        ("at 12:30-13, in memory.md:5", [("12", 30, 13)]),
    ],
)
def test_sources_are_found_as_a_regular_expression_finds_them(answer: str, places: list[tuple[str, int, int]]) -> None:
    assert old_way.sources_in(answer) == places


@pytest.mark.parametrize(
    ("place", "right"),
    [
        (("/w/memory.md", 5, 5), True),
        (("/w/memory.md", 1, 5), True),
        (("/w/memory.md", 6, 9), False),
        (("/w/memory.md", 9, 1), False),
        (("/w/other.txt", 5, 5), False),
    ],
)
def test_a_question_is_lost_unless_a_source_holds_its_line(place: tuple[str, int, int], *, right: bool) -> None:
    assert Question("?", 5).is_found_at([place]) is right


def test_nothing_of_the_caller_s_environment_reaches_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    told = old_way.environment_of(Path("/h"), "http://127.0.0.1:1")
    assert "CLAUDECODE" not in told
    assert (told["HOME"], told["ANTHROPIC_BASE_URL"]) == ("/h", "http://127.0.0.1:1")


def test_the_cost_is_what_each_kind_of_token_costs() -> None:
    expected = (5_000 * 5 + 4_000 * 6.25 + 1_000 * 10 + 2_000 * 0.5 + 100 * 25) / 1e6
    assert LIST_PRICES.cost_dollars([OLD_TURN]) == pytest.approx(expected)
    assert LIST_PRICES.cost_dollars([OLD_TURN, OLD_TURN]) == pytest.approx(2 * expected)


@pytest.mark.parametrize(("part", "value"), [(0.5, 2), (0.99, 4), (0.01, 1), (1.0, 4)])
def test_a_percentile_is_one_of_the_values(part: float, value: float) -> None:
    assert percentile([3, 1, 4, 2], part) == value


def test_the_figures_of_a_pass_are_a_question_s() -> None:
    figures = a_pass(Way.OLD, OLD_TURN, 6, (20.0, 21.0, 31.0)).figures(LIST_PRICES)
    expected = {
        "response_p50_seconds": 21.0,
        "response_p99_seconds": 31.0,
        "stated_p50_seconds": 18.0,
        "measured_to_stated": 24 / 18,
        "questions_per_minute": 2.5,
        "model_turns": 6,
        "tokens_fresh": 60_000,
        "prompt_from_cache": 2 / 12,
        "processes_spawned": 7,
        "cpu_seconds": 4 / 3,
        "questions_lost": 0,
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)


def test_the_table_sets_both_ways_beside_each_other() -> None:
    lines = render(some_figures())
    assert max(map(len, lines)) <= 120
    row = next(line for line in lines if line.startswith("response time, p50"))
    assert row.split()[-6:] == ["21.00", "3.50", "6.0"] * 2
    assert next(line for line in lines if line.startswith("measured / stated")).split()[-3:] == ["1.061", "-", "-"]


def test_the_stated_speeds_add_up_to_the_parts_of_a_bar() -> None:
    assert chart.parts_of((OLD_TURN, OLD_TURN)) == pytest.approx((1.2, 20_000 / 6_000, 4_000 / 60_000, 200 / 80))


def test_the_chart_is_a_picture_that_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "chart.svg"
    chart.write(some_figures(), file)
    drawn = ET.fromstring(file.read_bytes())  # noqa: S314  # our own
    texts = {"".join(each.itertext()) for each in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert any(text.endswith("6.0 times as fast") for text in texts)
    assert {"measured: 21.0 s", "measured: 3.5 s", "first byte", "from the cache"} <= texts
    told = file.read_text("utf-8")
    assert re.search(r"(href|src|@import)[^>]{0,9}https?:", told) is None


@pytest.mark.parametrize("where", ["", "nowhere/chart.svg"])
def test_a_chart_that_could_not_be_written_is_refused_before_anything_is_measured(tmp_path: Path, where: str) -> None:
    with pytest.raises(InvalidInputError, match="no file that could be written"):
        chart.check(tmp_path / where)


def test_without_the_program_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInputError, match="there is no `claude` in PATH: install it"):
        bench_warm.find_program(None)
    with pytest.raises(InvalidInputError, match="claude is no program"):
        bench_warm.find_program(tmp_path / "claude")
