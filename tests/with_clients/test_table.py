"""What each real client must be able to do, over each way to the line."""

from __future__ import annotations

import json

import pytest

from real_clients.line import CLIENTS, DOORS, ClientsLine, Tell
from real_clients.running import RealClient
from scripted_model.dialect import Call

PORT = Call("ask", {"question": "Which port does the exporter listen on?"})
TOOLS = ("ask", "send_message", "receive_messages")
ERAS = {
    "claude newest": "2026-07-28",
    "claude 2.1.197": "2025-11-25",
    "codex": "2025-06-18",
    "gemini": "2025-06-18",
    "opencode": "2025-11-25",
}

each_client = pytest.mark.parametrize("client", CLIENTS, indirect=True, ids=lambda client: client.name)
each_door = pytest.mark.parametrize("door", DOORS)


@each_door
@each_client
def test_a_client_lists_the_tools_and_asks_sends_and_receives(
    client: RealClient, door: str, line: ClientsLine, tell: Tell
) -> None:
    line.docs.call("POST", "/v1/messages", {"to": "agent", "body": "the build is green"})
    send = Call("send_message", {"to": "docs", "message": "the port is 9187"})
    told = tell(client, door, PORT, send, Call("receive_messages", {"wait_seconds": 5}))
    answer, sent, received = told.results
    assert all(any(name.endswith(f"_{tool}") for name in told.offered) for tool in TOOLS)
    assert "port 9187" in answer
    assert "notes/exporter.md:3" in answer
    assert "Sent; it is kept until it is read" in sent
    assert "the build is green" in received
    batch = line.docs.call("POST", "/v1/mailboxes/receive", {"mailbox": "docs"})
    assert [each["body"] for each in batch["messages"]] == ["the port is 9187"]


@each_door
@each_client
def test_a_client_does_not_notice_a_daemon_killed_between_two_calls(
    client: RealClient, door: str, line: ClientsLine, tell: Tell
) -> None:
    before = line.home.pid()
    told = tell(client, door, PORT, Call("recall", {"query": "exporter port"}), between=lambda _: line.kill())
    assert line.home.pid() != before
    assert all("port 9187" in result for result in told.results), told.results


@each_client
def test_a_client_speaks_the_era_that_it_is_here_for(client: RealClient, line: ClientsLine, tell: Tell) -> None:
    tell(client, "stdio", PORT)
    first = json.loads(line.said.read_text("utf-8").partition("\n")[0])
    assert ERAS[client.name] in json.dumps(first)
