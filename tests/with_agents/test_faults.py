"""Each fault of the model and of the worker's process: the question ends in time, and the pool is whole again."""

from __future__ import annotations

import os
import signal
import time

import pytest

from agent_line import AgentLine, is_verified, until
from made_memory import Fact
from model_process import ModelProcess
from wrapped_agent import hanging_up, losing

DEADLINE_SECONDS = 8
LATE_SECONDS = 10
"""After its deadline, at most, a question has ended: failed, and it is said why."""

FAULTS = {
    "429": {"kind": "status", "status": 429},
    "429 with a time to come back": {"kind": "status", "status": 429, "retry_after_seconds": 1},
    "500": {"kind": "status", "status": 500},
    "401": {"kind": "status", "status": 401},
    "529": {"kind": "status", "status": 529},
    "400": {"kind": "status", "status": 400},
    "no headers": {"kind": "no_headers"},
    "stall": {"kind": "stall"},
    "cut": {"kind": "cut"},
    "garbage": {"kind": "garbage"},
    "drip": {"kind": "drip", "pause_seconds": 0.5},
}

each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())


def check_whole(line: AgentLine, fact: Fact) -> None:
    """The agent answers by itself again, and nothing is left of what it had before."""
    view = line.answer(line.ask(fact.question))
    assert is_verified(view), (view, line.agent())
    line.wait_until_up()
    until(lambda: not line.strays(), 5, what="without strays")


@each_fault
def test_a_question_that_meets_a_fault_once_is_answered(
    line: AgentLine, model: ModelProcess, facts: list[Fact], fault: dict[str, object]
) -> None:
    # The program itself asks once again after some of them.
    model.fail({**fault, "containing": facts[7].question, "times": 2})
    view = line.answer(line.ask(facts[7].question, deadline_seconds=60), 60)
    assert is_verified(view), (view, line.agent())
    assert model.counts()["faults"][fault["kind"]] in {1, 2}
    model.fail()
    check_whole(line, facts[8])


@each_fault
def test_a_question_whose_fault_does_not_end_fails_in_time_and_its_neighbour_is_answered(
    line: AgentLine, model: ModelProcess, facts: list[Fact], fault: dict[str, object]
) -> None:
    model.fail({**fault, "containing": facts[7].question})
    began = time.monotonic()
    ticket = line.ask(facts[7].question, deadline_seconds=DEADLINE_SECONDS)
    view = line.answer(ticket, DEADLINE_SECONDS + LATE_SECONDS)
    assert time.monotonic() - began < DEADLINE_SECONDS + LATE_SECONDS
    if not is_verified(view):  # one that only is slow may be heard to its end
        assert view["outcome"] == "failed", view
        assert view["text"], "it says why"
    assert model.counts()["faults"][fault["kind"]] >= 1
    model.fail()
    check_whole(line, facts[8])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=lambda each: each.name)
def test_a_question_whose_worker_is_signalled_in_mid_answer_is_answered(
    line: AgentLine, model: ModelProcess, facts: list[Fact], number: signal.Signals
) -> None:
    model.fail({"kind": "drip", "pause_seconds": 0.02, "containing": facts[7].question, "times": 1})
    ticket = line.ask(facts[7].question, deadline_seconds=60)
    until(lambda: model.counts()["faults"].get("drip"), what="writing")
    os.kill(line.wait_until_busy()["pid"], number)
    view = line.answer(ticket, 60)
    assert is_verified(view), (view, line.agent())
    assert view["receipt"]["deliveries"] == 2
    check_whole(line, facts[8])


def test_a_question_whose_agent_hears_nothing_more_in_mid_answer_is_answered(
    idle_line: AgentLine, model: ModelProcess, facts: list[Fact]
) -> None:
    """The program stays with a closed input while its turn hangs: only a signal ends it."""
    deaf = hanging_up(idle_line.folder, idle_line.program, facts[7].question)
    idle_line.begin_with(turn_limit_seconds=3, program=str(deaf))
    model.fail({"kind": "no_headers", "containing": facts[7].question, "times": 1})
    view = idle_line.answer(idle_line.ask(facts[7].question, deadline_seconds=60), 60)
    assert is_verified(view), (view, idle_line.agent())
    check_whole(idle_line, facts[8])


def test_a_permission_request_whose_answer_is_lost_costs_no_question(
    idle_line: AgentLine, model: ModelProcess, facts: list[Fact]
) -> None:
    lossy = losing(idle_line.folder, idle_line.program)
    idle_line.begin_with(turn_limit_seconds=3, program=str(lossy), tools=["Bash"])
    call = {"tool": "Bash", "input": {"command": f"touch {idle_line.folder}/made"}, "containing": facts[7].question}
    model.fail({"kind": "reply", **call, "times": 1})
    view = idle_line.answer(idle_line.ask(facts[7].question, deadline_seconds=60), 60)
    assert is_verified(view), (view, idle_line.agent())
    check_whole(idle_line, facts[8])


def test_a_model_that_is_gone_costs_no_question_and_is_found_again(idle_line: AgentLine, facts: list[Fact]) -> None:
    with ModelProcess("--instant") as model:
        idle_line.begin_with(turn_limit_seconds=3, base_url=model.address)
        port = int(model.address.rpartition(":")[2])
    ticket = idle_line.ask(facts[7].question, deadline_seconds=90)
    report = until(lambda: (found := idle_line.agent())["reason"] and found, what="known to be in trouble")
    assert report["state"] in {"resting", "down"}, report
    with ModelProcess("--instant", port=port):
        view = idle_line.answer(ticket, 60)
        assert is_verified(view), (view, idle_line.agent())
        check_whole(idle_line, facts[8])
