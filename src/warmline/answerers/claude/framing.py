"""Bytes to messages and back: one JSON object a line. No I/O, and no word of what the messages mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from warmline.errors import AnswererError

Message = dict[str, Any]


class GarbledError(AnswererError):
    """What came is no message. line is what came, or its beginning."""

    def __init__(self, text: str, line: bytes) -> None:
        super().__init__(text)
        self.line = line


def encode(message: Message) -> bytes:
    """Write one line. What is no Unicode (half of a surrogate pair) becomes a question mark."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


class Lines:
    """Cuts what comes, in pieces of any size, into messages. After a GarbledError nothing more can be had of it."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._begun: list[bytes] = []
        self._begun_bytes = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are whole now. Raises GarbledError at what is none, or is longer than it may be."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._keep(end)
            line = b"".join(self._begun)
            self._begun, self._begun_bytes = [], 0
            if line.strip():
                yield _decoded(line)
        self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        self._begun.append(piece)
        self._begun_bytes += len(piece)
        if self._begun_bytes > self._max_line_bytes:
            raise GarbledError(f"it wrote a line of more than {self._max_line_bytes:,} bytes", self._begun[0][:1000])


def _decoded(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise GarbledError("it wrote a line that is no JSON", line[:1000]) from error
    if not isinstance(message, dict):
        raise GarbledError("it wrote a line that is no JSON object", line[:1000])
    return message
