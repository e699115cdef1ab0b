"""The inspector's command line, over stdio and HTTP, in both eras: list, call, read, get; --strict finds nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from real_clients.line import DOORS, ClientsLine
from real_clients.running import installed, run

pytestmark = [pytest.mark.parametrize("era", ["legacy", "modern"]), pytest.mark.parametrize("door", DOORS)]


@pytest.fixture(autouse=True)
def inspector() -> Sequence[str]:
    """The program, looked for before a line is started."""
    node = installed("node", "node-*", "bin", "node")
    launcher = ("inspector", "clients", "launcher", "build", "index.js")
    return str(node), str(installed("inspector", "@modelcontextprotocol", *launcher)), "--cli"


def inspect(program: Sequence[str], line: ClientsLine, door: str, era: str, *words: str) -> tuple[Any, str]:
    """Run it; return what it printed, and what it remarked."""
    way = line.door(door)
    over_http = {"type": "streamable-http", "url": way.url, "headers": {"Authorization": f"Bearer {way.token}"}}
    over_stdio = {"type": "stdio", "command": way.command[0], "args": way.command[1:]} if way.command else {}
    folder = line.folder / "person"
    folder.mkdir(exist_ok=True)
    file = folder / "servers.json"
    file.write_text(json.dumps({"mcpServers": {"warmline": over_stdio or over_http}}), "utf-8")
    command = (*program, "--config", str(file), "--server", "warmline", "--protocol-era", era)
    done = run((*command, *words), folder, {})
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    return json.loads(done.stdout), done.stderr


def test_the_tools_are_listed_and_strictly_clean(
    inspector: Sequence[str], line: ClientsLine, door: str, era: str
) -> None:
    listed, remarks = inspect(inspector, line, door, era, "--method", "tools/list", "--strict")
    assert {"ask", "get_answer", "recall", "send_message"} <= {tool["name"] for tool in listed["tools"]}
    assert "issue" not in remarks, remarks


def test_a_tool_is_called(inspector: Sequence[str], line: ClientsLine, door: str, era: str) -> None:
    words = ("--tool-name", "ask", "--tool-arg", "question=Which port does the exporter listen on?")
    called, _ = inspect(inspector, line, door, era, "--method", "tools/call", *words)
    assert "port 9187" in called["content"][0]["text"]


def test_a_resource_is_listed_and_read(inspector: Sequence[str], line: ClientsLine, door: str, era: str) -> None:
    listed, _ = inspect(inspector, line, door, era, "--method", "resources/list")
    assert [each["uri"] for each in listed["resources"]] == ["memory://notes/exporter.md"]
    words = ("--uri", "memory://notes/exporter.md#L3-L3")
    read, _ = inspect(inspector, line, door, era, "--method", "resources/read", *words)
    opened, held, _closed, _preamble = read["contents"][0]["text"].split("\n")
    assert 'path="notes/exporter.md:3"' in opened
    assert held == "| The exporter listens on port 9187."


def test_a_prompt_is_listed_and_got(inspector: Sequence[str], line: ClientsLine, door: str, era: str) -> None:
    listed, _ = inspect(inspector, line, door, era, "--method", "prompts/list")
    assert [each["name"] for each in listed["prompts"]] == ["ask_memory"]
    words = ("--prompt-name", "ask_memory", "--prompt-args", "question=why?")
    got, _ = inspect(inspector, line, door, era, "--method", "prompts/get", *words)
    assert "Question: why?" in got["messages"][0]["content"]["text"]
