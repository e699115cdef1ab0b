"""A line with agents, as a person has one: a home, its daemon, `warmline.toml`, and programs that answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from guarded import VARIABLE, alive_with, new_environment
from kinship import alive, family, left_after
from real_home import RealHome, wait_until_gone
from warmline.interfaces.cli.client import Client
from warmline.warm.processes import Key

Found = TypeVar("Found")

Figure = Callable[[str, object], None]
"""Notes what was measured, in words, under a name."""

PATIENCE_SECONDS = 40
"""For an agent to be up: it starts, and is told its memory."""


def until(look: Callable[[], Found | None], limit_seconds: float = PATIENCE_SECONDS, *, what: str = "it") -> Found:
    """Look again and again until something is found, and return that."""
    end = time.monotonic() + limit_seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"{what} was not so after {limit_seconds} s"
        time.sleep(0.02)  # programs of others say nothing when they are so far


class AgentLine:
    """A home with its daemon. All that grows out of its agents carries `token` in its environment."""

    def __init__(self, folder: Path, program: Path, address: str) -> None:
        self.folder = folder
        self.program = program
        self.address = address
        self.token = {VARIABLE: new_environment()[VARIABLE]}
        self.home = RealHome(folder / "home")
        self._key = folder / "key"
        self._key.touch(0o600)
        self._key.write_text("a-key-that-opens-nothing\n", "ascii")
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._client: Client | None = None

    def plan(self, **more: object) -> dict[str, object]:
        """Return an agent's table: the real program before the simulated model, and whatever is different."""
        usual: dict[str, object] = {
            "program": str(self.program),
            "base_url": self.address,
            "key_file": str(self._key),
            "window_tokens": 400_000,
            "environment": self.token,
        }
        return {key: value for key, value in {**usual, **more}.items() if value is not None}

    def configure(self, agents: Mapping[str, Mapping[str, object]], *, fallback: bool = False) -> None:
        """Write `warmline.toml`."""
        tables = [f"[agents.{name}]\n" + _lines(table) for name, table in agents.items()]
        self.write_configuration(f"fallback = {json.dumps(fallback)}\n" + "".join(tables))

    def write_configuration(self, text: str) -> None:
        self.home.home.path.mkdir(mode=0o700, exist_ok=True)
        path = self.home.home.path / "warmline.toml"
        path.touch(0o600)
        path.write_text(text, "utf-8")

    def begin(self, agents: Mapping[str, Mapping[str, object]], **environment: str) -> None:
        """Start the daemon, let it remember `stations`, and have the agents hold that."""
        self.serve(**environment)
        self.remember(self.folder / "stations")
        self.configure(agents)
        self.client().call("POST", "/v1/agents/reload")

    def begin_with(self, **more: object) -> None:
        """Do so with one agent whose plan is the usual one but for this, and wait until it holds the memory."""
        self.begin({"claude": self.plan(**{"max_workers": 1, **more})})
        report = self.wait_until_up()
        assert report["resident_files"] > 0, report

    def serve(self, **environment: str) -> int:
        """Start the daemon, wait until it serves, and return its pid."""
        read_end, write_end = os.pipe()
        words = ["--home", str(self.home.home.path), "serve", "--port", "0", "--announce", str(write_end)]
        with os.fdopen(read_end, "rb") as announced, (self.folder / "daemon.log").open("ab") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "warmline", *words],
                pass_fds=[write_end],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **environment},
            )
            os.close(write_end)
            self._daemons.append(daemon)
            assert announced.readline() == b"ready\n", self.log()
        return daemon.pid

    @property
    def daemon(self) -> int:
        """The pid of the daemon."""
        return self._daemons[-1].pid

    def log(self) -> str:
        return (self.folder / "daemon.log").read_text("utf-8", "replace")

    def remember(self, *folders: Path) -> None:
        for folder in folders:
            done = self.home.run("memory", "add", str(folder))
            assert done.returncode == 0, done.stderr

    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self.home.home, start=False)
        return self._client

    def ask(self, question: str, *, agent: str | None = "claude", deadline_seconds: float | None = None) -> str:
        """Put a question, and return its ticket."""
        body: dict[str, object] = {"question": question}
        if agent is not None:
            body["agent"] = agent
        if deadline_seconds is not None:
            body["deadline_at"] = (datetime.now(UTC) + timedelta(seconds=deadline_seconds)).isoformat()
        return str(self.client().call("POST", "/v1/questions", body)["id"])

    def answer(self, ticket: str, limit_seconds: float = 60) -> dict[str, Any]:
        """Wait for a question's end, and return it as it stands then."""
        path = f"/v1/questions/{ticket}?wait={limit_seconds}"
        view = self.client().call("GET", path, wait_seconds=limit_seconds)
        assert view["outcome"] is not None, (f"no answer after {limit_seconds} s", view["receipt"], self.log()[-3000:])
        return view

    def agent(self, name: str = "claude") -> dict[str, Any]:
        """Return how an agent stands."""
        return self.client().call("GET", f"/v1/agents/{name}")

    def workers(self, name: str = "claude") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.agent(name)["workers"]
        return found

    def wait_until_up(self, name: str = "claude", limit_seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Wait until an agent is up with a worker."""

        def look() -> dict[str, Any] | None:
            report = self.agent(name)
            return report if report["state"] == "up" and report["workers"] else None

        return until(look, limit_seconds, what=f"up: {name}")

    def wait_until_busy(self, name: str = "claude") -> dict[str, Any]:
        """Wait until a worker of the agent is at a question, and return that worker."""
        return until(lambda: next((each for each in self.workers(name) if each["busy"]), None), what="busy")

    def guardian(self) -> Key:
        """Return the guardian: the daemon's child whose program it is."""
        return until(lambda: next(iter(self._guardians()), None), what="a guardian")

    def _guardians(self) -> list[Key]:
        return [
            key
            for key in sorted(family(self.daemon))
            if key.pid != self.daemon and b"warmline.warm.guardian" in _command(key.pid)
        ]

    def strays(self) -> list[int]:
        """List who carries the token and grew out of no worker that the agents have."""
        agents = self.client().call("GET", "/v1/agents")["agents"]
        known = {key.pid for agent in agents for each in agent["workers"] for key in family(each["pid"])}
        return sorted(set(alive_with(self.token)) - known)

    def kill(self) -> set[Key]:
        """kill -9 the daemon, and return whoever grew out of it before."""
        grown = family(self.daemon)
        self._forget_client()
        os.kill(self.daemon, signal.SIGKILL)
        self._daemons[-1].wait(PATIENCE_SECONDS)
        return grown

    def stop(self) -> None:
        """Let the daemon leave; nothing of it is left 5 s later."""
        self._forget_client()
        daemon = self._daemons[-1]
        if daemon.poll() is None:
            grown = family(daemon.pid)
            daemon.terminate()
            wait_until_gone(daemon.pid)
            daemon.wait(PATIENCE_SECONDS)
            assert left_after(grown, 5) == set()

    def close(self) -> None:
        """Leave nothing running, whatever a test did."""
        self._forget_client()
        grown = {key for each in self._daemons if each.poll() is None for key in family(each.pid)}
        for each in self._daemons:
            if each.poll() is None:
                each.terminate()
                try:
                    each.wait(20)
                except subprocess.TimeoutExpired:
                    each.kill()
                    each.wait(20)
        self.home.close()
        for key in left_after(grown, 5):
            if alive([key]):
                os.kill(key.pid, signal.SIGKILL)

    def _forget_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def is_verified(view: Mapping[str, Any]) -> bool:
    """Tell whether a question was answered from the memory, with proof."""
    statuses = [each["status"] for each in view["citations"]]
    return view["outcome"] == "answered" and bool(statuses) and set(statuses) == {"verified"}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _lines(table: Mapping[str, object]) -> str:
    return "".join(f"{key} = {_written(value)}\n" for key, value in table.items())


def _written(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {json.dumps(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)
