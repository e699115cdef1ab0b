"""`bench bus` beside a history of settled questions."""

from __future__ import annotations

from pathlib import Path

from warmline.operations import bench_bus
from warmline.operations.bench_parts import Security


def test_leases_are_timed_beside_none_and_beside_a_history_of_settled_questions(tmp_path: Path) -> None:
    steps: list[str] = []
    figures = bench_bus.run(tmp_path, [Security.ON], questions=8, history=100, on_step=steps.append)
    assert [figure.settled for figure in figures.leases] == [0, 100]
    assert all(figure.p50_ms > 0 for figure in figures.leases)
    assert steps[-1] == "a lease beside 100 settled messages"
