"""Ids of messages: ULIDs, so that they sort by time, are typed easily and name nobody."""

from __future__ import annotations

from datetime import UTC, datetime

from ulid import ULID

from warmline.errors import InvalidInputError
from warmline.model import MessageId

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME_CHARACTERS = 10
RANDOM_CHARACTERS = 16


def new_message_id(now: datetime) -> MessageId:
    """Make an id: 48 bits of milliseconds, then 80 random bits."""
    return MessageId(str(ULID.from_datetime(now)))


def parse_message_id(text: str) -> MessageId:
    """Read an id as a person types it, in either case.

    Raises InvalidInputError when it is none.
    """
    try:
        return MessageId(str(ULID.from_str(text.strip().upper())))
    except (ValueError, TypeError) as error:
        shown = ascii(text[:40])
        raise InvalidInputError(f"{shown} is not an id: it has 26 letters and digits, as `ask` printed it") from error


def first_message_id(at: datetime) -> MessageId:
    """Return the lowest id that could have been made at this time, to the millisecond."""
    return MessageId(str(ULID.from_datetime(max(at, EPOCH)))[:TIME_CHARACTERS] + "0" * RANDOM_CHARACTERS)
