"""One question to Claude Code, and what came of it: an answer, a refusal, or a typed failure. No I/O.

What was learnt from the program (2.1.197 to 2.1.330) stands beside the line that minds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from warmline.answerers.claude.conversation import count, mapping, text
from warmline.answerers.claude.framing import Message
from warmline.errors import AgentError, AnswererError
from warmline.retelling import Retelling

_MAX_REASON_CHARACTERS = 300

_CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded"})

_AUTHENTICATION = "its provider does not accept its login; give it a key_file with a good key, or log it in"
_AGENT_FAULTS = {
    "authentication_failed": _AUTHENTICATION,
    "oauth_org_not_allowed": _AUTHENTICATION,
    "cloud_credential_error": _AUTHENTICATION,
    "account_on_hold": "its account is on hold",
    "verification_required": "its account wants a verification",
    "billing_error": "its provider wants to be paid first",
    "rate_limit": "its provider has had too many requests from it",
    "overloaded": "its provider has too much to do",
    "server_error": "its provider fails or cannot be reached",
    "model_not_found": "its provider has no such model for it; name another one as its model",
}
"""What it says went wrong, whatever the question was. All else may be the question's fault."""

_USAGE = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
    "output_tokens": "output_tokens",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said, or that it refuses; and what that cost, by the names that usage has in a Draft."""

    text: str
    usage: Mapping[str, int] = field(default_factory=dict)
    is_refusal: bool = False


class Turn:
    """What was heard since a question was put. uuid is the question's: only its beginning has to be unlike others'."""

    def __init__(self, uuid: str, *, max_reply_bytes: int) -> None:
        self.uuid = uuid
        self.session = ""
        """Of the conversation, as it was named last."""
        self.version = ""
        self.model = ""
        self.retrying = ""
        """Why the program tried again, last."""
        self._max_reply_bytes = max_reply_bytes
        self._result: Message | None = None
        self._fault = ""
        self._cut_off = False
        self._writing = Retelling()
        """Of the answer's text: the program asks again when a connection is lost, and the model begins anew."""

    @property
    def is_over(self) -> bool:
        """Whether the program has said how it came out."""
        return self._result is not None

    def hear(self, message: Message) -> str:
        """Take in what the program says; return what of the answer's text is new, as far as it will stand."""
        kind = message.get("type")
        self.session = text(message, "session_id") or self.session
        if kind == "stream_event" and message.get("parent_tool_use_id") is None:
            return self._hear_model(mapping(message, "event"))
        if kind == "assistant":
            # It speaks in the model's place to tell of errors, and only there names their kind.
            self._fault = text(message, "error") or self._fault
        elif kind == "system":
            self._hear_program(message)
        elif kind == "result" and self._is_meant(message):
            self._result = message
        return ""

    def reply(self) -> Reply:
        """Return what came of it. Raises AnswererError, and AgentError when it is not the question's fault."""
        if self._result is None:
            raise AnswererError("it has not answered")
        result = self._result
        said = text(result, "result")
        if result.get("stop_reason") == "refusal":
            return Reply(said, self._usage(), is_refusal=True)
        if result.get("is_error") is not False or result.get("subtype") != "success":
            raise self._failure()
        # It has the model go on after a cut, and then its result is the second half alone.
        if self._cut_off or result.get("stop_reason") in _CUT_OFF:
            raise AnswererError("its reply was cut off at the model's limit")
        if not said.strip():
            raise AnswererError("its reply was empty")
        if len(said.encode("utf-8", "replace")) > self._max_reply_bytes:
            raise AnswererError(f"its reply is longer than {self._max_reply_bytes:,} bytes")
        return Reply(said, self._usage())

    def _is_meant(self, result: Message) -> bool:
        uuids = result.get("user_message_uuids")
        return not isinstance(uuids, list) or self.uuid in uuids  # before 2.1.3xx it does not say

    def _hear_model(self, event: Mapping[str, Any]) -> str:
        match event.get("type"):
            case "message_start":
                self._writing.begin()
            case "content_block_start" if mapping(event, "content_block").get("type") == "text":
                if self._writing.has_begun:  # of several pieces only the last one is the answer
                    self._writing.silence()
            case "content_block_delta":
                return self._writing.go_on(text(mapping(event, "delta"), "text"))
            case "message_delta" if mapping(event, "delta").get("stop_reason") in _CUT_OFF:
                self._cut_off = self._cut_off or self._writing.has_begun
            case _:
                pass
        return ""

    def _hear_program(self, message: Message) -> None:
        match message.get("subtype"):
            case "init":
                self.version = text(message, "claude_code_version")
                self.model = text(message, "model")
            case "api_retry":
                self.retrying = f"{text(message, 'error')} {message.get('error_status') or ''}".strip()
            case _:
                pass

    def _failure(self) -> AnswererError:
        result = self._result or {}
        said = " ".join(text(result, "result").split())[:_MAX_REASON_CHARACTERS]
        fault = self._fault or _fault_of(result.get("api_error_status"))
        if fault in _AGENT_FAULTS:
            return AgentError(f"{_AGENT_FAULTS[fault]} ({said})" if said else _AGENT_FAULTS[fault])
        if fault == "max_output_tokens":
            return AnswererError(f"its reply was cut off at the model's limit ({said})")
        how = text(result, "terminal_reason") or text(result, "subtype") or "an unknown reason"
        return AnswererError(f"it failed at what it was told: {said or how}")

    def _usage(self) -> dict[str, int]:
        usage = mapping(self._result or {}, "usage")
        return {ours: count(usage, theirs) for ours, theirs in _USAGE.items()}


def _fault_of(status: object) -> str:
    """Name the fault that a status stands for, in the program's words."""
    if not isinstance(status, int):
        return ""
    known = {401: "authentication_failed", 403: "authentication_failed", 404: "model_not_found", 429: "rate_limit"}
    return known.get(status, "server_error" if status >= 500 else "")
