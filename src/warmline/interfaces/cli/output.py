"""What a person sees: plain lines, colours where they help, nothing that a file could smuggle in."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TextIO

BOLD, DIM, GREEN, YELLOW, RED = "1", "2", "32", "33", "31"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def complain(text: str) -> None:
    """Write one line to standard error."""
    print(f"warmline: {harmless(text)}", file=sys.stderr)


def hint(text: str) -> None:
    """Write what may help to standard error, out of the way of what a script captures."""
    print(paint(text, DIM, sys.stderr), file=sys.stderr)


def show_json(value: object) -> None:
    """Write one JSON document to standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def harmless(text: str) -> str:
    """Make control and direction characters visible: a file's words must not steer the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """Colour a text when the stream is a terminal and NO_COLOR is not set."""
    stream = stream or sys.stdout
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return f"\x1b[{style}m{text}\x1b[0m"
