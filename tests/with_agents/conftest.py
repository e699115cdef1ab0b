"""The real program, a simulated model, and a line between them. Collected only when WARMLINE_CLAUDE names the program.

What a test measures is noted with `figure`, printed at the end of the run, and kept in build/test-agents.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_line import AgentLine, Figure
from made_memory import Fact, make_memory
from model_process import ModelProcess

REPORT = Path(__file__).parents[2] / "build" / "test-agents.json"


@pytest.fixture(scope="session")
def program() -> Path:
    """The real program."""
    if "WARMLINE_CLAUDE" not in os.environ:
        pytest.skip("NOT TESTED: WARMLINE_CLAUDE names no program; `make test-agents` fetches one")
    path = Path(os.environ["WARMLINE_CLAUDE"])
    assert os.access(path, os.X_OK), f"WARMLINE_CLAUDE names no program: {path}"
    return path


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """Note what was measured, in words, under a name."""
    return lambda name, value: record_property("figure", (name, str(value)))


@pytest.fixture
def model() -> Iterator[ModelProcess]:
    """A simulated model that answers at once."""
    with ModelProcess("--instant") as running:
        yield running


@pytest.fixture
def facts(tmp_path: Path) -> list[Fact]:
    """What a small memory holds, which lies in `stations`."""
    return make_memory(tmp_path / "stations", 20_000)


@pytest.fixture
def idle_line(tmp_path: Path, program: Path, model: ModelProcess) -> Iterator[AgentLine]:
    """A line that is not configured and not started yet."""
    line = AgentLine(tmp_path, program, model.address)
    try:
        yield line
    finally:
        line.close()


@pytest.fixture
def line(idle_line: AgentLine, facts: list[Fact]) -> AgentLine:
    """A line whose only agent holds the small memory, and is up."""
    assert facts
    idle_line.begin_with(turn_limit_seconds=3)
    return idle_line


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    noted = [value for report in reports for name, value in report.user_properties if name == "figure"]
    if not noted:
        return
    figures = json.loads(REPORT.read_text("utf-8")) if REPORT.exists() else {}
    figures.update(noted)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    terminalreporter.section("measured with the real agents")
    width = max(map(len, figures))
    for name, value in figures.items():
        terminalreporter.write_line(f"{name:<{width}}  {value}")
