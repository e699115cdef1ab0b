"""The relay `warmline mcp` as an agent starts it: a process that speaks JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from queue import Queue
from threading import Thread
from typing import Any

from real_home import RealHome

LIMIT_SECONDS = 30
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


class McpProcess:
    """A relay with a reader of its own. `close` leaves nothing running."""

    def __init__(self, line: RealHome, token: str) -> None:
        self.process = subprocess.Popen(
            [*line.program, "mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "WARMLINE_TOKEN": token},
        )
        self._came: Queue[bytes] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._came.put(line)
        self._came.put(b"")

    def raw(self, line: bytes) -> None:
        """Write a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def say(self, method: str, params: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Send a request, or without an id a notification."""
        self.raw(json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}, **more}).encode())

    def next(self) -> Any:
        """Return the next message that comes."""
        line = self._came.get(timeout=LIMIT_SECONDS)
        assert line, "the relay has left"
        return json.loads(line)

    def ask(self, method: str, params: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Make a request and return its answer, past whatever is told before it."""
        request_id = more.setdefault("id", 1)
        self.say(method, params, **more)
        while True:
            said = self.next()
            if said.get("id") == request_id and "method" not in said:
                return said

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must succeed, and return its text."""
        said = self.ask("tools/call", {"name": tool, "arguments": arguments})
        assert not said["result"].get("isError"), said
        text: str = said["result"]["content"][0]["text"]
        return text

    def initialize(self, version: str = "2025-06-18") -> Any:
        client = {"name": "test", "version": "1"}
        said = self.ask("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": client})
        self.say("notifications/initialized")
        return said["result"]

    def close(self) -> bytes:
        """End its input, and return what it wrote to standard error when it has left, as it must."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(LIMIT_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
        self._reader.join(LIMIT_SECONDS)
        with self.process.stderr, self.process.stdout:
            return self.process.stderr.read()
