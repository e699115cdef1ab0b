"""Claude Code: newest, which speaks 2026-07-28, and 2.1.197, which shakes hands in 2025-11-25."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from real_clients.running import PROMPT, TOKEN_VARIABLE, Errand, installed, run
from warmline.answerers.claude.environment import QUIET


@dataclass(frozen=True)
class Claude:
    """The program, by where it lies."""

    name: str

    def run(self, errand: Errand) -> subprocess.CompletedProcess[str]:
        door = errand.door
        over_http = {"type": "http", "url": door.url, "headers": {"Authorization": f"Bearer ${{{TOKEN_VARIABLE}}}"}}
        over_stdio = {"command": door.command[0], "args": door.command[1:]} if door.command else {}
        servers = errand.folder / "servers.json"
        servers.write_text(json.dumps({"mcpServers": {"warmline": over_stdio or over_http}}), "utf-8")
        options = ("--strict-mcp-config", "--setting-sources", "", "--no-session-persistence")
        command = (str(self.program()), "-p", PROMPT, "--mcp-config", str(servers), *options)
        environment = {**QUIET, "ANTHROPIC_BASE_URL": errand.model, "ANTHROPIC_API_KEY": "opens-nothing"}
        return run(
            (*command, "--allowedTools", "mcp__warmline"), errand.folder, {**environment, TOKEN_VARIABLE: door.token}
        )

    def program(self) -> Path:
        return installed("claude", "@anthropic-ai", "claude-code-*", "claude")


class NewestClaude(Claude):
    """The program that `scripts/fetch-agents.sh` fetches."""

    def program(self) -> Path:
        if "WARMLINE_CLAUDE" not in os.environ:
            pytest.skip("NOT TESTED: WARMLINE_CLAUDE names no program; `make test-clients` fetches one")
        return Path(os.environ["WARMLINE_CLAUDE"])
