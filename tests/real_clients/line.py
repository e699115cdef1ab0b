"""A line that a real client works on, and what a client is told and got."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from real_clients.claude import Claude, NewestClaude
from real_clients.codex import Codex
from real_clients.gemini import Gemini
from real_clients.opencode import OpenCode
from real_clients.running import Door, RealClient
from real_home import RealHome
from scripted_model.dialect import Call
from warmline.interfaces.cli.client import Client

CLIENTS: Sequence[RealClient] = (NewestClaude("claude newest"), Claude("claude 2.1.197"), Codex(), Gemini(), OpenCode())
DOORS = ("stdio", "http")


class ClientsLine:
    """A home whose daemon listens at a port of its own, where `agent` and `docs` can reach each other.

    program: what is started in the place of `warmline --home ...`.
    """

    def __init__(self, folder: Path, program: Sequence[str] = ()) -> None:
        self.folder = folder
        self._program = program
        self.home = RealHome(folder / "home")
        self.port = _free_port()
        self.serve()
        made = self.home.json("conversation", "new", "--between", "agent,docs")
        self._tokens = {each["name"]: each["token"] for each in made["credentials"]}
        self.docs = Client(self.home.home, start=False, token=self._tokens["docs"])

    def serve(self) -> None:
        self.home.serve("--port", str(self.port), program=self._program)
        assert self.home.client().call("GET", "/v1/status")["address"] == f"127.0.0.1:{self.port}"

    def kill(self) -> None:
        """kill -9 the daemon, and start it again."""
        self.home.kill()
        self.docs.close()
        self.serve()

    def remember(self, name: str, text: str) -> None:
        notes = self.folder / "notes"
        notes.mkdir(exist_ok=True)
        (notes / name).write_text(text, "utf-8")
        done = self.home.run("memory", "add", str(notes))
        assert done.returncode == 0, done.stderr

    @contextmanager
    def answering(self, body: str, citations: Sequence[object] = (), *, after_seconds: float = 0) -> Iterator[None]:
        """Have docs answer the next question, so long after it was handed over."""
        ended, failures = threading.Event(), list[BaseException]()

        def answer() -> None:
            wanted = {"mailbox": "docs", "wait": 60, "limit": 1, "lease_seconds": 300}
            try:
                batch = self.docs.call("POST", "/v1/mailboxes/receive", wanted, wait_seconds=60)
                question, token = batch["messages"][0]["id"], batch["token"]
                ended.wait(after_seconds)
                said = {"body": body, "citations": citations}
                self.docs.call("POST", f"/v1/batches/{token}/messages/{question}/reply", said)
            except Exception as error:  # noqa: BLE001  # raised where the test sees it
                failures.append(error)

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            yield
        finally:
            ended.set()
            answering.join()
        assert not failures, failures

    def door(self, kind: str) -> Door:
        """Return a way to the line; what a client says to the relay is kept in `said`."""
        token = self._tokens["agent"]
        if kind == "http":
            return Door(token, url=f"http://127.0.0.1:{self.port}/mcp")
        file = self.folder / "token"
        file.touch(0o600)
        file.write_text(token, "ascii")
        script = 'tee "$0" | "$@"'
        return Door(
            token, ("/bin/sh", "-c", script, str(self.said), *self.home.program, "mcp", "--token-file", str(file))
        )

    @property
    def said(self) -> Path:
        """What a client said over stdio."""
        return self.folder / "said.jsonl"

    def close(self) -> None:
        self.docs.close()
        self.home.close()


def _free_port() -> int:
    """Return a port that nobody gets by chance while a daemon that had it begins anew."""
    for port in random.sample(range(20_000, 32_000), 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")


@dataclass(frozen=True)
class Told:
    """What came of an errand: what the client offered its model, and what the tools returned to that."""

    offered: frozenset[str]
    results: Sequence[str]


class Tell(Protocol):
    def __call__(
        self, client: RealClient, door: str, *script: Call, between: Callable[[int], None] = lambda _: None
    ) -> Told: ...
