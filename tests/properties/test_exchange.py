"""Whatever the other end says, a client hears replies or loses the connection, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from warmline.errors import DisconnectedError, WarmlineError
from warmline.listen.calls import response_of
from warmline.listen.exchange import Exchange
from warmline.listen.messages import Cited, Query, Response, Text

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["answered", "ready"]),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(st.text(max_size=5), deeper, max_size=3),
    max_leaves=6,
)
KEYS = {
    *("id", "answer", "ticket", "outcome", "author", "sources", "citations", "redacted", "state", "delivery", "offset"),
    *(
        "text",
        "data",
        "code",
        "error",
        "retry_after",
        "in_place_of",
        "path",
        "first_line",
        "last_line",
        "quote",
        "status",
    ),
}
REPLIES = st.fixed_dictionaries(
    {"type": st.sampled_from(["response", "ticket", "progress", "text", "cancelled", "pong", "error"])},
    optional=dict.fromkeys(KEYS, ANYTHING) | {"id": st.just("me") | ANYTHING},
)


def begun(exchange: Exchange) -> Any:
    query = Query("what?", "me")
    return exchange.begin(query, exchange.encode(query), 0.0)


@given(st.lists(REPLIES | ANYTHING, max_size=4))
@example([{"type": "error", "id": "me", "code": ["a"], "error": {}}])
@example([{"type": "pong", "id": {}}])
def test_what_is_said_is_understood_or_a_lost_connection(said: list[Any]) -> None:
    exchange = Exchange()
    call = begun(exchange)
    try:
        exchange.receive("".join(json.dumps(each) + "\n" for each in said).encode())
        while (reply := call.take()) is not None:
            if isinstance(reply, Response):
                assert type(reply.text) is type(reply.ticket) is str
                assert all(type(each) is Cited for each in reply.citations)
            elif isinstance(reply, Text):
                assert type(reply.offset) is int
            response_of(reply)
    except WarmlineError:
        return


@given(st.binary(max_size=200), st.integers(1, 20))
def test_bytes_that_are_no_lines_are_a_lost_connection(garbage: bytes, size: int) -> None:
    exchange = Exchange()
    begun(exchange)
    try:
        for start in range(0, len(garbage), size):
            exchange.receive(garbage[start : start + size])
    except DisconnectedError:
        return
    assert b"\n" not in garbage


@given(st.text(max_size=30), st.data())
def test_a_text_is_told_once_however_often_the_connection_was_lost(words: str, data: st.DataObject) -> None:
    exchange = Exchange()
    call = begun(exchange)
    told = ""
    for _ in range(3):
        ends = data.draw(st.integers(0, len(words)))
        for offset in range(ends):
            line = {"type": "text", "id": "me", "ticket": "T", "delivery": 1, "offset": offset, "text": words[offset]}
            exchange.receive(json.dumps(line).encode() + b"\n")
        exchange.renew()
        while (reply := call.take()) is not None:
            told += reply.text
        assert words.startswith(told)
        assert len(told) >= ends
