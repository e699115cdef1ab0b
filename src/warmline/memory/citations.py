"""Claims become citations: every quote is looked up in the file itself, at the moment of answering.

The rules, first match wins:

- the claimed lines hold the quote, exactly or read loosely: VERIFIED;
- other lines of the same file do, exactly or read loosely: MOVED, and the citation names those;
- some lines come close, but were edited: CHANGED, naming those;
- none of these, or no such file in the memory: UNSUPPORTED, naming what was claimed.

A file that indexing left out, such as one that a .gitignore names, is not read: whoever may answer could guess
at what it holds, claim by claim.

VERIFIED and MOVED name the tightest lines that hold the quote: the claimed lines hold it too, but a
claim of a thousand lines would send its reader searching. To check such a citation again gives the
same citation, as long as the file is the same. A quote that says nothing (quotes.is_evidence) is
UNSUPPORTED. A citation shows that the words stand there, not that they prove anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from warmline.errors import NotFoundError, UnsafePathError
from warmline.memory.quote_search import CLOSE_SCORE, closest, windows
from warmline.memory.quotes import (
    MIN_PIECE_CHARACTERS,
    Flow,
    Lines,
    Span,
    find_exactly,
    find_loosely,
    is_evidence,
    loose,
)
from warmline.model import Citation, CitationStatus, Claim
from warmline.settings import MemorySettings

Resolve = Callable[[str, frozenset[str] | None], Awaitable[Path]]
"""From a shown path to the real one of an indexed file, within the scope given (None: all of the memory).

Raises UnsafePathError, UnknownRootError and UnknownFileError.
"""

_MAX_LINE_NUMBER = 2**31 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_MAX_LOOSE_BYTES = 256 * 1024
"""Of claimed lines that are read loosely whole; in more of them the quote is searched for as elsewhere."""

_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
"""A pipe does not block the opening, and a link put in the place of the real path is not followed."""


class FileVerifier:
    """Checks claims against the files under the roots; it satisfies protocols.Verifier.

    Each file is read once a call, off the event loop; a caller that is cancelled leaves a thread
    that ends by itself. Files, quotes and claims over the limits of the settings are not looked at.
    """

    def __init__(self, resolve: Resolve, settings: MemorySettings) -> None:
        self._resolve = resolve
        self._settings = settings

    async def verify(self, claims: Sequence[Claim], within: frozenset[str] | None = None) -> Sequence[Citation]:
        """Check each claim against its file; one citation a claim, in the same order.

        A claim on what within (None: all) does not reach is unsupported, as if there were no such file.
        Never raises for a claim. What no store could hold of a claim (NUL, lone surrogates, line
        numbers beyond 31 bits) is replaced or cut in its citation, which is then unsupported.
        """
        storable = [_storable(claim) for claim in claims]
        citations = [
            Citation(claim.path, claim.first_line, claim.last_line, claim.quote, CitationStatus.UNSUPPORTED)
            for claim in storable
        ]
        checkable = [
            index
            for index in range(min(len(claims), self._settings.max_claims))
            if storable[index] == claims[index] and len(claims[index].quote.encode()) <= self._settings.max_quote_bytes
        ]
        files = await self._real_paths({claims[index].path for index in checkable}, within)
        groups: dict[Path, list[int]] = defaultdict(list)
        for index in checkable:
            if real := files.get(claims[index].path):
                groups[real].append(index)
        checked = await asyncio.to_thread(self._check, tuple(claims), groups)
        return [checked.get(index, citation) for index, citation in enumerate(citations)]

    async def _real_paths(self, shown: Iterable[str], within: frozenset[str] | None) -> dict[str, Path]:
        """Return the real paths of these files; those that have none are left out."""
        found: dict[str, Path] = {}
        for path in shown:
            try:
                found[path] = await self._resolve(path, within)
            except (UnsafePathError, NotFoundError, OSError, RuntimeError):
                continue  # a RuntimeError is what Path.resolve raises for a loop of links before Python 3.13
        return found

    def _check(self, claims: Sequence[Claim], groups: Mapping[Path, Sequence[int]]) -> dict[int, Citation]:
        """Check the claims of each file, by their index; those of a file that cannot be read are left out."""
        checked: dict[int, Citation] = {}
        for path, indexes in groups.items():
            content = _read(path, self._settings.max_file_bytes)
            if content is not None:
                file = CitedFile(content)
                checked.update((index, file.check(claims[index])) for index in indexes)
        return checked


class CitedFile:
    """The content of one file, against which any number of claims can be checked. Pure."""

    def __init__(self, content: bytes) -> None:
        self._lines = Lines(content)
        self._digest = hashlib.sha256(content).hexdigest()

    def check(self, claim: Claim) -> Citation:
        """Return the claim as a citation, by the rules at the head of this module.

        The claim's quote must be encodable as UTF-8.
        """
        claimed = Span(claim.first_line, claim.last_line)
        status, span = self._find(claim.quote, claimed)
        digest = hashlib.sha256(self._lines.raw(span)).hexdigest() if self._lines.holds(span) else ""
        return Citation(claim.path, span.first_line, span.last_line, claim.quote, status, self._digest, digest)

    def _find(self, quote: str, claimed: Span) -> tuple[CitationStatus, Span]:
        here = self._lines.text(claimed) if self._lines.holds(claimed) else b""
        if not is_evidence(quote, here):
            return CitationStatus.UNSUPPORTED, claimed
        if span := _find_here(here, quote, claimed.first_line):
            return CitationStatus.VERIFIED, span
        if len(loose(quote)) < MIN_PIECE_CHARACTERS:
            return CitationStatus.UNSUPPORTED, claimed
        if span := self._find_exactly(quote, claimed):
            return CitationStatus.MOVED, span
        return self._find_near(quote, claimed)

    @cached_property
    def _text(self) -> bytes:
        return self._lines.text(Span(1, len(self._lines)))

    @cached_property
    def _lowered(self) -> bytes:
        return self._text.lower()

    def _find_exactly(self, quote: str, claimed: Span) -> Span | None:
        """Return the lines that hold the quote nearest to where it was claimed."""
        spans = find_exactly(self._text, quote.encode(), 1)
        return min(spans, key=lambda span: abs(span.first_line - claimed.first_line), default=None)

    def _find_near(self, quote: str, claimed: Span) -> tuple[CitationStatus, Span]:
        """Look where the quote's rarest words are: it may have been retyped or edited."""
        wanted = loose(quote)
        best, best_span = CLOSE_SCORE, None
        for start, flow in self._likely_places(quote, claimed):
            if span := find_loosely(flow, wanted):
                found = self._numbered(span, start)
                return (CitationStatus.VERIFIED if found.within(claimed) else CitationStatus.MOVED), found
            if (close := closest(flow, wanted)) and close[0] >= best:
                best, best_span = close[0], self._numbered(close[1], start)
        return (CitationStatus.CHANGED, best_span) if best_span else (CitationStatus.UNSUPPORTED, claimed)

    def _likely_places(self, quote: str, claimed: Span) -> Iterator[tuple[int, Flow]]:
        """Yield where in the text a window starts, and the window with its lines counted from 0."""
        before = Span(1, min(max(0, claimed.first_line - 1), len(self._lines)))
        for start, end in windows(self._lowered, quote, len(self._lines.text(before))):
            yield start, Flow(self._text[start:end], 0)

    def _numbered(self, span: Span, start: int) -> Span:
        line = 1 + self._text.count(b"\n", 0, start)
        return Span(line + span.first_line, line + span.last_line)


def _find_here(text: bytes, quote: str, first_line: int) -> Span | None:
    exact = next(find_exactly(text, quote.encode(), first_line), None)
    if exact or len(text) > _MAX_LOOSE_BYTES:
        return exact
    return find_loosely(Flow(text, first_line), loose(quote))


def _storable(claim: Claim) -> Claim:
    first, last = (max(-_MAX_LINE_NUMBER, min(line, _MAX_LINE_NUMBER)) for line in (claim.first_line, claim.last_line))
    return Claim(_UNSTORABLE.sub("\ufffd", claim.path), first, last, _UNSTORABLE.sub("\ufffd", claim.quote))


def _read(path: Path, max_bytes: int) -> bytes | None:
    """Return the bytes of a regular file, or None where there is none that can be read whole."""
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(max_bytes + 1)
    except OSError:
        return None
    return content if len(content) <= max_bytes else None
