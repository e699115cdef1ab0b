"""`warmline demo --agent claude --simulate`: the whole path with the real program, and no key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OUTER = {
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "CLAUDE_CODE_SSE_PORT": "65001",
    "ANTHROPIC_API_KEY": "of-the-outer-agent",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "NODE_OPTIONS": "--require=/no/such/file",
    "WARMLINE_TOKEN": "of-another-home",
}


@pytest.mark.parametrize("environment", [{}, OUTER], ids=["from a shell", "from an agent"])
def test_the_demo_ends_well_with_the_real_program(tmp_path: Path, program: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warmline", "demo", "--json", "--agent", "claude", "--simulate", "--program", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=100,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path), **environment},
    )
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)["steps"]
    assert [step["exit_code"] for step in steps] == [0, 0, 0, 0, 3, 0, 0]
    for step in steps[2:4]:
        assert step["output"]["author"] == "claude"
        assert {each["status"] for each in step["output"]["citations"]} == {"verified"}
    assert list(tmp_path.iterdir()) == []
