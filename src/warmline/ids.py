"""Ids of messages: ULIDs, so that they sort by time, are typed easily and name nobody.

The layout is that of github.com/ulid/spec: 48 bits of milliseconds since 1970, then 80 random bits, as
26 characters of Crockford's base 32. Written here because two are made for every question, and a
library (python-ulid) takes longer to make them than SQLite to store them.
"""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from warmline.errors import InvalidInputError
from warmline.model import MessageId

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME_DIGITS = 10
RANDOM_DIGITS = 16
RANDOM_BYTES = 10

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)
_PAIR_BITS, _DIGIT_BITS = 10, 5
_DIGIT_OF_BYTE = 8 * _DIGITS.encode()
_ID = re.compile(f"[0-7][{_DIGITS}]{{25}}")
_MILLISECOND = timedelta(milliseconds=1)


def new_message_id(now: datetime) -> MessageId:
    """Make an id. Those of the same millisecond are in no order."""
    return _written(now, os.urandom(RANDOM_DIGITS).translate(_DIGIT_OF_BYTE).decode())


def message_id_of(at: datetime, origin: bytes) -> MessageId:
    """Make the id that what came from elsewhere has at every import: of its time, and a digest of where it was."""
    digest = int.from_bytes(hashlib.sha256(origin).digest()[:RANDOM_BYTES], "big")
    return _written(max(at, EPOCH), _digits(digest, RANDOM_DIGITS))


def first_message_id(at: datetime) -> MessageId:
    """Return the lowest id that could have been made at this time, to the millisecond."""
    return _written(max(at, EPOCH), _DIGITS[0] * RANDOM_DIGITS)


def parse_message_id(text: str) -> MessageId:
    """Read an id as a person types it, in either case.

    Raises InvalidInputError when it is none.
    """
    known = text.strip().upper()
    if not _ID.fullmatch(known):
        shown = ascii(text[:40])
        raise InvalidInputError(f"{shown} is not an id: it has 26 letters and digits, as `ask` printed it")
    return MessageId(known)


def _written(at: datetime, chance: str) -> MessageId:
    return MessageId(_time_digits((at - EPOCH) // _MILLISECOND) + chance)


@lru_cache(maxsize=1)
def _time_digits(milliseconds: int) -> str:
    """Write the time of an id: that of the next is mostly the same."""
    return _digits(milliseconds, TIME_DIGITS)


def _digits(number: int, count: int) -> str:
    """Write a number with so many digits, an even number of them."""
    return "".join(
        [_PAIRS[number >> shift & 1023] for shift in range(count * _DIGIT_BITS - _PAIR_BITS, -1, -_PAIR_BITS)]
    )
