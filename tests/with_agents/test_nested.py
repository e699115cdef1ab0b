"""Started from the shell of an agent, with its environment, nothing refuses and nothing leaks into the worker."""

from __future__ import annotations

from pathlib import Path

from agent_line import AgentLine, is_verified
from kinship import family
from made_memory import Fact

OUTER = {
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli-of-the-outer-agent",
    "CLAUDE_CODE_SSE_PORT": "65001",
    "CLAUDE_CONFIG_DIR": "/nowhere/of-the-outer-agent",
    "CLAUDE_CODE_SESSION_ID": "session-of-the-outer-agent",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "17",
    "CLAUDE_CODE_SIMPLE": "outer",
    "ANTHROPIC_API_KEY": "key-of-the-outer-agent",
    "ANTHROPIC_AUTH_TOKEN": "token-of-the-outer-agent",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/of-the-outer-agent",
    "ANTHROPIC_MODEL": "model-of-the-outer-agent",
    "ANTHROPIC_CUSTOM_HEADERS": "x-outer: agent",
    "HTTPS_PROXY": "http://127.0.0.1:9/outer",
    "HTTP_PROXY": "http://127.0.0.1:9/outer",
    "NODE_OPTIONS": "--require=/nowhere/outer.js",
    "BUN_OPTIONS": "--preload=/nowhere/outer.js",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9/outer",
    "GIT_DIR": "/nowhere/outer.git",
    "WARMLINE_TOKEN": "outer",
    "SECRET_OF_THE_OUTER_AGENT": "outer",
}


def test_nothing_of_an_outer_agents_environment_reaches_a_worker(idle_line: AgentLine, facts: list[Fact]) -> None:
    idle_line.configure({"claude": idle_line.plan(max_workers=1)})
    idle_line.serve(**OUTER)
    idle_line.remember(idle_line.folder / "stations")
    idle_line.wait_until_up()
    assert is_verified(idle_line.answer(idle_line.ask(facts[0].question)))
    [worker] = idle_line.workers()
    seen = [Path(f"/proc/{key.pid}/environ").read_bytes() for key in family(worker["pid"])]
    assert seen
    for held in seen:
        entries = dict(entry.split(b"=", 1) for entry in held.split(b"\0") if b"=" in entry)
        assert [value for value in entries.values() if b"outer" in value] == []
        own = {name.encode() for name in OUTER} & entries.keys()
        assert {name for name in own if entries[name] == OUTER[name.decode()].encode()} == set()
        assert b"CLAUDECODE" not in entries


def test_what_a_worker_is_given_is_what_its_plan_says(idle_line: AgentLine, facts: list[Fact]) -> None:
    """The same names, however the daemon was started."""
    names = []
    for environment in ({}, OUTER):
        idle_line.configure({"claude": idle_line.plan(max_workers=1)})
        idle_line.serve(**environment)
        idle_line.remember(idle_line.folder / "stations")
        idle_line.wait_until_up()
        held = Path(f"/proc/{idle_line.workers()[0]['pid']}/environ").read_bytes()
        names.append(sorted(entry.partition(b"=")[0] for entry in held.split(b"\0") if entry))
        idle_line.stop()
    assert facts
    assert names[0] == names[1]
    assert b"GUARDED_TEST" in names[0]
