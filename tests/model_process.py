"""The simulated model as a process of its own, as agents meet it, and what a test asks of it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any, Self

LIMIT_SECONDS = 30


class ModelProcess:
    """Runs `python -m warmline.simulation` until its block ends."""

    def __init__(self, *options: str, port: int = 0) -> None:
        self._options = ("--window-tokens", "400000", "--port", str(port), *options)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "warmline.simulation", *self._options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.address: str = json.loads(self._process.stdout.readline())["address"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=LIMIT_SECONDS)
        finally:
            self._process.kill()

    def fail(self, *faults: dict[str, object]) -> None:
        """From now on fail like this; without faults, not at all."""
        self._call("POST", "/simulation/faults", {"faults": faults})

    def requests(self) -> list[dict[str, Any]]:
        """Return what is known of each request, the first one first."""
        found: list[dict[str, Any]] = self._call("GET", "/simulation/requests")["requests"]
        return found

    def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", "/simulation/counts")
        return found

    def _call(self, method: str, path: str, body: object = None) -> Any:
        asked = urllib.request.Request(  # noqa: S310  # our own address
            self.address + path,
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(asked, timeout=LIMIT_SECONDS) as response:  # noqa: S310  # as above
            return json.load(response)
