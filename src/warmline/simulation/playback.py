"""A reply as it will be sent: which bytes, how long after the request each, and how it ends. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique

MAX_DELTAS = 25
"""Pieces that an answer comes in: ten a second, at the speed and length that are the default."""


@unique
class End(StrEnum):
    """How a reply ends."""

    WHOLE = "whole"
    HANG = "hang"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are sent together, so many seconds after the request came."""

    at_seconds: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Playback:
    """A reply. Without a status nothing is sent, not even headers."""

    pieces: tuple[Piece, ...]
    status: int | None = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    end: End = End.WHOLE


def of_json(value: object, at_seconds: float) -> Playback:
    """Return a reply that is one JSON document."""
    data = json.dumps(value).encode()
    headers = {"content-type": "application/json", "content-length": str(len(data))}
    return Playback((Piece(at_seconds, data),), headers=headers)


@dataclass(frozen=True, slots=True)
class Words:
    """Text that the model says."""

    text: str

    def begin(self) -> dict[str, object]:
        """Return the block before anything of it is written."""
        return {"type": "text", "text": ""}

    def whole(self) -> dict[str, object]:
        """Return the block when all of it is written."""
        return {"type": "text", "text": self.text}

    def written(self) -> str:
        """Return what is written of it, character by character."""
        return self.text

    def delta(self, piece: str) -> dict[str, object]:
        """Return a piece of that as it is streamed."""
        return {"type": "text_delta", "text": piece}


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that the model calls."""

    identity: str
    name: str
    input: Mapping[str, object]

    def begin(self) -> dict[str, object]:
        """Return the block before its input is written."""
        return {"type": "tool_use", "id": self.identity, "name": self.name, "input": {}}

    def whole(self) -> dict[str, object]:
        """Return the block with its input."""
        return {**self.begin(), "input": dict(self.input)}

    def written(self) -> str:
        """Return the input as JSON, which need not be whole in any piece of it."""
        return json.dumps(self.input)

    def delta(self, piece: str) -> dict[str, object]:
        """Return a piece of that as it is streamed."""
        return {"type": "input_json_delta", "partial_json": piece}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says, when it begins and how long it writes."""

    number: int
    model: str
    said: Words | ToolUse
    stop_reason: str
    usage: Mapping[str, object]
    begins_seconds: float
    writes_seconds: float

    def _message(self) -> dict[str, object]:
        return {
            "id": f"msg_{self.number:024d}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**self.usage, "output_tokens": 1},
        }

    def whole(self) -> Playback:
        """Return it as one document, when all of it is written."""
        content, stop_reason = [self.said.whole()], self.stop_reason
        message = {**self._message(), "content": content, "stop_reason": stop_reason, "usage": self.usage}
        return of_json(message, self.begins_seconds + self.writes_seconds)

    def streamed(self) -> Playback:
        """Return it as server-sent events, while it is written."""
        begins, ends = self.begins_seconds, self.begins_seconds + self.writes_seconds
        start = [
            _event("message_start", message=self._message()),
            _event("content_block_start", index=0, content_block=self.said.begin()),
            _event("ping"),
        ]
        stop = [
            _event("content_block_stop", index=0),
            _event("message_delta", delta={"stop_reason": self.stop_reason, "stop_sequence": None}, usage=self.usage),
            _event("message_stop"),
        ]
        pieces = list(_pieces_of(self.said.written()))
        deltas = [
            Piece(
                begins + self.writes_seconds * place / len(pieces),
                _event("content_block_delta", index=0, delta=self.said.delta(piece)),
            )
            for place, piece in enumerate(pieces, 1)
        ]
        return Playback(
            (Piece(begins, b"".join(start)), *deltas, Piece(ends, b"".join(stop))),
            headers={"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"},
        )


def halved(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the first half of the bytes of these."""
    left = sum(len(piece.data) for piece in pieces) // 2
    kept = []
    for piece in pieces:
        kept.append(Piece(piece.at_seconds, piece.data[:left]))
        left -= len(piece.data)
        if left <= 0:
            break
    return tuple(kept)


def _event(name: str, **values: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **values})}\n\n".encode()


def _pieces_of(text: str) -> Iterator[str]:
    step = max(4, -(-len(text) // MAX_DELTAS))
    yield from (text[at : at + step] for at in range(0, len(text), step))
