"""A client of a simulated model: plain HTTP from a thread, so that the loop is free to be the server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, IncompleteRead
from typing import Any

from manual_clock import ManualClock
from warmline.simulation.server import simulated
from warmline.simulation.settings import SimulationSettings

LIMIT_SECONDS = 5


@dataclass(frozen=True)
class Heard:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[tuple[str, Any]]:
        """Return the server-sent events: their names and data."""
        found = []
        for each in self.body.decode().split("\n\n")[:-1]:
            name, data = each.split("\n")
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        return found

    def text(self) -> str:
        """Return the answer, however it came."""
        if self.headers["content-type"] == "application/json":
            return "".join(block["text"] for block in self.json()["content"])
        return "".join(data["delta"]["text"] for name, data in self.events() if name == "content_block_delta")


@dataclass(frozen=True)
class Client:
    """Someone who asks a model."""

    address: str

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def call(self, method: str, path: str, body: bytes | None = None) -> Heard:
        return await asyncio.to_thread(self._call, method, path, body)

    async def ask(self, *messages: object, **fields: object) -> Heard:
        """Put a request; a message that is a string is a person's."""
        return await self.call("POST", "/v1/messages", request(*messages, **fields))

    async def tokens_in(self, message: object) -> int:
        """Have a prompt counted."""
        prompt = json.loads(request(message))
        del prompt["max_tokens"]
        heard = await self.call("POST", "/v1/messages/count_tokens", json.dumps(prompt).encode())
        return int(heard.json()["input_tokens"])

    async def ask_for_faults(self, *faults: object) -> None:
        heard = await self.call("POST", "/simulation/faults", json.dumps({"faults": faults}).encode())
        assert heard.status == 200, heard.body

    async def counts(self) -> Any:
        return (await self.call("GET", "/simulation/counts")).json()

    async def requests(self) -> Any:
        return (await self.call("GET", "/simulation/requests")).json()["requests"]

    def hanging(self, body: bytes) -> socket.socket:
        """Put a request, and return the connection that its reply would come by."""
        connection = socket.create_connection(("127.0.0.1", self.port), LIMIT_SECONDS)
        head = f"POST /v1/messages HTTP/1.1\r\nHost: model\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return connection

    def _call(self, method: str, path: str, body: bytes | None) -> Heard:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_SECONDS)
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            try:
                return Heard(response.status, headers, response.read(), is_whole=True)
            except IncompleteRead as cut:
                return Heard(response.status, headers, cut.partial, is_whole=False)
        finally:
            connection.close()


def request(*messages: object, **fields: object) -> bytes:
    """Return a request's body."""
    turns = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return json.dumps({"model": "claude-test", "max_tokens": 1000, "messages": turns} | fields).encode()


@asynccontextmanager
async def a_model(clock: ManualClock | None = None, **settings: Any) -> AsyncIterator[Client]:
    """Serve a model in this loop; it answers at once unless it is told otherwise."""
    chosen = SimulationSettings(**{"instant": True, **settings})
    async with simulated(chosen, clock or ManualClock()) as address:
        yield Client(address)
