"""The file of a provider's key: the user's own, closed to everybody else, and nothing in it but the key."""

from __future__ import annotations

from pathlib import Path

from warmline.errors import UnsafeKeyError
from warmline.security.keys import check_private

MAX_FILE_BYTES = 4096

MIN_CHARACTERS = 8
"""Of a key. Wherever a reason is shown the key is masked: a shorter one stands in many a word."""


def read_provider_key(path: Path) -> str:
    """Return the key. Raises UnsafeKeyError, which says what is wrong, and nothing of what stands there."""
    check_private(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnsafeKeyError(f"{path} is too long for a key: it holds the key and nothing else")
        words = path.read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise UnsafeKeyError(f"{path} cannot be read as a key: it holds the key and nothing else") from error
    if len(words) != 1:
        raise UnsafeKeyError(f"{path} holds {len(words)} words: it holds the key and nothing else")
    if len(words[0]) < MIN_CHARACTERS or not words[0].isprintable():
        raise UnsafeKeyError(f"{path} holds no key: that is {MIN_CHARACTERS} or more letters, digits and signs")
    return words[0]
