"""Somebody who speaks MCP to a real daemon: raw requests of both eras, and the library's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_process import META, MODERN
from over_tcp import peer_of
from real_home import RealHome
from speaking import Reply, Speaker

ERAS = ("legacy", MODERN)
ACCEPT = "application/json, text/event-stream"
NAMED = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}


@asynccontextmanager
async def client_of(line: RealHome, token: str, *, mode: str = "auto", tcp: bool = False) -> AsyncIterator[Client]:
    """Connect the library's client, over the home's socket or TCP."""
    transport = None if tcp else httpx2.AsyncHTTPTransport(uds=str(line.home.socket))
    peer = peer_of(line) if tcp else None
    url = f"http://{peer.host}:{peer.port}/mcp" if peer else "http://localhost/mcp"
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers, timeout=20) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


def post(speaker: Speaker, message: Any, era: str = "legacy", **headers: str) -> Reply:
    """Post one message as a client of this era."""
    if era != "legacy":
        params = {**message.get("params", {}), "_meta": META}
        message = {**message, "params": params}
        named = params.get(NAMED.get(message["method"], ""))
        made = {"MCP_Protocol_Version": era, "Mcp_Method": message["method"]}
        headers = made | ({"Mcp_Name": named} if isinstance(named, str) else {}) | headers
    return speaker.call("POST", "/mcp", message, raw=None, **{"Accept": ACCEPT, **headers})


def ask(speaker: Speaker, method: str, params: Any = None, era: str = "legacy", **headers: str) -> Any:
    """Make a request, and return the JSON-RPC answer."""
    reply = post(speaker, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}, era, **headers)
    return reply.json


def call(speaker: Speaker, tool: str, key: str | None = None, **arguments: Any) -> str:
    """Call a tool that must succeed, and return its text."""
    headers = {"Idempotency_Key": key} if key else {}
    said = ask(speaker, "tools/call", {"name": tool, "arguments": arguments}, **headers)
    assert "result" in said, said
    assert not said["result"].get("isError"), said
    text: str = said["result"]["content"][0]["text"]
    return text


def refused(speaker: Speaker, tool: str, **arguments: Any) -> str:
    """Call a tool that must not succeed, and return its advice."""
    said = ask(speaker, "tools/call", {"name": tool, "arguments": arguments})
    assert said["result"]["isError"], said
    text: str = said["result"]["content"][0]["text"]
    return text
