"""What came of a question to Claude Code, by what it said: the forms are those of the real program, 2.1.330."""

from __future__ import annotations

from typing import Any

import pytest

from warmline.answerers.claude.conversation import answer_to, control_reply, user
from warmline.answerers.claude.framing import Message
from warmline.answerers.claude.turn import Turn
from warmline.errors import AgentError, AnswererError

RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "result": "The port is 9276.",
    "stop_reason": "end_turn",
    "session_id": "s1",
    "user_message_uuids": ["u"],
    "usage": {
        "input_tokens": 1,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 3,
        "output_tokens": 4,
        "service_tier": "standard",
    },
}


def turn_after(*said: Message, max_reply_bytes: int = 100) -> Turn:
    turn = Turn("u", max_reply_bytes=max_reply_bytes)
    for message in said:
        turn.hear(message)
    return turn


def result(**fields: object) -> Message:
    return {**RESULT, **fields}


def failed(text: str, status: int | None = None) -> Message:
    return result(is_error=True, api_error_status=status, result=text, terminal_reason="api_error")


def fault(kind: str) -> Message:
    return {"type": "assistant", "error": kind, "message": {"content": []}}


def event(kind: str, **fields: Any) -> Message:
    return {"type": "stream_event", "parent_tool_use_id": None, "event": {"type": kind, **fields}}


def test_an_answer_comes_with_what_it_cost() -> None:
    reply = turn_after(RESULT).reply()
    assert (reply.text, reply.is_refusal) == ("The port is 9276.", False)
    assert reply.usage == {"input_tokens": 1, "cache_read_tokens": 2, "cache_write_tokens": 3, "output_tokens": 4}


def test_the_result_of_another_question_is_not_its_own() -> None:
    turn = turn_after(result(user_message_uuids=["v"], result="of v"))
    assert not turn.is_over
    with pytest.raises(AnswererError, match="not answered"):
        turn.reply()
    turn.hear(RESULT)
    assert turn.reply().text == "The port is 9276."


def test_the_result_of_a_version_that_does_not_say_whose_it_is_counts() -> None:
    old = {name: value for name, value in RESULT.items() if name != "user_message_uuids"}
    assert turn_after(old).is_over


def test_an_error_that_calls_itself_a_success_is_no_answer() -> None:
    with pytest.raises(AnswererError, match="API Error: 400"):
        turn_after(fault("unknown"), failed("API Error: 400", 400)).reply()


def test_a_result_that_is_no_success_is_no_answer_though_it_names_no_error() -> None:
    with pytest.raises(AnswererError, match="error_during_execution"):
        turn_after(result(subtype="error_during_execution", result="")).reply()
    with pytest.raises(AnswererError, match="half of it"):
        turn_after(result(subtype="error_max_turns", result="half of it")).reply()


@pytest.mark.parametrize(
    ("kind", "status", "what"),
    [
        ("authentication_failed", 401, "login"),
        ("authentication_failed", 403, "login"),
        ("authentication_failed", None, "login"),
        ("model_not_found", 404, "no such model"),
        ("rate_limit", 429, "too many requests"),
        ("server_error", 500, "fails or cannot be reached"),
        ("server_error", None, "fails or cannot be reached"),
        ("overloaded", 529, "too much to do"),
        ("billing_error", None, "paid"),
    ],
)
def test_what_is_not_the_questions_fault_blames_the_agent_and_says_what_to_do(
    kind: str, status: int | None, what: str
) -> None:
    with pytest.raises(AgentError, match=what):
        turn_after(fault(kind), failed("words of the program", status)).reply()


@pytest.mark.parametrize(("status", "what"), [(401, "login"), (404, "model"), (429, "requests"), (503, "fails")])
def test_a_status_is_enough_where_no_kind_is_named(status: int, what: str) -> None:
    with pytest.raises(AgentError, match=what):
        turn_after(failed("words", status)).reply()


@pytest.mark.parametrize(
    ("kind", "status"), [("unknown", 400), ("invalid_request", 413), ("unknown", None), ("", None), ("", 400)]
)
def test_what_may_be_the_questions_fault_does_not_blame_the_agent(kind: str, status: int | None) -> None:
    with pytest.raises(AnswererError, match="words") as caught:
        turn_after(fault(kind), failed("words of the program", status)).reply()
    assert not isinstance(caught.value, AgentError)


def test_a_turn_that_was_stopped_is_over_and_no_answer() -> None:
    stopped = {"type": "result", "subtype": "error_during_execution", "is_error": True, "user_message_uuids": ["u"]}
    turn = turn_after({**stopped, "terminal_reason": "aborted_streaming"})
    assert turn.is_over
    with pytest.raises(AnswererError, match="aborted_streaming"):
        turn.reply()


def test_a_refusal_is_no_failure() -> None:
    refusal = result(is_error=True, stop_reason="refusal", result="API Error: safeguards flagged this message")
    assert turn_after(fault("invalid_request"), refusal).reply().is_refusal


@pytest.mark.parametrize("text", ["", " \n ", None, 7])
def test_an_empty_reply_is_no_answer(text: object) -> None:
    with pytest.raises(AnswererError, match="empty"):
        turn_after(result(result=text)).reply()


def test_a_reply_longer_than_the_limit_is_no_answer() -> None:
    assert turn_after(result(result="é" * 50)).reply().text
    with pytest.raises(AnswererError, match="longer than 100 bytes"):
        turn_after(result(result="é" * 51)).reply()


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_a_reply_that_was_cut_off_is_no_answer_though_the_program_had_it_go_on(reason: str) -> None:
    first = [event("message_start"), event("content_block_delta", delta={"text": "The first half"})]
    cut = event("message_delta", delta={"stop_reason": reason})
    with pytest.raises(AnswererError, match="cut off"):
        turn_after(*first, cut, event("message_start"), RESULT).reply()
    with pytest.raises(AnswererError, match="cut off"):
        turn_after(result(stop_reason=reason)).reply()


def test_thoughts_that_were_cut_off_take_nothing_from_the_answer() -> None:
    cut = event("message_delta", delta={"stop_reason": "max_tokens"})
    assert turn_after(event("message_start"), cut, event("message_start"), RESULT).reply().text


def test_what_a_subagent_writes_is_not_told() -> None:
    turn = turn_after(event("message_start"))
    of_another = event("content_block_delta", delta={"text": "hidden"}) | {"parent_tool_use_id": "t1"}
    assert turn.hear(of_another) == ""
    assert turn.hear(event("content_block_delta", delta={"text": "shown"})) == "shown"


def test_of_a_message_in_several_pieces_nothing_is_told_after_the_first() -> None:
    turn = turn_after(event("message_start"))
    begun = event("content_block_start", content_block={"type": "text", "text": ""})
    first, second = (
        event("content_block_delta", delta={"text": text}) for text in ("Let me see.", "The port is 9276.")
    )
    assert [turn.hear(each) for each in (begun, first, begun, second)] == ["", "Let me see.", "", ""]


def test_why_the_program_tried_again_is_known() -> None:
    turn = turn_after({"type": "system", "subtype": "api_retry", "error": "server_error", "error_status": 502})
    assert turn.retrying == "server_error 502"


@pytest.mark.parametrize("text", ["/clear", " /cost now", "\n/x"])
def test_a_question_that_looks_like_a_command_is_not_one(text: str) -> None:
    content = user(text, "u")["message"]["content"]
    assert not content.lstrip().startswith("/")
    assert content.endswith(text)


@pytest.mark.parametrize(("tool", "behaviour"), [("Read", "allow"), ("Bash", "deny"), ("", "deny")])
def test_only_the_tools_of_the_plan_may_be_used(tool: str, behaviour: str) -> None:
    asked = {"type": "control_request", "request_id": "p", "request": {"subtype": "can_use_tool", "tool_name": tool}}
    answer = answer_to(asked, ("Read",))
    assert answer is not None
    assert answer["response"]["request_id"] == "p"
    assert answer["response"]["response"]["behavior"] == behaviour


def test_what_else_the_program_asks_for_is_answered_too() -> None:
    answer = answer_to({"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback"}}, ())
    assert answer is not None
    assert answer["response"]["subtype"] == "error"


@pytest.mark.parametrize(("code", "is_unknown"), [({}, True), ({"error_code": "unsupported_request"}, True)])
def test_a_verb_that_is_lacking_is_told_from_one_that_failed(code: dict[str, str], is_unknown: bool) -> None:
    error = {"request_id": "r", "subtype": "error", "error": "words", **code}
    reply = control_reply({"type": "control_response", "response": error})
    assert reply is not None
    assert (reply.error, reply.is_unknown) == ("words", is_unknown)
    other = control_reply({"type": "control_response", "response": {**error, "error_code": "other"}})
    assert other is not None
    assert not other.is_unknown
