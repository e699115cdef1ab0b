"""What an agent writes: however it is cut and whatever it is, it becomes messages or one clear error, and no other."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmline.answerers.claude.conversation import answer_to, control_reply
from warmline.answerers.claude.framing import GarbledError, Lines, Message, encode
from warmline.answerers.claude.turn import Turn
from warmline.errors import AnswererError

LIMIT = 1000

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3), max_leaves=4
)

NAMES = (
    *("type", "subtype", "request_id", "response", "request", "result", "is_error", "stop_reason", "usage", "error"),
    *("api_error_status", "user_message_uuids", "session_id", "event", "delta", "text", "content_block", "tool_name"),
)
KINDS = (
    *("result", "assistant", "system", "stream_event", "control_request", "control_response", "success", "text"),
    *("content_block_delta", "message_start", "message_delta", "content_block_start", "api_retry", "can_use_tool"),
)
likely: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(KINDS) | scalars,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(NAMES), each, max_size=6),
    max_leaves=10,
)
messages = st.dictionaries(st.sampled_from(NAMES), likely, max_size=6) | st.dictionaries(st.text(), values, max_size=3)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[first:last] for first, last in pairwise(places)]


def heard(lines: Lines, pieces: list[bytes]) -> list[Message]:
    return [message for piece in pieces for message in lines.feed(piece)]


@given(st.lists(messages, max_size=4), st.lists(st.integers(0, 10_000), max_size=8))
def test_messages_come_back_however_the_bytes_are_cut(said: list[Message], cuts: list[int]) -> None:
    data = b"".join(map(encode, said))
    assert heard(Lines(10**6), in_pieces(data, cuts)) == json.loads(json.dumps(said))


@given(st.lists(st.binary() | messages.map(encode), max_size=4), st.lists(st.integers(0, 10_000), max_size=8))
def test_bytes_of_any_kind_become_messages_or_one_error(said: list[bytes], cuts: list[int]) -> None:
    with suppress(GarbledError):
        assert all(isinstance(each, dict) for each in heard(Lines(LIMIT), in_pieces(b"\n".join(said), cuts)))


@given(st.integers(0, LIMIT + 20), st.integers(1, 300))
def test_a_line_may_be_as_long_as_the_limit_and_no_longer(padding: int, piece_bytes: int) -> None:
    line = encode({"padding": "x" * padding})
    pieces = [line[at : at + piece_bytes] for at in range(0, len(line), piece_bytes)]
    if len(line) - 1 <= LIMIT:
        assert len(heard(Lines(LIMIT), pieces)) == 1
    else:
        with pytest.raises(GarbledError, match="more than 1,000 bytes"):
            heard(Lines(LIMIT), pieces)


@given(st.integers(1, 2 * LIMIT))
def test_a_line_that_never_ends_is_not_kept(piece_bytes: int) -> None:
    pieces = [b"x" * piece_bytes] * (LIMIT // piece_bytes + 1)
    with pytest.raises(GarbledError, match="more than 1,000 bytes"):
        heard(Lines(LIMIT), pieces)


@given(st.lists(messages, max_size=4))
def test_messages_of_any_form_are_understood_or_passed_over(said: list[Message]) -> None:
    turn = Turn("u", max_reply_bytes=LIMIT)
    for message in said:
        assert isinstance(turn.hear(message), str)
        control_reply(message)
        answer_to(message, ())
    with suppress(AnswererError):
        reply = turn.reply()
        assert reply.is_refusal or reply.text.strip()


@given(st.text(), st.lists(st.integers(0, 100)), st.lists(st.integers(0, 200), max_size=4))
def test_what_is_told_is_the_text_however_often_the_model_begins_anew(
    text: str, cuts: list[int], breaks: list[int]
) -> None:
    turn = Turn("u", max_reply_bytes=LIMIT)
    told = []
    for end in [*(each % (len(text) + 1) for each in breaks), len(text)]:
        turn.hear(event("message_start"))
        begun = text[:end]
        places = sorted({0, len(begun), *(cut % (len(begun) + 1) for cut in cuts)})
        for first, last in pairwise(places):
            told.append(turn.hear(event("content_block_delta", delta={"text": begun[first:last]})))
    assert "".join(told) == text


@given(st.text(min_size=1), st.text(min_size=1))
def test_what_is_told_is_taken_no_further_when_the_model_begins_otherwise(first: str, second: str) -> None:
    turn = Turn("u", max_reply_bytes=LIMIT)
    told = []
    for text in (first, second):
        turn.hear(event("message_start"))
        told += [turn.hear(event("content_block_delta", delta={"text": letter})) for letter in text]
    assert "".join(told) == (second if second.startswith(first) else first)


def event(kind: str, **fields: object) -> Message:
    return {"type": "stream_event", "parent_tool_use_id": None, "event": {"type": kind, **fields}}
