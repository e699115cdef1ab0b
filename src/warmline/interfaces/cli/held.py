"""What `inbox` was handed and still holds: remembered between two commands, so that `reply ID` needs no token.

A small file a message in the home, named by who holds it; it holds the batch token. The truth stands in the store: what
lapsed there is refused there, whatever is remembered here.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.client import Client

LONGEST_SECONDS = 2 * 3600.0
"""What was remembered longer ago has lapsed, unless it was extended by a program that knows the token anyway."""


def remember(client: Client, token: str, messages: Iterable[str]) -> None:
    """Keep the batch token under which these messages were handed over, and forget what has lapsed for certain."""
    with client.home.usable():
        client.home.held.mkdir(mode=0o700, exist_ok=True)
        for old in client.home.held.iterdir():
            with suppress(FileNotFoundError):  # another command was quicker
                if time.time() - old.stat().st_mtime > LONGEST_SECONDS:
                    old.unlink()
        for message in messages:
            _write(_place(client, message), token)


def token_of(client: Client, message: str) -> str:
    """Return the batch token of a message that this speaker was handed. Raises InvalidInputError when it holds none."""
    try:
        return _place(client, message).read_text("ascii")
    except FileNotFoundError as error:
        raise InvalidInputError(
            f"you do not hold {message}: `warmline inbox --keep` hands over what waits for you"
        ) from error


def forget(client: Client, message: str) -> None:
    """Let go of a message that was settled or given back."""
    with client.home.usable():
        _place(client, message).unlink(missing_ok=True)


def _place(client: Client, message: str) -> Path:
    speaker = hashlib.sha256(client.token().encode()).hexdigest()[:16]
    return client.home.held / f"{speaker}-{message}"


def _write(place: Path, token: str) -> None:
    draft = place.with_name(f".{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(token)
    draft.replace(place)
