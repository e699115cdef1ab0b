"""What may be said: bodies, names, keys, deadlines, metadata, leases. Pure rules, without a clock of their own.

Each raises InvalidInputError with one line that says what was wrong and what to do, and never echoes a body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from warmline.errors import BodyTooLargeError, InvalidInputError
from warmline.model import Claim
from warmline.parties import is_reserved
from warmline.security.redaction import find_secrets
from warmline.settings import BridgeSettings

_TOLD_CHARACTERS = 200
"""Of a path, in an error."""


def check_body(body: str, noun: str, settings: BridgeSettings) -> None:
    """Refuse a body that is empty, not text, or longer than settings.max_body_bytes. noun names it: "question".

    Raises BodyTooLargeError for the last.
    """
    if not body.strip():
        raise InvalidInputError(
            f"the {noun} is empty: write what you want to {'know' if noun == 'question' else 'say'}"
        )
    size = _text_bytes(body, noun)
    if size > settings.max_body_bytes:
        raise BodyTooLargeError(
            f"the {noun} has {size:,} bytes, more than {settings.max_body_bytes:,}:"
            " put the text into a file, add it with `warmline memory add`, and refer to it"
        )


def check_claims(claims: Sequence[Claim]) -> None:
    """Refuse lines that are named backwards: which end was meant is not ours to guess."""
    for claim in claims:
        first, last = claim.first_line, claim.last_line
        if last < first:
            path = ascii(claim.path[:_TOLD_CHARACTERS])
            raise InvalidInputError(
                f"lines {first}-{last} of {path} are named backwards: write the first line first, {last}-{first}"
            )


def check_key(key: str | None, settings: BridgeSettings) -> None:
    """Refuse an idempotency key that is not 1 to settings.max_key_characters printable ASCII characters."""
    if key is None:
        return
    if not 1 <= len(key) <= settings.max_key_characters or not key.isascii() or not key.isprintable():
        raise InvalidInputError(
            f"the idempotency key must be 1 to {settings.max_key_characters} printable ASCII characters"
        )
    check_no_secret(key, "idempotency key")


def check_name(name: str, settings: BridgeSettings) -> None:
    """Refuse what no participant can be called; the line's own names are refused, too."""
    if not 1 <= len(name) <= settings.max_name_characters or not name.isprintable():
        raise InvalidInputError(f"a name has 1 to {settings.max_name_characters} printable characters")
    check_no_secret(name, "name")
    if "/" in name or name != name.strip():
        raise InvalidInputError(f"the name {name!a} cannot be used: no / in it, and no space at its ends")
    if is_reserved(name):
        raise InvalidInputError(f"the name {name!a} is the line's own: choose another")


def check_no_secret(text: str, noun: str) -> None:
    """Refuse a name or a key that holds a secret: it cannot be masked and still be what it is."""
    if found := find_secrets(text):
        raise InvalidInputError(f"the {noun} holds what looks like a secret ({found[0].kind}): choose another")


def check_status(status: str, settings: BridgeSettings) -> None:
    """Refuse a status that is not text, or longer than settings.max_status_bytes. An empty one only beats."""
    if _text_bytes(status, "status") > settings.max_status_bytes:
        raise InvalidInputError(f"the status has more than {settings.max_status_bytes:,} bytes: say it in a message")


def check_reason(reason: str, settings: BridgeSettings) -> None:
    """Refuse the reason for refusing a note when it is longer than settings.max_reason_bytes."""
    if _text_bytes(reason, "reason") > settings.max_reason_bytes:
        raise InvalidInputError(
            f"the reason has more than {settings.max_reason_bytes:,} bytes: send a note, and name it"
        )


def checked_deadline(deadline_at: datetime | None, now: datetime, settings: BridgeSettings) -> datetime | None:
    """Return the deadline as it was asked for; refuse one in the past, without a time zone, or too far away."""
    if deadline_at is None:
        return None
    if deadline_at.tzinfo is None:
        raise InvalidInputError("the deadline names no time zone: end it with Z or +00:00")
    if deadline_at <= now:
        raise InvalidInputError("the deadline is in the past: name a later one")
    if deadline_at > now + settings.max_deadline:
        raise InvalidInputError(f"the deadline is more than {settings.max_deadline.days} days away")
    return deadline_at


def written_metadata(metadata: Mapping[str, object] | None, settings: BridgeSettings) -> str | None:
    """Return metadata as JSON text of at most settings.max_metadata_bytes of UTF-8; None for none.

    It is at most settings.max_metadata_depth deep: what was accepted can be shown to everybody.
    """
    if not metadata:
        return None
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"the metadata is no JSON object ({error})") from error
    if _text_bytes(text, "metadata") > settings.max_metadata_bytes:
        raise InvalidInputError(
            f"the metadata has more than {settings.max_metadata_bytes:,} bytes: put it into the body"
        )
    if nesting(metadata) > settings.max_metadata_depth:
        raise InvalidInputError(
            f"the metadata is more than {settings.max_metadata_depth} levels deep: flatten it, or put it into the body"
        )
    return text


def nesting(value: object) -> int:
    """Return how many lists and objects stand within one another at the deepest place of a JSON value."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, Mapping | list | tuple)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, Mapping) else each)]
    return depth


def lease_length(asked: timedelta | None, settings: BridgeSettings) -> timedelta:
    """Return how long a batch is leased: what was asked for, else settings.receive_lease."""
    if asked is None:
        return settings.receive_lease
    if not timedelta(0) < asked <= settings.max_receive_lease:
        limit = settings.max_receive_lease.total_seconds()
        raise InvalidInputError(f"a lease is above 0 and at most {limit:,.0f} seconds: extend it when it is too short")
    return asked


def batch_limit(asked: int, settings: BridgeSettings) -> int:
    """Return how many messages are handed over at most: what was asked for, but never over settings.max_batch."""
    if asked < 1:
        raise InvalidInputError("a batch holds at least one message")
    return min(asked, settings.max_batch)


def _text_bytes(text: str, noun: str) -> int:
    """Return the size in UTF-8 of a text that a store can hold."""
    if "\0" in text:
        raise InvalidInputError(f"the {noun} holds a NUL byte: send text")
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"the {noun} holds half a character at {error.start} (a lone surrogate): send valid UTF-8"
        ) from error
