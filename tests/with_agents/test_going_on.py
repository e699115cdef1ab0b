"""What goes on as it should while the memory changes, and while no agent can be used."""

from __future__ import annotations

from agent_line import AgentLine, is_verified, until
from made_memory import Fact, make_memory


def test_what_was_remembered_after_an_agent_started_is_answered_at_once_and_then_held(
    line: AgentLine, facts: list[Fact]
) -> None:
    before = line.agent()
    added = make_memory(line.folder / "outposts", 5_000, seed=6)
    line.remember(line.folder / "outposts")
    for fact in (added[3], facts[3]):
        view = line.answer(line.ask(fact.question))
        assert is_verified(view)
        assert view["citations"][0]["path"] == fact.path
    after = until(lambda: found if (found := line.agent())["recycled"] else None, 60, what="replaced")
    assert after["resident_files"] > before["resident_files"]
    assert is_verified(line.answer(line.ask(added[4].question)))


def test_while_no_agent_can_be_used_a_question_waits_until_its_deadline(
    idle_line: AgentLine, facts: list[Fact]
) -> None:
    idle_line.begin({"claude": idle_line.plan(program=str(idle_line.folder / "missing"))})
    view = idle_line.answer(idle_line.ask(facts[0].text, agent=None, deadline_seconds=3), 15)
    assert (view["state"], view["outcome"]) == ("expired", "failed")


def test_while_no_agent_can_be_used_extractive_answers_where_that_is_allowed_and_says_so(
    idle_line: AgentLine, facts: list[Fact]
) -> None:
    idle_line.serve()
    idle_line.remember(idle_line.folder / "stations")
    idle_line.configure({"claude": idle_line.plan(program=str(idle_line.folder / "missing"))}, fallback=True)
    idle_line.client().call("POST", "/v1/agents/reload")
    view = idle_line.answer(idle_line.ask(facts[0].text, agent=None, deadline_seconds=60))
    assert (view["outcome"], view["author"]) == ("answered", "extractive")
    assert "claude is down" in view["in_place_of"]
    assert "missing" in view["in_place_of"]
