"""A line and what stands in it, by name and type. No I/O, and no word of what it means.

What a reader asks for and cannot have as it should be raises WrongLineError; what is not there, or null, is None, False
or empty, where that may be.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, TypeVar

from warmline.listen.messages import Id

MAX_ID_CHARACTERS = 200
"""Of an id that is text; it is repeated in every reply. One that is a number has at most 64 bits."""

NO_OBJECT = 'a line is one JSON object, such as {"type": "query", "question": "..."}'

Said = Mapping[str, Any]
"""What stands in a line."""

F = TypeVar("F")

_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


class WrongLineError(ValueError):
    """A line that is not as it should be. Its text, which whoever wrote the line is told, says what to write."""


def read_object(line: bytes) -> Said:
    """Read a line. Raises WrongLineError when it is no object."""
    try:
        said = json.loads(line.decode())
    except UnicodeDecodeError:
        raise WrongLineError("a line is text in UTF-8") from None
    except (ValueError, RecursionError):
        raise WrongLineError(NO_OBJECT) from None
    if not isinstance(said, dict):
        raise WrongLineError(NO_OBJECT)
    return said


def write_object(said: Said) -> bytes:
    """Write a line, with its newline."""
    return (_encode_json(said) + "\n").encode("utf-8", "replace")


def by_type(said: Said, found: Mapping[str, F], known: str) -> F:
    """Return what belongs to the line's type, of those that are known."""
    kind = said.get("type")
    of_type = found.get(kind) if isinstance(kind, str) else None
    if of_type is None:
        raise WrongLineError(f"`type` must be {known}")
    return of_type


def id_in(said: Said) -> Id | None:
    """Return the id by which a request is called."""
    named = said.get("id")
    match named:
        case None:
            return None
        case str() if len(named) <= MAX_ID_CHARACTERS:
            return _whole(named, "id")
        case int() if not isinstance(named, bool) and named.bit_length() < 64:
            return named
    raise WrongLineError(f"`id` must be text of at most {MAX_ID_CHARACTERS} characters, or a whole number of 64 bits")


def text_in(said: Said, name: str) -> str | None:
    """Return a text that may be missing."""
    text = said.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise WrongLineError(f"`{name}` must be text")
    return _whole(text, name)


def _whole(text: str, name: str) -> str:
    """JSON can name halves of characters, which nobody can write down."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise WrongLineError(f"`{name}` holds half a character (a surrogate without its other half)") from None
    return text


def needed_in(said: Said, name: str) -> str:
    """Return a text that may not be missing."""
    text = text_in(said, name)
    if text is None:
        raise WrongLineError(f"`{name}` is missing")
    return text


def seconds_in(said: Said, name: str) -> float | None:
    """Return a number of seconds, 0 or more. How many are too many is for who takes them to say."""
    seconds = said.get(name)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not are_seconds(seconds):
        raise WrongLineError(f"`{name}` must be a number of seconds, 0 or more")
    return float(seconds)


def are_seconds(number: float) -> bool:
    """Tell whether a line can hold so many: neither below 0 nor NaN, and not endless, which JSON cannot say."""
    return 0 <= number <= sys.float_info.max


def flag_in(said: Said, name: str) -> bool:
    """Return whether it is set."""
    flag = said.get(name)
    if flag is not None and not isinstance(flag, bool):
        raise WrongLineError(f"`{name}` must be true or false")
    return bool(flag)


def list_in(said: Said, name: str) -> list[Any]:
    """Return a list of whatever it holds."""
    found = said.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise WrongLineError(f"`{name}` must be a list")
    return found


def texts_in(said: Said, name: str) -> tuple[str, ...]:
    """Return a list of texts."""
    found = tuple(list_in(said, name))
    if not all(isinstance(each, str) for each in found):
        raise WrongLineError(f"`{name}` must hold text")
    return found


def count_in(said: Said, name: str) -> int:
    """Return a whole number, 0 or more, that may not be missing."""
    count = said.get(name)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise WrongLineError(f"`{name}` must be a whole number")
    return count
