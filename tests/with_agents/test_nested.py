"""Started from the shell of an agent, with its environment, nothing refuses and nothing leaks into the worker."""

from __future__ import annotations

from pathlib import Path

from agent_line import AgentLine, is_verified
from kinship import family
from made_memory import Fact

OUTER = {
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli-of-a-stranger",
    "CLAUDE_CODE_SSE_PORT": "65001",
    "CLAUDE_CONFIG_DIR": "/nowhere/of-a-stranger",
    "CLAUDE_CODE_SESSION_ID": "session-of-a-stranger",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "17",
    "CLAUDE_CODE_SIMPLE": "stranger",
    "ANTHROPIC_API_KEY": "key-of-a-stranger",
    "ANTHROPIC_AUTH_TOKEN": "token-of-a-stranger",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/of-a-stranger",
    "ANTHROPIC_MODEL": "model-of-a-stranger",
    "ANTHROPIC_CUSTOM_HEADERS": "x-stranger: agent",
    "HTTPS_PROXY": "http://127.0.0.1:9/stranger",
    "HTTP_PROXY": "http://127.0.0.1:9/stranger",
    "NODE_OPTIONS": "--require=/nowhere/stranger.js",
    "BUN_OPTIONS": "--preload=/nowhere/stranger.js",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9/stranger",
    "GIT_DIR": "/nowhere/stranger.git",
    "WARMLINE_TOKEN": "stranger",
    "SECRET_OF_THE_STRANGER": "stranger",
}


def test_nothing_of_an_outer_agents_environment_reaches_a_worker(idle_line: AgentLine, facts: list[Fact]) -> None:
    idle_line.begin({"claude": idle_line.plan()}, **OUTER)
    idle_line.wait_until_up()
    assert is_verified(idle_line.answer(idle_line.ask(facts[0].question)))
    seen = [environment_of(key.pid) for worker in idle_line.workers() for key in family(worker["pid"])]
    assert seen
    for held in seen:
        assert [value for value in held.values() if "stranger" in value] == []
        assert {name for name in OUTER.keys() & held.keys() if held[name] == OUTER[name]} == set()
        assert "CLAUDECODE" not in held


def test_what_a_worker_is_given_is_what_its_plan_says(idle_line: AgentLine, facts: list[Fact]) -> None:
    """The same, however the daemon was started."""
    assert facts
    held = []
    for environment in ({}, OUTER):
        idle_line.begin({"claude": idle_line.plan()}, **environment)
        worker = idle_line.wait_until_up()["workers"][0]
        held.append({**environment_of(worker["pid"]), "WARMLINE_WORKER": "its own"})
        idle_line.stop()
    assert held[0] == held[1]
    assert held[0].items() >= idle_line.token.items()


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_text("utf-8").split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)
