"""One file's text to the documents of the index. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import tantivy

from warmline.memory.blocks import Block, Kind, cut, recognise
from warmline.memory.catalog import split_shown
from warmline.memory.index import BlockDocument, document
from warmline.memory.lines import split_lines
from warmline.memory.terms import indexed_text

MAX_HEADING_BYTES = 300
"""A longer heading is a paragraph; its beginning names it."""


def line_ends(data: bytes) -> list[int]:
    """Return for each line of `split_lines` the offset after its line end."""
    ends = list(accumulate(len(line) + 1 for line in data.split(b"\n")))
    if ends[-1] == len(data) + 1 and (not data or data.endswith(b"\n")):
        ends.pop()
    elif ends:
        ends[-1] = len(data)
    return ends


class FileText:
    """A file's bytes as lines of a kind, ready to be cut. number stands for the file in the index."""

    def __init__(self, data: bytes, path: str, number: int) -> None:
        self._data = data
        self._path = indexed_text(path, is_json=False)
        self._root, _ = split_shown(path)
        self._number = number
        self._lines: Sequence[bytes] = split_lines(data)
        self._ends = line_ends(data)
        self.kind = recognise(self._lines)

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def documents(self) -> Iterator[tantivy.Document]:
        """Yield a document for each block."""
        for block in cut(self._lines, self._ends, self.kind):
            heading_start, heading_length = self._heading(block)
            yield document(
                BlockDocument(
                    self._text(block.start, block.length),
                    self._text(heading_start, heading_length),
                    self._path,
                    self._root,
                    (self._number, block.first_line, block.start, block.length, heading_start, heading_length),
                )
            )

    def _heading(self, block: Block) -> tuple[int, int]:
        line = block.heading_line
        if not line:
            return 0, 0
        start = self._ends[line - 2] if line > 1 else 0
        return start, min(len(self._lines[line - 1]), MAX_HEADING_BYTES)

    def _text(self, start: int, length: int) -> str:
        text = self._data[start : start + length].decode(errors="ignore")
        return indexed_text(text, is_json=self.kind is Kind.JSON)
