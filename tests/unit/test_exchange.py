"""What a client knows of its requests, and how it judges silence, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from warmline import errors
from warmline.errors import DisconnectedError, PendingError, RateLimitedError, TooManyRequestsError, UnansweredError
from warmline.listen.calls import Call, response_of
from warmline.listen.exchange import MOST_BYTES_UNDER_WAY, Exchange
from warmline.listen.lifeline import Lifeline
from warmline.listen.messages import Problem, Query, Text
from warmline.listen.problems import code_of


def begin(exchange: Exchange, name: str, *, wait: float | None = None, question: str = "what?") -> Call:
    query = Query(question, name, wait=wait)
    return exchange.begin(query, exchange.encode(query), 0.0)


def say(exchange: Exchange, **said: Any) -> None:
    exchange.receive(json.dumps(said).encode() + b"\n")


def test_replies_find_their_requests_in_any_order() -> None:
    exchange = Exchange()
    first, second = begin(exchange, "1"), begin(exchange, "2")
    say(exchange, type="error", code="not_found", error="two", id="2")
    say(exchange, type="error", code="not_found", error="one", id="1")
    assert (first.take(), second.take()) == (Problem("not_found", "one"), Problem("not_found", "two"))


def test_a_reply_to_nobody_is_dropped() -> None:
    exchange = Exchange()
    call = begin(exchange, "1")
    say(exchange, type="pong", id="gone")
    assert call.take() is None


def test_an_error_about_the_connection_ends_all_that_is_asked_on_it() -> None:
    exchange = Exchange()
    calls = [begin(exchange, name) for name in "ab"]
    say(exchange, type="error", code="too_many_requests", error="no room", retry_after=2)
    for call in calls:
        reply = call.take()
        assert reply is not None
        with pytest.raises(TooManyRequestsError) as refused:
            response_of(reply)
        assert refused.value.retry_after == 2
    assert len(exchange) == 0


def test_a_line_said_again_has_what_is_left_of_the_wait() -> None:
    exchange = Exchange()
    call = begin(exchange, "1", wait=10)
    assert json.loads(exchange.say(call, "first", 0.0))["wait"] == 10
    exchange.renew()
    assert json.loads(exchange.say(call, "second", 4.0))["wait"] == 6


def test_every_line_shows_the_token_and_no_representation_does() -> None:
    token = "wl_" + "5e" * 24
    exchange = Exchange(token)
    call = begin(exchange, "1")
    assert json.loads(exchange.say(call, "first", 0.0))["token"] == token
    assert token not in repr(call) + repr(exchange) + repr(call.request)


def test_no_more_is_said_at_once_than_an_instance_takes_in() -> None:
    exchange = Exchange()
    large = "x" * (MOST_BYTES_UNDER_WAY // 2)
    calls = [begin(exchange, name, question=large) for name in "ab"]
    exchange.say(calls[0], "here", 0.0)
    assert not exchange.can_say(calls[1], "here")
    exchange.forget(calls[0])
    assert exchange.can_say(calls[1], "here")


def test_half_a_line_of_a_lost_connection_does_not_spoil_the_next() -> None:
    exchange = Exchange()
    call = begin(exchange, "1")
    exchange.receive(b'{"type":"err')
    exchange.renew()
    say(exchange, type="error", code="not_found", error="whole", id="1")
    assert call.take() == Problem("not_found", "whole")


def test_another_delivery_begins_the_text_anew() -> None:
    exchange = Exchange()
    call = begin(exchange, "1")
    for delivery in (1, 2):
        say(exchange, type="text", ticket="T", delivery=delivery, offset=0, text="a", id="1")
    assert [call.take(), call.take()] == [Text("T", 1, 0, "a"), Text("T", 2, 0, "a")]


def test_a_wait_that_ends_names_the_ticket_or_else_the_id() -> None:
    exchange = Exchange()
    call = begin(exchange, "the-id", wait=1)
    assert call.left(0.5, 0.0) == 0.5
    with pytest.raises(DisconnectedError, match="the-id"):
        call.left(1.0, 0.0)
    say(exchange, type="progress", ticket="T1", state="ready", id="the-id")
    with pytest.raises(PendingError) as pending:
        call.left(1.0, 0.0)
    assert pending.value.ticket == "T1"


@pytest.mark.parametrize(
    "kind",
    [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.WarmlineError)],
)
def test_every_error_arrives_as_its_own_class(kind: type[errors.WarmlineError]) -> None:
    exchange = Exchange()
    call = begin(exchange, "1")
    say(exchange, type="error", code=code_of(kind), error="because", ticket="T1", retry_after=3, id="1")
    reply = call.take()
    assert reply is not None
    with pytest.raises(errors.WarmlineError, match="because") as refused:
        response_of(reply)
    assert type(refused.value) is kind
    if isinstance(refused.value, UnansweredError):
        assert refused.value.ticket == "T1"
    if isinstance(refused.value, RateLimitedError):
        assert refused.value.retry_after == 3


def test_half_of_a_silence_asks_for_a_ping_once_and_all_of_it_is_a_loss() -> None:
    lifeline = Lifeline(timeout=10, reconnect=60)
    lifeline.expect(100)
    assert lifeline.listen_until() == 105
    assert not lifeline.ping_is_due(104.9)
    assert lifeline.ping_is_due(105)
    assert not lifeline.ping_is_due(106)
    assert lifeline.listen_until() == 110
    assert not lifeline.is_lost(109.9)
    assert lifeline.is_lost(110)


def test_whatever_is_heard_begins_the_silence_anew() -> None:
    lifeline = Lifeline(timeout=10, reconnect=60)
    lifeline.expect(100)
    assert lifeline.ping_is_due(105)
    lifeline.heard(109, understood=False)
    assert not lifeline.is_lost(118.9)
    assert lifeline.listen_until() == 114


def test_the_first_try_is_at_once_and_later_ones_come_at_growing_distances() -> None:
    lifeline = Lifeline(timeout=10, reconnect=5)
    lifeline.expect(0)
    delays, now = [], 0.0
    while lifeline.lost(now):
        delays.append(lifeline.next_try - now)
        now = lifeline.next_try
    assert delays[:4] == pytest.approx([0, 0.05, 0.1, 0.2])
    assert max(delays) == 1
    assert 4 <= now < 5


def test_an_instance_that_speaks_again_has_all_of_the_patience_again() -> None:
    lifeline = Lifeline(timeout=10, reconnect=5)
    lifeline.expect(0)
    assert lifeline.lost(0)
    lifeline.opened(1)
    lifeline.heard(2, understood=True)
    assert lifeline.lost(100)
    assert lifeline.next_try == 100


def test_a_connection_that_only_says_nonsense_uses_the_patience_up() -> None:
    lifeline = Lifeline(timeout=10, reconnect=5)
    lifeline.expect(0)
    assert lifeline.lost(0)
    lifeline.opened(1)
    lifeline.heard(2, understood=False)
    assert not lifeline.lost(6)


def test_a_client_without_reconnect_gives_up_at_the_first_loss() -> None:
    assert not Lifeline(timeout=10, reconnect=0).lost(3)
