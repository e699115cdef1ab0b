"""The process of desk_process.py, started, killed and started again at the same place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import desk_process

LIMIT_SECONDS = 5


class ServingDesk:
    """A desk that is served at one place from `start` on. `close` leaves nothing running."""

    def __init__(self, url: str, folder: Path, token: str | None = None) -> None:
        self.url = url
        self._folder = folder
        self._words = [*([token] if token is not None else [])]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it can be reached."""
        assert self._process is None
        program = [sys.executable, desk_process.__file__, self.url, str(self._folder), *self._words]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        ready, _, url = self._process.stdout.readline().decode().strip().partition(" ")
        assert ready == "ready"
        self.url = url  # with the port that it was given, which it takes again

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once, with whatever it is in the middle of."""
        assert self._process is not None
        self._process.kill()
        self._gone()

    def stop(self) -> None:
        """Let it leave."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._gone()

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    def asked(self) -> list[str]:
        """Return the questions that it was asked, in order; the same one twice if it was asked twice."""
        noted = self._folder / desk_process.ASKED
        lines = noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []
        return [json.loads(line)["question"] for line in lines]

    def _gone(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.wait(LIMIT_SECONDS)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
