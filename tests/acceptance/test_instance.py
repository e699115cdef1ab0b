"""Programs that reach the running instance, from opening it to closing it, as their users would."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configuration_file import written
from line_talker import LIMIT_SECONDS, Talker
from real_home import RealHome
from talk import QUOTE

QUESTION = "Which port does the exporter listen on?"
WRONG = "wl_of_nobody"
ANSWER = f"{QUOTE}\n\n# The exporter"
SOURCES = ["notes/exporter.md:3-3", "notes/exporter.md:1-1"]


@pytest.fixture
def tcp(line: RealHome) -> Iterator[str]:
    """Where the instance listens without a token."""
    (opened,) = line.json("instance", "open", "--tcp", "127.0.0.1:0", "--no-token")["listeners"]
    yield opened["address"]
    line.run("instance", "close", "--all")


@pytest.fixture
def program(line: RealHome, tmp_path: Path) -> str:
    """A file beside the memory's, which the memory does not hold."""
    secret = tmp_path / "secret.md"
    secret.write_text("The exporter listens on port 1, says the secret.\n", encoding="utf-8")
    return str(secret)


def connected(address: str) -> socket.socket:
    host, port = address.removeprefix("tcp://").split(":")
    return socket.create_connection((host, int(port)), LIMIT_SECONDS)


def all_of(connection: socket.socket) -> list[Any]:
    """Return what comes until the other side closes."""
    said = b""
    while piece := connection.recv(65536):
        said += piece
    return [json.loads(line) for line in said.splitlines()]


def query(**more: object) -> bytes:
    return json.dumps({"type": "query", "question": QUESTION, **more}).encode() + b"\n"


def test_an_old_client_gets_every_answer_whole_in_one_read_two_hundred_times(line: RealHome, tcp: str) -> None:
    file = line.json("memory", "list")["roots"][0]["path"] + "/exporter.md"
    for _ in range(200):
        with connected(tcp) as connection:
            connection.sendall(query(context_file=file))
            answer = json.loads(connection.recv(8192))
        assert (answer["type"], answer["answer"], answer["sources"]) == ("response", ANSWER, SOURCES)


def test_a_shell_is_answered_half_closed_or_not(tcp: str) -> None:
    with connected(tcp) as connection:
        connection.sendall(query())
        connection.shutdown(socket.SHUT_WR)
        (answer,) = all_of(connection)
    assert answer["sources"] == SOURCES
    with connected(tcp) as connection:
        connection.sendall(query())
        assert json.loads(connection.recv(8192))["sources"] == SOURCES
        connection.sendall(query().rstrip(b"\n"))  # nor a newline at the end
        connection.shutdown(socket.SHUT_WR)
        (answer,) = all_of(connection)
    assert answer["sources"] == SOURCES


def test_lines_without_an_id_are_answered_in_their_order(tcp: str) -> None:
    with connected(tcp) as connection:
        connection.sendall(query() + b'{"type":"ping","data":"between"}\n' + query(question=" ") + query())
        connection.shutdown(socket.SHUT_WR)
        replies = all_of(connection)
    assert [each["type"] for each in replies] == ["response", "pong", "error", "response"]
    assert replies[2]["code"] == "invalid_input"


def test_a_file_that_is_not_the_memorys_is_refused_and_never_read_out(tcp: str, program: str) -> None:
    with Talker(tcp) as talker:
        for path in (program, "/etc/passwd", "../notes/exporter.md", "notes/../exporter.md", "notes/none.md", "", "\0"):
            refused = talker.ask(QUESTION, context_file=path)
            assert refused["type"] == "error", refused
            assert "answer" not in refused
            assert "port 1" not in json.dumps(refused)
        assert talker.ask(QUESTION, context_file="notes/exporter.md")["sources"] == SOURCES


def test_an_error_is_never_an_answer(tcp: str) -> None:
    with Talker(tcp) as talker:
        for said in (
            {"question": QUESTION, "agent": "nobody"},
            {"question": QUESTION, "wait": "soon"},
            {"question": QUESTION, "wait": -1},
            {"question": QUESTION, "deadline": 0},
            {"question": 5},
            {"question": QUESTION, "ticket": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
            {"ticket": "nonsense"},
            {},
        ):
            talker.send(type="query", id=1, **said)
            refused = talker.hear()
            assert (refused["type"], refused["id"]) == ("error", 1)
            assert refused["code"]
            assert refused["error"]
            assert "answer" not in refused


def test_a_question_outlives_its_client_and_the_same_id_brings_its_answer(tcp: str) -> None:
    with Talker(tcp) as talker:
        talker.send(type="query", question=QUESTION, id="0b9", progress=True)
        ticket = talker.hear()["ticket"]
    with Talker(tcp) as talker:
        again = talker.ask(QUESTION, id="0b9")
        assert (again["ticket"], again["id"], again["answer"]) == (ticket, "0b9", ANSWER)
        talker.send(type="query", ticket=ticket)
        assert talker.hear()["answer"] == ANSWER
        assert talker.ask("Another question", id="0b9")["code"] == "idempotency_conflict"


def test_the_command_line_opens_lists_asks_and_closes(line: RealHome, tmp_path: Path) -> None:
    unix = str(tmp_path / "line")
    opened = line.run("instance", "open", "--tcp", "127.0.0.1:0", "--unix", unix)
    assert opened.returncode == 0
    tcp, url = opened.stdout.decode().split()
    assert url == f"unix://{unix}"
    said = opened.stderr.decode()
    assert f"nc -N -U {unix}" in said
    assert f'unix = "{unix}"' in said
    assert "no_token" not in said
    listed = line.run("instance", "list").stdout.decode()
    assert f"{url} " in listed
    assert "with a token" in listed
    for words in (("--via", "tcp"), ("--via", "unix"), ("--address", url), ()):
        asked = line.run("instance", "ask", QUESTION, *words)
        assert asked.returncode == 0, asked.stderr
        assert QUOTE in asked.stdout.decode()
    told = line.json("instance", "ask", QUESTION, "--via", "unix")
    assert (told["answer"], told["sources"], told["address"]) == (ANSWER, SOURCES, url)
    assert line.run("instance", "close", tcp).stdout.decode() == f"closed {tcp}\n"
    assert line.run("instance", "close", "--all").stdout.decode() == f"closed {url}\n"
    assert not Path(unix).exists()
    assert line.json("instance", "list") == {"listeners": [], "problems": []}


def test_the_exit_codes_of_asking_are_those_of_ask(line: RealHome, tcp: str) -> None:
    assert tcp
    assert line.run("instance", "ask", "What do penguins dream of at night?").returncode == 3
    pending = line.run("instance", "ask", QUESTION, "--wait", "0")
    assert pending.returncode == 4
    ticket = pending.stdout.decode().strip()
    assert line.run("ticket", ticket, "--wait", "5").returncode == 0
    assert line.run("instance", "ask", QUESTION, "--agent", "nobody").returncode == 2
    assert line.run("instance", "ask", QUESTION, WARMLINE_TOKEN=WRONG).returncode == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("open",), 2, "say where: --tcp"),
        (("open", "--no-token"), 2, "say where: --tcp"),
        (("open", "--no-token", "--shm", "x"), 2, "are about --tcp"),
        (("open", "--tcp", "9999"), 2, "a host and a port"),
        (("open", "--tcp", "127.0.0.1:ninety"), 2, "a host and a port"),
        (("open", "--tcp", "127.0.0.1:99999"), 2, "a host and a port"),
        (("open", "--tcp", "0.0.0.0:0"), 2, "say `unencrypted` as well"),
        (("open", "--tcp", "0.0.0.0:0", "--no-token", "--unencrypted"), 2, "must show a token"),
        (("open", "--tcp", "no-such-host.invalid:1"), 1, "no address of that name"),
        (("open", "--unix", ""), 2, "empty"),
        (("open", "--fifo", "/nowhere/at/all/fifo"), 1, "/nowhere/at/all"),
        (("open", "--shm", "a/b"), 2, "letters, digits"),
        (("close",), 2, "or say --all"),
        (("close", "--all", "unix:///x"), 2, "or say --all"),
        (("close", "nonsense"), 2, "tcp://HOST:PORT"),
        (("close", "unix:///nothing/here"), 2, "nothing is open at unix:///nothing/here"),
        (("ask", QUESTION), 1, "nothing is open: `warmline instance open --unix PATH`"),
        (("ask", QUESTION, "--via", "tcp"), 1, "nothing is open via tcp: `warmline instance open --tcp"),
        (("ask", QUESTION, "--via", "http"), 2, "invalid choice: 'http'"),
        (("ask", QUESTION, "--via", "tcp", "--address", "unix:///x"), 2, "not reached via tcp"),
        (("ask", QUESTION, "--address", "unix:///nothing/here"), 1, "no instance answers at"),
        (("ask", QUESTION, "--address", "nonsense"), 2, "tcp://HOST:PORT"),
        (("ask", " "), 2, "empty"),
        (("ask", QUESTION, "--wait", "soon"), 2, "no duration"),
    ],
)
def test_bad_input_gets_one_clear_line(line: RealHome, words: tuple[str, ...], code: int, told: str) -> None:
    done = line.run("instance", *words)
    said = done.stderr.decode()
    assert (done.returncode, told in said, len(said.splitlines())) == (code, True, 1), said
    assert line.json("instance", "list")["listeners"] == []


def test_of_several_places_those_that_can_be_had_are_open(line: RealHome, tmp_path: Path) -> None:
    regular = tmp_path / "regular"
    regular.write_text("mine", encoding="utf-8")
    done = line.run("instance", "open", "--unix", str(regular), "--tcp", "127.0.0.1:0")
    assert done.returncode == 1
    assert f"warmline: unix://{regular}: " in done.stderr.decode()
    assert done.stdout.decode().startswith("tcp://127.0.0.1:")
    assert regular.read_text(encoding="utf-8") == "mine"
    taken = done.stdout.decode().strip()
    again = line.run("instance", "open", "--tcp", taken.removeprefix("tcp://"))
    assert again.returncode == 1
    assert f"cannot listen at {taken}" in again.stderr.decode()
    assert line.run("instance", "close", "--all").returncode == 0


def test_what_open_prints_keeps_it_for_the_next_start(real_home: RealHome, tmp_path: Path) -> None:
    said = real_home.run("instance", "open", "--unix", f"{tmp_path}/line", "--tcp", "127.0.0.1:0", "--no-token")
    toml = said.stderr.decode().partition("[listen]")[2]
    before = said.stdout
    written(real_home.home.configuration, f"[listen]{toml}")
    assert real_home.run("stop").returncode == 0
    listed = real_home.json("instance", "list")
    assert listed["problems"] == []
    assert [each["address"] for each in listed["listeners"]] == before.decode().split()
    assert [each["needs_token"] for each in listed["listeners"]] == [False, False]
