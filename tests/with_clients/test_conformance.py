"""The protocol's own conformance suite, against the line as it is."""

from __future__ import annotations

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
        "server-stateless",
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


@pytest.mark.parametrize(
    ("version", "scenario"), [(version, each) for version, scenarios in APPLYING.items() for each in scenarios]
)
def test_the_line_passes_every_scenario_that_applies(line: ClientsLine, version: str, scenario: str) -> None:
    node = installed("node", "node-*", "bin", "node")
    program = installed("conformance", "@modelcontextprotocol", "conformance", "dist", "index.js")
    with showing(line.door("http").token, line.port) as address:
        words = ("--url", f"{address}/mcp", "--scenario", scenario, "--spec-version", version)
        done = run((str(node), str(program), "server", *words), line.folder, {})
    assert done.returncode == 0, (done.stdout[-4000:], done.stderr[-2000:])
    assert "0 failed" in done.stdout, done.stdout[-2000:]
