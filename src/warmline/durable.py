"""Writing files that a power cut leaves whole, or not there at all. They are closed to others (0600)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def writing_durably(path: Path, *, only_new: bool = False) -> Iterator[BinaryIO]:
    """Write a file, whose content is on the disk when the block ends. Its name is once its folder is synced.

    One that is there is written over, or, when only_new, left alone with FileExistsError. The caller removes what a
    block that failed has left. Raises OSError.
    """
    way = os.O_EXCL if only_new else os.O_TRUNC
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | way, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_anew(path: Path, content: bytes) -> None:
    """Put this in the place of what the file holds, if it is there, durably: others see one or the other, whole.

    Raises OSError, and then it is as it was.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with writing_durably(draft, only_new=True) as file:
            file.write(content)
        put_in_place(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def put_in_place(draft: Path, path: Path) -> None:
    """Give what was written beside a file the file's name, durably. Raises OSError."""
    draft.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file's content, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
