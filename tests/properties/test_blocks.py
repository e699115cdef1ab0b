"""Blocks hold every line exactly once, whatever the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warmline.memory.blocks import MAX_BYTES, MAX_LINES, Kind, cut
from warmline.memory.documents import line_ends
from warmline.memory.lines import split_lines

LINES = st.sampled_from(
    [
        b"",
        b"# Heading",
        b"text",
        b"x" * 700,
        b"y" * 5000,
        b"def run():",
        b"    class Inner:",
        b"Ana: hi",
        b'{"a": 1}',
        b"\r",
    ]
)
TEXTS = st.builds(
    lambda lines, ends, last: b"".join(a + b for a, b in zip(lines, ends, strict=False)) + last,
    st.lists(LINES, max_size=60),
    st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=60, max_size=60),
    st.sampled_from([b"", b"end", b"\n"]),
)


@given(data=TEXTS | st.binary(max_size=300), kind=st.sampled_from(Kind))
def test_blocks_cover_every_line_and_byte_exactly_once(data: bytes, kind: Kind) -> None:
    lines = split_lines(data)
    blocks = list(cut(lines, line_ends(data), kind))
    assert [line for block in blocks for line in range(block.first_line, block.last_line + 1)] == list(
        range(1, len(lines) + 1)
    )
    assert b"".join(data[block.start : block.start + block.length] for block in blocks) == data
    for block in blocks:
        text = data[block.start : block.start + block.length]
        assert split_lines(text) == lines[block.first_line - 1 : block.last_line]
        assert len(split_lines(text)) <= MAX_LINES
        assert len(text) <= MAX_BYTES or len(split_lines(text)) == 1


@given(data=TEXTS, kind=st.sampled_from(Kind))
def test_a_block_stands_under_a_heading_before_it(data: bytes, kind: Kind) -> None:
    for block in cut(split_lines(data), line_ends(data), kind):
        assert 0 <= block.heading_line < block.first_line
