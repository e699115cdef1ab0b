r"""Does a quote stand in these lines? Bytes and text in, line numbers out; no file, no clock.

There are two readings of a text. *Exactly* compares bytes. *Loosely* forgets how something was
typed: Unicode's compatibility forms (NFKC), the shapes of quotes and dashes, the amount of white
space, line breaks, and case. What stands there exactly stands there loosely too.

Lines count from 1 and a line ends at \n or \r\n and nowhere else.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

MIN_LETTERS = 4
"""Letters and digits below which a quote shows nothing, unless it is a whole line."""

MIN_PIECE_CHARACTERS = 12
"""Read loosely. What is shorter stands in most texts somewhere: it counts only where it was claimed, and whole."""

MAX_OCCURRENCES = 1000
"""Of one quote in one file, looked at to find the nearest: more is a table or a log."""

MAX_WALKS = 16
"""Places of a first piece from which the others are looked for: bounds a quote with thousands of ellipses."""

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
        **dict.fromkeys("\u00ad\u200b\ufeff", ""),  # soft hyphen, space of no width, byte order mark
    }
)
_ELLIPSIS = re.compile(r"[\[(]?\.{3,}[\])]?")


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive lines, from 1, both ends included."""

    first_line: int
    last_line: int

    def within(self, other: Span) -> bool:
        """Tell whether every line of this span is in the other."""
        return other.first_line <= self.first_line and self.last_line <= other.last_line


class Lines:
    """A file's bytes as lines. A last line without an end counts; nothing after a last end does not."""

    def __init__(self, content: bytes) -> None:
        self._lines = content.split(b"\n")
        self._has_returns = b"\r" in content  # told in a tenth of the time of a replacement of nothing
        self._ended = not self._lines[-1]
        if self._ended:
            self._lines.pop()

    def __len__(self) -> int:
        return len(self._lines)

    def holds(self, span: Span) -> bool:
        """Tell whether there are such lines."""
        return 1 <= span.first_line <= span.last_line <= len(self)

    def raw(self, span: Span) -> bytes:
        """Return the lines' bytes as they are, without the last one's end."""
        joined = b"\n".join(self._lines[span.first_line - 1 : span.last_line])
        return joined.removesuffix(b"\r") if self._ended or span.last_line < len(self) else joined

    def text(self, span: Span) -> bytes:
        """Return the lines' bytes joined by line feeds, whatever their ends are."""
        raw = self.raw(span)
        return raw.replace(b"\r\n", b"\n") if self._has_returns else raw


def loose(text: str) -> str:
    """Return the text as it reads loosely."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_PLAIN))
    return " ".join(text.split()).casefold()


def is_evidence(quote: str, claimed: bytes) -> bool:
    """Tell whether a quote says enough to be checked against the lines claimed for it.

    It must have MIN_LETTERS letters or digits, or be a whole line that is not blank.
    """
    if sum(map(str.isalnum, quote)) >= MIN_LETTERS:
        return True
    line = quote.strip().encode()
    return bool(loose(quote)) and any(line == other.strip() for other in claimed.split(b"\n"))


class Flow:
    """Lines read loosely as one run of words, which knows the line of every character."""

    def __init__(self, text: bytes, first_line: int) -> None:
        self._starts: list[int] = []
        self._numbers: list[int] = []
        words: list[str] = []
        length = 0
        # Bytes that are no UTF-8 become surrogates, which no quote holds: they match nothing.
        for number, line in enumerate(text.decode("utf-8", "surrogateescape").split("\n"), first_line):
            if line := loose(line):
                words.append(line)
                self._starts.append(length)
                self._numbers.append(number)
                length += len(line) + 1
        self.text = " ".join(words)

    def span(self, start: int, end: int) -> Span:
        """Return the lines of the characters from start to before end; there must be one."""
        first, last = (self._numbers[bisect_right(self._starts, at) - 1] for at in (start, end - 1))
        return Span(first, last)


def find_exactly(text: bytes, quote: bytes, first_line: int) -> Iterator[Span]:
    """Yield the tightest lines of each occurrence of the quote; the text's first line has that number.

    Occurrences do not overlap, and at most MAX_OCCURRENCES are told.
    """
    number, counted, more = first_line, 0, quote.count(b"\n")
    for start in islice(_starts(text, quote), MAX_OCCURRENCES):
        number += text.count(b"\n", counted, start)
        counted = start
        yield Span(number, number + more)


def _starts(text: bytes, quote: bytes) -> Iterator[int]:
    at = text.find(quote)
    while at >= 0:
        yield at
        at = text.find(quote, at + len(quote))


def find_loosely(flow: Flow, quote: str) -> Span | None:
    """Return the tightest lines in which a loosely read quote stands: whole, or else in its pieces.

    The pieces are what stands between ellipses. Each has MIN_PIECE_CHARACTERS, and they follow one
    another in the text; of several ways to find them so, one of the shortest is taken.
    """
    start = flow.text.find(quote)
    if start >= 0:
        return flow.span(start, start + len(quote))
    pieces = pieces_of(quote)
    if pieces == [quote] or not pieces or min(map(len, pieces)) < MIN_PIECE_CHARACTERS:
        return None
    walks = list(islice(_walks(flow.text, pieces), MAX_WALKS))
    return flow.span(*min(walks, key=lambda walk: walk[1] - walk[0])) if walks else None


def pieces_of(quote: str) -> list[str]:
    """Cut a loosely read quote at its ellipses; a quote without one is its only piece."""
    return [piece for part in _ELLIPSIS.split(quote) if (piece := part.strip())]


def _walks(text: str, pieces: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where the pieces stand in order, for each place of the first from which all are found."""
    start = text.find(pieces[0])
    while start >= 0:
        end = start + len(pieces[0])
        for piece in pieces[1:]:
            at = text.find(piece, end)
            if at < 0:
                return  # what is not found after here is not found after a later place either
            end = at + len(piece)
        yield start, end
        start = text.find(pieces[0], start + 1)
