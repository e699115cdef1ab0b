"""Programs at a terminal, as a person leaves them: a first turn is over, and they wait for nothing."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent_line import until
from real_clients import codex, opencode
from real_clients.running import PROMPT, bare
from terminal import Terminal

PLUGINS_PACKAGE = "@opencode-ai/plugin"

BEGIN_SECONDS = 90
"""For a program to come to the end of its first turn: OpenCode's terminal takes 15 s of a core for that."""

_LISTENING = re.compile(rb"listening on http://(127\.0\.0\.1:\d+)")


class IdleClient(Protocol):
    """A program that a person sits before."""

    @property
    def name(self) -> str:
        """What a test calls it."""
        ...

    @property
    def agent(self) -> str:
        """What `connect` calls it."""
        ...

    def program(self) -> Path:
        """Return where it lies. Skips the test when it was not fetched."""
        ...

    def configure(self, person: Path, project: Path, model: str) -> None:
        """Write what it knows of a person who has used it before, in the person's HOME."""

    def is_to_be_woken(self, person: Path) -> bool:
        """Tell whether something that wakes it stands in its configuration."""
        ...

    def at_work(self, person: Path, project: Path) -> AbstractContextManager[Terminal]:
        """Run it, with a first prompt; with the block all of it ends."""
        ...


@dataclass(frozen=True)
class IdleCodex:
    """Codex; on its shared server, which serves all its terminals, or all in one process."""

    name: str
    is_shared: bool
    agent: str = "codex"

    def program(self) -> Path:
        return codex.Codex().program()

    def configure(self, person: Path, project: Path, model: str) -> None:
        # By itself it would copy itself into the person's HOME, 370 MB, and leave a server and an updater running.
        trusted = f'\n[features]\ndaemon_auto_start = false\n\n[projects."{project}"]\ntrust_level = "trusted"\n'
        file = person / ".codex" / "config.toml"
        file.parent.mkdir()
        file.write_text(codex.CONFIGURATION.format(model=model) + trusted, "utf-8")

    def is_to_be_woken(self, person: Path) -> bool:
        return "notify" in tomllib.loads((person / ".codex" / "config.toml").read_text("utf-8"))

    @contextmanager
    def at_work(self, person: Path, project: Path) -> Iterator[Terminal]:
        command = [str(self.program()), "--no-alt-screen", PROMPT]
        server = self._server(person, project) if self.is_shared else nullcontext()
        with server, Terminal(command, self._environment(person), project) as terminal:
            yield terminal

    @contextmanager
    def _server(self, person: Path, project: Path) -> Iterator[None]:
        place = person / ".codex" / "app-server-control" / "app-server-control.sock"
        command = [str(self.program()), "app-server", "--listen", "unix://"]
        with (
            (person / "server.log").open("wb") as log,
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(person), cwd=project
            ) as server,
        ):
            try:
                until(lambda: _is_listened_on(place), what="codex's server")
                yield
            finally:
                server.terminate()

    def _environment(self, person: Path) -> dict[str, str]:
        usual = bare(person)
        path = f"{self.program().parent}:{usual['PATH']}"
        return {**usual, "PATH": path, "TERM": "xterm-256color", "TZ": "UTC", "MODEL_KEY": "opens-nothing"}


@dataclass(frozen=True)
class IdleOpenCode:
    """OpenCode, at its terminal; or only its server, for other programs, which takes a third of the time to start."""

    name: str
    is_served: bool
    agent: str = "opencode"

    def program(self) -> Path:
        return opencode.OpenCode().program()

    def configure(self, person: Path, project: Path, model: str) -> None:
        folder = person / ".config" / "opencode"
        folder.mkdir(parents=True)
        (folder / "opencode.json").write_text(json.dumps(opencode.configured(model), indent=2) + "\n", "utf-8")
        # As if npm had been reached once: it fetches this package for all plugins, whether they use it or not.
        (folder / "node_modules").mkdir()
        fetched = {"packages": {"": {"dependencies": {PLUGINS_PACKAGE: "*"}}}}
        (folder / "package-lock.json").write_text(json.dumps(fetched), "utf-8")

    def is_to_be_woken(self, person: Path) -> bool:
        return (person / ".config" / "opencode" / "plugins").exists()

    @contextmanager
    def at_work(self, person: Path, project: Path) -> Iterator[Terminal]:
        words = ["serve"] if self.is_served else ["--prompt", PROMPT]
        environment = {**bare(person), **opencode.QUIET, "TERM": "xterm-256color", "TZ": "UTC"}
        with Terminal([str(self.program()), *words], environment, project) as terminal:
            if self.is_served:
                _prompt(server_of(terminal))
            yield terminal


def server_of(terminal: Terminal) -> str:
    """Return where a server of OpenCode listens, as it says."""
    found = until(lambda: _LISTENING.search(terminal.shown), BEGIN_SECONDS, what="opencode's server")
    return found[1].decode()


def _prompt(place: str) -> None:
    """Begin a session, and its first turn."""
    with closing(http.client.HTTPConnection(place, timeout=BEGIN_SECONDS)) as server:
        server.request("POST", "/session", "{}", {"Content-Type": "application/json"})
        session = json.loads(server.getresponse().read())["id"]
        prompt = json.dumps({"parts": [{"type": "text", "text": PROMPT}]})
        server.request("POST", f"/session/{session}/prompt_async", prompt, {"Content-Type": "application/json"})
        assert server.getresponse().read() == b""


def _is_listened_on(place: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as caller:
        return caller.connect_ex(str(place)) == 0
