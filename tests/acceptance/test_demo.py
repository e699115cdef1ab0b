"""`warmline demo`: the whole journey in a throw-away home, after which nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from stand_in_agent import installed

ELSEWHERE = {"WARMLINE_TOKEN": "of-another-home", "WARMLINE_HOME": "/no/such/home"}


def demo(folder: Path, *words: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Run it with all that it makes below a folder; return its exit code and its steps."""
    done = subprocess.run(
        [sys.executable, "-m", "warmline", "demo", "--json", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "TMPDIR": str(folder), **environment},
    )
    return done.returncode, json.loads(done.stdout)["steps"]


def left_of(folder: Path) -> list[str]:
    """Return the files in the folder, and the processes that know of it by their arguments or environment."""
    files = [str(path) for path in folder.rglob("*")]
    wanted = str(folder).encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if wanted in known:
            files.append((process / "cmdline").read_text().replace("\0", " "))
    return files


def test_the_journey_without_agents_ends_well_and_leaves_nothing(tmp_path: Path) -> None:
    code, steps = demo(tmp_path, **ELSEWHERE)
    assert code == 0
    assert [step["exit_code"] for step in steps] == [0, 0, 0, 3, 0, 0]
    assert left_of(tmp_path) == []


def test_an_agents_journey_is_through_its_program_and_leaves_nothing(tmp_path: Path) -> None:
    program = installed(tmp_path.parent)
    code, steps = demo(tmp_path, "--agent", "claude", "--simulate", "--program", str(program))
    assert [step["command"][:2] for step in steps[:3]] == [["memory", "add"], ["agents", "add"], ["ask", "--agent"]]
    added = steps[1]["output"]
    assert added["tested"]["ok"]
    assert added["agent"]["provider"].startswith("127.0.0.1:")
    assert steps[2]["output"]["author"] == "claude"
    assert [each["status"] for each in steps[2]["output"]["citations"]] == ["verified"]
    # The stand-in finds an answer to everything: the demo notices, and stops there.
    assert (code, [step["exit_code"] for step in steps]) == (1, [0, 0, 0, 0, 0])
    assert left_of(tmp_path) == []


def test_an_agent_that_does_not_answer_ends_the_journey(tmp_path: Path) -> None:
    program = tmp_path.parent / "broken"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    code, steps = demo(tmp_path, "--agent", "claude", "--simulate", "--program", str(program))
    assert (code, [step["exit_code"] for step in steps]) == (1, [0, 1])
    assert left_of(tmp_path) == []


def test_what_is_about_an_agent_wants_one() -> None:
    for option in ("--simulate", "--yes", "--program=/opt/claude"):
        done = subprocess.run(
            [sys.executable, "-m", "warmline", "demo", option], capture_output=True, timeout=30, check=False
        )
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
        assert b"name one by --agent claude" in done.stderr
