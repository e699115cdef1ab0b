"""Lines to blocks: what kind of text it is, and where to cut it. Every line is in exactly one block.

Pure: takes lines and returns values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

TARGET_LINES = 8
MAX_LINES = 10
MAX_BYTES = 2000
"""Of a block, unless one line alone is longer: a search reads forty of them."""

SHORT_LINES = 3
"""Definitions shorter than this share a block."""

SAMPLE_LINES = 120


class Kind(IntEnum):
    """What a text is, as far as it matters for ranking its lines."""

    PROSE = 0
    CHAT = 1
    CODE = 2
    JSON = 3


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines, counted from 1 with both ends included, and their place in the file's bytes.

    heading_line is the line of the heading or definition that they stand under; 0 when there is none, or they begin
    with one.
    """

    first_line: int
    last_line: int
    start: int
    length: int
    heading_line: int


HEADING = re.compile(rb"#{1,6}\s+\S")
SPEAKER = re.compile(
    rb"(?:[-*]\s+)?(?:\[[^\]\n]{1,40}\]\s*|\d[\d:.\-/ T]{3,24}\s+)?"  # a bullet, a time
    rb"(?:\*\*|<)?([^\W\d][^:\n\t{}();=]{0,38}?)(?:\*\*|>)?:(?:\*\*)?(?:\s|$)"  # a name and its colon
)
DEFINITION = re.compile(
    rb"\s{0,8}(?:(?:export|public|private|protected|static|async|abstract|final|unsafe|extern|pub(?:\([a-z]+\))?)\s+)*"
    rb"(?:def|class|func|fn|function|interface|struct|enum|trait|impl|type|module|namespace|package|sub|macro_rules!"
    rb"|create\s+table|CREATE\s+TABLE)\b\s*\S"
)
CODE_LINE = re.compile(
    rb"\s*(?:(?:def|class|import|from|return|if|for|while|func|fn|let|const|var|public|private|static|use|package"
    rb"|#include|end|elif|else|try|except)\b.*"
    rb"|.*[{};]|.*\)\s*:|.*[=(\[,]|[})\]]+[;,]?|\s*[\w.\[\]\"']+\s*(?:=|:=|\+=)\s*\S.*)\s*$"
)


def recognise(lines: Sequence[bytes]) -> Kind:
    """Say what kind of text the lines are, from a sample of at most SAMPLE_LINES of those that are not blank."""
    sample = _sample(lines)
    if not sample:
        return Kind.PROSE
    if _is_json(sample):
        return Kind.JSON
    if _is_chat(sample):
        return Kind.CHAT
    code = sum(1 for line in sample if len(line) < 200 and CODE_LINE.match(line))
    return Kind.CODE if code >= 0.5 * len(sample) else Kind.PROSE


def _sample(lines: Sequence[bytes]) -> list[bytes]:
    step = max(1, len(lines) // SAMPLE_LINES)
    return [line for line in lines[::step] if line.strip()]


def _is_json(sample: Sequence[bytes]) -> bool:
    objects = sum(1 for line in sample if line.startswith(b"{") and line.rstrip().endswith(b"}"))
    if objects >= 0.8 * len(sample):
        return True
    opening = sample[0].strip()
    inside = sum(1 for line in sample if line.lstrip().startswith((b'"', b"{", b"}", b"]")))
    return opening in (b"{", b"[", b"[{") and inside >= 0.8 * (len(sample) - 1)


def _is_chat(sample: Sequence[bytes]) -> bool:
    said = [line for line in sample if not HEADING.match(line)]
    speakers = [match[1] for line in said if (match := SPEAKER.match(line))]
    return len(speakers) >= max(4, 0.5 * len(said)) and len(set(speakers)) <= max(3, 0.34 * len(speakers))


def cut(lines: Sequence[bytes], ends: Sequence[int], kind: Kind) -> Iterator[Block]:
    """Cut lines into blocks. `ends` holds for each line the offset in bytes after its line end.

    A heading begins a block, and so does a definition after SHORT_LINES lines; a blank line ends
    one that has TARGET_LINES.
    """
    begin = _BEGINS[kind]
    shortest = SHORT_LINES if kind is Kind.CODE else 1
    first = heading = begun = start = 0
    for index, line in enumerate(lines):
        begins = begin(line)
        if index > first and (
            (begins and index - first >= shortest) or _full(index - first, ends[index] - start, lines[index - 1])
        ):
            yield Block(first + 1, index, start, ends[index - 1] - start, heading)
            first, start, heading = index, ends[index - 1], 0 if begins else begun
        if begins:
            begun = index + 1
    if len(lines) > first:
        yield Block(first + 1, len(lines), start, ends[len(lines) - 1] - start, heading)


def _is_heading(line: bytes) -> bool:
    return line.startswith(b"#") and HEADING.match(line) is not None


def _is_definition(line: bytes) -> bool:
    return DEFINITION.match(line) is not None


def _is_nothing(_: bytes) -> bool:
    return False


_BEGINS = {Kind.PROSE: _is_heading, Kind.CHAT: _is_heading, Kind.CODE: _is_definition, Kind.JSON: _is_nothing}


def _full(size: int, length: int, previous: bytes) -> bool:
    return size >= MAX_LINES or length > MAX_BYTES or (size >= TARGET_LINES and not previous.strip())
