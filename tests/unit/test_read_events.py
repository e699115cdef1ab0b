"""Reading server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html has them."""

from __future__ import annotations

import pytest

from warmline.interfaces.cli.events import ServerEvent, read_events


def events(text: bytes) -> list[ServerEvent]:
    return list(read_events(text.splitlines(keepends=True)))


def test_an_event_has_a_name_an_id_and_data() -> None:
    assert events(b'event: message\nid: 7\ndata: {"a": 1}\n\n') == [ServerEvent("message", {"a": 1}, "7")]


def test_an_event_without_a_name_is_a_message_and_may_have_no_id() -> None:
    assert events(b"data:1\r\n\r\n") == [ServerEvent("message", 1)]


def test_data_may_take_several_lines() -> None:
    assert events(b'data: {"a":\ndata: 1}\n\n')[0].data == {"a": 1}


def test_comments_and_events_without_data_are_passed_over() -> None:
    assert events(b": still here\n\nretry: 1000\n\nid: 3\n\ndata: 1\n\n") == [ServerEvent("message", 1)]


def test_an_event_that_was_cut_off_is_dropped() -> None:
    assert events(b"data: 1\n\nevent: message\ndata: 2\n") == [ServerEvent("message", 1)]


def test_data_that_is_no_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        events(b"data: {\n\n")
