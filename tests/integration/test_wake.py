"""`warmline wake` before a real daemon: what it says, when it ends, and that it takes nothing and starts nothing."""

from __future__ import annotations

import base64
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome
from speaking import Speaker, until
from warmline import daemon
from warmline.errors import DaemonError, InvalidInputError
from warmline.interfaces.cli import wake_codex, wake_opencode

WAITING = "1 message waits for you on the warmline line"
LIMIT_SECONDS = 20

Waiter = subprocess.Popen[bytes]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[RealHome]:
    home = RealHome(tmp_path / "home")
    home.serve()
    yield home
    home.close()


@pytest.fixture
def owner(line: RealHome) -> Speaker:
    return Speaker(line.home, line.home.read_token())


@pytest.fixture
def docs(line: RealHome, owner: Speaker) -> Speaker:
    """A client that was connected."""
    made = owner.ok("POST", "/v1/credentials", {"name": "docs"})
    file = line.home.client_token("docs")
    file.parent.mkdir(0o700)
    file.touch(0o600)
    file.write_text(made["token"])
    return Speaker(line.home, made["token"])


@contextmanager
def waiting(line: RealHome, *words: str, **environment: str) -> Iterator[Waiter]:
    command = [*line.program, "wake", "--as", "docs", *words]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    ) as waiter:
        try:
            yield waiter
        finally:
            waiter.kill()


def end(waiter: Waiter) -> tuple[int, str]:
    said, _ = waiter.communicate(timeout=LIMIT_SECONDS)
    return waiter.returncode, said.decode()


def bells(owner: Speaker) -> int:
    status = owner.ok("GET", "/v1/status")
    return int(status["waiting"] - status["receiving"])


def send(owner: Speaker, body: str = "the harvest is at nine") -> str:
    sent: dict[str, Any] = owner.ok("POST", "/v1/messages", {"to": "docs", "body": body})
    return str(sent["id"])


def test_a_message_ends_the_wait_and_stays_unread(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    with waiting(line) as waiter:
        until(lambda: bells(owner) == 1)
        sent = send(owner)
        code, said = end(waiter)
    assert (code, said.startswith(WAITING), "harvest" in said) == (0, True, False)
    got = docs.ok("POST", "/v1/mailboxes/receive", {})["messages"]
    assert [(each["id"], each["deliveries"]) for each in got] == [(sent, 1)]


def test_what_was_woken_for_wakes_nobody_twice(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    send(owner)
    with waiting(line, "--json") as waiter:
        code, said = end(waiter)
        assert (code, json.loads(said)["count"], json.loads(said)["held"]) == (0, 1, False)
    with waiting(line, "--per-hour", "3600") as waiter:
        until(lambda: bells(owner) == 1)
        assert waiter.poll() is None


def test_a_second_one_of_the_same_agent_leaves_at_once(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    me = str(os.getpid())
    with waiting(line, "--agent", me) as first:
        until(lambda: bells(owner) == 1)
        with waiting(line, "--agent", me) as second:
            assert end(second) == (4, "")
        assert first.poll() is None


def test_it_ends_with_its_agent(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    agent = subprocess.Popen(["sleep", "60"])  # any program that does nothing
    with agent, waiting(line, "--agent", str(agent.pid)) as waiter:
        until(lambda: bells(owner) == 1)
        agent.kill()
        agent.wait()
        assert end(waiter)[0] == 4
    until(lambda: bells(owner) == 0)


def test_it_ends_when_nobody_reads_what_it_says(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    with waiting(line) as waiter:
        until(lambda: bells(owner) == 1)
        assert waiter.stdout is not None
        waiter.stdout.close()
        assert waiter.wait(LIMIT_SECONDS) == 4


def test_an_agent_without_a_person_is_not_waited_for_unless_one_says_so(
    line: RealHome, owner: Speaker, docs: Speaker
) -> None:
    send(owner)
    with waiting(line, CLAUDE_CODE_SESSION_ATTENDED="0") as waiter:
        assert end(waiter) == (4, "")
    with waiting(line, CLAUDE_CODE_SESSION_ATTENDED="0", WARMLINE_WAKE="1") as waiter:
        assert end(waiter)[0] == 0


def test_it_starts_no_daemon_and_goes_on_when_one_comes(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    with waiting(line) as waiter:
        until(lambda: bells(owner) == 1)
        assert line.run("stop").returncode == 0
        assert (daemon.owner_of(line.home), waiter.poll()) == (None, None)
        line.serve()
        until(lambda: bells(owner) == 1)
        send(owner)
        assert end(waiter)[0] == 0


def test_a_daemon_that_is_killed_is_not_noticed(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    with waiting(line) as waiter:
        until(lambda: bells(owner) == 1)
        running = daemon.owner_of(line.home)
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        until(lambda: daemon.owner_of(line.home) is None)
        line.serve()
        send(owner)
        assert end(waiter)[0] == 0


def test_a_client_that_was_not_connected_is_told_so(line: RealHome) -> None:
    done = line.run("wake", "--as", "nobody")
    assert (done.returncode, b"warmline connect" in done.stderr) == (2, True)


def test_a_credential_that_was_revoked_ends_the_wait(line: RealHome, owner: Speaker, docs: Speaker) -> None:
    with waiting(line) as waiter:
        until(lambda: bells(owner) == 1)
        assert line.run("credential", "revoke", "docs").returncode == 0
        send(owner)
        assert end(waiter)[0] == 1


CODEX = """\
#!/bin/sh
echo "$@" >> "$0.said"
case "$2" in *=live) exit 0;; esac
echo "Error: no rollout found" >&2
exit 1
"""


def event(session: str) -> str:
    return json.dumps({"type": "agent-turn-complete", "thread-id": session, "last-assistant-message": "hello"})


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: what others see of a command is read on Linux only")
def test_codex_is_woken_where_its_newest_turn_was_that_is_still_there(
    line: RealHome, owner: Speaker, docs: Speaker, tmp_path: Path
) -> None:
    program = tmp_path / "codex"
    program.write_text(CODEX)
    program.chmod(0o700)
    words = ("--via", "codex", "--once", "--program", str(program), "--agent", str(os.getpid()))
    with waiting(line, *words, event("live")) as waiter:
        until(lambda: bells(owner) == 1)
        assert b"hello" not in Path("/proc", str(waiter.pid), "cmdline").read_bytes()
        with waiting(line, *words, event("gone")) as second:
            assert end(second)[0] == 4
        send(owner)
        assert end(waiter)[0] == 0
    said = Path(f"{program}.said").read_text().splitlines()
    assert [each.split()[1] for each in said] == ["--thread=gone", "--thread=live"]
    assert all(f"--message={WAITING}" in each for each in said)


ADOPTED = '{ read -r gone <&3; exec "$@"; } 3<&0 &'
"""A shell that starts a command, and ends; the command begins when it is told to."""


def test_it_does_not_wait_for_a_codex_that_had_ended_when_it_was_started(
    line: RealHome, owner: Speaker, docs: Speaker
) -> None:
    command = [*line.program, "wake", "--as", "docs", "--via", "codex", "--once", event("live")]
    with subprocess.Popen(
        ["sh", "-c", ADOPTED, "sh", *command], stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as shell:
        assert shell.wait(LIMIT_SECONDS) == 0
        _, said = shell.communicate(b"gone\n", timeout=LIMIT_SECONDS)  # until nobody holds standard error any more
    assert (said, bells(owner)) == (b"", 0)


@contextmanager
def opencode(said: bytes | None = None) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    asked: list[tuple[str, Any]] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            sessions = [{"id": name, "time": {"updated": at}} for name, at in (("old", 1), ("new", 3), ("older", 0))]
            self._say(200, json.dumps(sessions).encode() if said is None else said)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append((f"{self.path} {self.headers['authorization']}", json.loads(body)))
            self._say(204, b"")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_session_of_opencode_that_was_used_last_begins_a_turn(
    line: RealHome, owner: Speaker, docs: Speaker
) -> None:
    send(owner)
    with opencode() as (server, asked):
        words = ("--via", "opencode", "--once", "--server", server)
        with waiting(line, *words, **{wake_opencode.PASSWORD: "pass"}) as waiter:
            assert end(waiter)[0] == 0
    ((place, body),) = asked
    assert place == f"/session/new/prompt_async Basic {base64.b64encode(b'opencode:pass').decode()}"
    assert body["parts"][0]["text"].startswith(WAITING)


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("http://example.org", b"no server of opencode on this machine"),
        ("https://127.0.0.1:1", b"no server of opencode on this machine"),
        ("127.0.0.1:4096", b"no server of opencode on this machine"),
        ("http://127.0.0.1@example.org", b"no server of opencode on this machine"),
        ("http://[", b"no URL"),
        ("http://127.0.0.1:70000", b"no URL"),
    ],
)
def test_a_server_of_another_machine_or_none_is_refused_before_a_message_comes(
    line: RealHome, docs: Speaker, server: str, why: bytes
) -> None:
    done = line.run("wake", "--as", "docs", "--via", "opencode", "--once", "--server", server)
    assert (done.returncode, why in done.stderr) == (2, True)


@pytest.mark.parametrize("said", [b"{}", b"5", b'["x"]', b'[{"id": 1}]', b"[" * 100_000, b"<html>", b"\xff"])
def test_what_is_no_opencode_is_told_of_and_begins_no_turn(said: bytes) -> None:
    with opencode(said) as (server, asked), pytest.raises(DaemonError, match="opencode"):
        wake_opencode.wake(server, None, "3 messages wait", 5)
    assert asked == []


@pytest.mark.parametrize(
    "told",
    [
        "{",
        "[" * 20_000,
        '{"type": "agent-turn-complete"}',
        '{"type": "agent-turn-complete", "thread-id": ["a"]}',
        '{"type": "agent-turn-complete", "thread-id": "\\u0000"}',
        '{"type": "agent-turn-complete", "thread-id": "\\ud800"}',
        '{"type": "agent-turn-complete", "thread-id": "a b"}',
        json.dumps({"type": "agent-turn-complete", "thread-id": "x" * 201}),
    ],
)
def test_what_is_no_event_of_codex_is_refused(told: str) -> None:
    with pytest.raises(InvalidInputError, match="no event"):
        wake_codex.session_of(told)
