"""Agents and people on the line, each in a shell of its own, by real processes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from real_home import RealHome
from talk import QUESTION, QUOTE, Talk, until


def test_a_new_conversation_shows_each_token_once_and_says_what_it_is_for(line: RealHome) -> None:
    done = line.run("conversation", "new", "--between", "one,two")
    conversation, *rows = done.stdout.decode().splitlines()
    assert [row.split()[0] for row in rows] == ["one", "two"]
    assert all(row.split()[1].startswith("wl_") for row in rows)
    assert b"WARMLINE_TOKEN" in done.stderr
    assert conversation in line.run("conversation", "list").stdout.decode()
    kept = b"".join(path.read_bytes() for path in line.home.path.glob("store.db*"))
    assert not [row for row in rows if row.split()[1].encode() in kept]
    line.run("conversation", "close", conversation)


def test_a_message_goes_from_sender_to_inbox_and_its_receipt_follows(talk: Talk) -> None:
    sent = talk.say("coordinator", "send", "docs", "please look at", "the exporter").strip()
    assert talk.json("coordinator", "receipts", sent)["receipts"][0]["receipt"] == "accepted"
    shown = talk.say("docs", "inbox")
    assert 'message trust="credential" speaker="coordinator" to="docs" kind="note"' in shown
    assert "\n| please look at the exporter\n" in shown
    receipt = talk.json("coordinator", "receipts", sent)["receipts"][0]
    assert (receipt["receipt"], receipt["handed_to"], receipt["deliveries"]) == ("read", "docs", 1)
    assert "docs  read" in talk.say("coordinator", "receipts", sent)
    assert talk.say("docs", "inbox", code=4) == ""


def test_a_waiting_inbox_gets_what_is_sent_later(talk: Talk) -> None:
    client = talk.line.client()
    environment = {**os.environ, "WARMLINE_TOKEN": talk.tokens["docs"]}
    command = [sys.executable, "-m", "warmline", "--home", str(talk.line.home.path), "inbox", "--wait", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as waiting:
        until(lambda: client.call("GET", "/v1/status")["receiving"] == 1)
        talk.say("coordinator", "send", "docs", "now")
        out, _ = waiting.communicate(timeout=60)
    assert b"\n| now\n" in out


def test_what_is_kept_and_not_dealt_with_is_given_back_and_marked(talk: Talk) -> None:
    sent = talk.say("coordinator", "send", "docs", "first").strip()
    assert talk.json("docs", "inbox", "--keep")["messages"][0]["redelivered"] is False
    assert talk.json("coordinator", "receipts", sent)["receipts"][0]["receipt"] == "handed"
    assert "given back" in talk.say("docs", "release", sent)
    assert 'deliveries="2"' in talk.say("docs", "inbox")


def test_what_could_not_be_printed_is_not_acknowledged(talk: Talk) -> None:
    sent = talk.say("coordinator", "send", "docs", "first").strip()
    command = [sys.executable, "-m", "warmline", "--home", str(talk.line.home.path), "inbox", "--lease", "1s"]
    environment = {**os.environ, "WARMLINE_TOKEN": talk.tokens["docs"], "PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, timeout=60, check=False)
    assert done.returncode == 1
    assert talk.json("coordinator", "receipts", sent)["receipts"][0]["receipt"] == "handed"
    again = talk.json("docs", "inbox", "--wait", "30")["messages"]
    assert [(each["id"], each["redelivered"]) for each in again] == [(sent, True)]


def test_a_batch_is_acknowledged_by_its_token_with_the_next_receive(talk: Talk) -> None:
    first = talk.say("coordinator", "send", "docs", "first").strip()
    second = talk.say("coordinator", "send", "docs", "second").strip()
    batch = talk.json("docs", "inbox", "--keep", "--limit", "1")
    assert [each["id"] for each in batch["messages"]] == [first]
    following = talk.json("docs", "inbox", "--keep", "--done", batch["token"])
    assert [each["id"] for each in following["messages"]] == [second]
    assert talk.json("coordinator", "receipts", first)["receipts"][0]["receipt"] == "read"
    assert talk.json("coordinator", "receipts", second)["receipts"][0]["receipt"] == "handed"


def test_a_question_is_answered_by_another_shell_with_a_citation_that_is_checked(talk: Talk) -> None:
    ticket = talk.ask("coordinator", "--to", "docs", QUESTION)
    done = talk.run("docs", "inbox")
    assert QUESTION.encode() in done.stdout
    assert f"warmline reply {ticket}".encode() in done.stderr
    replied = talk.say("docs", "reply", ticket, "It is 9187.", "--cite", "notes/exporter.md:1-3", QUOTE)
    assert "notes/exporter.md" in replied
    answer = talk.json("coordinator", "ticket", ticket)
    assert (answer["outcome"], answer["author"], answer["text"]) == ("answered", "docs", "It is 9187.")
    assert answer["citations"][0]["status"] in {"verified", "moved"}
    assert talk.json("coordinator", "receipts", ticket)["receipts"][0]["receipt"] == "answered"


def test_a_citation_that_does_not_stand_there_is_not_shown_as_verified(talk: Talk) -> None:
    ticket = talk.ask("coordinator", "--to", "docs", QUESTION)
    talk.say("docs", "inbox")
    quote = "An entirely different sentence about penguins."
    done = talk.run("docs", "reply", ticket, "It is 1.", "--cite", "notes/exporter.md:3", quote)
    assert b"unsupported" in done.stdout
    assert b"is new to the memory (then: `warmline memory refresh`)" in done.stderr


@pytest.mark.parametrize(
    ("words", "outcome", "code"),
    [
        (("refuse", "ID", "not", "mine"), "refused", 1),
        (("reply", "ID", "--unknown", "no idea"), "insufficient_evidence", 3),
    ],
)
def test_a_refusal_and_a_lack_of_evidence_come_back_as_such(
    talk: Talk, words: tuple[str, ...], outcome: str, code: int
) -> None:
    ticket = talk.ask("coordinator", "--to", "docs", QUESTION)
    talk.say("docs", "inbox")
    talk.say("docs", *(ticket if word == "ID" else word for word in words))
    assert talk.json("coordinator", "ticket", ticket, code=code)["outcome"] == outcome


def test_an_escalated_question_is_answered_by_a_person_under_the_same_ticket(talk: Talk) -> None:
    ticket = talk.ask("coordinator", "--to", "docs", "May we deploy?")
    talk.say("docs", "inbox")
    talk.say("docs", "escalate", ticket)
    assert "May we deploy?" in talk.say("ada", "inbox")
    talk.say("ada", "reply", ticket, "Yes.")
    answer = talk.json("coordinator", "ticket", ticket)
    assert (answer["author"], answer["text"]) == ("ada", "Yes.")


def test_a_mailbox_that_persons_answer_takes_no_answer_of_a_machine(talk: Talk) -> None:
    owner = talk.line
    assert owner.json("mailbox", "policy", "docs", "--answered-by", "person")["answered_by"] == "person"
    ticket = talk.ask("coordinator", "--to", "docs", "May we deploy?")
    talk.say("docs", "inbox")
    assert "escalate" in talk.refused("docs", "reply", ticket, "Yes.", code=1)
    talk.say("docs", "escalate", ticket, "--to", "owner")
    assert owner.run("inbox").returncode == 0
    assert owner.run("reply", ticket, "No.").returncode == 0
    assert talk.json("coordinator", "ticket", ticket)["author"] == "owner"


def test_a_policy_changes_only_what_is_named(talk: Talk) -> None:
    owner = talk.line
    assert owner.json("mailbox", "policy", "ada", "--ordered")["ordered"] is True
    shown = owner.json("mailbox", "policy", "ada")
    assert (shown["ordered"], shown["answered_by"]) == (True, "person")
    assert owner.json("mailbox", "policy", "ada", "--no-ordered")["ordered"] is False


def test_a_message_to_all_has_a_receipt_for_each_of_the_others(talk: Talk) -> None:
    sent = talk.json("coordinator", "send", "--all", "stand-up", "at ten")
    assert sent["body"] == "stand-up at ten"
    talk.say("ada", "inbox")
    receipts = talk.json("coordinator", "receipts", sent["id"])["receipts"]
    assert {each["mailbox"]: each["receipt"] for each in receipts} == {"ada": "read", "docs": "accepted"}


def test_a_reply_to_a_message_reaches_its_sender_and_names_it(talk: Talk) -> None:
    sent = talk.say("coordinator", "send", "docs", "ready?").strip()
    talk.say("docs", "inbox", "--keep")
    talk.say("docs", "reply", sent, "ready")
    got = talk.json("coordinator", "inbox")["messages"]
    assert [(each["sender"], each["body"], each["in_reply_to"]) for each in got] == [("docs", "ready", sent)]
    assert talk.json("coordinator", "receipts", sent)["receipts"][0]["receipt"] == "read"


def test_a_peers_words_cannot_steer_the_terminal(talk: Talk) -> None:
    talk.run("coordinator", "send", "docs", "-", stdin=b"red \x1b[31m\x07\nsecond line")
    shown = talk.say("docs", "inbox")
    assert "\n| red \\u{1b}[31m\\u{7}\n| second line\n" in shown


def test_show_tells_who_is_there_and_what_was_said_and_erase_empties_one(talk: Talk) -> None:
    kept = talk.say("coordinator", "send", "docs", "stays").strip()
    gone = talk.say("coordinator", "send", "docs", "a secret that slipped out").strip()
    assert "erased" in talk.line.run("conversation", "erase", gone).stdout.decode()
    shown = talk.line.run("conversation", "show", talk.id).stdout.decode()
    assert '"ada", a person' in shown
    assert kept in shown
    assert gone in shown
    assert "slipped out" not in shown
    said = talk.json("docs", "conversation", "show", talk.id)["messages"]
    assert [(each["id"], each["body"], each["erased_at"] is None) for each in said] == [
        (kept, "stays", True),
        (gone, "", False),
    ]


def test_a_followed_conversation_goes_on_across_a_restart_of_the_daemon(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home")
    try:
        home.serve()
        talk = Talk(home, "--between", "a,b")
        talk.say("a", "send", "b", "before")
        command = [sys.executable, "-m", "warmline", "--home", str(home.home.path)]
        command += ["conversation", "show", talk.id, "--follow", "--json"]
        following = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert following.stdout is not None
            assert json.loads(following.stdout.readline())["body"] == "before"
            talk.say("a", "send", "b", "between")
            assert json.loads(following.stdout.readline())["body"] == "between"
            home.run("stop")
            home.serve()
            talk.say("a", "send", "b", "after")
            assert json.loads(following.stdout.readline())["body"] == "after"
            following.send_signal(signal.SIGINT)
            assert following.wait(timeout=30) == 130
        finally:
            following.kill()
            following.communicate(timeout=30)
    finally:
        home.close()


def test_what_is_remembered_of_an_inbox_is_closed_to_others_and_goes_away(talk: Talk) -> None:
    ticket = talk.ask("coordinator", "--to", "docs", QUESTION)
    talk.say("docs", "inbox")
    held = [path for path in talk.line.home.held.iterdir() if ticket in path.name]
    assert [stat.S_IMODE(path.stat().st_mode) for path in held] == [0o600]
    talk.say("docs", "reply", ticket, "It is 9187.")
    assert not any(path.exists() for path in held)


def test_a_shutdown_that_is_sent_to_the_memory_lets_the_daemon_leave(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home")
    try:
        daemon = home.serve()
        assert home.run("send", "--control", "memory", "shutdown").returncode == 0
        assert daemon.wait(timeout=30) == 0
    finally:
        home.close()


def test_status_tells_of_stops_and_of_who_waits_for_messages(talk: Talk) -> None:
    words = ("--conversation", talk.id, "--per-minute", "2")
    talk.tokens["eager"] = talk.line.json("credential", "new", "eager", *words)["token"]
    sent = [talk.run("eager", "send", "docs", f"number {number}") for number in range(4)]
    assert [each.returncode for each in sent] == [0, 0, 1, 1]
    assert talk.line.json("status")["stops"][0]["participant"] == "eager"
    assert f"a burst of eager in {talk.id}: 2 messages refused" in talk.line.run("status").stdout.decode()
