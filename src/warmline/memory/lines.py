r"""Bytes to lines and back. A line ends at \n or \r\n and nowhere else.

Knows nothing of files: a caller that has checked that the bytes are text hands them in.
"""

from __future__ import annotations


def split_lines(data: bytes) -> list[bytes]:
    r"""Return the lines without their ends. What follows the last \n is a line unless it is empty."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if b"\r\n" in data:
        lines = [line.removesuffix(b"\r") for line in lines]
    return lines
