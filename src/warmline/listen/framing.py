"""Bytes into lines. No I/O, and a bound on what is held of a line whose end has not come."""

from __future__ import annotations


class LineReader:
    """Cuts a stream into lines, however it comes in pieces. Work and memory grow with the bytes, not with the pieces.

    held is how many bytes of a line without an end are kept, at most the limit. A line of more than limit bytes sets
    is_too_long, and nothing more is read; those before it were returned.
    """

    __slots__ = ("_limit", "_pieces", "held", "is_too_long")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._pieces: list[bytes] = []
        self.held = 0
        self.is_too_long = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take in what came; return the lines that are whole now, without their newlines."""
        if self.is_too_long:
            return []
        end = data.rfind(b"\n")
        if end < 0:
            self._hold(data)
            return []
        lines = data[:end].split(b"\n")
        if self.held:
            self._pieces.append(lines[0])
            lines[0] = b"".join(self._pieces)
            self._drop()
        longest = self._limit
        for count, line in enumerate(lines):
            if len(line) > longest:
                self.is_too_long = True
                return lines[:count]
        if end + 1 < len(data):
            self._hold(data[end + 1 :])
        return lines

    def rest(self) -> bytes:
        """Return, at the end of the stream, the last line, which had no newline; empty if there is none."""
        line = b"".join(self._pieces)
        self._drop()
        return line

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.held += len(piece)
        if self.held > self._limit:
            self.is_too_long = True
            self._drop()

    def _drop(self) -> None:
        self._pieces.clear()
        self.held = 0
