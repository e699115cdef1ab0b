"""Agents and people on the line, each in a shell of its own, by real processes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome

QUESTION = "Which port does the exporter listen on?"
QUOTE = "The exporter listens on port 9187."


def until(is_so: Callable[[], bool]) -> None:
    """Look until it is so, at most 5 s."""
    end = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < end


class Talk:
    """A conversation and the shells of those in it; without a name, the owner's."""

    def __init__(self, line: RealHome, *words: str) -> None:
        made = line.json("conversation", "new", *words)
        self.line = line
        self.id = made["id"]
        self.tokens = {each["name"]: each["token"] for each in made["credentials"]}

    def run(self, name: str, *words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        done = self.line.run(*words, stdin=stdin, WARMLINE_TOKEN=self.tokens[name])
        assert b"Traceback" not in done.stderr
        return done

    def say(self, name: str, *words: str, code: int = 0) -> str:
        """Run a command as somebody, check its exit code, and return what it printed."""
        done = self.run(name, *words)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout.decode()

    def json(self, name: str, *words: str, code: int = 0) -> Any:
        return json.loads(self.say(name, *words, "--json", code=code))

    def refused(self, name: str, *words: str, code: int = 2, stdin: bytes | None = None) -> str:
        """Run a command that must fail, and return its one line."""
        done = self.run(name, *words, stdin=stdin)
        assert (done.returncode, done.stdout) == (code, b""), (done.returncode, done.stdout, done.stderr)
        assert done.stderr.startswith(b"warmline: ")
        assert done.stderr.count(b"\n") == 1
        return done.stderr.decode()

    def ask(self, name: str, *words: str) -> str:
        """Ask without waiting, and return the ticket."""
        return self.say(name, "ask", "--wait", "0", *words, code=4).strip()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    folder = tmp_path_factory.mktemp("line")
    notes = folder / "notes"
    notes.mkdir()
    (notes / "exporter.md").write_text(f"# The exporter\n\n{QUOTE}\n", "utf-8")
    home = RealHome(folder / "home")
    home.serve()
    assert home.run("memory", "add", str(notes)).returncode == 0
    yield home
    home.close()


@pytest.fixture
def talk(line: RealHome) -> Iterator[Talk]:
    """A coordinator, docs, and ada, who is a person. Closed at the end: names are free again for the next."""
    talk = Talk(line, "--between", "coordinator,docs", "--person", "ada")
    yield talk
    line.run("conversation", "close", talk.id)


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
    assert "coordinator -> docs  note" in shown
    assert "  please look at the exporter\n" in shown
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
    assert b"\n  now\n" in out


def test_what_is_kept_and_not_dealt_with_is_given_back_and_marked(talk: Talk) -> None:
    sent = talk.say("coordinator", "send", "docs", "first").strip()
    assert talk.json("docs", "inbox", "--keep")["messages"][0]["redelivered"] is False
    assert talk.json("coordinator", "receipts", sent)["receipts"][0]["receipt"] == "handed"
    assert "given back" in talk.say("docs", "release", sent)
    assert "handed over 2 times" in talk.say("docs", "inbox")


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
    assert "unsupported" in talk.say("docs", "reply", ticket, "It is 1.", "--cite", "notes/exporter.md:3", quote)


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
    assert "  red \\x1b[31m\\x07\n  second line\n" in shown


def test_show_tells_who_is_there_and_what_was_said_and_erase_empties_one(talk: Talk) -> None:
    kept = talk.say("coordinator", "send", "docs", "stays").strip()
    gone = talk.say("coordinator", "send", "docs", "a secret that slipped out").strip()
    assert "erased" in talk.line.run("conversation", "erase", gone).stdout.decode()
    shown = talk.line.run("conversation", "show", talk.id).stdout.decode()
    assert "ada, a person" in shown
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


def test_a_revoked_credential_is_refused_with_advice_and_a_rotated_one_goes_on(talk: Talk) -> None:
    made = talk.line.json("credential", "new", "builder", "--conversation", talk.id, "--expires", "30d")
    talk.tokens["builder"] = made["token"]
    assert talk.say("builder", "send", "docs", "hello")
    successor = talk.line.json("credential", "rotate", made["id"])
    assert "revoked" in talk.refused("builder", "send", "docs", "hello", code=1)
    talk.tokens["builder"] = successor["token"]
    assert talk.say("builder", "send", "docs", "hello")
    assert talk.line.run("credential", "revoke", successor["id"]).returncode == 0
    assert "let the owner make another" in talk.refused("builder", "inbox", code=1)
    assert successor["id"] not in talk.line.run("credential", "list").stdout.decode()
    assert successor["id"] in talk.line.run("credential", "list", "--all").stdout.decode()


def test_a_credential_does_what_its_rights_and_scope_say_and_no_more(talk: Talk) -> None:
    words = ("--conversation", talk.id, "--rights", "ask,send", "--mailbox", "docs", "--memory", "other")
    talk.tokens["narrow"] = talk.line.json("credential", "new", "narrow", *words)["token"]
    talk.say("narrow", "send", "docs", "hello")
    assert "scope" in talk.refused("narrow", "send", "ada", "hello", code=1)
    assert "right" in talk.refused("narrow", "inbox", code=1)
    assert "right" in talk.refused("narrow", "credential", "list", code=1)


@pytest.mark.parametrize("token", ["", "with a space", "wl_ümlaut", "wl_\n"])
def test_a_token_variable_that_holds_none_does_not_make_the_owner_of_anybody(line: RealHome, token: str) -> None:
    done = line.run("inbox", WARMLINE_TOKEN=token)
    assert done.returncode == 2
    assert b"WARMLINE_TOKEN" in done.stderr
    assert token == "" or token.encode() not in done.stderr


def test_a_wrong_token_is_refused_and_not_repeated(line: RealHome) -> None:
    wrong = "wl_wrong"
    done = line.run("inbox", WARMLINE_TOKEN=wrong)
    assert done.returncode == 1
    assert b"no credential" in done.stderr
    assert wrong.encode() not in done.stderr


def test_an_ambiguous_mailbox_lists_the_candidates(talk: Talk) -> None:
    other = Talk(talk.line, "--between", "docs,else")
    try:
        for command in (("send", "docs", "hi"), ("ask", "--to", "docs", "hi?"), ("mailbox", "policy", "docs")):
            done = talk.line.run(*command)
            assert done.returncode == 2
            assert all(f"docs in {each.id}" in done.stderr.decode() for each in (talk, other))
        assert talk.line.run("send", "docs", "hi", "--conversation", other.id).returncode == 0
        assert [each["body"] for each in other.json("docs", "inbox")["messages"]] == ["hi"]
    finally:
        talk.line.run("conversation", "close", other.id)


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"a\0b", "NUL"),
        (b"\xff", "not UTF-8"),
        (b"x" * 2 * 1024 * 1024, "2,097,152 bytes"),
    ],
)
def test_a_message_that_is_none_is_refused(talk: Talk, stdin: bytes, words: str) -> None:
    assert words in talk.refused("coordinator", "send", "docs", "-", stdin=stdin)
    ticket = talk.ask("coordinator", "--to", "docs", QUESTION)
    talk.say("docs", "inbox")
    assert words in talk.refused("docs", "reply", ticket, "-", stdin=stdin)
    assert words in talk.refused("docs", "refuse", ticket, "-", stdin=stdin)
    talk.say("docs", "reply", ticket, "still possible")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("send", "nobody", "hi"), "no mailbox"),
        (("ask", "--to", "nobody", "hi?"), "no mailbox"),
        (("send", "docs"), "nobody to send to"),
        (("send", "memory", "hi"), "ask it a question"),
        (("send", "owner", "hi", "--deadline", "2020-01-01T00:00:00Z"), "past"),
        (("send", "docs", "hi", "--reply-to", "nonsense"), "is not an id"),
        (("inbox", "--mailbox", "nobody"), "no mailbox"),
        (("inbox", "--limit", "0"), "whole number"),
        (("inbox", "--done", "no token"), "batch"),
        (("receipts", "nonsense"), "is not an id"),
        (("receipts", "01ARZ3NDEKTSV4RRFFQ69G5FAV"), "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        (("reply", "../../etc/passwd", "hi"), "is not an id"),
        (("reply", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "hi"), "you do not hold"),
        (("conversation", "show", "conv_0000000000000000"), "conversation"),
        (("conversation", "show", "../../v1/status"), "no id"),
        (("conversation", "close", ".."), "no id"),
        (("conversation", "new", "--between", "a,,b"), "empty name"),
        (("conversation", "new", "--between", "a,owner"), "the line's own"),
        (("conversation", "new", "--between", "a/b,c"), "a/b"),
        (("conversation", "erase", "nonsense"), "is not an id"),
        (("mailbox", "policy", "nobody"), "no mailbox"),
        (("mailbox", "policy", "docs", "--answered-by", "nobody"), "invalid choice"),
        (("credential", "new", "owner"), "the line's own"),
        (("credential", "new", "x", "--rights", "fly"), "is no right"),
        (("credential", "new", "x", "--conversation", "conv_0000000000000000"), "conversation"),
        (("credential", "revoke", "nobody"), "no credential"),
        (("credential", "rotate", ""), "no id"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_refused_in_one_line(line: RealHome, words: tuple[str, ...], said: str) -> None:
    done = line.run(*words)
    assert (done.returncode, done.stdout) == (2, b""), done.stderr
    assert done.stderr.count(b"\n") == 1
    assert said in done.stderr.decode()


def test_a_place_that_names_no_lines_is_refused(talk: Talk) -> None:
    ticket = talk.ask("coordinator", "--to", "docs", QUESTION)
    talk.say("docs", "inbox")
    assert "names no lines" in talk.refused("docs", "reply", ticket, "It is.", "--cite", "notes/exporter.md", QUOTE)


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
