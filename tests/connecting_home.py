"""A person with clients to connect: a folder of their own and a project, beside the home of a real daemon."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

from real_home import LIMIT_SECONDS, RealHome

MINE = '{\n  "theme": "dark",\n  "mcpServers": {\n    "other": {"command": "o"}\n  }\n}\n'
"""A configuration of Claude Code."""


class ConnectingHome(RealHome):
    """The home of another, and a person's own folder and project below `folder`."""

    def __init__(self, served: RealHome, folder: Path) -> None:
        super().__init__(served.home.path)
        self.person = folder / "person"
        self.project = folder / "project"
        self.person.mkdir()
        self.project.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "HOME": str(self.person)}

    def connect(self, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, *self.program, "connect", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
            cwd=self.project,
            env=self.environment,
        )

    def asked(self, *words: str, answer: str) -> tuple[int, str]:
        """Connect as a person at a terminal who types this; return the exit code, and all that was shown."""
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "wb", buffering=0) as keyboard:
            asking = subprocess.Popen(
                [*self.program, "connect", *words],
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self.project,
                env=self.environment,
            )
            os.close(theirs)
            keyboard.write(answer.encode())
            shown, _ = asking.communicate(timeout=LIMIT_SECONDS)
        return asking.returncode, shown

    def told(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        done = self.connect(*words, "--json")
        assert done.returncode == code, done
        clients: list[dict[str, Any]] = json.loads(done.stdout)["clients"]
        return clients

    def token(self, name: str) -> Path:
        return self.home.client_token(name)

    def in_force(self) -> list[str]:
        found = self.json("credential", "list")["credentials"]
        return sorted(each["name"] for each in found if each["revoked_at"] is None)

    def files(self) -> list[str]:
        return sorted(str(each) for folder in (self.person, self.project) for each in folder.rglob("*"))

    def claude(self, text: str = MINE) -> Path:
        """Write the configuration of Claude Code."""
        file = self.person / ".claude.json"
        file.write_text(text)
        file.chmod(0o640)
        return file

    def leave(self) -> None:
        """Forget all that is connected, as if nobody ever was."""
        self.home.connected.unlink(missing_ok=True)
        for name in self.in_force():
            self.run("credential", "revoke", name)
        for file in self.home.connected.parent.glob("*.token"):
            file.unlink()
