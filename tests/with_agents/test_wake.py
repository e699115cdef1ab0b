"""The real Claude Code at a terminal, idle: a message for it begins a turn, in which it fetches and acknowledges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_line import Figure, until
from connecting_home import ConnectingHome
from real_home import RealHome
from scripted_model.server import DONE
from speaking import Speaker
from terminal import Terminal
from waking_model import WakingModel

KEY = "a-key-that-opens-nothing-at-all"
BODY = "the harvest is at nine"
TURNS_SECONDS = 60


@pytest.fixture
def person(tmp_path: Path) -> Iterator[ConnectingHome]:
    served = RealHome(tmp_path / "home")
    served.serve()
    try:
        yield ConnectingHome(served, tmp_path)
    finally:
        served.close()


@pytest.fixture
def owner(person: ConnectingHome) -> Speaker:
    return Speaker(person.home, person.home.read_token())


@pytest.fixture
def model() -> Iterator[WakingModel]:
    with WakingModel() as serving:
        yield serving


def begin(person: ConnectingHome, program: Path, address: str) -> Terminal:
    """Start the program as one who has used it before and allows it the line's tools."""
    file = person.person / ".claude.json"
    said = json.loads(file.read_text()) if file.exists() else {}
    said |= {
        "hasCompletedOnboarding": True,
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(person.project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
    }
    file.write_text(json.dumps(said))
    settings = person.person / ".claude" / "settings.json"
    settings.write_text(json.dumps({"permissions": {"allow": ["mcp__warmline"]}}))
    environment = {
        "PATH": os.defpath,
        "HOME": str(person.person),
        "TERM": "xterm-256color",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": KEY,
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return Terminal([str(program), "--permission-mode", "default"], environment, person.project)


def waits(owner: Speaker) -> bool:
    """Tell whether the agent's bell is listened to: a wait that is no reader's."""
    status = owner.ok("GET", "/v1/status")
    return bool(status["waiting"] > status["receiving"])


def state_of(owner: Speaker, message: str) -> str:
    deliveries = owner.ok("GET", f"/v1/messages/{message}")["receipts"]
    return str(deliveries[0]["receipt"])


def test_an_idle_agent_begins_a_turn_when_messages_come_and_marks_them_as_read(
    person: ConnectingHome, program: Path, model: WakingModel, owner: Speaker, figure: Figure
) -> None:
    assert person.connect("claude", "--wake", "--yes").returncode == 0
    with begin(person, program, model.address) as terminal:
        until(lambda: b"for shortcuts" in terminal.shown or b"auto mode" in terminal.shown, what="a prompt")
        terminal.type("hello there")
        until(lambda: b"hello" in terminal.shown, what="what was typed")
        terminal.type("\r")
        until(lambda: waits(owner), what="the bell")
        assert model.wakes == []
        sent = [owner.ok("POST", "/v1/messages", {"to": "claude", "body": BODY})["id"] for _ in range(3)]
        until(lambda: all(state_of(owner, each) == "read" for each in sent), TURNS_SECONDS, what="all read")
        assert model.wakes == ["3 messages wait for you on the warmline line"]
        assert BODY not in model.sent_before_fetching
        until(lambda: waits(owner), what="the next bell")
        agent = terminal.process.pid
        os.kill(agent, signal.SIGKILL)
        until(lambda: not waits(owner), what="the end of the bell with its agent")


def test_a_run_without_a_person_ends_at_once_and_waits_for_nothing(
    person: ConnectingHome, program: Path, model: WakingModel, owner: Speaker
) -> None:
    assert person.connect("claude", "--wake", "--yes").returncode == 0
    with begin(person, program, model.address) as terminal:
        terminal.process.terminate()
    environment = {"HOME": str(person.person), "PATH": os.defpath, "ANTHROPIC_BASE_URL": model.address}
    done = subprocess.run(
        [str(program), "-p", "hello"],
        env={**environment, "ANTHROPIC_API_KEY": KEY, "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=25,  # it waits 30 s for hooks that do not end
        cwd=person.project,
        check=False,
    )
    assert done.stdout.decode().strip() == DONE
    assert not waits(owner)
