"""The archive: settled messages that left the database, in compressed files that are only read.

A file holds posts, one JSON object a line, in the order of acceptance, and is
gzip as any tool reads it (`zcat`); in an encrypted home that is encrypted in turn (security/encryption.py).
It is written beside its place, synced, and renamed into it, so that a file with its name is whole. Which file
holds what stands in the database (table archive_file); a file that is not listed there was never taken into use,
or has been replaced. A file is never changed: erasing writes another. The audit's rows lie in files of the same
kind, `audit-...`.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.durable import put_in_place
from warmline.errors import StoreDamagedError, StoreError, StoreFullError
from warmline.model import Post
from warmline.security.encryption import reading, writing

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SUFFIX = ".jsonl.gz"
ENCRYPTED_SUFFIX = f"{SUFFIX}.enc"


class ArchiveFiles:
    """The files of one folder. Blocking: call from a thread."""

    def __init__(self, folder: Path, key: bytes | None = None) -> None:
        self._folder = folder
        self._key = key
        self._suffix = suffix(key)

    def write(self, name: str, posts: Sequence[Post]) -> str:
        """Write posts as the file of this name, durably; return the digest of its lines.

        Raises StoreFullError or StoreError, and has then left no file behind.
        """
        return self.write_lines(name, map(_form().dump_json, posts))

    def write_lines(self, name: str, lines: Iterable[bytes]) -> str:
        """Write lines, which come without their ends, as `write` does."""
        place = self._path(name)
        unfinished = place.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with writing(unfinished, self._key, bound(name)) as file, gzip.open(file, "wb") as packed:
                for line in lines:
                    packed.write(line + b"\n")
                    digest.update(line + b"\n")
            put_in_place(unfinished, place)
            return digest.hexdigest()
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            kind = StoreFullError if error.errno == errno.ENOSPC else StoreError
            raise kind(f"the archive {place} cannot be written: {error.strerror}") from error

    def read(self, name: str) -> Iterator[Post]:
        """Yield the posts of a file. Raises StoreDamagedError."""
        try:
            for line in self.lines(name):
                yield _form().validate_json(line)
        except ValueError as error:
            raise self._damaged(name) from error

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, with their ends. Raises StoreDamagedError."""
        try:
            with reading(self._path(name), self._key, bound(name)) as file, gzip.open(file, "rb") as packed:
                yield from packed
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise self._damaged(name) from error

    def digest(self, name: str) -> str:
        """Return the lower-case hexadecimal SHA-256 of a file's lines. Raises StoreDamagedError."""
        found = hashlib.sha256()
        for line in self.lines(name):
            found.update(line)
        return found.hexdigest()

    def keep_only(self, names: frozenset[str]) -> None:
        """Remove files that are not in use (any more): a writer was killed before it could. Raises StoreError."""
        for path in self._folder.glob("*"):
            if path.name.removesuffix(self._suffix) not in names:
                _remove(path)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{self._suffix}"

    def _damaged(self, name: str) -> StoreDamagedError:
        return StoreDamagedError(f"the archive {self._path(name)} cannot be read: restore it from a backup")


def suffix(key: bytes | None) -> str:
    """Return how the names of archive files end, in a home with this key."""
    return SUFFIX if key is None else ENCRYPTED_SUFFIX


def bound(name: str) -> str:
    """Return the name under which an archive file is encrypted: it is taken for no other."""
    return f"archive/{name}"


@cache
def _form() -> TypeAdapter[Post]:
    """Return the JSON form of a post; made at the first use, since it takes as long as a command."""
    from pydantic import TypeAdapter  # noqa: PLC0415  # most daemons never archive

    return TypeAdapter(Post)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path} in the archive's folder cannot be removed: {error.strerror}") from error
