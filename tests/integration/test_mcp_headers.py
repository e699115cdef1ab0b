"""What stands in the headers of a request to /mcp, and how."""

from __future__ import annotations

import pytest

from speaking import Speaker

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.mark.parametrize("name", ["who_is_here", "  who_is_here \t"])
def test_space_around_a_header_is_no_part_of_it(owner: Speaker, name: str) -> None:
    params = {"name": "who_is_here", "arguments": {}, "_meta": META}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "tools/call", "Mcp_Name": name}
    reply = owner.call("POST", "/mcp", body, raw=None, Accept="application/json, text/event-stream", **headers)
    assert reply.status == 200, reply.body
    assert b"-32020" not in reply.body
