"""An agent that cannot be used says why, in `agents list` and `agents test`, and the line goes on with the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_line import AgentLine, is_verified, until
from made_memory import Fact, make_memory
from model_process import ModelProcess
from wrapped_agent import chattering, lacking, noisy

REASONS = {
    "wrong-model": "model",
    "no-program": "program",
    "no-login": "log",
    "no-program-at-all": "program",
    "unreadable": "window_tokens",
    "garbage": "",
    "ancient": "",
    "too-long-a-line": "",
}
"""What the reason of each must speak of at least."""

GOOD = ("good", "chatting", "old")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Iterator[AgentLine]:
    """A line whose agents are bad in every way, but for three."""
    folder = tmp_path_factory.mktemp("crowd")
    make_memory(folder / "stations", 5_000)
    (folder / "nobody").mkdir()
    (folder / "no-program").write_text("this is no program\n", "utf-8")
    (folder / "no-program").chmod(0o700)
    with ModelProcess("--instant", "--model", "claude-simulated") as model:
        line = AgentLine(folder, program, model.address)

        def plan(**more: object) -> dict[str, object]:
            return line.plan(**{"model": "claude-simulated", "max_workers": 1, **more})

        agents = {
            "good": plan(),
            "chatting": plan(program=str(chattering(folder, program, 5 * 1024 * 1024))),
            "old": plan(program=str(lacking(folder, program, "rewind_conversation", "side_question"))),
            "wrong-model": plan(model="claude-that-is-not-there"),
            "no-program": plan(program=str(folder / "missing")),
            "no-program-at-all": plan(program=str(folder / "no-program")),
            "no-login": plan(key_file=None, user_home=str(folder / "nobody")),
            "unreadable": plan(window_tokens="many"),
            "garbage": plan(program=str(noisy(folder))),
            "ancient": plan(program=str(lacking(folder, program, "initialize"))),
            "too-long-a-line": plan(program=str(chattering(folder, program, 40 * 1024 * 1024))),
        }
        try:
            line.begin(agents)
            for name in GOOD:
                line.wait_until_up(name)
            yield line
        finally:
            line.close()


@pytest.fixture
def fact(crowd: AgentLine, tmp_path: Path) -> Fact:
    assert crowd.address
    return make_memory(tmp_path / "stations", 5_000)[0]


@pytest.mark.xdist_group("crowd")
@pytest.mark.parametrize("name", REASONS)
def test_an_agent_that_cannot_be_used_says_why(crowd: AgentLine, name: str) -> None:
    def look() -> str | None:
        listed = crowd.home.json("agents", "list", code=1)
        found = {each["name"]: each["reason"] for each in listed["agents"] if each["state"] != "up"}
        reason: str | None = {**found, **listed["problems"]}[name]
        return reason

    reason = until(look, what=f"a reason for {name}")
    assert REASONS[name] in reason.lower()
    assert "\n" not in reason
    assert name in crowd.home.run("agents", "list").stdout.decode()
    tested = crowd.home.run("agents", "test", name)
    said = (tested.stdout + tested.stderr).decode()
    assert tested.returncode == 1, said
    assert "Traceback" not in said
    assert REASONS[name] in said.lower()


@pytest.mark.xdist_group("crowd")
@pytest.mark.parametrize("name", GOOD)
def test_the_line_goes_on_with_the_others(crowd: AgentLine, fact: Fact, name: str) -> None:
    assert is_verified(crowd.answer(crowd.ask(fact.question, agent=name)))
    tested = crowd.home.run("agents", "test", name)
    assert tested.returncode == 0, tested


@pytest.mark.xdist_group("crowd")
def test_a_question_for_whoever_is_there_is_answered_by_one_who_can(crowd: AgentLine, fact: Fact) -> None:
    view = crowd.answer(crowd.ask(fact.question, agent=None))
    assert is_verified(view)
    assert view["author"] in GOOD


def test_a_file_that_is_no_configuration_leaves_the_line_as_it_is_without_agents(
    idle_line: AgentLine, facts: list[Fact]
) -> None:
    idle_line.write_configuration("[agents.claude\nprogram = \n")
    idle_line.serve()
    idle_line.remember(idle_line.folder / "stations")
    view = idle_line.answer(idle_line.ask(facts[0].text, agent=None))
    assert (view["outcome"], view["author"]) == ("answered", "extractive")
    listed = idle_line.home.run("agents", "list")
    assert b"warmline.toml" in listed.stdout + listed.stderr, listed
