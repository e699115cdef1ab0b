"""The file of the seals' keys: outside the store, readable by its owner alone (0600), one key a line.

A line is the key's number, a space and 64 hexadecimal digits. The highest number seals; the others are kept, so
that what they sealed can be verified. A key is never taken out.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from warmline.durable import put_in_place, writing_durably
from warmline.errors import UnsafeKeyError
from warmline.security.seals import KEY_BYTES, Seals

FIRST = 1


def make_seals(path: Path) -> Seals:
    """Make the file with a first key, durably, and return its seals. Raises UnsafeKeyError when it is there."""
    if os.path.lexists(path):
        raise UnsafeKeyError(f"the keys {path} are there already")
    keys = {FIRST: secrets.token_bytes(KEY_BYTES)}
    _write(path, keys)
    return Seals(keys)


def keep_first(first: Path, path: Path) -> None:
    """Put the keys that were made for a first start into their place, durably, if they are not there yet.

    Raises UnsafeKeyError.
    """
    if os.path.lexists(path) or not os.path.lexists(first):
        return
    try:
        put_in_place(first, path)
    except OSError as error:
        raise UnsafeKeyError(f"the keys {path} cannot be written ({error.strerror})") from error


def read_seals(path: Path) -> Seals:
    """Return the seals of the file's keys.

    Raises UnsafeKeyError when it is gone, damaged, another's, or open to others.
    """
    return Seals(_read(path))


def rotate(path: Path, seals: Seals) -> int:
    """Add a key to the file, then to its seals, which seal under it from then on; return its number.

    One at a time. Raises UnsafeKeyError, and has then changed neither.
    """
    keys = _read(path)
    number, key = max(keys) + 1, secrets.token_bytes(KEY_BYTES)
    _write(path, {**keys, number: key})
    seals.take(number, key)
    return number


def check_private(path: Path) -> None:
    """Raises UnsafeKeyError unless the file is the user's own, regular, and closed to everyone else."""
    try:
        found = path.lstat()
    except OSError as error:
        raise UnsafeKeyError(
            f"{path} is needed, and cannot be read ({error.strerror}): restore it from a copy"
        ) from error
    if found.st_uid != os.getuid() or not path.is_file() or path.is_symlink():
        raise UnsafeKeyError(f"{path} is no regular file of yours: put back the one that was there")
    if found.st_mode & 0o077:
        raise UnsafeKeyError(f"{path} can be read by others: run `chmod 600 {path}`, and consider who has seen it")


def _read(path: Path) -> dict[int, bytes]:
    check_private(path)
    keys: list[tuple[int, bytes]] = []
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            number, digits = line.split(" ")
            keys.append((int(number), bytes.fromhex(digits)))
    except (OSError, ValueError) as error:
        raise UnsafeKeyError(f"{path} holds no keys as this program wrote them: restore it from a copy") from error
    numbers = [number for number, _ in keys]
    is_without_gap = bool(keys) and numbers == list(range(FIRST, FIRST + len(keys)))
    if not is_without_gap or any(len(key) != KEY_BYTES for _, key in keys):
        raise UnsafeKeyError(f"{path} holds no keys as this program wrote them: restore it from a copy")
    return dict(keys)


def _write(path: Path, keys: dict[int, bytes]) -> None:
    """Replace the file, durably."""
    draft = path.with_suffix(".new")
    text = "".join(f"{number} {key.hex()}\n" for number, key in sorted(keys.items()))
    try:
        with writing_durably(draft) as file:
            file.write(text.encode("ascii"))
        put_in_place(draft, path)
    except OSError as error:
        raise UnsafeKeyError(f"the keys {path} cannot be written ({error.strerror})") from error
