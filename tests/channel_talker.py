"""Somebody who speaks lines to an instance over any kind of transport, by hand: whole ones, halves, and none."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

from warmline.listen.addresses import parse_address
from warmline.listen.transports import connect_channel

LIMIT_SECONDS = 30
"""For an answer among a thousand, on a busy machine."""


class ChannelTalker:
    """One connection. Every wait is bounded."""

    def __init__(self, url: str) -> None:
        self._channel = connect_channel(parse_address(url), LIMIT_SECONDS)
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def send(self, **said: object) -> None:
        self.write(json.dumps(said).encode() + b"\n")

    def write(self, data: bytes) -> None:
        self._channel.send(data, LIMIT_SECONDS)

    def hear(self) -> Any:
        """Return what the next line says; None at the end."""
        while b"\n" not in self._heard:
            if not (more := self._channel.receive(LIMIT_SECONDS)):
                return None
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def ask(self, question: str, **more: object) -> Any:
        """Ask, and return the next line."""
        self.send(type="query", question=question, **more)
        return self.hear()
