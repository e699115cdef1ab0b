"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from real_home import RealHome

# How long an example takes says how busy the machine is, and nothing of the code.
# The examples of `make test` are the same each time, so that a change is judged by what it changes; `make explore`
# tries ever new ones.
settings.register_profile("line", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("explore", settings.get_profile("line"), derandomize=False, max_examples=300)
settings.load_profile(os.environ.get("WARMLINE_HYPOTHESIS", "line"))

# A shell has what it runs in the background ignore interrupts, and programs hand that on to theirs: those that tests
# interrupt would not hear of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).parent.parent

WITH_PROGRAMS = {
    "with_agents": ("WARMLINE_CLAUDE", "the real Claude Code. `make test-agents`"),
    "with_clients": ("WARMLINE_CLIENTS", "real programs that speak MCP. `make test-clients`"),
}
"""Programs of third parties: the variable that names them, and what fetches them."""

collect_ignore = [folder for folder, (variable, _) in WITH_PROGRAMS.items() if not os.environ.get(variable)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    for folder in collect_ignore:
        terminalreporter.write_line(f"Not among these: tests/{folder}, with {WITH_PROGRAMS[folder][1]}")


@pytest.fixture(scope="session", autouse=True)
def _runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no instance of a test, nor its processes, listen in the user's own runtime folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture
def real_home(tmp_path: Path) -> Iterator[RealHome]:
    home = RealHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A small memory of two files."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "exporter.md").write_text(
        "# The exporter\n\nThe exporter listens on port 9187.\nIt reads the controllers every 15 seconds.\n",
        encoding="utf-8",
    )
    (folder / "garden.txt").write_text(
        "The spare key of the shed hangs behind the blue watering can.\nBeds are watered at four in the morning.\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def shared() -> Path:
    """The data that is there for developers and not for users; a test without it is skipped, loudly."""
    folder = Path(os.environ.get("WARMLINE_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data" / "recall").is_dir():
        pytest.skip(f"NOT TESTED: {folder} is absent, and this test needs its questions")
    return folder
