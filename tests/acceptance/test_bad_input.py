"""Bad input: one line that says what was wrong and what to do, exit code 2 or the status, no traceback."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome
from warmline.interfaces.cli.client import _Connection


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    home = RealHome(tmp_path_factory.mktemp("bad") / "home")
    home.serve()
    yield home
    home.close()


def refused(line: RealHome, *words: str, stdin: bytes | None = None) -> str:
    """Run a command that must be refused as bad input, and return its one line."""
    done = line.run(*words, stdin=stdin)
    said = done.stderr.decode()
    assert done.returncode == 2, (done.returncode, done.stdout, said)
    assert done.stdout == b""
    assert "Traceback" not in said
    assert said.startswith("warmline: ")
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"a\0b", "NUL"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "1,048,577 bytes"),
    ],
)
def test_a_question_that_is_none_is_refused(line: RealHome, stdin: bytes, words: str) -> None:
    assert words in refused(line, "ask", "-", stdin=stdin)


def test_a_question_of_exactly_1_mib_is_accepted(line: RealHome) -> None:
    assert line.run("ask", "-", "--wait", "0", stdin=b"x" * 1024 * 1024).returncode == 4


def test_an_argument_of_half_a_character_is_refused(line: RealHome) -> None:
    assert "surrogate" in refused(line, "ask", os.fsdecode(b"half \xff a word"))


@pytest.mark.parametrize("text", ["nonsense", "../../etc/passwd", "0" * 25, "-1" * 13, "%00" * 9])
@pytest.mark.parametrize("verb", ["ticket", "cancel", "requeue"])
def test_what_is_no_id_is_refused(line: RealHome, verb: str, text: str) -> None:
    assert "is not an id" in refused(line, verb, "--", text)


@pytest.mark.parametrize("verb", ["ticket", "cancel", "requeue"])
def test_an_id_that_does_not_exist_is_named(line: RealHome, verb: str) -> None:
    done = line.run(verb, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert done.returncode == 2
    assert b"01ARZ3NDEKTSV4RRFFQ69G5FAV" in done.stderr


def test_a_deadline_in_the_past_is_refused(line: RealHome) -> None:
    assert "in the past" in refused(line, "ask", "--deadline", "2020-01-01T00:00:00Z", "why?")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ask"], "required: question"),
        (["bogus"], "invalid choice: 'bogus'"),
        (["ask", "--key", "", "why?"], "idempotency key"),
        (["ask", "--key", "ключ", "why?"], "idempotency key"),
        (["ask", "--key", "a\r\nX: y", "why?"], "idempotency key"),
        (["ask", "--wait", "nan", "why?"], "no duration"),
        (["ask", "--wait", "-1", "why?"], "no duration"),
        (["questions", "--since", "99999999999w"], "longer than ten years"),
        (["questions", "--limit", "-1"], "from 1 to 1,000"),
        (["memory", "search", "--top", "1001", "key"], "from 1 to 1,000"),
        (["memory", "remove", ""], "no root ''"),
        (["memory", "remove", "a/b"], "no root 'a/b'"),
        (["memory", "remove", os.fsdecode(b"\xff")], "surrogate"),
        (["memory", "add", ""], "path is empty"),
        (["memory", "add", "~nobody-of-this-name/x"], "absolute path"),
        (["memory", "add", os.fsdecode(b"/tmp/\xff")], "surrogate"),
        (["memory", "add", "/no/such\nplace"], "/no/such\\nplace does not exist"),
        (["memory", "add", "/" + "a" * 300], "cannot be used"),
        (["serve", "--port", "70000"], "from 0 to 65,535"),
        (["serve", "--host", ""], "every network"),
        (["bench", "bus", "--questions", "-1"], "from 1 to"),
    ],
)
def test_arguments_that_are_none_are_refused(line: RealHome, words: list[str], said: str) -> None:
    assert said in refused(line, *words)


@pytest.mark.parametrize("text", ["", " \t"])
def test_a_search_for_nothing_is_refused(line: RealHome, text: str) -> None:
    assert "nothing to search for" in refused(line, "memory", "search", text)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"[" * 100_000, "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[1]", 'is no {"qid", "question"} object'),
        (b'{"qid": 1, "question": " "}', "asks nothing"),
        (b'{"qid": 1, "question": 5}', "asks nothing"),
        (b'{"qid": 1, "question": "a\\u0000b"}', "asks nothing"),
        (b'{"qid": 1, "question": "a\\ud800b"}', "half a character"),
        (b'{"qid": 1, "question": "' + b"long " * 50_000 + b'"}', "too long"),
    ],
)
def test_a_line_of_a_batch_that_is_none_is_named(line: RealHome, bad: bytes, said: str) -> None:
    told = refused(line, "memory", "search", "--batch", "-", stdin=b"\n" + bad + b"\n")
    assert told.startswith(("warmline: line 2 of - ", "warmline: line 2 of -: "))
    assert said in told


def test_a_wait_longer_than_one_request_is_as_good_as_any(line: RealHome) -> None:
    assert line.run("ask", "--wait", "5h", "Who won the chess championship?").returncode == 3


@pytest.fixture
def odd_paths(tmp_path: Path) -> dict[str, Path]:
    """Paths that cannot be a memory."""
    missing = tmp_path / "missing"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    bound = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bound))
    return {"missing": missing, "fifo": fifo, "socket": bound, "device": Path("/dev/null")}


@pytest.mark.parametrize("kind", ["missing", "fifo", "socket", "device"])
def test_a_named_path_that_cannot_be_read_is_refused(line: RealHome, odd_paths: dict[str, Path], kind: str) -> None:
    assert str(odd_paths[kind]) in refused(line, "memory", "add", str(odd_paths[kind]))


def call(line: RealHome, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = _Connection(line.home, 30)
    sent = {"Authorization": f"Bearer {line.home.read_token()}", "Content-Type": "application/json"} | headers
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    said = json.loads(response.read())
    connection.close()
    if response.status >= http.client.BAD_REQUEST:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert said["status"] == response.status
        assert "\n" not in said["detail"]
    return response.status, said


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"question": ""}', 400),
        (b'{"question": "a\\u0000b"}', 400),
        (b'{"question": "\\ud800"}', 400),
        (b'{"question": 7}', 422),
        (b'{"question": "why?", "deadline_at": "2020-01-01T00:00:00Z"}', 400),
        (b'{"question": "why?", "deadline_at": "2090-01-01T00:00:00"}', 422),
        (b'{"question": "why?", "deadline_at": "soon"}', 422),
        (b'{"question"', 422),
        (b"\xff", 400),
        (b"[]", 422),
        (json.dumps({"question": "x" * (1024 * 1024 + 1)}).encode(), 413),
        (b'{"question": "' + b"x" * (9 * 1024 * 1024) + b'"}', 413),
    ],
)
def test_http_names_what_is_wrong_with_a_question(line: RealHome, body: bytes, status: int) -> None:
    assert call(line, "POST", "/v1/questions", body)[0] == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/questions/nonsense", 400),
        ("GET", "/v1/questions/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404),
        ("DELETE", "/v1/questions/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404),
        ("POST", "/v1/questions/01ARZ3NDEKTSV4RRFFQ69G5FAV/requeue", 404),
        ("GET", "/v1/questions/01ARZ3NDEKTSV4RRFFQ69G5FAV?wait=-1", 422),
        ("GET", "/v1/questions/01ARZ3NDEKTSV4RRFFQ69G5FAV?wait=nan", 422),
        ("GET", "/v1/questions?state=asleep", 422),
        ("GET", "/v1/questions?since=2026-01-01T00:00:00", 422),
        ("GET", "/v1/questions?limit=0", 422),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/questions", 405),
    ],
)
def test_http_answers_with_the_status_that_fits(line: RealHome, method: str, path: str, status: int) -> None:
    assert call(line, method, path)[0] == status


@pytest.mark.parametrize("path", ["", ".", "tmp", "~", "\x00"])
def test_http_takes_no_path_that_is_not_absolute(line: RealHome, path: str) -> None:
    status, said = call(line, "POST", "/v1/memory/roots", json.dumps({"paths": [path]}).encode())
    assert (status, said["detail"]) == (400, f"{path!r} is no absolute path: name the whole of it")


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", "Basic b3duZXI6", "bearer \xff"])
def test_without_the_owners_token_nothing_but_healthz_answers(line: RealHome, shown: str) -> None:
    assert call(line, "GET", "/v1/status", Authorization=shown)[0] == 401
    assert call(line, "GET", "/healthz", Authorization=shown)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "title"), [("GET", "/v1/nothing", "Not Found"), ("PUT", "/v1/questions", "Method Not Allowed")]
)
def test_http_titles_a_problem_by_its_status(line: RealHome, method: str, path: str, title: str) -> None:
    assert call(line, method, path)[1]["title"] == title
