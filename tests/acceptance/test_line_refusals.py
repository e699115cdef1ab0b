"""What the line refuses, to whom, and in which words: credentials, rights, names, and input of every kind."""

from __future__ import annotations

import pytest

from real_home import RealHome
from talk import QUESTION, QUOTE, Talk


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
    assert "is empty" in talk.refused("docs", "reply", ticket, "It is.", "--cite", "notes/exporter.md:3", "")
    backwards = talk.refused("docs", "reply", ticket, "It is.", "--cite", "notes/exporter.md:9-1", QUOTE)
    assert "lines 9-1 of 'notes/exporter.md' are named backwards: write the first line first, 1-9" in backwards
