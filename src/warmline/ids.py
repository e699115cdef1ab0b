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

from warmline.errors import InvalidInputError
from warmline.model import MessageId

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RANDOM_BYTES = 10
RANDOM_BITS = 8 * RANDOM_BYTES

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)
_PAIR_BITS = 10
_SHIFTS = range(12 * _PAIR_BITS, -1, -_PAIR_BITS)
_ID = re.compile(f"[0-7][{_DIGITS}]{{25}}")
_MILLISECOND = timedelta(milliseconds=1)


def new_message_id(now: datetime) -> MessageId:
    """Make an id. Those of the same millisecond are in no order."""
    return _written(now, int.from_bytes(os.urandom(RANDOM_BYTES), "big"))


def message_id_of(at: datetime, origin: bytes) -> MessageId:
    """Make the id that what came from elsewhere has at every import: of its time, and a digest of where it was."""
    return _written(max(at, EPOCH), int.from_bytes(hashlib.sha256(origin).digest()[:RANDOM_BYTES], "big"))


def first_message_id(at: datetime) -> MessageId:
    """Return the lowest id that could have been made at this time, to the millisecond."""
    return _written(max(at, EPOCH), 0)


def parse_message_id(text: str) -> MessageId:
    """Read an id as a person types it, in either case.

    Raises InvalidInputError when it is none.
    """
    known = text.strip().upper()
    if not _ID.fullmatch(known):
        shown = ascii(text[:40])
        raise InvalidInputError(f"{shown} is not an id: it has 26 letters and digits, as `ask` printed it")
    return MessageId(known)


def _written(at: datetime, chance: int) -> MessageId:
    number = (at - EPOCH) // _MILLISECOND << RANDOM_BITS | chance
    return MessageId("".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS]))
