"""The protocol's own conformance suite, against the line as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from real_clients.line import ClientsLine
from real_clients.running import installed, run
from real_clients.showing import showing

APPLYING = {
    "2025-11-25": (
        "server-initialize",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    ),
    "2026-07-28": (
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "sep-2164-resource-not-found",
        "http-header-validation",
        "caching",
    ),
}
"""Scenarios that ask for nothing but what any server has; the others want fixtures."""


REQUIRED = {"2025-11-25": 30, "2026-07-28": 33}
"""How many scenarios a version requires of a server, at least."""

FIXTURES = Path(__file__).parents[1] / "suite_daemon.py"


@pytest.fixture(autouse=True)
def suite() -> Sequence[str]:
    """The suite's program, looked for before a line is started."""
    node = installed("node", "node-*", "bin", "node")
    return str(node), str(installed("conformance", "@modelcontextprotocol", "conformance", "dist", "index.js"))


def conformance(suite: Sequence[str], line: ClientsLine, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the suite against a line."""
    with showing(line.door("http").token, line.port) as address:
        return run((*suite, "server", "--url", f"{address}/mcp", *words), line.folder, {})


@pytest.mark.parametrize(
    ("version", "scenario"), [(version, each) for version, scenarios in APPLYING.items() for each in scenarios]
)
def test_the_line_passes_every_scenario_that_applies(
    suite: Sequence[str], line: ClientsLine, version: str, scenario: str
) -> None:
    done = conformance(suite, line, "--scenario", scenario, "--spec-version", version)
    assert done.returncode == 0, (done.stdout[-4000:], done.stderr[-2000:])
    passed, tried = map(int, re.findall(r"Passed: (\d+)/(\d+)", done.stdout)[-1])
    assert passed == tried, done.stdout[-2000:]


@pytest.mark.parametrize("version", APPLYING)
def test_with_the_suites_fixtures_all_that_a_version_requires_is_passed(
    suite: Sequence[str], tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version == "2025-11-25":
        monkeypatch.setenv("SUITE_SESSIONS", "1")
    line = ClientsLine(tmp_path, program=(sys.executable, str(FIXTURES), "--home", str(tmp_path / "home")))
    try:
        done = conformance(suite, line, "--requirements", version)
    finally:
        line.close()
    assert done.returncode == 0, (done.stdout[-6000:], done.stderr[-2000:])
    said = re.sub(r"\x1b\[\d+m", "", done.stdout)
    passed, failed = (set(re.findall(rf"(?m)^{mark} ([\w-]+):", said)) for mark in "✓✗")
    assert len(passed) >= REQUIRED[version], said[-6000:]
    assert all(name.startswith("tasks-") for name in failed), failed  # an extension, which no version requires
