"""Whatever a client sends to /mcp of a real daemon, it is answered in the protocol's words: no 500, no traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_speaking import ACCEPT, ERAS, post
from real_home import RealHome
from speaking import Speaker

TOOLS = (
    *("ask", "get_answer", "recall", "send_message", "receive_messages", "reply", "read_message", "receipts"),
    *("report_status", "who_is_here", "create_conversation", "send_to_partner", "check_messages", "nobody's"),
    *("update_my_status", "check_partner_status"),
)
NAMES = (
    *("question", "to", "agent", "wait_seconds", "ticket", "first_character", "query", "top", "message", "done"),
    *("in_reply_to", "limit", "batch", "message_id", "text", "citations", "outcome", "status", "my_role"),
    *("partner_role", "conversation_id", "session_id", "token", "uri", "cursor", "name", "arguments", "ref"),
)
METHODS = ("tools/call", "tools/list", "resources/list", "resources/read", "prompts/get", "completion/complete", "ping")

texts = st.one_of(
    st.text(), st.sampled_from(["\ud800", "memory://..", "message://", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a"])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.just("x" * 20_000)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
arguments = st.dictionaries(st.one_of(st.sampled_from(NAMES), texts), values, max_size=4)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaker]:
    home = RealHome(tmp_path_factory.mktemp("mcp") / "home")
    home.serve()
    yield Speaker(home.home, home.home.read_token())
    home.close()


def check(status: int, body: bytes) -> None:
    assert status < 500
    assert b"Traceback" not in body
    assert len(body) < 40_000  # a text of 10 KB may be several times as long in JSON's escapes
    if body:
        said = json.loads(body)
        assert said["jsonrpc"] == "2.0"
        assert "result" in said or said["error"]["message"]


@settings(max_examples=150)
@given(st.sampled_from(TOOLS), arguments, st.sampled_from(ERAS))
def test_a_tool_called_with_anything_is_answered(
    speaker: Speaker, tool: str, given_arguments: dict[str, Any], era: str
) -> None:
    given_arguments["wait_seconds"] = 0 if tool in {"ask", "get_answer", "receive_messages"} else None
    sent = {name: value for name, value in given_arguments.items() if value is not None or name != "wait_seconds"}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": sent}}
    reply = post(speaker, request, era)
    check(reply.status, reply.body)


@settings(max_examples=150)
@given(st.sampled_from(METHODS), arguments, st.sampled_from(ERAS))
def test_a_method_with_any_parameters_is_answered(
    speaker: Speaker, method: str, params: dict[str, Any], era: str
) -> None:
    params.pop("name", None) if not isinstance(params.get("name"), str) or not params["name"].isascii() else None
    params.pop("uri", None) if not isinstance(params.get("uri"), str) or not params["uri"].isprintable() else None
    reply = post(speaker, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, "legacy" if params else era)
    check(reply.status, reply.body)


@settings(max_examples=150)
@given(st.one_of(st.binary(), values.map(lambda value: json.dumps(value).encode())), st.sampled_from(ERAS))
def test_any_body_is_answered(speaker: Speaker, body: bytes, era: str) -> None:
    headers = {"Accept": ACCEPT} | ({"MCP_Protocol_Version": era} if era != "legacy" else {})
    reply = speaker.call("POST", "/mcp", None, raw=body, **headers)
    check(reply.status, reply.body)
