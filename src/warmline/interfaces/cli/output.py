"""What a person sees: plain lines, colours where they help, nothing that a file could smuggle in."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from warmline.interfaces.cli.streams import silence

BOLD, DIM, GREEN, YELLOW = "1", "2", "32", "33"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = str.maketrans({"\n": "\\n", "\t": "\\t"})


def complain(text: str) -> None:
    """Write one line to standard error, which may be a log: a secret in it is masked.

    Where nothing can be masked, that is said in its place.
    """
    try:
        from warmline.security.redaction import redact  # half a command's time, which only who fails pays

        said = redact(text).text
    except ImportError as error:
        said = explained(error)
    _to_stderr(f"warmline: {one_line(said)}")


def explained(error: Exception) -> str:
    """Say what was wrong and what to do, in one line; of an import, that nothing goes on without that part."""
    if isinstance(error, ImportError):
        return f"a part of Warmline cannot be loaded ({error}), and nothing goes on without it: install Warmline again"
    return str(error)


def hint(text: str) -> None:
    """Write what may help to standard error, out of the way of what a script captures, after what was said before."""
    sys.stdout.flush()
    _to_stderr(paint(text, DIM, sys.stderr))


def tell_masked(kinds: Sequence[str]) -> None:
    """Tell who said something, on standard error, which kinds of secrets were masked in it, if any."""
    if kinds:
        _to_stderr(f"warmline: masked before it was stored: {', '.join(kinds)}")


def _to_stderr(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)  # nobody is left to tell; the exit code still says it


def show_json(value: object) -> None:
    """Write one JSON document to standard output, in ASCII where the terminal has no more than that."""
    print(json.dumps(value, ensure_ascii=(sys.stdout.encoding or "").lower() != "utf-8", indent=2))


def harmless(text: str) -> str:
    """Make control and direction characters visible: a file's words must not steer the terminal."""
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def one_line(text: str) -> str:
    """Make a name or an error harmless, and keep it on one line."""
    return harmless(text).translate(_BREAKS)


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Write `1 file`, `2,000 files`; nouns where an s does not make them several."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {nouns or f'{noun}s'}"


def local_time(text: str) -> str:
    """Write a time of ISO 8601 as the local clock shows it, to the second."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(number: int) -> str:
    """Write a number of bytes as `999 bytes`, `2.5 KB` or `1,200.0 MB`."""
    if number < 1000:
        return counted(number, "byte")
    return f"{number / 1e3:.1f} KB" if number < 1_000_000 else f"{number / 1e6:,.1f} MB"


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """Colour a text when the stream is a terminal and NO_COLOR is not set."""
    stream = stream or sys.stdout
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return f"\x1b[{style}m{text}\x1b[0m"
