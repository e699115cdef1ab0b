"""`bench mcp` on a real daemon, in small."""

from __future__ import annotations

from pathlib import Path

from warmline.operations import bench_mcp


def test_it_tells_calls_a_second_and_the_searchs_own_time(tmp_path: Path) -> None:
    steps: list[str] = []
    figures = bench_mcp.run(tmp_path, megabytes=1, clients=2, calls=100, on_step=steps.append)
    assert figures.text_bytes >= 1_000_000
    assert figures.calls_per_second > 0
    assert 0 < figures.p50_ms <= figures.p99_ms
    assert figures.search_p50_ms > 0
    assert len(steps) == 2 + bench_mcp.ROUNDS
    assert list(tmp_path.iterdir()) == []
