"""Messages over HTTP between real participants: send, receive, settle, answer, give back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome
from speaking import Speaker, until

Begin = Any


def take(speaker: Speaker, **how: object) -> dict[str, Any]:
    """Receive, and wait for it."""
    batch: dict[str, Any] = speaker.ok("POST", "/v1/mailboxes/receive", {"wait": 5, **how})
    assert batch["token"], "nothing came"
    return batch


def receipts(speaker: Speaker, message: dict[str, Any]) -> list[str]:
    said = speaker.ok("GET", f"/v1/messages/{message['id']}/receipts")
    return [each["receipt"] for each in said["receipts"]]


def send(speaker: Speaker, to: str, body: str = "hello", **more: object) -> dict[str, Any]:
    sent: dict[str, Any] = speaker.ok("POST", "/v1/messages", {"to": to, "body": body, **more})
    return sent


def ask(speaker: Speaker, to: str, question: str = "which port?") -> dict[str, Any]:
    asked: dict[str, Any] = speaker.ok("POST", "/v1/questions", {"to": to, "question": question})
    return asked


def test_a_message_is_accepted_handed_and_read(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    sent = send(ann, "bob", "hello", metadata={"files": ["a.py"]})
    assert receipts(ann, sent) == ["accepted"]
    batch = take(bob)
    assert receipts(ann, sent) == ["handed"]
    (message,) = batch["messages"]
    assert (message["id"], message["body"], message["metadata"]) == (sent["id"], "hello", {"files": ["a.py"]})
    assert (message["deliveries"], message["redelivered"]) == (1, False)
    done = bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")
    assert done == {"settled": [sent["id"]], "unanswered": []}
    assert receipts(ann, sent) == ["read"]
    assert bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge") == done


def test_the_same_key_is_the_same_message_and_another_body_is_409(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    first = ann.call("POST", "/v1/messages", {"to": "bob", "body": "once"}, Idempotency_Key="k")
    second = ann.call("POST", "/v1/messages", {"to": "bob", "body": "once"}, Idempotency_Key="k")
    other = ann.call("POST", "/v1/messages", {"to": "bob", "body": "twice"}, Idempotency_Key="k")
    assert (first.status, second.status, other.status) == (201, 200, 409)
    assert first.json["id"] == second.json["id"]
    assert len(take(bob)["messages"]) == 1


def test_a_broadcast_has_one_receipt_a_recipient(begin: Begin) -> None:
    ann, bob, cat = begin("ann", "bob", "cat")
    sent = ann.ok("POST", "/v1/messages", {"broadcast": True, "body": "all of you"})
    bob.ok("POST", f"/v1/batches/{take(bob)['token']}/acknowledge")
    said = ann.ok("GET", f"/v1/messages/{sent['id']}")
    assert {each["mailbox"]: each["receipt"] for each in said["receipts"]} == {"bob": "read", "cat": "accepted"}
    assert take(cat)["messages"][0]["body"] == "all of you"


@pytest.mark.parametrize("to", [{}, {"to": "bob", "broadcast": True}, {"broadcast": False}, {"broadcast": 1}])
def test_a_message_goes_to_one_or_to_all_else_422(begin: Begin, to: dict[str, Any]) -> None:
    ann, _ = begin("ann", "bob")
    assert ann.call("POST", "/v1/messages", {"body": "whom?", **to}).status == 422


def test_what_is_done_is_acknowledged_with_the_next_receive(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    sent = send(ann, "bob")
    batch = take(bob)
    nothing = bob.ok("POST", "/v1/mailboxes/receive", {"done": batch["token"]})
    assert (nothing.pop("token"), nothing.pop("messages")) == (None, [])
    assert set(nothing.values()) == {None}
    assert receipts(ann, sent) == ["read"]


def test_a_reader_whose_response_was_cut_off_sees_the_messages_again(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    sent = send(ann, "bob")
    lost = bob.begin("POST", "/v1/mailboxes/receive", {"wait": 10}, Idempotency_Key="cut")
    until(lambda: receipts(ann, sent) == ["handed"])
    lost.close()
    again = bob.ok("POST", "/v1/mailboxes/receive", {}, Idempotency_Key="cut")
    assert [message["id"] for message in again["messages"]] == [sent["id"]]
    assert bob.ok("POST", f"/v1/batches/{again['token']}/acknowledge")["settled"] == [sent["id"]]


def test_a_waiting_reader_that_left_takes_nothing(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    before = owner.ok("GET", "/v1/status")["receiving"]
    gone = bob.begin("POST", "/v1/mailboxes/receive", {"wait": 600})
    until(lambda: owner.ok("GET", "/v1/status")["receiving"] != before)
    gone.close()
    until(lambda: owner.ok("GET", "/v1/status")["receiving"] <= before)
    sent = send(ann, "bob")
    assert receipts(ann, sent) == ["accepted"]


def test_what_lies_ready_is_told_with_a_mark_and_waited_for(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    assert bob.ok("GET", "/v1/mailboxes/bob/due") == {"count": 0, "mark": "0.0.0"}
    send(ann, "bob")
    assert bob.ok("GET", "/v1/mailboxes/bob/due?wait=600") == {"count": 1, "mark": "1.1.0"}
    waiting = bob.begin("GET", "/v1/mailboxes/bob/due?wait=600&known=1.1.0")
    send(ann, "bob")
    assert json.loads(waiting.getresponse().read()) == {"count": 2, "mark": "2.2.0"}
    waiting.close()
    assert ann.call("GET", "/v1/mailboxes/bob/due").status == 403
    assert ann.call("GET", "/v1/mailboxes/nobody/due").status == 404
    assert bob.call("GET", "/v1/mailboxes/bob/due?known=x").status == 422


def test_what_is_given_back_comes_again_and_says_so(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    sent = send(ann, "bob")
    first = take(bob)
    assert bob.call("POST", f"/v1/batches/{first['token']}/messages/{sent['id']}/release").status == 204
    assert receipts(ann, sent) == ["handed"]
    second = take(bob)
    assert second["messages"][0]["redelivered"] is True
    assert bob.call("POST", f"/v1/batches/{second['token']}/release").status == 204
    assert take(bob)["messages"][0]["deliveries"] == 3
    assert bob.call("POST", f"/v1/batches/{first['token']}/acknowledge").status == 409


def test_a_lease_is_extended_from_now(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    send(ann, "bob")
    batch = take(bob, lease_seconds=10)
    longer = bob.ok("POST", f"/v1/batches/{batch['token']}/extend", {"lease_seconds": 600})
    assert longer["lapses_at"] > batch["lapses_at"]
    assert longer["messages"] == batch["messages"]


def test_an_agent_answers_with_citations_that_are_checked(owner: Speaker, begin: Begin, notes: Path) -> None:
    owner.ok_lines("POST", "/v1/memory/roots", {"paths": [str(notes)]})
    ann, bob = begin("ann", "bob")
    asked = ask(ann, "bob")
    batch = take(bob)
    true = {"path": "notes/exporter.md", "first_line": 3, "last_line": 3, "quote": "listens on port 9187"}
    false = {**true, "quote": "listens on no port whatsoever, ever"}
    path = f"/v1/batches/{batch['token']}/messages/{asked['id']}"
    backwards = bob.call("POST", f"{path}/reply", {"body": "9187", "citations": [true | {"first_line": 9}]})
    assert backwards.status == 400
    assert "lines 9-3 of 'notes/exporter.md' are named backwards" in backwards.json["detail"]
    bob.ok("POST", f"{path}/reply", {"body": "9187", "citations": [true, false]})
    answer = ann.ok("GET", f"/v1/questions/{asked['id']}?wait=10")
    assert (answer["outcome"], answer["text"], answer["author"]) == ("answered", "9187", "bob")
    first, *others = answer["citations"]
    assert first["status"] == "verified"
    assert all(each["status"] != "verified" for each in others)
    assert ann.ok("GET", f"/v1/messages/{asked['id']}")["receipts"][0]["receipt"] == "answered"
    assert bob.call("POST", f"{path}/reply", {"body": "again"}).status == 409


def test_a_refusal_reaches_the_asker_as_the_answer(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    asked = ask(ann, "bob")
    bob.ok("POST", f"/v1/batches/{take(bob)['token']}/messages/{asked['id']}/refuse", {"reason": "not my part"})
    answer = ann.ok("GET", f"/v1/questions/{asked['id']}?wait=10")
    assert (answer["outcome"], answer["text"]) == ("refused", "not my part")


def test_an_escalated_question_is_answered_by_the_person_on_the_same_ticket(begin: Begin) -> None:
    ann, bob, pat = begin("ann", "bob", persons=("pat",))
    asked = ask(ann, "bob")
    path = f"messages/{asked['id']}"
    bob.ok("POST", f"/v1/batches/{take(bob)['token']}/{path}/escalate", {})
    pat.ok("POST", f"/v1/batches/{take(pat)['token']}/{path}/reply", {"body": "9187"})
    answer = ann.ok("GET", f"/v1/questions/{asked['id']}?wait=10")
    assert (answer["text"], answer["author"]) == ("9187", "pat")


def test_a_machine_may_not_answer_where_a_person_must(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    asked = ask(ann, "bob")
    conversation = ann.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    wanted = {"ordered": False, "answered_by": "person", "conversation": conversation}
    assert owner.ok("PUT", "/v1/mailboxes/bob/policy", wanted)["answered_by"] == "person"
    path = f"/v1/batches/{take(bob)['token']}/messages/{asked['id']}"
    refused = bob.call("POST", f"{path}/reply", {"body": "9187"})
    assert (refused.status, "escalate" in refused.json["detail"]) == (403, True)


def test_an_erased_message_leaves_a_tombstone(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    sent = send(ann, "bob", "the secret")
    assert bob.call("DELETE", f"/v1/messages/{sent['id']}").status == 403
    erased = ann.ok("DELETE", f"/v1/messages/{sent['id']}")
    assert (erased["body"], erased["erased_at"] is not None) == ("", True)
    assert erased == ann.ok("DELETE", f"/v1/messages/{sent['id']}")
    assert erased["receipts"][0]["receipt"] == "cancelled"


def test_a_closed_conversation_takes_nothing_new_and_shows_what_is_there(owner: Speaker, begin: Begin) -> None:
    ann, _ = begin("ann", "bob")
    sent = send(ann, "bob", "last words")
    conversation = sent["conversation"]
    assert owner.ok("POST", f"/v1/conversations/{conversation}/close")["closed_at"]
    assert ann.call("POST", "/v1/messages", {"to": "bob", "body": "more"}).status == 409
    found = ann.ok("GET", f"/v1/conversations/{conversation}/messages")
    assert [message["body"] for message in found["messages"]] == ["last words"]


def test_messages_are_listed_page_by_page(begin: Begin) -> None:
    ann, _ = begin("ann", "bob")
    sent = [send(ann, "bob", str(n)) for n in range(5)]
    path = f"/v1/conversations/{sent[0]['conversation']}/messages"
    page = ann.ok("GET", f"{path}?limit=2")["messages"]
    rest = ann.ok("GET", f"{path}?after={page[-1]['number']}")["messages"]
    assert [each["id"] for each in page + rest] == [each["id"] for each in sent]
    assert ann.ok("GET", f"{path}?after={2**53 - 1}")["messages"] == []


def test_participants_tell_what_they_do_and_who_waits(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    conversation = ann.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    reported = ann.ok("PUT", f"/v1/conversations/{conversation}/status", {"status": "reading the tests"})
    beaten = ann.ok("PUT", f"/v1/conversations/{conversation}/status", {"status": ""})
    assert (reported["status"], beaten["status"]) == ("reading the tests", "reading the tests")
    before = owner.ok("GET", "/v1/status")["receiving"]
    waiting = bob.begin("POST", "/v1/mailboxes/receive", {"wait": 600})
    until(lambda: owner.ok("GET", "/v1/status")["receiving"] != before)
    found = ann.ok("GET", f"/v1/conversations/{conversation}/participants")["participants"]
    waiting.close()
    assert [(each["name"], each["waiting"]) for each in found] == [("ann", False), ("bob", True)]


def test_a_memory_out_of_scope_is_not_searched_listed_or_cited(owner: Speaker, notes: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "plan.md").write_text("The exporter of the secret plan listens on port 31337.\n", encoding="utf-8")
    owner.ok_lines("POST", "/v1/memory/roots", {"paths": [str(notes), str(secret)]})
    made = owner.ok("POST", "/v1/credentials", {"name": "scoped", "memories": [notes.name]})
    agent = Speaker(owner.home, made["token"])
    everything = owner.ok("GET", "/v1/memory/search?q=exporter+port")["passages"]
    some = agent.ok("GET", "/v1/memory/search?q=exporter+port")["passages"]
    assert any(passage["path"].startswith("secret/") for passage in everything)
    assert some
    assert not any(passage["path"].startswith("secret/") for passage in some)
    assert notes.name in [root["name"] for root in agent.ok("GET", "/v1/memory/roots")["roots"]]
    assert "secret" not in [root["name"] for root in agent.ok("GET", "/v1/memory/roots")["roots"]]
    asked = agent.ok("POST", "/v1/questions", {"question": "On which port does the secret plan's exporter listen?"})
    answer = agent.ok("GET", f"/v1/questions/{asked['id']}?wait=5")
    assert "31337" not in answer["text"]


def test_the_old_operations_work_with_the_tokens_in_their_bodies(owner: Speaker) -> None:
    made = owner.ok("POST", "/v1/legacy/create_conversation", {"my_role": "lead", "partner_role": "docs"})
    nobody = Speaker(owner.home, None)
    a, b = (
        {"conversation_id": made["conversation_id"], "session_id": each, "token": made[f"session_{each}_token"]}
        for each in "ab"
    )
    said = {**a, "message": "hello", "action_type": "info", "files_involved": ["a.md"]}
    assert nobody.ok("POST", "/v1/legacy/send_to_partner", said)["to_session"] == "b"
    (message,) = nobody.ok("POST", "/v1/legacy/check_messages", b)["messages"]
    assert (message["message"], message["from_session"]) == ("hello", "a")
    assert message["metadata"] == {"action_type": "info", "files_involved": ["a.md"]}
    assert nobody.ok("POST", "/v1/legacy/check_messages", b)["messages"] == []
    assert nobody.ok("POST", "/v1/legacy/update_my_status", {**b, "status": "busy"})["status"] == "busy"
    assert nobody.ok("POST", "/v1/legacy/check_partner_status", a)["status"] == "busy"
    assert nobody.call("POST", "/v1/legacy/check_messages", {**b, "token": "wrong"}).status == 401
    assert nobody.call("POST", "/v1/legacy/check_messages", {**b, "session_id": "a"}).status == 403
    assert nobody.call("POST", "/v1/legacy/check_messages", {**b, "conversation_id": "default"}).status == 404


def test_a_shutdown_message_lets_the_daemon_finish_and_leave(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home")
    daemon = home.serve()
    try:
        owner = Speaker(home.home, home.home.read_token())
        send(owner, "memory", "shutdown", kind="control")
        assert daemon.wait(timeout=20) == 0
    finally:
        home.close()
