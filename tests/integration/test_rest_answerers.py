"""Programs and persons as answerers over HTTP: hand-overs that got lost, policy, escalation, citations, shutdown."""

from __future__ import annotations

import json
import select
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome, wait_until_gone
from speaking import Speaker, until
from warmline import daemon

Begin = Any
QUESTION = "Which port does the exporter listen on?"
TRUE = {"path": "notes/exporter.md", "first_line": 3, "last_line": 3, "quote": "The exporter listens on port 9187."}
FALSE = [
    {**TRUE, "quote": "The exporter listens on port 31337, and no other."},
    {**TRUE, "path": "notes/absent.md"},
    {**TRUE, "path": "../../etc/passwd"},
    {**TRUE, "path": "elsewhere/exporter.md"},
    {**TRUE, "first_line": 9_000, "last_line": 9_001, "quote": "Nothing of the kind stands here or anywhere else."},
]


def receive(speaker: Speaker, wait: float = 4, key: str | None = None, **how: object) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency_Key": key}
    batch: dict[str, Any] = speaker.ok("POST", "/v1/mailboxes/receive", {"wait": wait, **how}, **headers)
    return batch


def send(speaker: Speaker, to: str, body: str = "hello", **more: object) -> str:
    sent: str = speaker.ok("POST", "/v1/messages", {"to": to, "body": body, **more})["id"]
    return sent


def ask(speaker: Speaker, to: str) -> str:
    asked: str = speaker.ok("POST", "/v1/questions", {"to": to, "question": QUESTION})["id"]
    return asked


def path_of(batch: dict[str, Any], message_id: str) -> str:
    return f"/v1/batches/{batch['token']}/messages/{message_id}"


def receive_and_hang_up(speaker: Speaker, key: str | None, *, late: bool, **how: object) -> None:
    """Ask for messages over a bare socket, and close it unread: late, when they have come, or at once."""
    body = json.dumps(how).encode()
    lines = [
        "POST /v1/mailboxes/receive HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {speaker.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([] if key is None else [f"Idempotency-Key: {key}"]),
    ]
    with closing(daemon.connect(speaker.home, 5)) as line:
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if late:
            assert select.select([line], [], [], 5)[0]


def ids(batch: dict[str, Any]) -> list[str]:
    return [message["id"] for message in batch["messages"]]


@pytest.mark.parametrize("late", [True, False])
def test_a_reader_that_hung_up_sees_the_messages_again_under_its_key_at_once(begin: Begin, *, late: bool) -> None:
    ann, bob = begin("ann", "bob")
    sent = [send(ann, "bob", str(number)) for number in range(3)]
    receive_and_hang_up(bob, "k", late=late, wait=4)
    batches = [receive(bob, wait=0, key="k") for _ in range(2)]
    assert [ids(batch) for batch in batches] == [sent, sent]
    assert batches[0] == batches[1]
    later = send(ann, "bob", "later")
    assert ids(receive(bob, key="k")) == sent
    assert bob.ok("POST", f"/v1/batches/{batches[0]['token']}/acknowledge")["settled"] == sent
    assert ids(receive(bob, key="k")) == [later]


def test_readers_that_hang_up_at_any_moment_never_lose_what_they_came_back_for(begin: Begin) -> None:
    """The line may notice the hang-up while the reader is back already: what it was given then stays its own."""
    ann, bob = begin("ann", "bob")
    for number in range(40):
        sent = send(ann, "bob", str(number))
        receive_and_hang_up(bob, str(number), late=False, wait=4)
        batch = receive(bob, key=str(number))
        assert ids(batch) == [sent]
        assert bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")["settled"] == [sent]


def test_a_reader_that_hung_up_without_a_key_sees_the_messages_again_after_its_lease(begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    sent = send(ann, "bob")
    receive_and_hang_up(bob, None, late=True, wait=4, lease_seconds=2)
    assert ids(receive(bob, wait=0)) == []
    batch = receive(bob)
    assert [(each["id"], each["deliveries"], each["redelivered"]) for each in batch["messages"]] == [(sent, 2, True)]
    assert bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")["settled"] == [sent]


def test_what_a_reader_missed_is_seen_again_under_its_key_after_the_daemon_was_killed(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home")
    try:
        home.serve()
        owner = Speaker(home.home, home.home.read_token())
        made = owner.ok("POST", "/v1/conversations", {"between": ["ann", "bob"]})
        ann, bob = (Speaker(home.home, each["token"]) for each in made["credentials"])
        sent = send(ann, "bob")
        receive_and_hang_up(bob, "k", late=True, wait=4)
        home.kill()
        home.serve()
        batch = receive(bob, wait=0, key="k")
        assert [(each["id"], each["deliveries"]) for each in batch["messages"]] == [(sent, 1)]
        assert bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")["settled"] == [sent]
    finally:
        home.close()


@pytest.mark.parametrize(("verb", "said"), [("reply", {"body": "9187"}), ("refuse", {"reason": "not mine"})])
def test_a_machine_neither_answers_nor_refuses_for_a_person_and_learns_what_to_do(
    owner: Speaker, begin: Begin, verb: str, said: dict[str, str]
) -> None:
    ann, bob, pat = begin("ann", "bob", persons=("pat",))
    conversation = ann.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    policy = {"ordered": False, "answered_by": "person", "conversation": conversation}
    owner.ok("PUT", "/v1/mailboxes/bob/policy", policy)
    asked = ask(ann, "bob")
    batch = receive(bob)
    refused = bob.call("POST", f"{path_of(batch, asked)}/{verb}", said)
    assert (refused.status, refused.json["type"]) == (403, "urn:warmline:ForbiddenError")
    assert "escalate it" in refused.json["detail"]
    bob.ok("POST", f"{path_of(batch, asked)}/escalate", {})
    assert ids(receive(pat)) == [asked]


@pytest.mark.parametrize("persons", [("pat",), ()])
def test_whoever_waits_on_the_ticket_gets_the_answer_of_the_person_it_was_escalated_to(
    owner: Speaker, begin: Begin, persons: tuple[str, ...]
) -> None:
    ann, bob, *others = begin("ann", "bob", persons=persons)
    person, name = (others[0], "pat") if persons else (owner, "owner")
    asked = ask(ann, "bob")
    with closing(ann.begin("GET", f"/v1/questions/{asked}?wait=5")) as waiting:
        bob.ok("POST", f"{path_of(receive(bob), asked)}/escalate", {})
        batch = receive(person, limit=100)
        assert asked in ids(batch)
        person.ok("POST", f"{path_of(batch, asked)}/reply", {"body": "Ask me tomorrow."})
        answer = json.loads(waiting.getresponse().read())
    assert (answer["id"], answer["state"], answer["outcome"]) == (asked, "settled", "answered")
    assert (answer["text"], answer["author"]) == ("Ask me tomorrow.", name)
    [receipt] = ann.ok("GET", f"/v1/messages/{asked}/receipts")["receipts"]
    assert (receipt["mailbox"], receipt["receipt"], receipt["deliveries"]) == (name, "answered", 2)


def test_a_false_citation_is_nowhere_shown_as_verified(owner: Speaker, begin: Begin, notes: Path) -> None:
    owner.ok_lines("POST", "/v1/memory/roots", {"paths": [str(notes)]})
    ann, bob = begin("ann", "bob")
    asked = ask(ann, "bob")
    batch = receive(bob)
    bob.ok("POST", f"{path_of(batch, asked)}/reply", {"body": "9187", "citations": [*FALSE, TRUE]})
    conversation = ann.ok("GET", f"/v1/messages/{asked}")["conversation"]
    said = ann.ok("GET", f"/v1/conversations/{conversation}/messages")["messages"]
    shown = [
        ann.ok("GET", f"/v1/questions/{asked}")["citations"],
        ann.ok("GET", f"/v1/messages/{asked}")["answer"]["citations"],
        *(each["answer"]["citations"] for each in said),
    ]
    assert len(shown) == 4  # of the question, and of the answer's own message
    for citations in shown:
        by_status = {(each["path"], each["quote"]) for each in citations if each["status"] == "verified"}
        assert by_status == {(TRUE["path"], TRUE["quote"])}
        assert not [each for each in citations if each["quote"] != TRUE["quote"] and each["status"] == "moved"]


def test_the_memorys_answer_cites_only_what_the_credential_may_see(owner: Speaker, notes: Path, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / "exporter.md").write_text("# The exporter\n\nThe exporter listens on port 9999, too.\n", encoding="utf-8")
    owner.ok_lines("POST", "/v1/memory/roots", {"paths": [str(notes), str(vault)]})
    cited = {}
    for memories in (["notes"], ["vault"], ["notes", "vault"], []):
        made = owner.ok("POST", "/v1/credentials", {"name": f"of-{'-'.join(memories)}x", "memories": memories})
        agent = Speaker(owner.home, made["token"])
        answer = agent.ok("GET", f"/v1/questions/{ask(agent, 'memory')}?wait=5")
        assert answer["state"] == "settled"
        cited[tuple(memories)] = {each["path"].partition("/")[0] for each in answer["citations"]}
    assert cited[("notes",)] == {"notes"}
    assert cited[("vault",)] == {"vault"}
    assert cited[("notes", "vault")] <= {"notes", "vault"}
    assert cited[()] == set()


def test_a_question_about_a_file_is_answered_from_it_alone_and_never_from_more_than_the_credential_may_see(
    owner: Speaker, tmp_path: Path
) -> None:
    papers, safe = tmp_path / "papers", tmp_path / "safe"
    for folder, port in ((papers, 9187), (safe, 9999)):
        folder.mkdir()
        for name in ("exporter.md", "garden.md"):
            (folder / name).write_text(f"# The exporter\n\nThe exporter listens on port {port}.\n", encoding="utf-8")
    owner.ok_lines("POST", "/v1/memory/roots", {"paths": [str(papers), str(safe)]})
    scoped = {"name": "of-papers", "memories": ["papers/exporter.md", "papers/nowhere.md"]}
    agent = Speaker(owner.home, owner.ok("POST", "/v1/credentials", scoped)["token"])
    for file in ("papers/exporter.md", str(papers / "exporter.md")):
        asked = agent.ok("POST", "/v1/questions", {"question": QUESTION, "file": file})["id"]
        answer = agent.ok("GET", f"/v1/questions/{asked}?wait=5")
        assert {each["path"] for each in answer["citations"]} == {"papers/exporter.md"}
    refused = [
        agent.call("POST", "/v1/questions", {"question": QUESTION, "file": file})
        for file in (str(safe / "exporter.md"), str(safe / "no"), "safe/exporter.md", "safe/no", "papers/garden.md")
    ]
    assert {each.status for each in refused} == {404}
    assert agent.call("POST", "/v1/questions", {"question": QUESTION, "file": "papers/../x"}).status == 400
    assert [each["name"] for each in agent.ok("GET", "/v1/memory/roots")["roots"]] == ["papers/exporter.md"]
    found = agent.ok("GET", "/v1/memory/search?q=exporter")["passages"]
    assert {each["path"] for each in found} == {"papers/exporter.md"}


def test_an_answerer_cannot_cite_a_memory_out_of_its_scope(owner: Speaker, begin: Begin, notes: Path) -> None:
    owner.ok_lines("POST", "/v1/memory/roots", {"paths": [str(notes)]})
    ann, _ = begin("ann", "bob")
    conversation = ann.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    narrow = {"name": "bob", "conversation": conversation, "memories": ["other"]}
    bob = Speaker(owner.home, owner.ok("POST", "/v1/credentials", narrow)["token"])
    asked = ask(ann, "bob")
    bob.ok("POST", f"{path_of(receive(bob), asked)}/reply", {"body": "9187", "citations": [TRUE]})
    [citation] = ann.ok("GET", f"/v1/questions/{asked}")["citations"]
    assert citation["status"] == "unsupported"


def test_a_shutdown_reaches_an_answerer_that_is_kept_open_and_only_the_owner_sends_one(
    owner: Speaker, begin: Begin
) -> None:
    ann, bob = begin("ann", "bob")
    conversation = ann.ok("GET", "/v1/conversations")["conversations"][0]["id"]
    said = {"to": "bob", "body": "shutdown", "kind": "control"}
    assert ann.call("POST", "/v1/messages", said).status == 403
    before = owner.ok("GET", "/v1/status")["receiving"]
    with closing(bob.begin("POST", "/v1/mailboxes/receive", {"wait": 5})) as waiting:
        until(lambda: owner.ok("GET", "/v1/status")["receiving"] == before + 1)
        sent = owner.ok("POST", "/v1/messages", {**said, "conversation": conversation})
        batch = json.loads(waiting.getresponse().read())
    assert [(each["kind"], each["body"], each["sender"]) for each in batch["messages"]] == [
        ("control", "shutdown", "owner")
    ]
    bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")
    assert owner.ok("GET", f"/v1/messages/{sent['id']}")["receipts"][0]["receipt"] == "read"
    assert bob.ok("GET", "/healthz")["status"] == "ok"  # it was not meant for the daemon


def test_a_shutdown_of_the_memory_ends_the_daemon_once_and_the_next_ask_starts_it_again(
    tmp_path: Path, notes: Path
) -> None:
    home = RealHome(tmp_path / "home")
    try:
        assert home.run("memory", "add", str(notes)).returncode == 0  # which starts the daemon
        first = home.pid()
        owner = Speaker(home.home, home.home.read_token())
        asked = [ask(owner, "memory") for _ in range(5)]
        sent = send(owner, "memory", "shutdown", kind="control")
        wait_until_gone(first)
        assert b"9187" in home.run("ask", QUESTION).stdout
        second = home.pid()
        assert second != first
        assert owner.ok("GET", f"/v1/messages/{sent}")["receipts"][0]["receipt"] == "read"
        answers = [owner.ok("GET", f"/v1/questions/{each}?wait=5") for each in asked]
        assert [answer["outcome"] for answer in answers] == ["answered"] * 5
        assert home.pid() == second
    finally:
        home.close()
