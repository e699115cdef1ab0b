"""A real home with its real daemon, driven by the real command line, as a user would."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from warmline.home import Home
from warmline.interfaces.cli.client import Client

LIMIT_SECONDS = 60


class RealHome:
    """Runs `warmline --home ...` as processes. `close` leaves nothing running."""

    def __init__(self, path: Path, *, started_by: Sequence[str] = ()) -> None:
        self.home = Home(path)
        self._program = [*started_by, sys.executable, "-m", "warmline", "--home", str(path)]
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._clients: list[Client] = []

    def run(self, *words: str, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._program, *words],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
            env={**os.environ, **environment},
        )

    def json(self, *words: str, code: int = 0) -> Any:
        """Run a command with --json, check its exit code, and return what it printed."""
        done = self.run(*words, "--json")
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    @property
    def program(self) -> Sequence[str]:
        """How a command begins."""
        return self._program

    def serve(self, *words: str, program: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start a daemon, or the program in its place, in the foreground of a child, and wait until it serves."""
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as announced:
            daemon = subprocess.Popen(
                [
                    *(program or self._program),
                    *("serve", "--port", "0", "--announce", str(write_end), *words),
                ],
                pass_fds=[write_end],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            os.close(write_end)
            self._daemons.append(daemon)
            assert announced.readline() == b"ready\n"
        return daemon

    def client(self) -> Client:
        """Make a client that `close` closes, if nobody did before."""
        self._clients.append(Client(self.home))
        return self._clients[-1]

    def pid(self) -> int:
        pid = self.json("status")["pid"]
        assert isinstance(pid, int)
        return pid

    def kill(self) -> None:
        """kill -9 the daemon that owns the home, and wait until it is gone."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.run("stop")
        for daemon in self._daemons:
            if daemon.poll() is None:
                daemon.kill()
            daemon.communicate(timeout=LIMIT_SECONDS)


def wait_until_gone(pid: int) -> None:
    """Wait until the process has ended, by the kernel's word and not by looking again and again."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable, _, _ = select.select([watched], [], [], LIMIT_SECONDS)
        assert readable, f"process {pid} still lives"
    finally:
        os.close(watched)
