"""Where lines of memory stand in the texts of a prompt: in fences, under names of files, or bare. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from warmline.security.fence import Block, What, parse, quoted

UNNAMED = "memory"
"""The path of lines that stand under no name."""

LONG_TEXT_CHARACTERS = 4096
"""A text from here on is kept as it was read, since it comes with every question."""


class Standing(IntEnum):
    """How surely a line is memory: where there are better ones in a prompt, lesser ones are not looked at."""

    BARE = 0
    NAMED = 1
    FENCED = 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line of memory, and where it stands: a path out of a fence is as it is written there."""

    path: str
    number: int
    text: str


@dataclass(slots=True)
class Lines:
    """The lines of one text, and which of them hold a word."""

    standing: Standing = Standing.BARE
    lines: list[Line] = field(default_factory=list)
    places: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def lines_in(text: str) -> Lines:
    """Return the lines of memory in a text of a prompt. Long texts are read once."""
    return _long_text(text) if len(text) >= LONG_TEXT_CHARACTERS else _read(text)


def roots(text: str) -> set[str]:
    """Return the words of a text, by their first letters, without those that every text has."""
    return {word[:_ROOT_CHARACTERS] for word in _WORD.findall(text.casefold()) if word not in _STOP_WORDS}


def blocks_in(text: str) -> list[Block]:
    """Return what is fenced in a text; nothing when a fence is broken."""
    found: list[Block] = []
    for nonce in dict.fromkeys(_NONCE.findall(text)):
        try:
            found += [piece for piece in parse(text, nonce) if isinstance(piece, Block)]
        except ValueError:
            return []
    return found


_ROOT_CHARACTERS = 5
_WORD = re.compile(r"\w{2,}")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "an and any are as at be but by can could did do does for from had has have how if in is it its me my no not "
        "of on or our she should so than that the their them then there these they this to us was we were what when "
        "where which who whom whose why will with would you your"
    )
)
_NONCE = re.compile(r"^<warmline-([0-9a-f]{16}) ", re.MULTILINE)
_PLACE = r"(?P<path>[^\s:\"'<>|]*\w\.\w{1,8})(?::(?P<first>[1-9]\d{0,8})(?:-(?P<last>[1-9]\d{0,8}))?)?"
_FENCED_PLACE = re.compile(r"(?P<path>.*?)(?::(?P<first>[1-9]\d{0,8})(?:-(?P<last>[1-9]\d{0,8}))?)?", re.DOTALL)
_HEADING = re.compile(rf"[=#>*\s-]*{_PLACE}[=#<*:\s-]*")
_NUMBERED = re.compile(r"\s*([1-9]\d{0,8})(?:\t|→|: |\| )(.*)")


@lru_cache(maxsize=16)
def _long_text(text: str) -> Lines:
    return _read(text)


def _read(text: str) -> Lines:
    fenced = [line for block in blocks_in(text) if block.what is What.MEMORY for line in _fenced(block)]
    lines = fenced or list(_plain(text))
    named = [line for line in lines if line.path != UNNAMED]
    read = Lines(Standing.FENCED if fenced else Standing.NAMED if named else Standing.BARE, named or lines)
    for place, line in enumerate(read.lines):
        for root in roots(line.text):
            read.places[root].append(place)
    return read


def _fenced(block: Block) -> Iterator[Line]:
    place = _FENCED_PLACE.fullmatch(block.attributes.get("path", ""))
    if place is None or not place["path"]:
        return _plain(block.text)
    return _counted(quoted(place["path"])[1:-1], int(place["first"] or 1), block.text.split("\n"))


def _plain(text: str) -> Iterator[Line]:
    """Yield lines under the names of files that stand alone on lines before them; UNNAMED is before the first."""
    path, first, last = UNNAMED, 1, None
    section: list[str] = []
    for line in text.split("\n"):
        heading = _HEADING.fullmatch(line) if len(line) <= 1024 else None
        if heading is None:
            section.append(line)
            continue
        yield from _counted(path, first, section[: last and max(0, last - first + 1)])
        path, first, section = heading["path"], int(heading["first"] or 1), []
        last = int(heading["last"]) if heading["last"] else None
    yield from _counted(path, first, section[: last and max(0, last - first + 1)])


def _counted(path: str, first: int, lines: Sequence[str]) -> Iterator[Line]:
    """Yield lines with their numbers: those that stand before each of them, or else counted."""
    numbered = [_NUMBERED.fullmatch(line) for line in lines if line.strip()]
    if numbered and all(numbered):
        yield from (Line(path, int(found[1]), found[2]) for found in numbered if found)
    else:
        yield from (Line(path, number, line) for number, line in enumerate(lines, first))
