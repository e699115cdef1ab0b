"""The real program and the old bridge behind one face: what the checks of the old audit's findings are made of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Protocol

import apsw

from old_bridge import OldBridge
from poisoned import poisoned
from real_home import RealHome
from talk import Talk

LIMIT_SECONDS = 60


class Bridge(Protocol):
    """a and b talk, each of whom may send ten messages an hour; a namesake of a talks somewhere else."""

    tokens: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where all of its files are."""

    def send(self, text: str) -> bool:
        """Let a send to b; tell whether it was accepted."""

    def send_as_namesake(self, text: str) -> bool:
        """Let another of a's name, who has a credential of its own, send something somewhere else."""

    def receive(self, *, wait: int = 0) -> list[str]:
        """Let b receive, after so many seconds at most."""

    def fetch_and_die(self) -> None:
        """Let a reader of b's fetch what is there, and end before it has done anything with it."""

    def restart(self) -> None:
        """Begin anew, as after a crash."""

    def starts_without_its_security(self) -> bool:
        """Tell whether it serves all the same."""

    def run_sql(self, statement: str) -> None:
        """Change its file, as anyone can who may write to it."""

    def shows_that_something_was_changed(self) -> bool:
        """Tell whether those who talk, or the owner, can see it."""

    def audit_is_whole(self) -> bool:
        """Tell what it says itself about its log, and about the head of the log that was kept last."""

    def keep_the_head(self) -> None:
        """Keep the end of the log somewhere else."""


class OldOne(OldBridge):
    """The old bridge. It has nothing that could tell what was changed, and so shows nothing."""

    def send(self, text: str) -> bool:
        return self.send_from("a", text)

    def send_as_namesake(self, text: str) -> bool:
        return self.send_from("a", text, conversation="another")

    def receive(self, *, wait: int = 0) -> list[str]:
        del wait
        return self.check("b")

    def fetch_and_die(self) -> None:
        self.check("b")

    def starts_without_its_security(self) -> bool:
        return self.start_without_its_security()

    def run_sql(self, statement: str) -> None:
        self.execute(statement)

    def shows_that_something_was_changed(self) -> bool:
        return False

    def audit_is_whole(self) -> bool:
        return True

    def keep_the_head(self) -> None:
        """There is none."""


class Warmline:
    """The real program, by its command line."""

    def __init__(self, home: RealHome, scratch: Path) -> None:
        scratch.mkdir()
        self.home = home
        self._scratch = scratch
        self._head = scratch / "head"
        self.talk = Talk(home, "--between", "c,d")
        elsewhere = Talk(home, "--between", "c,d")
        self.tokens = {name: self._credential(name, self.talk) for name in "ab"}
        self._namesake = self._credential("a", elsewhere)

    @property
    def folder(self) -> Path:
        return self.home.home.path

    def _credential(self, name: str, talk: Talk) -> str:
        words = ("--conversation", talk.id, "--per-hour", "10")
        return str(self.home.json("credential", "new", name, *words)["token"])

    def _send(self, token: str, to: str, text: str) -> bool:
        done = self.home.run("send", to, text, WARMLINE_TOKEN=token)
        assert done.returncode == 0 or b"too many messages" in done.stderr, done.stderr
        return done.returncode == 0

    def send(self, text: str) -> bool:
        return self._send(self.tokens["a"], "b", text)

    def send_as_namesake(self, text: str) -> bool:
        return self._send(self._namesake, "c", text)

    def receive(self, *, wait: int = 0) -> list[str]:
        done = self.home.run("inbox", "--wait", str(wait), "--json", WARMLINE_TOKEN=self.tokens["b"])
        assert done.returncode in {0, 4}, done.stderr
        return [each["body"] for each in json.loads(done.stdout)["messages"]]

    def fetch_and_die(self) -> None:
        """Print into a pipe that nobody reads on, and be killed with -9 in between."""
        command = [sys.executable, "-m", "warmline", "--home", str(self.folder), "inbox", "--lease", "1s"]
        environment = {**os.environ, "WARMLINE_TOKEN": self.tokens["b"], "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as reader:
            assert reader.stdout is not None
            assert reader.stdout.read(1)
            reader.send_signal(signal.SIGKILL)

    def restart(self) -> None:
        self.home.kill()

    def starts_without_its_security(self) -> bool:
        self.home.run("stop")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "warmline",
                "--home",
                str(self.folder),
                "serve",
                "--port",
                "0",
                "--idle-leave",
                "1s",
            ],
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
            env=poisoned(self._scratch, "warmline.security.redaction"),
        )
        assert done.returncode == 0 or b"warmline.security.redaction is broken" in done.stderr, done.stderr
        return done.returncode == 0

    def run_sql(self, statement: str) -> None:
        self.home.run("stop")
        with closing(apsw.Connection(str(self.home.home.store))) as connection:
            connection.execute(statement)
            assert connection.changes()

    def shows_that_something_was_changed(self) -> bool:
        shown = self.home.json("conversation", "show", self.talk.id)["messages"]
        return [each["intact"] for each in shown if each["sender"] == "a"] == [False] and not self.audit_is_whole()

    def audit_is_whole(self) -> bool:
        kept = ("--head", str(self._head)) if self._head.exists() else ()
        done = self.home.run("audit", "verify", *kept)
        assert done.returncode in {0, 1}, done.stderr
        assert b"Traceback" not in done.stderr
        return done.returncode == 0

    def keep_the_head(self) -> None:
        assert self.home.run("audit", "export", "--head", str(self._head)).returncode == 0
