"""What is said to Claude Code, and what it means by what it says. No I/O: messages in, messages and values out.

    > control_request initialize, then:      < control_response
    > user, with a uuid of ours              < stream_event, assistant, system ..., result with the same uuid
    > control_request interrupt | rewind_conversation | side_question | get_session_cost     < control_response
    < control_request can_use_tool           > control_response allow | deny

Messages of kinds that are not known here are passed over: each version of the program has new ones. So is whatever has
not the form that is known.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from warmline.answerers.claude.framing import Message

CLEAR = "/clear"
"""Said as a question, it empties the conversation: from then on it has another session id."""


def control(request_id: str, subtype: str, **fields: object) -> Message:
    """Return a request for something that the program does without its model."""
    return {"type": "control_request", "request_id": request_id, "request": {"subtype": subtype, **fields}}


def cancel(request_id: str) -> Message:
    """Return that the reply to a request is not waited for any more."""
    return {"type": "control_cancel_request", "request_id": request_id}


def user(text: str, uuid: str) -> Message:
    """Return a question. One that begins as a command would is kept from being one."""
    said = {"role": "user", "content": f"Question: {text}" if text.lstrip().startswith("/") else text}
    return {"type": "user", "session_id": "", "message": said, "parent_tool_use_id": None, "uuid": uuid}


def clear(uuid: str) -> Message:
    """Return the command that empties the conversation."""
    return {**user("", uuid), "message": {"role": "user", "content": CLEAR}}


@dataclass(frozen=True, slots=True)
class ControlReply:
    """What came back for a request: what the program says, or why it did not do it."""

    request_id: str
    said: Mapping[str, Any]
    error: str | None = None
    is_unknown: bool = False
    """The program knows no such request."""


def control_reply(message: Message) -> ControlReply | None:
    """Read a control_response; None when it is something else."""
    response = mapping(message, "response")
    request_id = text(response, "request_id")
    if message.get("type") != "control_response" or not request_id:
        return None
    if response.get("subtype") == "success":
        return ControlReply(request_id, mapping(response, "response"))
    # An error without a code is of a version that tells no others.
    is_unknown = text(response, "error_code") in {"", "unsupported_request"}
    return ControlReply(request_id, {}, text(response, "error") or "it failed", is_unknown)


def answer_to(message: Message, tools: Container[str]) -> Message | None:
    """Return what to say to a request of the program's: it may use these tools, and nothing else is done for it.

    None when it asks for nothing.
    """
    if message.get("type") != "control_request":
        return None
    request = mapping(message, "request")
    said: Message = {"subtype": "error", "error": "this client does not do that"}
    if request.get("subtype") == "can_use_tool":
        said = {"subtype": "success", "response": _permission(request, tools)}
    return {"type": "control_response", "response": {"request_id": message.get("request_id"), **said}}


def _permission(request: Mapping[str, Any], tools: Container[str]) -> Message:
    if text(request, "tool_name") in tools:
        return {"behavior": "allow", "updatedInput": mapping(request, "input")}
    return {"behavior": "deny", "message": "This tool may not be used here. Answer without it."}


def text(message: Mapping[str, Any], name: str) -> str:
    """Return a field that is a text; an empty one when it is none."""
    value = message.get(name)
    return value if isinstance(value, str) else ""


def mapping(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a field that is an object; an empty one when it is none."""
    value = message.get(name)
    return value if isinstance(value, dict) else {}


def count(message: Mapping[str, Any], name: str) -> int:
    """Return a field that is a whole number from 0 up; 0 when it is none."""
    value = message.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
