"""VS Code, as a server whose window is in a browser without a screen: what a person sees there of the line.

code-server would fetch what VS Code needs by a script of its own, which is not run: the few packages that it does not
start without are pinned beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from real_clients.running import LIMIT_SECONDS, bare, installed

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SETTINGS = {"workbench.startupEditor": "none", "workbench.quickOpen.closeOnFocusLost": False}
"""Nothing that comes up by itself takes away what is being chosen from."""

PERSON = Path(__file__).with_suffix(".mjs")


@dataclass(frozen=True)
class Seen:
    """What was on the screen."""

    asked: str
    """What had to be agreed to before the server was started."""
    output: str
    """What VS Code says of the server."""
    tools: Sequence[str]
    """Those that can be switched on and off for the chat, each with what it says of itself."""
    resource: str


@dataclass(frozen=True)
class VSCode:
    """The server, the node that it wants, what drives a browser, and the browser, which the system has."""

    node: Path
    server: Path
    playwright: Path
    browser: str

    @classmethod
    def installed(cls) -> VSCode:
        """Return it. Skips the test when any of it is not there."""
        node = installed("vscode", "node-*", "bin", "node")
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            pytest.skip(f"NOT TESTED: VS Code wants a browser, one of {', '.join(BROWSERS)} on PATH")
        server = installed("vscode", "code-server", "out", "node", "entry.js")
        return cls(node, server, installed("vscode", "playwright-core", "index.js"), browser)

    def look(
        self, person: Path, folder: Path, environment: Mapping[str, str], *, resource: str, trusting: bool
    ) -> Seen:
        """Start `warmline` in the folder, and read a resource. What VS Code keeps for the person is where Linux has it.

        trusting: it will ask whether the folder is trusted.
        """
        words = "--auth none --bind-addr 127.0.0.1:0 --disable-telemetry --disable-update-check"
        kept = person / ".config" / "Code"
        (kept / "User").mkdir(parents=True, exist_ok=True)
        (kept / "User" / "settings.json").write_text(json.dumps(SETTINGS), "utf-8")
        told = {
            "program": [str(self.node), str(self.server), *words.split(), "--user-data-dir", str(kept)],
            "playwright": str(self.playwright),
            "browser": self.browser,
            "profile": str(person / "browser"),
            "folder": str(folder),
            "trusting": trusting,
            "resource": resource,
        }
        with tempfile.TemporaryDirectory(prefix="vscode-", ignore_cleanup_errors=True) as short:  # sockets lie in it
            around = {**bare(person), "TMPDIR": short, **environment}
            return Seen(**json.loads(_said([str(self.node), str(PERSON), json.dumps(told)], around)))


def _said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a program, and return what it printed; nothing that it started is left."""
    running = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complaint = running.communicate(timeout=LIMIT_SECONDS)
    finally:
        running.terminate()  # it ends its browser then
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert running.returncode == 0, (said, complaint)
    return said
