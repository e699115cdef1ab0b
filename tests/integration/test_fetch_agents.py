"""Fetching the program of `make test-agents`: once, the pinned one or none, and loudly when it is not to be had."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "fetch-agents.sh"
VERSION, SDK = re.findall(r"(?<=^version=)\S+|(?<=claude-agent-sdk==)\S+", SCRIPT.read_text("ascii"), re.MULTILINE)


def run(cache: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run with an empty cache and without any index, whatever is configured here."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "WARMLINE_CLAUDE"))},
        "XDG_CACHE_HOME": str(cache),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(cache / "links"),
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def left_in(cache: Path) -> list[str]:
    return [path.name for path in (cache / "warmline-agents").iterdir()]


def test_without_an_index_it_says_so_loudly_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, str(SCRIPT))
    assert (done.returncode, done.stdout) == (69, "")
    assert "COULD NOT BE FETCHED" in done.stderr
    assert left_in(tmp_path) == []


def test_make_test_agents_then_says_that_nothing_was_tested(tmp_path: Path) -> None:
    done = run(tmp_path, "make", "--old-file", ".venv/tested", "test-agents")
    assert done.returncode == 0, done
    assert "NOT TESTED" in done.stdout


def test_another_program_under_the_same_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    wheel = tmp_path / "links" / f"claude_agent_sdk-{SDK}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as written:
        written.writestr("claude_agent_sdk/_bundled/claude", "#!/bin/sh\necho another\n")
    done = run(tmp_path, str(SCRIPT))
    assert (done.returncode, done.stdout) == (1, ""), done
    assert "NOT the pinned" in done.stderr
    assert left_in(tmp_path) == []
    assert run(tmp_path, "make", "--old-file", ".venv/tested", "test-agents").returncode != 0


def test_what_was_fetched_before_is_not_fetched_again(tmp_path: Path) -> None:
    program = tmp_path / "warmline-agents" / f"claude-{VERSION}" / "claude"
    program.parent.mkdir(parents=True)
    program.touch(0o700)
    done = run(tmp_path, str(SCRIPT))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{program}\n", "")


@pytest.mark.parametrize("name", ["https:", "http:"])
def test_no_address_of_an_index_stands_in_the_script(name: str) -> None:
    assert name not in SCRIPT.read_text("ascii")
