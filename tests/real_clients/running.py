"""What all have in common: how they reach the line and the model, their environment, and where they lie."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

LIMIT_SECONDS = 100
PROMPT = "Do what you are told to with warmline."
TOKEN_VARIABLE = "LINE_TOKEN"  # noqa: S105  # its name

NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whoever tries to reach another machine than this one does not."""


@dataclass(frozen=True)
class Door:
    """A way to the line: a relay that is started by this command, or else the daemon's address."""

    token: str
    command: Sequence[str] = ()
    url: str = ""


@dataclass(frozen=True)
class Errand:
    """What a client is to be run with: its folder, empty but for what was made for it; the line; and the model."""

    folder: Path
    door: Door
    model: str


class RealClient(Protocol):
    """A program."""

    @property
    def name(self) -> str:
        """What a test calls it."""
        ...

    def program(self) -> Path:
        """Return where it lies. Skips the test when it was not fetched."""
        ...

    def run(self, errand: Errand) -> subprocess.CompletedProcess[str]:
        """Run it once, until it has said all."""
        ...


def installed(client: str, *path: str) -> Path:
    """Return a file of a client that `scripts/fetch-clients.sh` fetched; a `*` in the path stands for one name."""
    folders = [Path(each) for each in os.environ.get("WARMLINE_CLIENTS", "").split()]
    folder = next((each for each in folders if each.name.rpartition("-")[0] == client), None)
    if folder is None:
        pytest.skip(f"NOT TESTED: {client} is not in WARMLINE_CLIENTS; `make test-clients` fetches all")
    found = list((folder / "node_modules").glob("/".join(path)))
    if not found:
        pytest.skip(f"NOT TESTED: there is no {client} for this system")
    assert len(found) == 1, found
    return found[0]


def bare(folder: Path) -> dict[str, str]:
    """Return what no program can do without; the folder is its HOME."""
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
    }


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, limit_seconds: float = LIMIT_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a program with this environment, and what none can do without; its HOME is the folder."""
    return subprocess.run(
        command,
        env={**bare(folder), **environment},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_seconds,
        check=False,
    )
