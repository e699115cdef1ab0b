"""The inspector's command line, over stdio and HTTP, in both eras: list, call, read, get; --strict finds nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from real_clients.line import DOORS, ClientsLine
from real_clients.running import installed, run

pytestmark = [pytest.mark.parametrize("era", ["legacy", "modern"]), pytest.mark.parametrize("door", DOORS)]

NO_PROBLEMS = ("", "0 ")


def inspect(line: ClientsLine, door: str, era: str, *words: str) -> tuple[Any, str]:
    """Run it; return what it printed, and what it remarked."""
    node = installed("node", "node-*", "bin", "node")
    program = installed("inspector", "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
    way = line.door(door)
    target = way.command or ("--server-url", way.url, "--header", f"Authorization: Bearer {way.token}")
    folder = line.folder / "person"
    folder.mkdir(exist_ok=True)
    server: dict[str, object] = {"type": "streamable-http", "url": way.url}
    server["headers"] = {"Authorization": f"Bearer {way.token}"}
    if way.command:
        server = {"type": "stdio", "command": way.command[0], "args": list(way.command[1:])}
    file = folder / "servers.json"
    file.write_text(json.dumps({"mcpServers": {"warmline": server}}), "utf-8")
    assert target
    command = (str(node), str(program), "--cli", "--config", str(file), "--server", "warmline", "--protocol-era", era)
    done = run((*command, *words), folder, {})
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    return json.loads(done.stdout), done.stderr


def test_the_tools_are_listed_and_strictly_clean(line: ClientsLine, door: str, era: str) -> None:
    listed, remarks = inspect(line, door, era, "--method", "tools/list", "--strict")
    assert {"ask", "get_answer", "recall", "send_message"} <= {tool["name"] for tool in listed["tools"]}
    assert "issue" not in remarks, remarks


def test_a_tool_is_called(line: ClientsLine, door: str, era: str) -> None:
    words = ("--tool-name", "ask", "--tool-arg", "question=Which port does the exporter listen on?")
    called, _ = inspect(line, door, era, "--method", "tools/call", *words)
    assert "port 9187" in called["content"][0]["text"]


def test_a_resource_is_listed_and_read(line: ClientsLine, door: str, era: str) -> None:
    listed, _ = inspect(line, door, era, "--method", "resources/list")
    assert [each["uri"] for each in listed["resources"]] == ["memory://notes/exporter.md"]
    words = ("--uri", "memory://notes/exporter.md#L3-L3")
    read, _ = inspect(line, door, era, "--method", "resources/read", *words)
    assert read["contents"][0]["text"].strip() == "The exporter listens on port 9187."


def test_a_prompt_is_listed_and_got(line: ClientsLine, door: str, era: str) -> None:
    listed, _ = inspect(line, door, era, "--method", "prompts/list")
    assert [each["name"] for each in listed["prompts"]] == ["ask_memory"]
    words = ("--prompt-name", "ask_memory", "--prompt-args", "question=why?")
    got, _ = inspect(line, door, era, "--method", "prompts/get", *words)
    assert "Question: why?" in got["messages"][0]["content"]["text"]
