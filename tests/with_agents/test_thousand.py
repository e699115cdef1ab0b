"""A thousand questions, one in twenty of which hangs, crashes the agent or is refused: all are settled."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_line import AgentLine, Figure, is_verified, until
from kinship import descriptors, family, zombies_of
from made_memory import make_memory
from model_process import ModelProcess
from wrapped_agent import crashing

QUESTIONS = 1_000
ONE_IN = 20
WARM_UP = 20


@pytest.mark.timeout(300)
def test_a_thousand_questions_with_one_in_twenty_in_trouble_are_all_settled(
    idle_line: AgentLine, model: ModelProcess, tmp_path: Path, figure: Figure
) -> None:
    facts = make_memory(tmp_path / "stations", 110_000)
    first, asked = facts[:WARM_UP], facts[WARM_UP : WARM_UP + QUESTIONS]
    assert len(asked) == QUESTIONS
    trouble = asked[::ONE_IN]
    hanging, crashed, refused = trouble[0::3], trouble[1::3], trouble[2::3]
    program = crashing(tmp_path, idle_line.program, [fact.question for fact in crashed])
    idle_line.begin_with(program=str(program), turn_limit_seconds=1, min_workers=2, max_workers=2)
    until(lambda: len(idle_line.workers()) == 2, what="two workers")
    for fact in first:
        assert is_verified(idle_line.answer(idle_line.ask(fact.question)))
    before = level(idle_line)

    hang = [{"kind": "no_headers", "containing": fact.question, "times": 1} for fact in hanging]
    refuse = [{"kind": "status", "status": 400, "containing": fact.question, "times": 1} for fact in refused]
    model.fail(*hang, *refuse)
    tickets = [idle_line.ask(fact.question, deadline_seconds=250) for fact in asked]
    views = [idle_line.answer(ticket, 200) for ticket in tickets]

    met = model.counts()["faults"]
    assert (met["no_headers"], met["status"]) == (len(hanging), len(refused))
    assert len(list(tmp_path.glob("crashed-*"))) == len(crashed)
    assert [view for view in views if not is_verified(view)] == []
    assert [view["receipt"]["deliveries"] for view in views].count(1) >= QUESTIONS * (ONE_IN - 1) // ONE_IN
    until(lambda: len(idle_line.workers()) == 2 and not any(each["busy"] for each in idle_line.workers()), what="rest")
    until(lambda: not idle_line.strays(), 5, what="without strays")
    figure("1,000 questions, 50 of them in trouble: settled", len(views))
    figure("  descriptors, processes, zombies before and after", f"{before} {level(idle_line)}")
    assert level(idle_line) == before


def level(line: AgentLine) -> tuple[int, int, int]:
    """Return the daemon's descriptors, the processes that grew out of it, and the zombies among them."""
    grown = [key.pid for key in family(line.daemon)]
    return descriptors(line.daemon), len(grown), len(zombies_of(grown))
