"""`warmline mcp` as agents start it: a process on a real line, whose daemon is killed under it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path

import pytest

from mcp_process import META, MODERN, McpProcess
from real_home import RealHome, wait_until_gone
from talk import QUESTION, QUOTE, Talk, until
from warmline.errors import DaemonError
from warmline.home import Home
from warmline.interfaces.cli.client import Client
from warmline.interfaces.cli.relay import Relay

Start = Callable[[str], McpProcess]
PING, PONG = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n', {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.fixture
def start(line: RealHome, talk: Talk) -> Iterator[Start]:
    """Start a relay for a participant; each leaves in the end, and has said nothing to standard error."""
    relays: list[McpProcess] = []

    def started(name: str) -> McpProcess:
        relays.append(McpProcess(line, talk.tokens[name]))
        return relays[-1]

    yield started
    assert [relay.close() for relay in relays] == [b""] * len(relays)


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
def test_a_client_of_each_era_with_a_handshake_is_answered_in_its_version(start: Start, version: str) -> None:
    relay = start("docs")
    assert relay.initialize(version)["protocolVersion"] == version
    assert QUOTE in relay.call("ask", question=QUESTION)


def test_a_client_of_the_newest_era_is_answered_without_a_handshake(start: Start) -> None:
    relay = start("docs")
    found = relay.ask("server/discover", {"_meta": META})["result"]
    assert MODERN in found["supportedVersions"]
    said = relay.ask("tools/call", {"name": "ask", "arguments": {"question": QUESTION}, "_meta": META}, id="é")
    assert QUOTE in said["result"]["content"][0]["text"]
    read = relay.ask("resources/read", {"uri": "memory://notes/exporter.md#L3", "_meta": META})
    assert f"| {QUOTE}" in read["result"]["contents"][0]["text"].split("\n")


def test_a_daemon_killed_between_two_calls_is_not_noticed(line: RealHome, start: Start) -> None:
    relay = start("docs")
    relay.initialize()
    relay.call("ask", question=QUESTION)
    line.kill()
    assert QUOTE in relay.call("ask", question=QUESTION)


def test_a_daemon_killed_while_a_call_waits_is_not_noticed_and_the_message_comes_once(
    line: RealHome, talk: Talk, start: Start
) -> None:
    reader, sender = start("docs"), start("coordinator")
    reader.initialize()
    reader.say("tools/call", {"name": "receive_messages", "arguments": {"wait_seconds": 50}}, id=7)
    until(lambda: line.json("status")["receiving"] == 1)
    line.kill()
    sent = sender.call("send_message", to="docs", message="the port is 9187")
    said = reader.next()
    assert said["id"] == 7
    text = said["result"]["content"][0]["text"]
    assert "| the port is 9187" in text
    token = re.search(r"^batch: (\w+)", text, re.MULTILINE)
    assert token is not None
    assert reader.call("receive_messages", wait_seconds=0, done=token[1]) == "No message came."
    message_id = sent.partition("message_id: ")[2].partition(".")[0]
    assert "read" in sender.call("receipts", message_id=message_id)


def test_a_cancelled_call_lets_go_of_what_it_waited_for(line: RealHome, start: Start) -> None:
    reader, sender = start("docs"), start("coordinator")
    reader.initialize()
    reader.say("tools/call", {"name": "receive_messages", "arguments": {"wait_seconds": 50}}, id="wait")
    until(lambda: line.json("status")["receiving"] == 1)
    reader.say("notifications/cancelled", {"requestId": "wait"})
    until(lambda: line.json("status")["receiving"] == 0)
    sender.call("send_message", to="docs", message="after all")
    assert "after all" in reader.call("receive_messages", wait_seconds=5)


def test_calls_of_one_relay_are_answered_as_they_are_ready_and_not_in_order(start: Start) -> None:
    relay = start("docs")
    relay.initialize()
    relay.say("tools/call", {"name": "receive_messages", "arguments": {"wait_seconds": 50}}, id=1)
    relay.say("ping", id=2)
    assert relay.next()["id"] == 2
    relay.say("ping", id=1)
    assert "another request has that id" in relay.next()["error"]["message"]
    relay.say("notifications/cancelled", {"requestId": 1})


@pytest.mark.parametrize(
    ("line_of_input", "request_id", "code"),
    [
        (b"{", None, -32700),
        (b"\xff\xfe", None, -32700),
        (b"[" * 100_000, None, -32700),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', None, -32700),
        (b"null", None, -32700),
        (b'{"jsonrpc":"2.0","id":3}', 3, -32600),
        (b'{"jsonrpc":"2.0","id":3,"method":5}', 3, -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":9,"method":"\\ud800"}', 9, -32700),
        (b'{"jsonrpc":"2.0","id":9,"method":"no/such"}', 9, -32601),
        (b'{"jsonrpc":"2.0","id":9,"method":"ping","params":[]}', 9, -32600),
        (b'{"jsonrpc":"2.0","id":9,"method":"x","a":' + b"[" * 900 + b"]" * 900 + b"}", 9, -32700),
        (b"x" * (9 * 1024 * 1024), None, -32700),
    ],
)
def test_odd_input_gets_an_error_and_the_relay_goes_on(
    start: Start, line_of_input: bytes, request_id: object, code: int
) -> None:
    relay = start("docs")
    relay.raw(line_of_input)
    said = relay.next()
    assert (said["id"], said["error"]["code"]) == (request_id, code), said
    relay.raw(b"")
    relay.raw(b'{"jsonrpc":"2.0","id":1,"result":{}}')
    relay.say("notifications/roots/list_changed")
    assert relay.ask("ping", id=2)["result"] == {}


def test_half_a_character_in_a_request_of_the_newest_era_is_an_error(start: Start) -> None:
    relay = start("docs")
    said = relay.ask("tools/call", {"name": "\ud800", "arguments": {}, "_meta": META})
    assert "error" in said or said["result"]["isError"]


def test_a_revoked_credential_is_told_so_and_a_missing_one_before_anything(line: RealHome, start: Start) -> None:
    made = line.json("conversation", "new", "--between", "gone,other")
    gone = next(each for each in made["credentials"] if each["name"] == "gone")
    relay = McpProcess(line, gone["token"])
    assert relay.ask("ping")["result"] == {}
    assert line.run("credential", "revoke", gone["id"]).returncode == 0
    assert "credential" in relay.ask("ping")["error"]["message"]
    assert relay.close() == b""
    done = line.run("mcp", stdin=b"")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"warmline connect" in done.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("mcp", "--as", "claude"), b"`warmline connect claude` makes one"),
        (("mcp", "--as", "../owner"), b"'../owner' is no client's name"),
        (("mcp", "--token-file", "nowhere"), b"that `warmline credential new` prints"),
    ],
)
def test_who_has_no_token_is_told_where_one_comes_from(line: RealHome, words: tuple[str, ...], advice: bytes) -> None:
    done = line.run(*words, stdin=b"")
    assert (done.returncode, done.stdout, advice in done.stderr) == (2, b"", True), done


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_call_in_flight(line: RealHome, talk: Talk, number: signal.Signals) -> None:
    relay = McpProcess(line, talk.tokens["docs"])
    relay.initialize()
    relay.say("tools/call", {"name": "receive_messages", "arguments": {"wait_seconds": 50}}, id=7)
    until(lambda: line.json("status")["receiving"] == 1)
    os.kill(relay.process.pid, number)
    wait_until_gone(relay.process.pid)
    until(lambda: line.json("status")["receiving"] == 0)
    assert b"Traceback" not in relay.close()


def test_it_leaves_when_nobody_reads_what_it_says(line: RealHome, talk: Talk) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    input_end, keep = os.pipe()
    relay = subprocess.Popen(
        [*line.program, "mcp"],
        stdin=input_end,
        stdout=write_end,
        env={**os.environ, "WARMLINE_TOKEN": talk.tokens["docs"]},
    )
    os.close(write_end)
    os.close(input_end)
    os.write(keep, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode() + b"\n")
    assert relay.wait(30) == 0
    os.close(keep)


def test_the_first_call_starts_the_daemon(line: RealHome, start: Start) -> None:
    line.run("stop")
    relay = start("docs")
    assert relay.initialize()["serverInfo"]["name"] == "warmline"
    assert line.json("status")["pid"]


def test_what_was_asked_before_the_input_ended_is_answered_though_the_daemon_has_to_start(
    line: RealHome, talk: Talk
) -> None:
    line.run("stop")
    done = line.run("mcp", stdin=PING, WARMLINE_TOKEN=talk.tokens["docs"])
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == PONG


@pytest.mark.parametrize("held", [b"", b"\n", b"two words", b"\xff", "\u0661".encode()])
def test_a_file_without_a_token_is_named_before_anything_is_read(line: RealHome, tmp_path: Path, held: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(held)
    done = line.run("mcp", "--token-file", str(file), stdin=PING)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{file} holds no token".encode() in done.stderr


def test_a_relay_that_nobody_hears_any_more_leaves_and_lets_go_though_its_input_stays_open(
    line: RealHome, talk: Talk
) -> None:
    relay = subprocess.Popen(
        [*line.program, "mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "WARMLINE_TOKEN": talk.tokens["docs"]},
    )
    assert relay.stdin is not None
    assert relay.stdout is not None
    call = {"name": "receive_messages", "arguments": {"wait_seconds": 50}}
    relay.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode() + b"\n")
    relay.stdin.flush()
    until(lambda: line.json("status")["receiving"] == 1)
    relay.stdout.close()
    with relay:
        assert relay.wait(5) == 0
        until(lambda: line.json("status")["receiving"] == 0)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_token_file_that_is_open_to_others_is_refused_with_what_to_do(
    line: RealHome, talk: Talk, tmp_path: Path, mode: int
) -> None:
    file = tmp_path / "a token"
    file.write_text(talk.tokens["docs"], "ascii")
    file.chmod(mode)
    done = line.run("mcp", "--token-file", str(file), stdin=PING)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{file} is open to others: run `chmod 600 '{file}'`".encode() in done.stderr
    file.chmod(0o600)
    assert json.loads(line.run("mcp", "--token-file", str(file), stdin=PING).stdout) == PONG


@pytest.mark.parametrize("by_file", [True, False])
def test_the_owners_token_is_refused_however_it_is_given(line: RealHome, by_file: bool) -> None:
    words, environment = ("--token-file", str(line.home.token)), {"WARMLINE_TOKEN": line.home.read_token()}
    done = line.run("mcp", *words, stdin=PING) if by_file else line.run("mcp", stdin=PING, **environment)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"the owner's token" in done.stderr
    assert b"`warmline credential new NAME`" in done.stderr


def test_a_variable_without_a_token_is_refused_before_anything_is_read(line: RealHome) -> None:
    done = line.run("mcp", stdin=PING, WARMLINE_TOKEN="")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"WARMLINE_TOKEN is set and holds no token" in done.stderr


def test_a_token_from_a_pipe_is_taken(line: RealHome, talk: Talk) -> None:
    script = '"$@" --token-file <(printf %s "$TOKEN")'
    done = subprocess.run(
        ["/bin/bash", "-c", script, "bash", *line.program, "mcp"],
        input=PING,
        capture_output=True,
        timeout=30,
        check=True,
        env={**os.environ, "TOKEN": talk.tokens["docs"]},
    )
    assert json.loads(done.stdout) == PONG


class SlowToClose(Client):
    """Holds its thread up after the answer, as a busy machine may."""

    def __init__(self, home: Home, token: str, may_close: threading.Event) -> None:
        super().__init__(home, token=token)
        self._may_close = may_close

    def close(self) -> None:
        assert self._may_close.wait(5)
        super().close()


def test_an_id_is_free_again_once_its_answer_was_said(line: RealHome, talk: Talk) -> None:
    may_close, (read_input, write_input), (read_output, write_output) = threading.Event(), os.pipe(), os.pipe()
    relay = Relay(lambda: SlowToClose(line.home, talk.tokens["docs"], may_close), write_output)
    with os.fdopen(read_input, "rb") as lines, os.fdopen(read_output, "rb") as said:
        running = threading.Thread(target=relay.run, args=(lines,))
        running.start()
        try:
            for _ in range(3):
                os.write(write_input, PING)
                assert json.loads(said.readline()) == PONG
        finally:
            may_close.set()
            os.close(write_input)
            running.join(5)
            os.close(write_output)


class Silent(Client):
    """Answers when it may, as a daemon that hangs."""

    def __init__(self, home: Home, may_answer: threading.Event) -> None:
        super().__init__(home)
        self._may_answer = may_answer

    def open(self, *_: object, **__: object) -> HTTPResponse:
        assert self._may_answer.wait(5)
        raise DaemonError("the daemon hangs")


def test_a_request_that_gets_no_answer_after_the_end_of_the_input_is_told(line: RealHome) -> None:
    may_answer, (read_output, write_output) = threading.Event(), os.pipe()
    relay = Relay(lambda: Silent(line.home, may_answer), write_output, last_replies_seconds=0)
    asked = b'{"jsonrpc":"2.0","id":"a","method":"ping"}\n{"jsonrpc":"2.0","id":"b","method":"ping"}\n'
    cancelled = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"b"}}\n'
    try:
        with pytest.raises(DaemonError, match='no answer came to the request "a": see'):
            relay.run(BytesIO(asked + cancelled))
    finally:
        may_answer.set()
    with os.fdopen(read_output, "rb") as said:
        assert json.loads(said.readline())["error"]["message"] == "the daemon hangs"
        os.close(write_output)
