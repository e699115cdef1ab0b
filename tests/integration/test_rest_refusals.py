"""Who is refused at the HTTP door, with which status."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from speaking import Reply, Speaker, until

Begin = Any


def problem(reply: Reply, status: int) -> dict[str, Any]:
    """Check that it is a problem document of this status."""
    assert reply.status == status, (reply.status, reply.body)
    assert reply.headers["Content-Type"] == "application/problem+json"
    said: dict[str, Any] = reply.json
    assert said["status"] == status
    assert said.keys() == {"type", "title", "status", "detail"}
    return said


def mint(owner: Speaker, name: str, **grant: object) -> tuple[Speaker, dict[str, Any]]:
    made = owner.ok("POST", "/v1/credentials", {"name": name, **grant})
    return Speaker(owner.home, made["token"]), made


@pytest.mark.parametrize("token", [None, "", "wl_" + "A" * 43, "x" * 100_00, "\u00e9", "not a token"])
def test_a_missing_or_wrong_token_is_401_and_says_how_to_show_one(owner: Speaker, token: str | None) -> None:
    reply = Speaker(owner.home, token).call("GET", "/v1/mailboxes")
    said = problem(reply, 401)
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert not token or token not in said["detail"]
    assert "owner" not in said["detail"]
    assert token or "warmline credential new" in said["detail"]


@pytest.mark.parametrize("header", ["Basic b3duZXI6eA==", "Bearer", "bearer ", "Token x"])
def test_another_scheme_is_401(owner: Speaker, header: str) -> None:
    problem(Speaker(owner.home, None).call("GET", "/v1/mailboxes", Authorization=header), 401)


def test_the_scheme_may_be_written_in_any_case(owner: Speaker) -> None:
    reply = Speaker(owner.home, None).call("GET", "/v1/mailboxes", Authorization=f"bEaReR {owner.token}")
    assert reply.status == 200


def test_a_revoked_credential_is_401_from_then_on(owner: Speaker) -> None:
    agent, made = mint(owner, "revoked")
    assert agent.call("GET", "/v1/mailboxes").status == 200
    owner.ok("POST", f"/v1/credentials/{made['id']}/revoke")
    assert "revoked" in problem(agent.call("GET", "/v1/mailboxes"), 401)["detail"]


def test_a_rotated_credential_is_401_and_its_successor_speaks_as_the_same(owner: Speaker) -> None:
    agent, made = mint(owner, "rotated", rights=["read"])
    successor = owner.ok("POST", f"/v1/credentials/{made['id']}/rotate")
    problem(agent.call("GET", "/v1/mailboxes"), 401)
    assert Speaker(owner.home, successor["token"]).call("GET", "/v1/mailboxes").status == 200
    assert (successor["name"], successor["rights"]) == ("rotated", ["read"])


def test_an_expired_credential_is_401(owner: Speaker) -> None:
    expires_at = datetime.now(UTC) + timedelta(milliseconds=300)
    agent, _ = mint(owner, "expired", expires_at=expires_at.isoformat())
    until(lambda: agent.call("GET", "/v1/mailboxes").status != 200)
    assert "expired" in problem(agent.call("GET", "/v1/mailboxes"), 401)["detail"]


def test_a_reader_that_is_revoked_while_it_waits_gets_nothing_and_the_next_one_gets_it(
    owner: Speaker, begin: Begin
) -> None:
    ann, bob = begin("ann", "bob")
    conversation = bob.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    agent, made = mint(owner, "bob", conversation=conversation)
    before = owner.ok("GET", "/v1/status")["receiving"]
    with closing(agent.begin("POST", "/v1/mailboxes/receive", {"wait": 600})) as waiting:
        until(lambda: owner.ok("GET", "/v1/status")["receiving"] != before)
        owner.ok("POST", f"/v1/credentials/{made['id']}/revoke")
        sent = ann.ok("POST", "/v1/messages", {"to": "bob", "body": "not for the revoked"})
        response = waiting.getresponse()
        assert (response.status, b"not for" in response.read()) == (401, False)
    assert [each["id"] for each in bob.ok("POST", "/v1/mailboxes/receive", {"wait": 5})["messages"]] == [sent["id"]]


def test_another_conversations_credential_finds_nothing(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    (stranger, _) = begin("ann", "eve")
    sent = ann.ok("POST", "/v1/messages", {"to": "bob", "body": "between us"})
    conversation, batch = sent["conversation"], bob.ok("POST", "/v1/mailboxes/receive", {})
    for method, path in [
        ("GET", f"/v1/messages/{sent['id']}"),
        ("GET", f"/v1/messages/{sent['id']}/receipts"),
        ("DELETE", f"/v1/messages/{sent['id']}"),
        ("GET", f"/v1/conversations/{conversation}"),
        ("GET", f"/v1/conversations/{conversation}/messages"),
        ("GET", f"/v1/conversations/{conversation}/events"),
        ("GET", f"/v1/conversations/{conversation}/participants"),
        ("POST", f"/v1/batches/{batch['token']}/acknowledge"),
        ("POST", f"/v1/batches/{batch['token']}/release"),
    ]:
        problem(stranger.call(method, path), 404)
    problem(stranger.call("PUT", f"/v1/conversations/{conversation}/status", {"status": "here"}), 404)
    problem(stranger.call("POST", "/v1/messages", {"to": "bob", "body": "hello"}), 404)


def test_another_participants_batch_is_404(begin: Begin) -> None:
    ann, bob, cat = begin("ann", "bob", "cat")
    ann.ok("POST", "/v1/messages", {"to": "bob", "body": "yours"})
    token = bob.ok("POST", "/v1/mailboxes/receive", {})["token"]
    problem(cat.call("POST", f"/v1/batches/{token}/acknowledge"), 404)


@pytest.mark.parametrize("name", ["sender", "from", "by", "hops", "trace"])
def test_a_forged_sender_is_422_and_nothing_is_sent(begin: Begin, name: str) -> None:
    ann, bob = begin("ann", "bob")
    problem(ann.call("POST", "/v1/messages", {"to": "bob", "body": "as the boss", name: "owner"}), 422)
    problem(ann.call("POST", "/v1/questions", {"to": "bob", "question": "as the boss", name: "owner"}), 422)
    assert bob.ok("POST", "/v1/mailboxes/receive", {})["messages"] == []


def test_the_sender_is_the_credentials(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    ann.ok("POST", "/v1/messages", {"to": "bob", "body": "me"})
    (message,) = bob.ok("POST", "/v1/mailboxes/receive", {})["messages"]
    assert message["sender"] == "ann"


def test_a_right_that_is_lacking_is_403(owner: Speaker) -> None:
    agent, _ = mint(owner, "asker", rights=["ask"])
    problem(agent.call("POST", "/v1/messages", {"to": "memory", "body": "x"}), 403)
    problem(agent.call("POST", "/v1/mailboxes/receive", {}), 403)
    mute, _ = mint(owner, "reader", rights=["read"])
    problem(mute.call("POST", "/v1/questions", {"question": "why?"}), 403)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/conversations", {"between": ["a", "b"]}),
        ("POST", "/v1/conversations/default/close", None),
        ("GET", "/v1/credentials", None),
        ("POST", "/v1/credentials", {"name": "more", "rights": ["administer"]}),
        ("POST", "/v1/credentials/owner/revoke", None),
        ("POST", "/v1/credentials/owner/rotate", None),
        ("PUT", "/v1/mailboxes/memory/policy", {"ordered": True, "answered_by": "anyone"}),
        ("POST", "/v1/memory/roots", {"paths": ["/nowhere"]}),
        ("POST", "/v1/memory/refresh", {}),
        ("DELETE", "/v1/memory/roots/notes", None),
        ("GET", "/v1/questions", None),
        ("GET", "/v1/questions/count", None),
        ("GET", "/v1/dead", None),
        ("GET", "/v1/dead/count", None),
        ("GET", "/v1/status", None),
        ("POST", "/v1/messages", {"to": "memory", "body": "shutdown", "kind": "control"}),
        ("POST", "/v1/legacy/create_conversation", {"my_role": "a", "partner_role": "b"}),
    ],
)
def test_what_the_owner_alone_may_is_403_to_an_agent(
    owner: Speaker, begin: Begin, method: str, path: str, body: object
) -> None:
    ann, _ = begin("ann", "bob")
    problem(ann.call(method, path, body), 403)


def test_a_mailbox_out_of_scope_is_403(owner: Speaker, begin: Begin) -> None:
    ann, _, _ = begin("ann", "bob", "cat")
    conversation = ann.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    agent, _ = mint(owner, "ann", conversation=conversation, mailboxes=["bob"])
    assert agent.call("POST", "/v1/messages", {"to": "bob", "body": "hello"}).status == 201
    problem(agent.call("POST", "/v1/messages", {"to": "cat", "body": "hello"}), 403)
    problem(agent.call("POST", "/v1/questions", {"to": "cat", "question": "hello?"}), 403)
    problem(agent.call("POST", "/v1/questions", {"question": "hello?"}), 403)
    problem(agent.call("POST", "/v1/mailboxes/receive", {"mailbox": "bob"}), 403)


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "TOKEN"])
@pytest.mark.parametrize("path", ["/v1/mailboxes", "/healthz", "/v1/legacy/check_messages", "/nowhere"])
def test_a_token_in_a_url_is_400_before_anything_else(owner: Speaker, name: str, path: str) -> None:
    for query in (f"{name}={owner.token}", f"a=b&{name}={owner.token}", name, f"{quote(name[0])}{name[1:]}=x"):
        said = problem(owner.call("GET", f"{path}?{query}"), 400)
        assert str(owner.token) not in said["detail"]


@pytest.mark.parametrize("query", ["%74oken=x", "t%6Fken=x", "access%5Ftoken=x"])
def test_a_token_in_a_url_is_found_behind_escapes(owner: Speaker, query: str) -> None:
    problem(owner.call("GET", f"/v1/mailboxes?{query}"), 400)


def test_a_mailbox_of_several_conversations_is_400_and_lists_them(owner: Speaker, begin: Begin) -> None:
    begin("twin", "other")
    begin("twin", "other")
    said = problem(owner.call("POST", "/v1/messages", {"to": "twin", "body": "which?"}), 400)
    assert said["type"].endswith("AmbiguousMailboxError")
    assert said["detail"].count("conv_") == 2


def test_an_unknown_mailbox_is_404_at_once(begin: Begin) -> None:
    ann, _ = begin("ann", "bob")
    said = problem(ann.call("POST", "/v1/messages", {"to": "nobody", "body": "?"}), 404)
    assert "bob" in said["detail"]


def test_a_flood_is_429_and_says_when_to_come_back(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    conversation = ann.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    agent, _ = mint(owner, "ann", conversation=conversation, per_minute=2, per_hour=100, per_day=100)
    for _ in range(2):
        agent.ok("POST", "/v1/messages", {"to": "bob", "body": "hi"})
    reply = agent.call("POST", "/v1/messages", {"to": "bob", "body": "hi"})
    problem(reply, 429)
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    assert len(bob.ok("POST", "/v1/mailboxes/receive", {})["messages"]) == 2
    assert any(stop["kind"] == "rate" for stop in owner.ok("GET", "/v1/status")["stops"])


def test_only_the_health_needs_no_credential(owner: Speaker) -> None:
    nobody = Speaker(owner.home, None)
    assert nobody.call("GET", "/healthz").status == 200
    problem(nobody.call("GET", "/openapi.json"), 401)
    problem(nobody.call("POST", "/v1/legacy/create_conversation", {"my_role": "a", "partner_role": "b"}), 401)


@pytest.mark.parametrize("grant", [{"rights": ["send", "read"]}, {"mailboxes": ["docs"]}])
def test_who_may_not_ask_the_memory_does_not_search_it(owner: Speaker, grant: dict[str, Any]) -> None:
    agent, _ = mint(owner, "no-asker", **grant)
    problem(agent.call("GET", "/v1/memory/search?q=port"), 403)
