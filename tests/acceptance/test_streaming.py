"""`ask` on a terminal: the answer is shown as it is written, and everywhere else once it is there."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaks import AWS, MASKED_AWS
from real_home import RealHome
from speaking import Speaker, until
from warmline.security.fence import plain

LIMIT_SECONDS = 20
LONG = "It stands in the folder of the old machine, and nobody has looked there since. " * 3


def serve(home: RealHome) -> subprocess.Popen[bytes]:
    """Start a daemon that answers what it is told."""
    telling = Path(__file__).parent.parent / "telling_daemon.py"
    return home.serve(program=[sys.executable, str(telling), "--home", str(home.home.path)])


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    home = RealHome(tmp_path_factory.mktemp("streaming") / "home")
    serve(home)
    yield home
    home.close()


class Terminal:
    """`warmline ask` on a terminal of its own, with standard error there, too."""

    def __init__(self, line: RealHome, question: object, *words: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*line.program, "ask", json.dumps(question), *words],
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "NO_COLOR": "1"},
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def until(self, text: str) -> str:
        """Read, at most for a while, until this is on the terminal; return all that is."""
        while text not in self.seen:
            assert self._read(), self.seen
        return self.seen

    def end(self) -> str:
        """Read until the command has ended; return all that is on the terminal."""
        while self._read():
            pass
        self.process.wait(LIMIT_SECONDS)
        os.close(self._master)
        return self.seen

    def _read(self) -> bool:
        readable, _, _ = select.select([self._master], [], [], LIMIT_SECONDS)
        assert readable, f"nothing came after {self.seen!r}"
        try:
            got = os.read(self._master, 4096)
        except OSError:  # nobody holds the other end any more
            return False
        self.seen += got.decode().replace("\r\n", "\n")
        return bool(got)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe that the answerer waits at."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def test_a_terminal_shows_an_answer_while_it_is_written_and_then_the_rest_of_it(line: RealHome, gate: Path) -> None:
    text = f"It listens on port 9187. {LONG}"
    terminal = Terminal(
        line, {"say": ["It listens ", "on port ", f"9187. {LONG[:60]}"], "text": text, "until": str(gate)}
    )
    before = terminal.until("on port 9187.")
    assert "ticket" not in before
    gate.write_bytes(b"")
    seen = terminal.end()
    assert terminal.process.returncode == 0
    assert seen.startswith(f"{text}\n")
    assert re.fullmatch(r"answered by telling in \d+ ms · ticket \w+\n", seen[len(text) + 1 :])


def test_no_secret_is_shown_while_it_is_written(line: RealHome, gate: Path) -> None:
    said = f"The key is KEY, it says. {LONG}"
    terminal = Terminal(line, {"say": re.findall("KEY|.", said), "text": said, "until": str(gate)})
    terminal.until(MASKED_AWS)
    gate.write_bytes(b"")
    assert terminal.end().startswith(f"The key is {MASKED_AWS}, it says. {LONG}")
    assert AWS not in terminal.seen


def test_what_steers_a_terminal_is_shown_and_does_nothing_wherever_it_is_cut(line: RealHome, gate: Path) -> None:
    text = f"\x1b]0;owned\x07 and \x1b[31mred\x9b2J\u202e. {LONG}"
    terminal = Terminal(line, {"say": list(text), "text": text, "until": str(gate)})
    terminal.until("and nobody")
    gate.write_bytes(b"")
    seen = terminal.end()
    assert seen.startswith(f"\\x1b]0;owned\\x07 and \\x1b[31mred\\x9b2J\\u202e. {LONG}\n")


def test_a_redelivery_says_that_it_begins_anew(line: RealHome, gate: Path) -> None:
    terminal = Terminal(line, {"say": [LONG], "text": LONG, "fail": 1, "until": str(gate)})
    terminal.until(LONG[:40])
    gate.write_bytes(b"")
    terminal.until("anew: hand-over 2")
    gate.write_bytes(b"")
    first, told, second = terminal.end().partition("\nthe answer begins anew: hand-over 2\n")
    assert told
    assert LONG.startswith(first)
    assert first
    assert second.startswith(f"{LONG}\n")


def test_what_was_said_and_is_not_the_answer_is_told_from_it(line: RealHome, gate: Path) -> None:
    terminal = Terminal(line, {"say": [LONG], "text": "Something else.", "until": str(gate)})
    terminal.until(LONG[:40])
    gate.write_bytes(b"")
    first, told, second = terminal.end().partition("\nwhat was written until here is not the answer:\n")
    assert told
    assert LONG.startswith(first)
    assert second.startswith("Something else.\n")


def test_patience_that_ends_while_it_is_written_leaves_the_ticket(line: RealHome, gate: Path) -> None:
    terminal = Terminal(line, {"say": [LONG], "text": LONG, "until": str(gate)}, "--wait", "1")
    seen = terminal.end()
    assert terminal.process.returncode == 4
    shown, ticket, told = seen.splitlines()[:3]
    assert LONG.startswith(shown)
    assert re.fullmatch(r"\w{26}", ticket)
    assert told.startswith("no answer yet (leased)")
    gate.write_bytes(b"")
    assert line.json("ticket", ticket, "--wait", "5")["text"] == LONG


def test_an_interrupt_while_it_is_written_names_the_ticket(line: RealHome, gate: Path) -> None:
    terminal = Terminal(line, {"say": [LONG], "text": LONG, "until": str(gate)})
    terminal.until(LONG[:40])
    terminal.process.send_signal(signal.SIGINT)
    seen = terminal.end()
    assert terminal.process.returncode == 130
    found = re.search(r"\nthe question stays on the line: come back with `warmline ticket (\w+) --wait 30`\n", seen)
    assert found
    gate.write_bytes(b"")
    assert line.json("ticket", found[1], "--wait", "5")["text"] == LONG


def test_off_a_terminal_an_answer_is_printed_once(line: RealHome) -> None:
    done = line.run("ask", json.dumps({"say": [LONG], "text": LONG}))
    assert (done.returncode, done.stdout.decode()) == (0, f"{LONG}\n")


@pytest.mark.parametrize(("words", "begins"), [("--json", "{\n"), ("--fenced", "What stands between marks")])
def test_a_terminal_that_a_program_reads_gets_it_once_and_whole(
    line: RealHome, gate: Path, words: str, begins: str
) -> None:
    terminal = Terminal(line, {"say": [LONG], "text": LONG, "until": str(gate)}, words)
    owner = Speaker(line.home, line.home.read_token())
    until(lambda: owner.ok("GET", "/v1/status")["waiting"])
    gate.write_bytes(b"")
    assert terminal.end().startswith(begins)


def test_who_answered_in_the_place_of_another_is_said_wherever_it_is_shown(line: RealHome) -> None:
    instead = "ada is down: nobody knows KEY"
    masked = instead.replace("KEY", MASKED_AWS)
    question = json.dumps({"say": [], "text": "Yes.", "in_place_of": instead})
    done = line.run("ask", question)
    assert done.stdout == b"Yes.\n"
    assert done.stderr.decode().startswith(f"telling answered instead: {masked}\n")
    assert line.json("ask", question)["in_place_of"] == masked
    for words in (("ask", question, "--fenced"), ("conversation", "show", "default")):
        assert f'in_place_of="{masked}"' in plain(line.run(*words).stdout.decode())


def test_a_daemon_that_is_killed_while_it_writes_is_started_again_and_its_answer_told_apart(
    real_home: RealHome, gate: Path
) -> None:
    """The one that is started in its place is a real one, and has no memory to answer from."""
    daemon = serve(real_home)
    terminal = Terminal(real_home, {"say": [LONG], "text": LONG, "until": str(gate)})
    terminal.until(LONG[:40])
    daemon.kill()
    first, told, second = terminal.end().partition("\nwhat was written until here is not the answer:\n")
    assert told
    assert LONG.startswith(first)
    assert "insufficient_evidence by extractive" in second
    assert terminal.process.returncode == 3


def test_a_daemon_that_leaves_while_it_writes_leaves_the_ticket(real_home: RealHome, gate: Path) -> None:
    daemon = serve(real_home)
    terminal = Terminal(real_home, {"say": [LONG], "text": LONG, "until": str(gate)})
    terminal.until(LONG[:40])
    daemon.send_signal(signal.SIGTERM)
    assert "no answer yet" in terminal.end()
    gate.write_bytes(b"")
    assert terminal.process.returncode == 4
    assert daemon.wait(LIMIT_SECONDS) == 0
