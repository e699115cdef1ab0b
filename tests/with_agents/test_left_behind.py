"""A child that the agent's shell tool left in a session of its own, daemonised, ends with the worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_line import AgentLine, is_verified, until
from kinship import family, left_after
from made_memory import Fact
from model_process import ModelProcess
from warmline.warm.processes import Key

ORPHAN_SECONDS = 5

LEAVE = """
(setsid sleep 86399 </dev/null >/dev/null 2>&1 &)
(setsid env -i sleep 86398 </dev/null >/dev/null 2>&1 &)
echo left
"""
"""One that keeps its environment, and one that clears it."""


def _restart(line: AgentLine) -> None:
    line.client().call("POST", "/v1/agents/claude/restart")


def _kill_the_worker(line: AgentLine) -> None:
    os.kill(line.workers()[0]["pid"], signal.SIGKILL)


def _kill_the_guardian(line: AgentLine) -> None:
    os.kill(line.guardian().pid, signal.SIGKILL)


ENDS: dict[str, Callable[[AgentLine], object]] = {
    "the worker is restarted": _restart,
    "the worker is killed": _kill_the_worker,
    "the guardian is killed": _kill_the_guardian,
    "the daemon is killed": AgentLine.kill,
    "the daemon leaves": AgentLine.stop,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_what_an_agent_left_behind_ends_with_it(
    idle_line: AgentLine, model: ModelProcess, facts: list[Fact], end: Callable[[AgentLine], object]
) -> None:
    idle_line.begin_with(tools=["Bash"])
    model.fail(
        {"kind": "reply", "tool": "Bash", "input": {"command": LEAVE}, "containing": facts[0].question, "times": 1}
    )
    assert is_verified(idle_line.answer(idle_line.ask(facts[0].question)))
    left = until(lambda: found if len(found := sleeping(idle_line)) == 2 else None, 5, what="two left behind")
    assert all(os.getsid(key.pid) == key.pid for key in left)
    end(idle_line)
    assert left_after(left, ORPHAN_SECONDS) == set()


def sleeping(line: AgentLine) -> set[Key]:
    return {key for key in family(line.daemon) if _command(key.pid).startswith(b"sleep\x008639")}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_tool_that_the_plan_does_not_name_is_not_run_and_the_question_is_answered(
    line: AgentLine, model: ModelProcess, facts: list[Fact]
) -> None:
    made = line.folder / "made-by-a-tool"
    model.fail(
        {
            "kind": "reply",
            "tool": "Bash",
            "input": {"command": f"touch {made}"},
            "containing": facts[0].question,
            "times": 1,
        }
    )
    assert is_verified(line.answer(line.ask(facts[0].question)))
    assert not made.exists()
