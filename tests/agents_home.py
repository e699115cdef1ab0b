"""A home, a person without a login, a key that opens nothing, and programs that stand in for an agent's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from real_home import RealHome
from stand_in_agent import installed

LACKING = {"answering": "nothing", "refusing": "login", "hanging": "start"}
"""Programs that stand in for an agent's, each with what it lacks."""


class AgentsHome(RealHome):
    """All of it below `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "home")
        self.folder = folder
        self.person = folder / "person"
        self.person.mkdir()
        self.key = folder / "claude.key"
        self.key.touch(0o600)
        self.key.write_text("opens-nothing\n")
        stand_in = installed(folder)
        for name, lacking in LACKING.items():
            self.path_of(name).write_text(f'#!/bin/sh\nSTAND_IN={lacking} exec {stand_in} "$@"\n')
            self.path_of(name).chmod(0o755)

    @property
    def file(self) -> Path:
        return self.home.configuration

    def path_of(self, name: str) -> Path:
        return self.folder / name

    def write(self, text: str) -> str:
        """Write the file as a person would, with the paths of programs where {their names} stand."""
        for name in LACKING:
            text = text.replace(f"{{{name}}}", str(self.path_of(name)))
        text = text.replace("{key}", str(self.key))
        self.file.touch(0o600)
        self.file.write_text(text)
        return text

    def words(self, kind: str, program: str, *options: str) -> list[str]:
        """Return the command that adds an agent; --yes is its last word."""
        return [
            "agents",
            "add",
            kind,
            "--program",
            str(self.path_of(program)),
            "--key-file",
            str(self.key),
            *options,
            "--yes",
        ]

    def add(self, kind: str, program: str, *options: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return self.run(*self.words(kind, program, *options), stdin=None, **environment)

    def run(self, *words: str, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return super().run(*words, stdin=stdin, **{"HOME": str(self.person), **environment})

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [*self._program, *words],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "HOME": str(self.person)},
        )

    def json_of(self, *words: str) -> Any:
        """Run a command with --json, and return what it printed whatever its exit code."""
        return json.loads(self.run(*words, "--json").stdout)
