"""What a line is."""

from __future__ import annotations

import pytest

from warmline.memory.documents import line_ends
from warmline.memory.lines import split_lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\rb\n", [b"a\rb"]),
        (b"a\r\r\nb", [b"a\r", b"b"]),
        ("a\u2028b\u0085c\x0b\x0cd\n".encode(), ["a\u2028b\u0085c\x0b\x0cd".encode()]),
        (b"\n\na", [b"", b"", b"a"]),
    ],
)
def test_a_line_ends_at_newline_with_or_without_return_and_nowhere_else(data: bytes, lines: list[bytes]) -> None:
    assert split_lines(data) == lines
    assert len(line_ends(data)) == len(lines)
