"""The old way beside the new one, as `bench warm` measures them: each takes what the stated speeds add up to."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_line import Figure
from warmline.operations import bench_warm
from warmline.operations.bench_warm.figures import Pass, Way

QUESTIONS = 2
MEMORY_BYTES = 200_000

MOST = 1.1
"""Of the sum of the stated speeds: what may be measured."""


@pytest.mark.timeout(300)
def test_both_ways_take_what_the_stated_speeds_add_up_to(program: Path, figure: Figure) -> None:
    measured = bench_warm.run(program, questions=QUESTIONS, memory_bytes=MEMORY_BYTES, on_step=lambda *_: None)
    old, new = (measured.of(way, is_instant=False) for way in Way)
    of_old, of_new = old.figures(measured.prices), new.figures(measured.prices)
    figure("a question the old way", _told(of_old))
    figure("a question to a warm agent", _told(of_new))
    assert 1 <= (of_old["measured_to_stated"] or 0) <= MOST
    assert 1 <= (of_new["measured_to_stated"] or 0) <= MOST
    assert (of_old["questions_lost"], of_new["questions_lost"]) == (0, 0)
    assert of_new["citations_verified"] == of_new["citations"]
    assert (of_new["prompt_from_cache"] or 0) >= 0.95
    assert {len(each.turns) for each in new.asked} == {1}
    assert _started(old) >= QUESTIONS
    assert _started(new) == 0
    assert new.prepared.processes == len(["the daemon", "the guardian", "the worker"])
    assert (old.used.left_running, new.used.left_running) == (0, 0)


def _started(measured: Pass) -> int:
    return measured.used.processes


def _told(of: dict[str, float | None]) -> str:
    return (
        f"{of['response_p50_seconds']:.2f} s, {of['measured_to_stated']:.3f} of what was stated,"
        f" {of['processes_spawned']} processes, ${of['cost_dollars']:.4f}"
    )
