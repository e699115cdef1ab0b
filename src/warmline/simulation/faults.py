"""Faults on demand: which requests fail, and what that does to their replies. Pure, but for what it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum, unique
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from warmline.simulation.messages import ApiError
from warmline.simulation.playback import End, Piece, Playback, halved
from warmline.simulation.turns import Call

MAX_FAULTS = 100
"""At a time: more is a mistake."""

NOISE = bytes(range(256)) * 4 + b"\n\ndata: {not JSON\n\n"
"""Bytes that are no event, no JSON and no UTF-8."""

MAX_TEXT_CHARACTERS = 1024 * 1024
"""Of a reply that is given word for word."""

DRIP_BYTES = 16
"""Sent at a time by a slow drip."""


@unique
class Kind(StrEnum):
    """How a request fails.

    status: it is refused with that status. no_headers: nothing comes back. stall: half of the reply comes, and then
    nothing. cut: half of it, and then the connection ends. garbage: a status 200, and noise. drip: all of it, some
    bytes at a time. reply: something else is said, or a tool is called.
    """

    STATUS = "status"
    NO_HEADERS = "no_headers"
    STALL = "stall"
    CUT = "cut"
    GARBAGE = "garbage"
    DRIP = "drip"
    REPLY = "reply"


class Fault(BaseModel):
    """Which requests fail, and how.

    Of those whose question holds the words `containing`, each `every`th one fails, at most `times` of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    status: int = Field(500, ge=400, le=599)
    retry_after_seconds: int | None = Field(None, ge=0)
    pause_seconds: float = Field(1.0, ge=0, le=3600)
    text: str = Field("", max_length=MAX_TEXT_CHARACTERS)
    tool: str | None = Field(None, min_length=1, max_length=1000)
    input: dict[str, Any] = {}
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "refusal", "pause_turn"] | None = None
    containing: str = Field("", max_length=1000)
    every: int = Field(1, ge=1)
    times: int | None = Field(None, ge=0)

    def refusal(self) -> ApiError:
        """Return what a request is refused with."""
        return ApiError(self.status, f"a fault was asked for: {self.status}", self.retry_after_seconds)

    def turn(self) -> Call | str | None:
        """Return what is said in the place of an answer; None: an answer."""
        if self.kind is not Kind.REPLY:
            return None
        return self.text if self.tool is None else Call(self.tool, self.input)

    def spoil(self, playback: Playback) -> Playback:
        """Return the reply as it fails. Raises ApiError when there is to be none."""
        match self.kind:
            case Kind.STATUS:
                raise self.refusal()
            case Kind.NO_HEADERS:
                return Playback((), None, end=End.HANG)
            case Kind.STALL:
                return replace(playback, pieces=halved(playback.pieces), end=End.HANG)
            case Kind.CUT:
                return replace(playback, pieces=halved(playback.pieces), end=End.CUT)
            case Kind.GARBAGE:
                headers = {"content-type": playback.headers["content-type"]}
                return replace(playback, pieces=(Piece(playback.pieces[0].at_seconds, NOISE),), headers=headers)
            case Kind.REPLY:
                return playback
            case Kind.DRIP:
                return replace(playback, pieces=tuple(_dripped(playback.pieces, self.pause_seconds)))


class FaultList(BaseModel):
    """What the control endpoint is given."""

    model_config = ConfigDict(extra="forbid")

    faults: list[Fault] = Field(max_length=MAX_FAULTS)


class Faults:
    """The faults that were asked for. The first of them that is due happens."""

    def __init__(self) -> None:
        self.asked_for: tuple[Fault, ...] = ()
        self._met: Counter[int] = Counter()
        self._happened: Counter[int] = Counter()

    def ask_for(self, faults: Sequence[Fault]) -> None:
        """From now on these, counted from nothing; none: no faults."""
        self.asked_for = tuple(faults)
        self._met.clear()
        self._happened.clear()

    def next(self, question: str) -> Fault | None:
        """Return what happens to the next request, and count it."""
        for place, fault in enumerate(self.asked_for):
            if fault.containing not in question:
                continue
            self._met[place] += 1
            is_left = fault.times is None or self._happened[place] < fault.times
            if is_left and self._met[place] % fault.every == 0:
                self._happened[place] += 1
                return fault
        return None


def _dripped(pieces: Sequence[Piece], pause_seconds: float) -> Iterator[Piece]:
    data = b"".join(piece.data for piece in pieces)
    for place, at in enumerate(range(0, len(data), DRIP_BYTES)):
        yield Piece(pieces[0].at_seconds + place * pause_seconds, data[at : at + DRIP_BYTES])
