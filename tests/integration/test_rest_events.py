"""Server-sent events: what is told, what is told again, and when a stream ends."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome
from speaking import Speaker, shut_down

Begin = Any


def conversation_of(speaker: Speaker) -> str:
    name = speaker.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    assert isinstance(name, str)
    return name


def path_of(speaker: Speaker) -> str:
    return f"/v1/conversations/{conversation_of(speaker)}/events"


def say(speaker: Speaker, to: str, body: str) -> dict[str, Any]:
    said: dict[str, Any] = speaker.ok("POST", "/v1/messages", {"to": to, "body": body})
    return said


def bodies(events: list[dict[str, str]]) -> list[str]:
    return [json.loads(event["data"])["body"] for event in events]


def test_a_stream_says_that_it_is_one(begin: Begin) -> None:
    ann, _ = begin("ann", "bob")
    with ann.listen(path_of(ann)) as events:
        assert events.status == 200
        assert events.headers["Content-Type"].startswith("text/event-stream")
        assert events.headers["Cache-Control"] == "no-store"


def test_what_was_said_before_and_after_is_heard_once_and_in_order(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    say(ann, "bob", "before")
    with ann.listen(path_of(ann)) as events:
        (before,) = events.read(1)
        sent = [say(bob, "ann", f"after {n}") for n in range(3)]
        after = events.read(3)
    assert bodies([before, *after]) == ["before", "after 0", "after 1", "after 2"]
    assert [event["event"] for event in [before, *after]] == ["message"] * 4
    assert [int(event["id"]) for event in after] == [each["number"] for each in sent]


def test_a_body_of_many_lines_is_one_event(begin: Begin) -> None:
    ann, _ = begin("ann", "bob")
    body = "data: one\n\nid: 7\r\nevent: x\rretry: 1\u2028\u0085 end\n"
    say(ann, "bob", body)
    with ann.listen(path_of(ann)) as events:
        (event,) = events.read(1)
    assert bodies([event]) == [body]


def test_a_receipt_is_told_as_it_changes_and_has_no_id(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    with ann.listen(path_of(ann)) as events:
        sent = say(ann, "bob", "read me")
        (message,) = events.read(1)
        batch = bob.ok("POST", "/v1/mailboxes/receive", {})
        (handed,) = events.read(1)
        bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")
        (read,) = events.read(1)
    views = [json.loads(event["data"]) for event in (message, handed, read)]
    assert [event["event"] for event in (message, handed, read)] == ["message", "receipt", "receipt"]
    assert [view["receipts"][0]["receipt"] for view in views] == ["accepted", "handed", "read"]
    assert {view["id"] for view in views} == {sent["id"]}
    assert views[1]["receipts"][0]["handed_to"] == "bob"
    assert "id" not in handed
    assert "id" not in read


@pytest.mark.parametrize("missed", [0, 1, 5, 250])
def test_who_comes_back_hears_exactly_what_it_missed(owner: Speaker, begin: Begin, missed: int) -> None:
    ann, _ = begin("ann", "bob")
    conversation = conversation_of(ann)
    path = f"/v1/conversations/{conversation}/events"
    first = owner.ok("POST", "/v1/messages", {"to": "bob", "conversation": conversation, "body": "first"})
    with owner.listen(path) as events:
        (seen,) = events.read(1)
    for n in range(missed):
        owner.ok("POST", "/v1/messages", {"to": "bob", "conversation": conversation, "body": f"missed {n}"})
    with owner.listen(path, Last_Event_ID=seen["id"]) as events:
        heard = events.read(missed)
        owner.ok("POST", "/v1/messages", {"to": "bob", "conversation": conversation, "body": "next"})
        heard += events.read(1)
    assert first["number"] == int(seen["id"])
    assert bodies(heard) == [*(f"missed {n}" for n in range(missed)), "next"]


@pytest.mark.parametrize("last", ["nonsense", "-1", "9" * 30, "1.5", "\u00b2"])
def test_a_last_event_id_that_nobody_gave_is_no_error(begin: Begin, last: str) -> None:
    ann, _ = begin("ann", "bob")
    with ann.listen(path_of(ann), Last_Event_ID=last) as events:
        assert events.status == 200


def test_a_message_of_another_conversation_is_not_heard(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    cat, _ = begin("cat", "dog")
    with ann.listen(path_of(ann)) as events:
        say(cat, "dog", "elsewhere")
        say(bob, "ann", "here")
        assert bodies(events.read(1)) == ["here"]


def test_a_revoked_listener_hears_no_more(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    conversation = conversation_of(ann)
    made = owner.ok("POST", "/v1/credentials", {"name": "ann", "conversation": conversation})
    with Speaker(owner.home, made["token"]).listen(f"/v1/conversations/{conversation}/events") as events:
        say(bob, "ann", "still")
        assert bodies(events.read(1)) == ["still"]
        owner.ok("POST", f"/v1/credentials/{made['id']}/revoke")
        say(bob, "ann", "secret")
        assert events.next() is None


def test_an_answer_is_told_once_and_ends_the_stream_and_does_not_come_again(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    question = ann.ok("POST", "/v1/questions", {"question": "which port?", "to": "bob"})
    path = f"/v1/questions/{question['id']}/events"
    with ann.listen(path) as events:
        batch = bob.ok("POST", "/v1/mailboxes/receive", {"wait": 5})
        bob.ok("POST", f"/v1/batches/{batch['token']}/messages/{question['id']}/reply", {"body": "9187"})
        (event,) = events.read(1)
        assert events.next() is None
    assert event["event"] == "answer"
    assert json.loads(event["data"])["text"] == "9187"
    again = ann.call("GET", path, Last_Event_ID=event["id"])
    assert (again.status, again.body) == (204, b"")


def test_an_answer_that_came_before_is_told_at_once(owner: Speaker) -> None:
    question = owner.ok("POST", "/v1/questions", {"question": "anything?"})
    owner.ok("GET", f"/v1/questions/{question['id']}?wait=5")
    with owner.listen(f"/v1/questions/{question['id']}/events") as events:
        (event,) = events.read(1)
        assert events.next() is None
    assert json.loads(event["data"])["outcome"] == "insufficient_evidence"


def test_somebody_elses_question_is_not_heard(begin: Begin, owner: Speaker) -> None:
    question = owner.ok("POST", "/v1/questions", {"question": "mine?"})
    ann, _ = begin("ann", "bob")
    assert ann.call("GET", f"/v1/questions/{question['id']}/events").status == 404


def test_a_listener_that_left_is_forgotten(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    connections = [ann.begin("GET", path_of(ann)) for _ in range(3)]
    for connection in connections:
        connection.getresponse().readline()
    before = owner.ok("GET", "/v1/status")["waiting"]
    assert before >= 3
    for connection in connections:
        shut_down(connection)
    while owner.ok("GET", "/v1/status")["waiting"] > before - 3:
        say(bob, "ann", "anyone?")


def test_streams_end_when_the_daemon_leaves(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home")
    daemon = home.serve()
    try:
        owner = Speaker(home.home, home.home.read_token())
        owner.ok("POST", "/v1/conversations", {"between": ["ann", "bob"]})
        asked = owner.ok("POST", "/v1/questions", {"question": "which?", "to": "bob"})
        with (
            owner.listen("/v1/conversations/default/events") as conversation,
            owner.listen(f"/v1/questions/{asked['id']}/events") as question,
        ):
            assert (conversation.status, question.status) == (200, 200)
            daemon.send_signal(signal.SIGTERM)
            assert conversation.next() is None
            assert question.next() is None
        assert daemon.wait(timeout=20) == 0
    finally:
        home.close()
