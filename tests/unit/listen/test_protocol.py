"""The lines as they stand in the documents, and what is said to those that cannot be."""

from __future__ import annotations

import json

import pytest

from warmline import errors
from warmline.errors import BudgetSpentError, FailedError, RateLimitedError, UnknownMessageError, WarmlineError
from warmline.listen.client_protocol import encode_request
from warmline.listen.fields import MAX_ID_CHARACTERS
from warmline.listen.messages import Cited, Collect, Ping, Pong, Problem, Query, Response, Ticket
from warmline.listen.problems import code_of, error_of, problem_of
from warmline.listen.protocol import Unreadable, encode_reply, read_request
from warmline.model import CitationStatus, Outcome, State

ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, WarmlineError)]


def refused(line: bytes) -> Unreadable:
    read = read_request(line)
    assert isinstance(read, Unreadable)
    assert read.problem.code == "invalid_input"
    return read


def test_an_old_clients_line_is_a_query() -> None:
    line = b'{"type": "query", "question": "Why?", "context_file": "/notes/a.md"}'
    assert read_request(line) == Query("Why?", context_file="/notes/a.md")


def test_what_is_not_known_is_ignored() -> None:
    line = b'{"type": "query", "query_id": "q_1", "question": "Why?", "mood": [1], "id": null, "wait": null}\r'
    assert read_request(line) == Query("Why?")


def test_a_query_with_a_ticket_collects() -> None:
    line = b'{"type": "query", "ticket": "01J", "id": 7, "wait": 1.5, "progress": true}'
    assert read_request(line) == Collect("01J", 7, wait=1.5, progress=True)


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ({"type": "query"}, "`question` is missing"),
        ({"type": "query", "question": "a", "ticket": "b"}, "not both"),
        ({"type": "query", "question": ["a"]}, "`question` must be text"),
        ({"type": "query", "question": "a", "wait": -1}, "`wait` must be"),
        ({"type": "query", "question": "a", "wait": True}, "`wait` must be"),
        ({"type": "query", "question": "a", "wait": float("nan")}, "`wait` must be"),
        ({"type": "query", "question": "a", "deadline": -1}, "`deadline` must be"),
        ({"type": "query", "question": "a", "deadline": float("inf")}, "`deadline` must be"),
        ({"type": "query", "question": "a", "deadline": 10**400}, "`deadline` must be"),
        ({"type": "query", "question": "a", "stream": "yes"}, "`stream` must be"),
        ({"type": "query", "question": "half \ud83d"}, "half a character"),
        ({"type": "cancel"}, "`ticket` is missing"),
        ({"type": "response"}, "`type` must be"),
        ({"type": ["query"]}, "`type` must be"),
        ({}, "`type` must be"),
    ],
)
def test_a_wrong_line_is_told_what_is_wrong_under_its_id(said: dict[str, object], about: str) -> None:
    read = refused(json.dumps({**said, "id": "x"}).encode())
    assert about in read.problem.error
    assert read.id == "x"
    assert read.is_object


@pytest.mark.parametrize("named", [True, 1.5, [1], 2**64, "x" * (MAX_ID_CHARACTERS + 1), "\ud83d"])
def test_an_id_is_text_or_a_whole_number(named: object) -> None:
    read = refused(json.dumps({"type": "ping", "id": named}).encode())
    assert "`id`" in read.problem.error
    assert read.id is None


@pytest.mark.parametrize(
    "line",
    [b"", b"GET / HTTP/1.1\r", b"[]", b'"query"', b"null", b'{"type":', b"\xff\xfe{\x00", b"{" * 100_000, b"9" * 5000],
)
def test_a_line_that_is_no_object_is_told_so(line: bytes) -> None:
    assert not refused(line).is_object


def test_a_response_says_what_old_clients_look_for_and_the_rest() -> None:
    citation = Cited("notes/a.md", 1, 2, "so it is", CitationStatus.VERIFIED)
    reply = Response("Because.", "01J", Outcome.ANSWERED, "claude", ("notes/a.md:1-2",), (citation,), None, ("key",))
    assert json.loads(encode_reply(reply, 7)) == {
        "type": "response",
        "answer": "Because.",
        "sources": ["notes/a.md:1-2"],
        "ticket": "01J",
        "outcome": "answered",
        "author": "claude",
        "citations": [
            {"path": "notes/a.md", "first_line": 1, "last_line": 2, "quote": "so it is", "status": "verified"}
        ],
        "redacted": ["key"],
        "id": 7,
    }


def test_a_reply_has_no_more_than_there_is_to_say() -> None:
    assert encode_reply(Pong()) == b'{"type":"pong"}\n'
    assert encode_reply(Ticket("01J", State.READY)) == b'{"type":"ticket","ticket":"01J","state":"ready"}\n'
    assert encode_request(Ping()) == b'{"type":"ping"}\n'


def test_what_is_written_is_utf_8_a_person_can_read() -> None:
    assert "Grüße 🎈".encode() in encode_reply(Pong("Grüße 🎈"))


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_comes_back_as_its_own_class(kind: type[WarmlineError]) -> None:
    error = error_of(Problem(code_of(kind), "why", "01J"))
    assert type(error) is kind
    assert str(error) == "why"


def test_a_code_is_the_class_in_words() -> None:
    assert problem_of(UnknownMessageError("there is none")) == Problem("unknown_message", "there is none")


def test_an_error_takes_along_its_ticket_and_when_to_try_again() -> None:
    assert problem_of(FailedError("it failed", "01J")) == Problem("failed", "it failed", "01J")
    assert problem_of(BudgetSpentError("spent", 60.0)) == Problem("budget_spent", "spent", None, 60.0)
    limited = error_of(Problem("rate_limited", "slowly", None, 3.0))
    assert isinstance(limited, RateLimitedError)
    assert limited.retry_after == 3.0


def test_a_secret_that_an_errors_text_repeats_is_masked() -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    assert secret not in problem_of(UnknownMessageError(f"there is no {secret}")).error
