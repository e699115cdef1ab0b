"""Reading arguments as people write them."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.output import complain

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
MAX_DURATION_SECONDS = 10 * 365 * 86400.0


class Parser(argparse.ArgumentParser):
    """Says in one line what was wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        complain(f"{message}; see `{self.prog} --help`")
        sys.exit(2)


def check_encoding(arguments: Sequence[str]) -> None:
    """Raise InvalidInputError for an argument that is no UTF-8: neither JSON nor the store can hold it."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise InvalidInputError(f"{argument!a} is not UTF-8: it holds a lone surrogate") from error


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from least to most, both included."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!a} is no whole number from {least:,} to {most:,}")
        return number

    return read


def absolute_path(text: str) -> str:
    """Read a path, absolute or relative to the folder that we are in.

    Raises InvalidInputError.
    """
    if not text:
        raise InvalidInputError("the path is empty: name a file or folder")
    try:
        return str(Path(text).expanduser().absolute())
    except (OSError, RuntimeError) as error:  # the folder that we are in is gone; there is no such user
        raise InvalidInputError(f"{text!a} cannot be used ({error}): give an absolute path") from error


def memory_path(path: str) -> str:
    """Return an absolute path for one that is there from where the person stands; else it is as answers cite it.

    Raises InvalidInputError.
    """
    is_here = path.startswith((".", "~")) or os.path.lexists(path)
    return absolute_path(path) if is_here else path


def duration(text: str) -> timedelta:
    """Read 30, 30s, 5m, 1.5h, 2d or 1w.

    Raises argparse.ArgumentTypeError.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or found[2] not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!a} is no duration: write 30s, 5m, 1h or 2d")
    seconds = float(found[1]) * _UNITS[found[2]]
    if not math.isfinite(seconds) or seconds > MAX_DURATION_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!a} is longer than ten years")
    return timedelta(seconds=seconds)


def moment(text: str) -> datetime:
    """Read a duration from now, or a time of day as ISO 8601 has it; without a zone it is the local one.

    Raises argparse.ArgumentTypeError.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC) + duration(text)


def names(text: str) -> list[str]:
    """Read names with commas between them.

    Raises argparse.ArgumentTypeError.
    """
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!a} holds an empty name: write a,b,c")
    return found


def segment(text: str) -> str:
    """Write an id or a name, as it was typed, as one segment of a path. Raises InvalidInputError."""
    from urllib.parse import quote

    if text in {"", ".", ".."} or "/" in text:
        raise InvalidInputError(f"{text!a} is no id and no name: see the lists, such as `warmline conversation list`")
    return quote(text, safe="")


def message_id(text: str) -> str:
    """Check an id as it was typed. Raises InvalidInputError when it is none."""
    if not text.isascii() or not text.isalnum():
        raise InvalidInputError(f"{text!a} is not an id: it has 26 letters and digits, as it was printed")
    return text


def spoken(words: Sequence[str]) -> str:
    """Join the words of a text; a single - reads standard input.

    Raises InvalidInputError for a text that is empty or no UTF-8.
    """
    text = _standard_input() if list(words) == ["-"] else " ".join(words)
    if not text.strip():
        raise InvalidInputError("the text is empty: write what you want to say")
    return text


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"standard input is not UTF-8 (byte {error.start}): convert it first") from error


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON document, for programs")


def add_fenced(parser: argparse.ArgumentParser) -> None:
    """Add --fenced."""
    parser.add_argument(
        "--fenced", action="store_true", help="for a model to read: in marked blocks (also by WARMLINE_FENCED=1)"
    )


def is_fenced(options: argparse.Namespace) -> bool:
    """Tell whether the output is for a model to read, by the option or by the environment."""
    return options.fenced or os.environ.get("WARMLINE_FENCED", "") not in {"", "0"}
