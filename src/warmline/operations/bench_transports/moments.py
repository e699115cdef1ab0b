"""The moments at which one side of a connection is killed: how far a client has come, whose next step never comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import StrEnum, unique
from typing import Any

from warmline.listen.seam import Channel

MB = 1024 * 1024
MANY = 10
STEP_SECONDS = 20.0
"""For one step of a client whose instance lives."""


@unique
class Moment(StrEnum):
    """How far the client has come."""

    CONNECTED = "connected, and nothing said"
    HALF_LINE = "half of a question written"
    NO_END = "a question written but for the end of its line"
    SENT = "a question written"
    RECEIPT = "a question's receipt read"
    MANY = "ten questions written, no reply read"
    HALF_SENT = "half of a line of 1 MB written"
    UNREAD = "a line of 1 MB written, its reply not read"
    HALF_READ = "half of a reply of 1 MB read"
    ANSWERED = "an answer read"

    @property
    def questions(self) -> int:
        """How many questions the client has asked, whether or not the instance has heard of them."""
        return {Moment.SENT: 1, Moment.RECEIPT: 1, Moment.MANY: MANY, Moment.ANSWERED: 1}.get(self, 0)


class Talk:
    """A client that speaks lines over a channel, and stops in the middle of them where it is told."""

    def __init__(self, channel: Channel, token: str | None) -> None:
        self._channel = channel
        self._token = token
        self._held = b""

    def walk(self, moment: Moment, ids: list[str]) -> list[dict[str, Any]]:
        """Come as far as the moment, the questions under these ids; return the replies that were read."""
        steps: dict[Moment, Callable[[], Iterator[dict[str, Any]]]] = {
            Moment.CONNECTED: lambda: iter(()),
            Moment.HALF_LINE: lambda: self._write(self._query("half")[:40]),
            Moment.NO_END: lambda: self._write(self._query("no end")[:-1]),
            Moment.SENT: lambda: self._write(self._query(ids[0])),
            Moment.RECEIPT: lambda: self._receipt(ids[0]),
            Moment.MANY: lambda: self._write(b"".join(map(self._query, ids))),
            Moment.HALF_SENT: lambda: self._write(self._ping(MB)[: MB // 2]),
            Moment.UNREAD: lambda: self._write(self._ping(MB)),
            Moment.HALF_READ: self._half,
            Moment.ANSWERED: lambda: self._answer(ids[0]),
        }
        return list(steps[moment]())

    def ping(self) -> None:
        """Have a sign of life, which tells the instance who speaks, too."""
        self._send(self._ping(1))
        self.reply()

    def answer(self, question_id: str) -> dict[str, Any]:
        """Ask the question of this id, anew or again, and return the reply that is not one on the way."""
        return list(self._answer(question_id))[-1]

    def reply(self) -> dict[str, Any]:
        """Read one reply. Raises DisconnectedError, TimeoutError."""
        while b"\n" not in self._held:
            self._held += self._receive()
        line, _, self._held = self._held.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said

    def _receive(self) -> bytes:
        piece = self._channel.receive(STEP_SECONDS)
        if not piece:
            raise EOFError("the instance has closed the connection")
        return piece

    def _send(self, data: bytes) -> None:
        self._channel.send(data, STEP_SECONDS)

    def _write(self, data: bytes) -> Iterator[dict[str, Any]]:
        self._send(data)
        return iter(())

    def _receipt(self, question_id: str) -> Iterator[dict[str, Any]]:
        self._send(self._query(question_id))
        yield self.reply()

    def _answer(self, question_id: str) -> Iterator[dict[str, Any]]:
        self._send(self._query(question_id))
        said = self.reply()
        while said["type"] == "progress":
            yield said
            said = self.reply()
        yield said

    def _half(self) -> Iterator[dict[str, Any]]:
        self._send(self._ping(MB))
        read = 0
        while read < MB // 2:
            read += len(self._receive())
        return iter(())

    def _query(self, question_id: str) -> bytes:
        asked = {"type": "query", "question": f"What does {question_id} say?", "id": question_id, "progress": True}
        return self._line(asked)

    def _ping(self, size: int) -> bytes:
        return self._line({"type": "ping", "data": "x" * size})

    def _line(self, said: dict[str, object]) -> bytes:
        if self._token is not None:
            said["token"] = self._token
        return json.dumps(said).encode() + b"\n"
