"""kill -9, twenty times each, in mid-answer: every question is answered once, and nobody is left behind."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_line import AgentLine, is_verified
from guarded import alive_with
from kinship import family, left_after
from made_memory import Fact
from model_process import ModelProcess
from warmline.warm.processes import Key

TIMES = 20
ORPHAN_SECONDS = 5

THINKING = (
    *("--first-byte-seconds", "0.2"),
    *(word for speed in ("fresh", "cached", "decoded") for word in (f"--{speed}-tokens-per-second", "1000000")),
)
"""A model with a middle of an answer: it thinks, and then writes at once."""


@pytest.fixture
def thinking_line(tmp_path: Path, program: Path, facts: list[Fact]) -> Iterator[AgentLine]:
    assert facts
    with ModelProcess(*THINKING) as model:
        line = AgentLine(tmp_path, program, model.address)
        try:
            line.begin_with()
            yield line
        finally:
            line.close()


def answers(line: AgentLine) -> Counter[str]:
    """Count the answers on the line, by what they answer."""
    found: Counter[str] = Counter()
    after = 0
    while said := line.client().call("GET", f"/v1/conversations/default/messages?after={after}&limit=1000")["messages"]:
        found.update(each["in_reply_to"] for each in said if each["kind"] == "answer")
        after = said[-1]["number"]
    return found


def check_each_answered_once(line: AgentLine, tickets: list[str]) -> None:
    views = [line.answer(ticket) for ticket in tickets]
    assert [view["text"] for view in views if not is_verified(view)] == []
    assert answers(line) == Counter(tickets)


def no_orphan(grown: set[Key]) -> bool:
    return left_after(grown, ORPHAN_SECONDS) == set()


@pytest.mark.timeout(240)
def test_twenty_killed_workers_cost_no_answer(thinking_line: AgentLine, facts: list[Fact]) -> None:
    tickets = []
    for fact in facts[:TIMES]:
        tickets.append(thinking_line.ask(fact.question))
        worker = thinking_line.wait_until_busy()["pid"]
        grown = family(worker)
        os.kill(worker, signal.SIGKILL)
        assert no_orphan(grown)
        assert is_verified(thinking_line.answer(tickets[-1]))
    check_each_answered_once(thinking_line, tickets)
    thinking_line.wait_until_up()
    assert thinking_line.strays() == []


@pytest.mark.timeout(240)
def test_twenty_killed_guardians_cost_no_answer(thinking_line: AgentLine, facts: list[Fact]) -> None:
    tickets = []
    for fact in facts[:TIMES]:
        tickets.append(thinking_line.ask(fact.question))
        thinking_line.wait_until_busy()
        guardian = thinking_line.guardian()
        held = family(guardian.pid)
        os.kill(guardian.pid, signal.SIGKILL)
        assert no_orphan(held)
        assert is_verified(thinking_line.answer(tickets[-1]))
    check_each_answered_once(thinking_line, tickets)
    thinking_line.wait_until_up()
    assert thinking_line.strays() == []


@pytest.mark.timeout(300)
def test_twenty_killed_daemons_cost_no_answer(thinking_line: AgentLine, facts: list[Fact]) -> None:
    tickets = []
    for fact in facts[:TIMES]:
        tickets.append(thinking_line.ask(fact.question))
        thinking_line.wait_until_busy()
        assert no_orphan(thinking_line.kill())
        assert alive_with(thinking_line.token) == []
        thinking_line.serve()
    check_each_answered_once(thinking_line, tickets)
    thinking_line.wait_until_up()
    assert thinking_line.strays() == []


def test_a_hung_turn_does_not_outlive_a_killed_daemon(line: AgentLine, model: ModelProcess, facts: list[Fact]) -> None:
    model.fail({"kind": "no_headers"})
    line.ask(facts[0].question)
    line.wait_until_busy()
    assert no_orphan(line.kill())
    assert alive_with(line.token) == []


def test_a_daemon_that_is_asked_to_leave_in_mid_answer_leaves_nobody_and_the_next_one_answers(
    line: AgentLine, model: ModelProcess, facts: list[Fact]
) -> None:
    model.fail({"kind": "no_headers"})
    ticket = line.ask(facts[0].question)
    line.wait_until_busy()
    line.stop()
    assert alive_with(line.token) == []
    model.fail()
    line.serve()
    assert is_verified(line.answer(ticket))
