"""The headers of a request to /mcp, made from its body, as the eras of the protocol want them."""

from __future__ import annotations

import base64
import re
from typing import Any

VERSION_IN_META = "io.modelcontextprotocol/protocolVersion"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Which parameter the header Mcp-Name repeats (transports of 2026-07-28)."""

_PLAIN = re.compile(r"(?!=\?base64\?)[!-~](?:[ -~]*[!-~])?")

Message = dict[str, Any]


def headers_of(message: Message, negotiated: object) -> dict[str, str]:
    """Return them; negotiated is the version that a handshake came to, or None."""
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    meta = params.get("_meta")
    version = meta.get(VERSION_IN_META) if isinstance(meta, dict) else None
    headers = {"Accept": "application/json, text/event-stream"}
    if version is None:
        return headers if negotiated is None else {**headers, "MCP-Protocol-Version": _header(negotiated)}
    named = params.get(NAMED_BY.get(message["method"], ""))
    headers |= {"MCP-Protocol-Version": _header(version), "Mcp-Method": _header(message["method"])}
    return headers if named is None else {**headers, "Mcp-Name": _header(named)}


def _header(value: object) -> str:
    """Write a value as a header; what is no plain ASCII in base64, as the protocol has it."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="
