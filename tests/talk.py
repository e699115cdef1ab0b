"""A conversation on a real line, and the shells of those in it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

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
